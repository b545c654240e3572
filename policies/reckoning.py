"""Sums and outages of one target in one window, together: what figures are made of. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from monitor.model import State
from policies.availability import (
    Availability,
    History,
    Standing,
    Unseen,
    always,
    availability,
    in_order,
    joined,
    pieces,
)
from policies.debt import Span, Spans
from policies.outages import Outage, outages
from policies.period import Moments

_STARTED = attrgetter("started_us")
_UP, _DOWN = State.AVAILABLE, State.UNAVAILABLE
_EVER = -(1 << 63)


def reckoned(
    history: History,
    window: Moments,
    owed: Sequence[Moments] | None = None,
    *,
    unreachable_counts: bool = False,
) -> tuple[Availability, list[Outage]]:
    """What `availability` and `outages` say of the `pieces` of the window.

    Where one series decides, the usual target, a piece is made only of what nobody saw.
    """
    hidden = unreachable_counts and history.unreachable
    plainly = not hidden and not history.exclusions and len(history.series) == 1
    if plainly and always(owed, window):
        found = _of_one(history.series[0], history, window)
        if found is not None:
            return found
    parts = list(pieces(history, window, owed, unreachable_counts=unreachable_counts))
    return availability(parts), outages(parts)


def _of_one(
    spans: Spans, history: History, window: Moments
) -> tuple[Availability, list[Outage]] | None:
    """By spans in their order, None where they are not: what none covers is unobserved."""
    cuts: list[Moments] = []
    if history.maintenance:
        if not in_order(spans):
            return None
        cuts = joined(history.maintenance, window)
        spans = _without(spans, cuts)
    walked = _walked(spans, window)
    if walked is None:
        return None
    up, down, found = walked
    length = window[1] - window[0]
    maintained = sum(until - since for since, until in cuts)
    unseen = length - maintained - up - down
    sums = Availability(
        window_us=length,
        available_us=up,
        unavailable_us=down,
        unobserved_us=_causes(spans, history, window, unseen) if unseen else {},
        maintenance_us=maintained,
    )
    return sums, found


def _walked(spans: Spans, window: Moments) -> tuple[int, int, list[Outage]] | None:
    """Time up, time down and the outages; None where the spans are not in order."""
    start, end = window
    up = down = last = length = 0
    before = _EVER
    began: int | None = None
    found: list[Outage] = []
    for started, ended, state in spans:
        if started < before:
            return None
        before = ended
        if started < start or ended > end:
            started, ended = max(started, start), min(ended, end)
        if started >= ended:
            continue
        if state is _UP:
            up += ended - started
            if began is not None:
                found.append(Outage(began, started, last, length))
                began = None
        elif state is _DOWN:
            down += ended - started
            if began is None:
                began, length = started, 0
            last, length = ended, length + ended - started
    if began is not None:
        found.append(Outage(began, None, last, length))
    return up, down, found


def _causes(spans: Spans, history: History, window: Moments, unseen: int) -> dict[str, int]:
    """Why nobody saw anything for so long."""
    if not (history.blind or history.unreachable or history.blocked):
        return {Unseen.UNSEEN: unseen}
    found: dict[str, int] = {}
    for gap in _gaps(spans, window):
        for started, ended, standing, cause in pieces(history, gap):
            if standing is Standing.UNOBSERVED:  # what was cut out is a gap too
                found[cause] = found.get(cause, 0) + ended - started
    return dict(sorted(found.items()))


def _gaps(spans: Spans, window: Moments) -> Iterator[Moments]:
    """What the window holds beside time up and time down."""
    at, end = window
    for started, ended, state in spans:
        if state in (_UP, _DOWN) and ended > at:
            if at < min(started, end):
                yield at, min(started, end)
            at = ended
    if at < end:
        yield at, end


def _without(spans: Spans, cuts: Iterable[Moments]) -> list[Span]:
    """The spans, in order, outside of what is cut out."""
    left = list(spans)
    for since, until in cuts:
        first = max(0, bisect_left(left, since, key=_STARTED) - 1)
        last = bisect_left(left, until, first, key=_STARTED)
        kept: list[Span] = []
        for started, ended, state in left[first:last]:
            if started < since:
                kept.append(Span(started, min(ended, since), state))
            if ended > until:
                kept.append(Span(max(started, until), ended, state))
        left[first:last] = kept
    return left
