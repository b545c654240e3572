"""Availability of one target in one window, from intervals of state: exact integers in µs. Pure.

The accounting rules, version 2 (`docs/accounting.md`), at each moment of a window, the first that
applies:

1. Outside the service hours: no part of the base.
2. Within maintenance whose notice was recorded before it began: no part of the base.
3. Within an approved exclusion: no part of the base; summed by cause.
4. A series of the target is unavailable: unavailable.
5. A series of the target is unobserved, or none exists yet or any more: unobserved, by cause: the
   agent itself saw nothing (agent), every way to the target was down (parent), a filter answered
   in its place (blocked), else nobody looked (unseen).
6. Else available.

The base is what is left of the window after 1 to 3. Availability is an interval: `worst` counts
unobserved time as unavailable, `best` leaves it out. Of nothing observed, `best` is undefined.
Which notice counts and which exclusion was approved is decided by whoever calls.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from monitor.model import State
from policies.debt import Spans
from policies.period import Moments
from policies.sweep import Stretch, swept


class Standing(StrEnum):
    """How a moment counts; exactly one holds."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    UNOBSERVED = "unobserved"
    MAINTENANCE = "maintenance"
    EXCLUDED = "excluded"
    OUTSIDE = "outside"
    """Outside the service hours."""


class Unseen(StrEnum):
    """Why a moment was not observed; of several that hold the first."""

    AGENT = "agent"
    PARENT = "parent"
    BLOCKED = "blocked"
    UNSEEN = "unseen"


IN_BASE = frozenset({Standing.AVAILABLE, Standing.UNAVAILABLE, Standing.UNOBSERVED})


class Piece(NamedTuple):
    """A stretch in which one standing holds; `cause` of unobserved and excluded time."""

    started_us: int
    ended_us: int
    standing: Standing
    cause: str = ""

    @property
    def length_us(self) -> int:
        """How long it is."""
        return self.ended_us - self.started_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """Time that leaves the base, and its cause (power, force-majeure, upstream, …)."""

    started_us: int
    ended_us: int
    cause: str


class History(NamedTuple):
    """What the ledger holds of a target's time; stretches may lie beyond the window.

    The spans of one series may touch but not overlap; where it has none it says nothing (it was
    not yet defined, or is withdrawn). Everything else may overlap as it likes.
    """

    series: Sequence[Spans] = ()
    unreachable: Sequence[Moments] = ()
    blind: Sequence[Moments] = ()
    blocked: Sequence[Moments] = ()
    maintenance: Sequence[Moments] = ()
    exclusions: Sequence[Excluded] = ()


_NOTHING: Mapping[str, int] = MappingProxyType({})


class Availability(NamedTuple):
    """The sums of a window; all of them together are the window."""

    window_us: int
    available_us: int = 0
    unavailable_us: int = 0
    unobserved_us: Mapping[str, int] = _NOTHING
    """By cause; see `Unseen`."""
    maintenance_us: int = 0
    excluded_us: Mapping[str, int] = _NOTHING
    """By cause."""
    outside_us: int = 0

    @property
    def unseen_us(self) -> int:
        """Unobserved time of every cause."""
        return sum(self.unobserved_us.values()) if self.unobserved_us else 0

    @property
    def base_us(self) -> int:
        """The time in which the service was owed."""
        left_out = sum(self.excluded_us.values()) if self.excluded_us else 0
        return self.window_us - self.maintenance_us - self.outside_us - left_out

    @property
    def worst(self) -> Fraction | None:
        """Unobserved time counts as unavailable; None where nothing was owed."""
        base_us = self.base_us
        return Fraction(self.available_us, base_us) if base_us else None

    @property
    def best(self) -> Fraction | None:
        """Unobserved time is left out; None where nothing was observed."""
        observed = self.available_us + self.unavailable_us
        return Fraction(self.available_us, observed) if observed else None


def pieces(
    history: History,
    window: Moments,
    owed: Sequence[Moments] | None = None,
    *,
    unreachable_counts: bool = False,
) -> Iterator[Piece]:
    """The window in stretches of one standing, ascending, without gaps, joined where equal.

    `owed`: the service hours, None for always. `unreachable_counts`: time in which every way to
    the target was down is unavailable, not unobserved.
    """
    if _alone(history, owed, window) and in_order(history.series[0]):
        return iter(_of_one(history.series[0], window))
    return _swept(history, window, [window] if owed is None else owed, unreachable_counts)


def _alone(history: History, owed: Sequence[Moments] | None, window: Moments) -> bool:
    """Whether one series says everything of the window."""
    if len(history.series) != 1 or not always(owed, window):
        return False
    if history.maintenance or history.exclusions or history.unreachable:
        return False
    return not (history.blind or history.blocked)


def always(owed: Sequence[Moments] | None, window: Moments) -> bool:
    """Whether the service is owed in the whole window, as one stretch."""
    if owed is None:
        return True
    return len(owed) == 1 and owed[0][0] <= window[0] and window[1] <= owed[0][1]


def in_order(spans: Spans) -> bool:
    """Whether no span begins before the one before it ended."""
    return all(one.ended_us <= other.started_us for one, other in pairwise(spans))


_UNSEEN: tuple[Standing, str] = Standing.UNOBSERVED, Unseen.UNSEEN
_PLAINLY = tuple(
    {State.AVAILABLE: (Standing.AVAILABLE, ""), State.UNAVAILABLE: (Standing.UNAVAILABLE, "")}.get(
        state, _UNSEEN
    )
    for state in sorted(State)
)
"""By state."""


def _of_one(spans: Spans, window: Moments) -> list[Piece]:
    """The same as `_swept`, for a series alone: nothing has to be sorted."""
    found = list[Piece]()
    at, end = window
    since, held = at, _UNSEEN
    for started, ended, state in spans:
        if started < at or ended > end:
            started, ended = max(started, at), min(ended, end)
        if started >= ended:
            continue
        if started > at and held is not _UNSEEN:
            found.append(Piece(since, at, *held))
            since, held = at, _UNSEEN
        if (now := _PLAINLY[state]) is not held:
            if started > since:
                found.append(Piece(since, started, *held))
            since, held = started, now
        at = ended
    if at < end and held is not _UNSEEN:
        found.append(Piece(since, at, *held))
        since, held = at, _UNSEEN
    if since < end:
        found.append(Piece(since, end, *held))
    return found


def _swept(
    history: History, window: Moments, owed: Sequence[Moments], unreachable_counts: bool
) -> Iterator[Piece]:
    many = len(history.series)
    tracks: list[Iterable[Stretch[State | str]]] = [
        *([(s.started_us, s.ended_us, s.state) for s in spans] for spans in history.series),
        _cover(owed),
        _cover(history.maintenance),
        _caused(history.exclusions),
        _cover(history.blind),
        _cover(history.unreachable),
        _cover(history.blocked),
    ]
    last: Piece | None = None
    for started, ended, held in swept(tracks, window):
        standing, cause = _standing(held[:many], held[many:], unreachable_counts)
        if last is not None and (last.standing, last.cause) == (standing, cause):
            last = last._replace(ended_us=ended)
            continue
        if last is not None:
            yield last
        last = Piece(started_us=started, ended_us=ended, standing=standing, cause=cause)
    if last is not None:
        yield last


def availability(parts: Iterable[Piece]) -> Availability:
    """The sums of the pieces of a window."""
    available = unavailable = maintenance = outside = 0
    unobserved: dict[str, int] = {}
    excluded: dict[str, int] = {}
    for started, ended, standing, cause in parts:
        length = ended - started
        if standing is Standing.AVAILABLE:
            available += length
        elif standing is Standing.UNAVAILABLE:
            unavailable += length
        elif standing is Standing.UNOBSERVED:
            unobserved[cause] = unobserved.get(cause, 0) + length
        elif standing is Standing.MAINTENANCE:
            maintenance += length
        elif standing is Standing.EXCLUDED:
            excluded[cause] = excluded.get(cause, 0) + length
        else:
            outside += length
    left_out = maintenance + sum(excluded.values()) + outside
    return Availability(
        window_us=available + unavailable + sum(unobserved.values()) + left_out,
        available_us=available,
        unavailable_us=unavailable,
        unobserved_us=dict(sorted(unobserved.items())),
        maintenance_us=maintenance,
        excluded_us=dict(sorted(excluded.items())),
        outside_us=outside,
    )


def _standing(
    states: tuple[State | str | None, ...],
    flags: tuple[State | str | None, ...],
    unreachable_counts: bool,
) -> tuple[Standing, str]:
    """The accounting rules, in their order."""
    owed, maintained, excluded, blind, unreachable, blocked = flags
    if owed is None:
        return Standing.OUTSIDE, ""
    if maintained is not None:
        return Standing.MAINTENANCE, ""
    if excluded is not None:
        return Standing.EXCLUDED, str(excluded)
    told = [state for state in states if state is not None]
    if State.UNAVAILABLE in told:
        return Standing.UNAVAILABLE, ""
    if told and State.UNOBSERVED not in told:
        return Standing.AVAILABLE, ""
    if blind is not None:
        return Standing.UNOBSERVED, Unseen.AGENT
    if unreachable is not None:
        if unreachable_counts:
            return Standing.UNAVAILABLE, ""
        return Standing.UNOBSERVED, Unseen.PARENT
    return Standing.UNOBSERVED, Unseen.UNSEEN if blocked is None else Unseen.BLOCKED


def joined(stretches: Iterable[Moments], window: Moments | None = None) -> list[Moments]:
    """Stretches that may overlap as some that do not, in order; of a window where one is given."""
    found: list[Moments] = []
    if window is not None:
        start, end = window
        stretches = [(max(since, start), min(until, end)) for since, until in stretches]
    for started, ended in sorted(one for one in stretches if one[0] < one[1]):
        if found and found[-1][1] >= started:
            found[-1] = found[-1][0], max(found[-1][1], ended)
        else:
            found.append((started, ended))
    return found


def _cover(stretches: Iterable[Moments]) -> list[Stretch[State | str]]:
    return [(started, ended, "") for started, ended in joined(stretches)]


def _caused(exclusions: Sequence[Excluded]) -> list[Stretch[State | str]]:
    """Excluded stretches without overlap; where several causes hold, the first by name."""
    edges = sorted({edge for one in exclusions for edge in (one.started_us, one.ended_us)})
    found: list[Stretch[State | str]] = []
    for started, ended in pairwise(edges):
        causes = [x.cause for x in exclusions if x.started_us <= started and ended <= x.ended_us]
        if causes:
            found.append((started, ended, min(causes)))
    return found
