"""When each assignment is due: one array sorted by phase for each (check, interval). Pure.

A group of n assignments with interval I is spread evenly: the one of rank r (inventory order) is
due at origin + r·I/n + k·I for k = 0, 1, 2 … . Events are numbered, event e is rank e mod n in
round e div n, and "how many events until t" is whole-number arithmetic: nothing is added up, so
nothing drifts, however long it runs and however ticks come. A group keeps its times over a
reload as long as its members stay the same, because origin does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from checks.base import Assignment

Ints = NDArray[np.int64]


class Due(NamedTuple):
    """Assignments due in a window, by slot; `skipped` counts missed rounds that stay missed."""

    slots: Ints
    due_ns: Ints
    skipped: int


@dataclass(frozen=True, slots=True)
class Group:
    """The assignments of one check and one interval; `slots` ascend, `phases_ns` with them."""

    interval_ns: int
    slots: Ints
    phases_ns: Ints

    def events_until(self, elapsed_ns: int) -> int:
        """How many events have been due at `elapsed_ns` after the origin, that moment included."""
        if elapsed_ns < 0:
            return 0
        rounds, within = divmod(elapsed_ns, self.interval_ns)
        begun = int(np.searchsorted(self.phases_ns, within, side="right"))
        return rounds * len(self.slots) + begun

    def events(self, first: int, end: int) -> tuple[Ints, Ints]:
        """Slots and times since the origin of events `first` up to `end`: one round at most."""
        size = len(self.slots)
        round_no, rank = divmod(first, size)
        until = rank + end - first
        parts = [(round_no, slice(rank, min(until, size)))]
        if until > size:
            parts.append((round_no + 1, slice(0, until - size)))
        slots = [self.slots[part] for _, part in parts]
        times = [self.phases_ns[part] + number * self.interval_ns for number, part in parts]
        return np.concatenate(slots), np.concatenate(times)


class Schedule:
    """Immutable; the caller keeps the moment up to which it has asked."""

    def __init__(self, assignments: Sequence[Assignment], origin_ns: int) -> None:
        self.origin_ns = origin_ns
        members: dict[tuple[str, int], list[int]] = {}
        for slot, assignment in enumerate(assignments):
            key = (assignment.check, assignment.settings.interval)
            members.setdefault(key, []).append(slot)
        self.groups = tuple(
            _group(interval * 1_000, slots) for (_, interval), slots in members.items()
        )
        self._size = len(assignments)

    def due(self, after_ns: int, until_ns: int) -> Due:
        """What became due after `after_ns`, up to and including `until_ns`; each slot once.

        A slot that came due more than once in the window (the caller was held up) is due for its
        last round only; the others are counted as skipped.
        """
        slots, times, skipped = [_NOTHING], [_NOTHING], 0
        for group in self.groups:
            first = group.events_until(after_ns - self.origin_ns)
            end = group.events_until(until_ns - self.origin_ns)
            if first == end:
                continue
            missed = max(0, end - first - len(group.slots))
            skipped += missed
            found, elapsed = group.events(first + missed, end)
            slots.append(found)
            times.append(elapsed + self.origin_ns)
        return Due(np.concatenate(slots), np.concatenate(times), skipped)

    def last_due(self, now_ns: int) -> Ints:
        """For each slot its latest due time up to `now_ns`; -1 if it has not been due yet."""
        return self._around(now_ns, following=False)

    def next_due(self, now_ns: int) -> Ints:
        """For each slot its first due time after `now_ns`."""
        return self._around(now_ns, following=True)

    def _around(self, now_ns: int, *, following: bool) -> Ints:
        times = np.full(self._size, -1, np.int64)
        elapsed = now_ns - self.origin_ns
        for group in self.groups:
            rounds = (elapsed - group.phases_ns) // group.interval_ns + following
            at = group.phases_ns + rounds * group.interval_ns + self.origin_ns
            times[group.slots] = np.where(rounds >= 0, at, -1)
        return times


_NOTHING: Ints = np.zeros(0, np.int64)


def _group(interval_ns: int, slots: list[int]) -> Group:
    phases = [rank * interval_ns // len(slots) for rank in range(len(slots))]
    return Group(interval_ns, np.array(slots, np.int64), np.array(phases, np.int64))
