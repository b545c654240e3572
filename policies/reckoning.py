"""Sums and outages of one target in one window, together: what figures are made of. Pure."""

from collections.abc import Sequence

from monitor.model import State
from policies.availability import (
    Availability,
    History,
    Unseen,
    alone,
    availability,
    pieces,
)
from policies.debt import Spans
from policies.outages import Outage, outages
from policies.period import Moments


def reckoned(
    history: History,
    window: Moments,
    owed: Sequence[Moments] | None = None,
    *,
    unreachable_counts: bool = False,
) -> tuple[Availability, list[Outage]]:
    """What `availability` and `outages` say of the `pieces` of the window.

    Where one series alone decides, the usual month of a usual target, no piece is made for it.
    """
    if alone(history, owed, window) and (found := _of_one(history.series[0], window)):
        return found
    parts = list(pieces(history, window, owed, unreachable_counts=unreachable_counts))
    return availability(parts), outages(parts)


def _of_one(spans: Spans, window: Moments) -> tuple[Availability, list[Outage]] | None:
    """By spans in their order, None where they are not: what none covers is unobserved."""
    start, end = window
    up = down = last = length = 0
    before = -1
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
        if state is State.UNAVAILABLE:
            down += ended - started
            if began is None:
                began, length = started, 0
            last, length = ended, length + ended - started
        elif state is State.AVAILABLE:
            up += ended - started
            if began is not None:
                found.append(Outage(began, started, last, length))
                began = None
    if began is not None:
        found.append(Outage(began, None, last, length))
    unseen = end - start - up - down
    sums = Availability(
        window_us=end - start,
        available_us=up,
        unavailable_us=down,
        unobserved_us={Unseen.UNSEEN: unseen} if unseen else {},
    )
    return sums, found
