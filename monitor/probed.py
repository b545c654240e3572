"""One pass over a log's entries for what singletons came to: loss, delay, time by loss. Pure.

Objectives that are measured by singletons need each of them; what is derived (intervals, hourly
sums) is too coarse. The agent and whoever checks it make the same pass. Memory: a portion of
observations, and for each series that is asked for its blocks and the gaps between observations.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitor.derive import Fold, moments, part_of, read_entry
from monitor.ledger.block import Block
from monitor.ledger.entry import BATCH_CODE, ClockAnchored, SeriesDefined
from monitor.paged import pages, parts
from policies.probes import Cover, Probes, Seen, Tally, Wanted, track

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Key = tuple[str, str, str]
"""(policy, objective, target)."""
ROUND_TRIP = ("icmp",)
"""Checks whose first measure is the delay of numbered singletons."""
PORTION = 50_000
"""Observations that are put in order at once, and those of one block."""
_TELLING = frozenset({BATCH_CODE, ClockAnchored.CODE, SeriesDefined.CODE})
"""Kinds of entries that matter here: the others need not be read."""


@dataclass(slots=True)
class _Pass:
    wanted: Mapping[Key, Wanted]
    anchors: dict[int, int] = field(default_factory=dict)
    interval_us: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    asked: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))
    bounds: Sequence[int] = ()
    covers: dict[int, Cover] = field(default_factory=dict)
    tallies: dict[int, list[tuple[Key, Tally, int]]] = field(default_factory=dict)
    """Of each series: who asks, what was counted, and the place of the bound."""
    waiting: list[Ints] = field(default_factory=list)
    rows: int = 0

    def __post_init__(self) -> None:
        bounds = {one.bound_us for one in self.wanted.values() if one.bound_us is not None}
        self.bounds = sorted(bounds)
        for key, one in self.wanted.items():
            place = 0 if one.bound_us is None else self.bounds.index(one.bound_us)
            for number in one.series:
                self.covers.setdefault(number, Cover())
                self.tallies.setdefault(number, []).append((key, Tally(one), place))
        self._room(max(self.covers, default=0) + 1)
        self.asked[list(self.covers)] = True

    def take(self, index: int, told: Block | bytes) -> None:
        """An entry, or batches; EntryError for one that cannot follow."""
        if isinstance(told, bytes):
            if told[2:3] and told[2] not in _TELLING:
                return
            part = part_of(read_entry(told))
        else:
            part = told
        match part:
            case Block() as block:
                self._block(block)
            case ClockAnchored() as anchor:
                self.anchors[index] = anchor.wall_us
            case SeriesDefined() as series if series.number < len(self.asked):
                self.interval_us[series.number] = series.interval_us
            case _:
                pass

    def _room(self, count: int) -> None:
        self.interval_us = np.zeros(count, np.int64)
        self.asked = np.zeros(count, np.bool_)

    def _block(self, block: Block) -> None:
        at_us = moments(block, self.anchors)
        known = block.series < len(self.asked)
        asked = known & self.asked[np.where(known, block.series, 0)]
        rows = np.flatnonzero(asked & np.repeat(_round_trip(block), block.group_rows))
        if not len(rows):
            return
        number, at = block.series[rows], at_us[rows]
        until = at + self.interval_us[number] * 3 // 2
        counts = [column[rows] for column in _counts(block, self.bounds)]
        self.waiting.append(np.array([number, at, until, *counts]))
        self.rows += len(rows)
        if self.rows >= PORTION:
            self.flush()

    def flush(self) -> None:
        """Put what waits in order of the series and count it."""
        if not self.waiting:
            return
        table = np.concatenate(self.waiting, axis=1)
        self.waiting, self.rows = [], 0
        table = table[:, np.argsort(table[0], kind="stable")]
        turns = (np.flatnonzero(np.diff(table[0])) + 1).tolist()
        for first, last in zip([0, *turns], [*turns, table.shape[1]], strict=True):
            self._series(table[:, first:last])

    def _series(self, table: Ints) -> None:
        number = int(table[0, 0])
        cover = self.covers[number]
        table = table[:, cover.later(table[1])]
        for place in range(max(1, len(self.bounds))):
            within = table[5 + place] if self.bounds else np.zeros(table.shape[1], np.int64)
            seen = Seen(
                at_us=table[1], until_us=table[2], sent=table[3], received=table[4], within=within
            )
            for _, tally, of_place in self.tallies[number]:
                if of_place == place:
                    tally.take(seen)
        cover.take(seen)

    def result(self, until_us: int) -> dict[Key, Probes]:
        """What everybody asked for."""
        self.flush()
        for cover in self.covers.values():
            cover.close()
        by_key: dict[Key, dict[int, Tally]] = {key: {} for key in self.wanted}
        for number, told in self.tallies.items():
            for key, tally, _ in told:
                by_key[key][number] = tally
        return {key: self._probes(key, tallies, until_us) for key, tallies in by_key.items()}

    def _probes(self, key: Key, tallies: Mapping[int, Tally], until_us: int) -> Probes:
        wanted = self.wanted[key]
        return Probes(
            tracks=tuple(
                track(self.covers[n], tallies[n], wanted, withdrawn=gone, until_us=until_us)
                for n, gone in wanted.series.items()
            ),
            sent=sum(one.sent for one in tallies.values()),
            received=sum(one.received for one in tallies.values()),
            within=sum(one.within for one in tallies.values()),
        )


def start_of(fold: Fold) -> Fold:
    """What a pass needs of the state at a pruned log's first entry, where that itself goes on."""
    start = Fold()
    start.count, start.anchors = fold.count, dict(fold.anchors)
    start.columns = {"interval_us": fold.columns["interval_us"].copy()}
    return start


def probed(
    entries: Iterable[tuple[int, bytes]],
    wanted: Mapping[Key, Wanted],
    until_us: int,
    start: Fold | None = None,
) -> dict[Key, Probes]:
    """What the singletons in the entries came to, for each that is wanted.

    `start`: what stood at the first entry, where a log was pruned. EntryError for an entry that
    cannot be read or cannot follow.
    """
    work = _Pass(wanted)
    if start is not None:
        work.anchors.update(start.anchors)
        known = min(start.count, len(work.interval_us))
        work.interval_us[:known] = start.columns["interval_us"][:known]
    for first, page in pages(entries):
        for index, told in parts(first, page):
            work.take(index, told)
    return work.result(until_us)


def _round_trip(block: Block) -> Bools:
    """Which groups are of such a check and measured something."""
    found = np.array([check in ROUND_TRIP for check in block.checks], np.bool_)
    measured = np.zeros(len(found), np.bool_)
    measured[block.measures.group] = True
    return found & measured


def _counts(block: Block, bounds: Sequence[int]) -> list[Ints]:
    """Sent, received, received within each bound, of every row; nothing where a fault is."""
    sane, ends = block.fault == 0, np.cumsum(block.lengths)
    received = [block.present, *(block.present & (block.values <= one) for one in bounds)]
    return [block.lengths * sane, *(_sums(one, block.lengths, ends) * sane for one in received)]


def _sums(flags: Bools, lengths: Ints, ends: Ints) -> Ints:
    """How many flags of each row are set."""
    before = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=before[1:])
    return np.asarray(before[ends] - before[ends - lengths], np.int64)
