"""The arithmetic of a failover drill: numbered singletons into gaps, paths into a change. Pure.

What is measured is the set of moments at which an echo request would have found no answer in time
(round-trip loss, RFC 6673), seen through singletons `SPACING_US` apart. Of one outage in it,
[A, B), the singletons say

    sent last before that was answered < A <= sent first that was lost
    sent last that was lost            < B <= sent first after that was answered

so that its length lies above `least_us` (first lost to last lost) and not above `most_us` (last
answered to first answered); `gap_us` is the middle of the two, wrong by one spacing at most where
every singleton was measured. A link that is cut for d makes d to d + one round trip of such
moments: a request is lost on its way there or its answer on the way back.

Rules kept here
1. A singleton that never left, or whose answer could not have been seen, is unmeasured: neither
   answered nor lost. It only widens the bounds.
2. What was lost before the first answer has no beginning, what is lost at the end has no end: then
   `most_us` and `gap_us` are undefined.
3. Two paths differ when each has a router that the other has not. One that merely lacks some is
   unknown: a silent router proves nothing.

Times are microseconds since the moment the first singleton was due, by the boot clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

SPACING_US = 100_000
"""Ten singletons a second."""
TIMEOUT_US = 1_000_000
BLIND_US = 1_000_000
"""A longer time without a measured singleton can have hidden an outage."""


class Fate(StrEnum):
    """What became of a singleton."""

    ANSWERED = "answered"
    LOST = "lost"
    UNMEASURED = "unmeasured"


class Outcome(StrEnum):
    """What the drill showed of the service behind the link."""

    INTERRUPTED = "interrupted"
    """It was lost, and came back."""
    STAYED_UP = "stayed-up"
    """Every measured singleton was answered."""
    DOWN = "down"
    """It had not come back when the drill ended."""
    NOT_MEASURED = "not-measured"
    """It never answered, or the agent could not look long enough to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Singleton:
    """One numbered echo request. `sent_us` of an unmeasured one is when it was due."""

    number: int
    sent_us: int
    fate: Fate
    delay_us: int | None = None
    """Defined where it was answered, and only there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One run of lost singletons between two answered ones; see the module for the bounds."""

    since_us: int
    """When the first lost one was sent."""
    until_us: int | None
    """When the first answered one after it was sent; None: none was."""
    lost: int
    unmeasured: int
    least_us: int
    most_us: int | None

    @property
    def gap_us(self) -> int | None:
        """The middle of the bounds; None where there is no upper one."""
        return None if self.most_us is None else (self.least_us + self.most_us) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSeen:
    """The routers on the way, as one look found them; None: the look found nothing out."""

    at_us: int
    routers: tuple[str, ...] | None
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a drill came to."""

    sent: int
    answered: int
    lost: int
    unmeasured: int
    gaps: tuple[Gap, ...]
    blind_us: int
    """The longest time between two measured singletons that has an unmeasured one in it."""
    path_changed: bool | None
    """None: nothing proves or disproves it."""
    path_returned: bool | None
    """Whether the last look found the first path again; None without a proven change."""
    outcome: Outcome

    @property
    def longest(self) -> Gap | None:
        """The gap of the greatest length that is certain; None where nothing was lost."""
        return max(self.gaps, key=lambda gap: (gap.least_us, gap.most_us or 0), default=None)


def gaps_of(singletons: Iterable[Singleton]) -> tuple[Gap, ...]:
    """The gaps of singletons in the order of their numbers."""
    gaps: list[Gap] = []
    before: Singleton | None = None
    lost: list[Singleton] = []
    unmeasured = 0
    for one in singletons:
        if one.fate is Fate.LOST:
            lost.append(one)
        elif one.fate is Fate.UNMEASURED:
            unmeasured += 1
        else:
            if lost:
                gaps.append(_gap(before, lost, one, unmeasured))
            before, lost, unmeasured = one, [], 0
    if lost:
        gaps.append(_gap(before, lost, None, unmeasured))
    return tuple(gaps)


def _gap(
    before: Singleton | None, lost: Sequence[Singleton], after: Singleton | None, unmeasured: int
) -> Gap:
    bounded = before is not None and after is not None
    return Gap(
        since_us=lost[0].sent_us,
        until_us=None if after is None else after.sent_us,
        lost=len(lost),
        unmeasured=unmeasured,
        least_us=lost[-1].sent_us - lost[0].sent_us,
        most_us=after.sent_us - before.sent_us if bounded and before and after else None,
    )


def figures_of(singletons: Sequence[Singleton], paths: Sequence[PathSeen]) -> Figures:
    """Everything that the singletons, in the order of their numbers, and the paths say."""
    fates = [one.fate for one in singletons]
    gaps, blind_us = gaps_of(singletons), _blind_us(singletons)
    changed = path_changed(paths)
    return Figures(
        sent=len(fates) - fates.count(Fate.UNMEASURED),
        answered=fates.count(Fate.ANSWERED),
        lost=fates.count(Fate.LOST),
        unmeasured=fates.count(Fate.UNMEASURED),
        gaps=gaps,
        blind_us=blind_us,
        path_changed=changed,
        path_returned=path_returned(paths, gaps) if changed else None,
        outcome=_outcome(fates, gaps, blind_us),
    )


def _outcome(fates: Sequence[Fate], gaps: Sequence[Gap], blind_us: int) -> Outcome:
    if Fate.ANSWERED not in fates:
        return Outcome.NOT_MEASURED
    if gaps and gaps[-1].until_us is None:
        return Outcome.DOWN
    if blind_us > max(BLIND_US, *(gap.most_us or gap.least_us for gap in gaps), 0):
        return Outcome.NOT_MEASURED
    return Outcome.INTERRUPTED if gaps else Outcome.STAYED_UP


def _blind_us(singletons: Sequence[Singleton]) -> int:
    """The start and the end of the drill stand for a measured singleton there."""
    measured = [one for one in singletons if one.fate is not Fate.UNMEASURED]
    edges = [*singletons[:1], *measured, *singletons[-1:]]
    return max(
        (b.sent_us - a.sent_us for a, b in pairwise(edges) if b.number - a.number > 1), default=0
    )


def same_path(one: PathSeen, other: PathSeen) -> bool | None:
    """Whether two looks saw one path; None where that cannot be told (rule 3)."""
    if one.routers is None or other.routers is None:
        return None
    here, there = set(one.routers), set(other.routers)
    if here == there:
        return True if here else None
    return False if here - there and there - here else None


def path_changed(paths: Sequence[PathSeen]) -> bool | None:
    """Whether any look found another path than the first look did."""
    found = {same_path(paths[0], later) for later in paths[1:]}
    if False in found:
        return True
    return False if True in found else None


def path_returned(paths: Sequence[PathSeen], gaps: Sequence[Gap] = ()) -> bool | None:
    """Whether the last look that found a path found the first one.

    A look that began before the last gap ended says nothing of the path after it.
    """
    since_us = max((gap.until_us or gap.since_us for gap in gaps), default=0)
    known = [path for path in paths if path.routers is not None]
    later = [path for path in known if path.at_us >= since_us]
    return same_path(known[0], later[-1]) if later else None


def path_after(gap: Gap, paths: Sequence[PathSeen]) -> bool | None:
    """Whether the first look after a gap found the path of the first look."""
    if gap.until_us is None or not paths:
        return None
    later = next((path for path in paths if path.at_us >= gap.until_us), None)
    return None if later is None else same_path(paths[0], later)
