"""When the singletons of a series speak, and how many came back: exact integers. Pure.

An observation speaks from its start to the next one of its series, at most 1.5 of its interval,
as everywhere; only while it sent singletons. A lost singleton has no delay (RFC 2681): it counts
as sent and as nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monitor.model import State
from policies.debt import Span
from policies.loss_time import Blocks
from policies.period import Moments
from policies.sweep import Stretch, swept

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
NEVER = -(1 << 62)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Observations of one series in the order of the log; `until_us`: how long each may hold."""

    at_us: Ints
    until_us: Ints
    sent: Ints
    received: Ints
    within: Ints
    """How many came back within the bound that is asked for."""

    def where(self, mask: Bools) -> "Seen":
        """Some of them."""
        return Seen(
            at_us=self.at_us[mask],
            until_us=self.until_us[mask],
            sent=self.sent[mask],
            received=self.received[mask],
            within=self.within[mask],
        )


@dataclass(slots=True)
class Cover:
    """The time in which the singletons of one series speak, built as observations come."""

    first_us: int | None = None
    spans: list[Moments] = field(default_factory=list)
    """Ascending, apart."""
    _newest: tuple[int, int, bool] = (NEVER, NEVER, False)
    """(start, until, whether it sent anything) of the newest observation."""

    def later(self, at_us: Ints) -> Bools:
        """Which observations start after every earlier one: the others change nothing."""
        before = np.maximum.accumulate(np.concatenate([[self._newest[0]], at_us]))[:-1]
        return np.asarray(at_us > before, np.bool_)

    def take(self, seen: Seen) -> None:
        """More observations, of which each starts after the one before."""
        if not len(seen.at_us):
            return
        if self.first_us is None:
            self.first_us = int(seen.at_us[0])
        at, until, spoke = self._newest
        starts = np.concatenate([[at], seen.at_us])
        ends = np.minimum(np.concatenate([[until], seen.until_us])[:-1], starts[1:])
        speaking = np.concatenate([[spoke], seen.sent > 0])
        self._join(starts[:-1][speaking[:-1]], ends[speaking[:-1]])
        self._newest = int(starts[-1]), int(seen.until_us[-1]), bool(speaking[-1])

    def close(self) -> None:
        """Nothing more comes."""
        at, until, spoke = self._newest
        if spoke:
            self._join(np.array([at]), np.array([until]))

    def _join(self, starts: Ints, ends: Ints) -> None:
        if not len(starts):
            return
        turns = (np.flatnonzero(starts[1:] != ends[:-1]) + 1).tolist()
        for first, last in pairwise([0, *turns, len(starts)]):
            since, until = int(starts[first]), int(ends[last - 1])
            if self.spans and self.spans[-1][1] == since:
                since = self.spans.pop()[0]
            self.spans.append((since, until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of the singletons of one target in one window."""

    series: Mapping[int, bool]
    """Numbers, and whether each is withdrawn by now."""
    window: Moments
    base: tuple[Moments, ...]
    """When it is owed: ascending, apart. Singletons sent outside count nowhere."""
    bound_us: int | None = None
    """Of indicator delay."""
    block_us: int = 0
    """Of unavailability by loss (ITU-T Y.1540); 0: it is not asked for."""
    most_lost: Fraction = Fraction(0)
    """c1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What the singletons of a target came to."""

    tracks: tuple[tuple[Span, ...], ...]
    """Of each series: available where it spoke; where loss decides, what its blocks say."""
    sent: int
    received: int
    within: int


class Tally:
    """What one `Wanted` asks of one series, counted as observations come."""

    def __init__(self, wanted: Wanted) -> None:
        self._edges = np.array([edge for cut in wanted.base for edge in cut], np.int64)
        self.sent = self.received = self.within = 0
        self.blocks = Blocks(wanted.window, wanted.block_us) if wanted.block_us else None

    def take(self, seen: Seen) -> None:
        """More observations, none of which was superseded."""
        owed = np.searchsorted(self._edges, seen.at_us, "right") % 2 == 1
        counted = seen.where(owed)
        self.sent += int(counted.sent.sum())
        self.received += int(counted.received.sum())
        self.within += int(counted.within.sum())
        if self.blocks is not None:
            self.blocks.take(counted.at_us, counted.sent, counted.received)


def track(
    cover: Cover, tally: Tally, wanted: Wanted, *, withdrawn: bool, until_us: int
) -> tuple[Span, ...]:
    """What a series says, from its first observation to the moment that is known."""
    if cover.first_us is None:
        return ()
    last_us = cover.spans[-1][1] if cover.spans else cover.first_us
    told_us = last_us if withdrawn else max(last_us, until_us)
    spoke: list[Stretch[State]] = [(a, b, State.AVAILABLE) for a, b in cover.spans]
    said: list[Stretch[State]] = [(cover.first_us, told_us, State.UNOBSERVED)]
    tracks: Sequence[list[Stretch[State]]] = [spoke, said]
    if tally.blocks is not None:
        spans = tally.blocks.spans(wanted.most_lost)
        tracks = [spoke, said, [(s.started_us, s.ended_us, s.state) for s in spans]]
    return tuple(
        Span(started_us=started, ended_us=ended, state=_state(held))
        for started, ended, held in swept(tracks, wanted.window)
        if held[1] is not None
    )


def _state(held: tuple[State | None, ...]) -> State:
    """Unobserved where it did not speak; else available, or what the block says."""
    if held[0] is None:
        return State.UNOBSERVED
    return held[2] or State.UNOBSERVED if len(held) == 3 else State.AVAILABLE
