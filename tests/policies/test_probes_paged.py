"""Singletons of batches that are read together, against one who takes them row by row."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.derive import read_entry
from monitor.ledger.batch import Batch, Group, Measure
from monitor.ledger.entry import ClockAnchored, EntryError, SeriesDefined
from monitor.probed import Key, probed
from policies.probes import Cover, Probes, Seen, Tally, Wanted, track
from tests.long_logs import (
    AT_ONCE,
    CELLS,
    DAMAGED,
    ROW,
    SECOND_US,
    batch_entry,
    logs,
    reading_by,
)
from tests.store.building import START_US

UNTIL_US = START_US + 900 * SECOND_US
WINDOW = (START_US - 50 * SECOND_US, START_US + 400 * SECOND_US)
BASE = ((WINDOW[0], START_US + 90 * SECOND_US), (START_US + 120 * SECOND_US, WINDOW[1]))


def wanted(*series: int, **more: object) -> Wanted:
    """Somebody who asks for these series."""
    asked = dict.fromkeys(series, 1 in series)
    return Wanted(series=asked, window=WINDOW, base=BASE, **more)  # type: ignore[arg-type]


LEAST_US = -1
WANTED: dict[Key, Wanted] = {
    ("p", "delay", "a"): wanted(0, bound_us=3),
    ("p", "delay", "b"): wanted(0, 1, bound_us=LEAST_US),
    ("p", "blocks", "a"): wanted(1, block_us=60 * SECOND_US, most_lost=Fraction(1, 5)),
    ("p", "loss", "a"): wanted(2),
}


class RowByRow:
    """The same arithmetic for one observation at a time, from each entry read alone."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.covers = {n: Cover() for one in WANTED.values() for n in one.series}
        self.tallies = {(key, n): Tally(one) for key, one in WANTED.items() for n in one.series}
        anchors, intervals = dict[int, int](), dict[int, int]()
        for index, raw in enumerate(entries):
            match read_entry(raw):
                case ClockAnchored() as anchor:
                    anchors[index] = anchor.wall_us
                case SeriesDefined() as series:
                    intervals[series.number] = series.interval_us
                case Batch() as batch:
                    if batch.anchor not in anchors:
                        raise EntryError("entry.batch-anchor", anchor=batch.anchor)
                    for group in batch.groups:
                        self.group(group, anchors[batch.anchor], intervals)
                case _:
                    pass

    def group(self, group: Group, wall_us: int, intervals: Mapping[int, int]) -> None:
        """Each row of a group of pings that measured anything."""
        if group.check != "icmp" or not group.measures:
            return
        told = singletons(next(iter(group.measures.values())))
        for place, delays in enumerate(told):
            number = int(group.series[place])
            if number in self.covers:
                at_us = wall_us + int(group.started_ms[place]) * 1_000
                until_us = at_us + intervals[number] * 3 // 2
                self.row(number, at_us, until_us, [] if group.fault[place] else delays)

    def row(self, number: int, at_us: int, until_us: int, delays: list[int | None]) -> None:
        """One observation."""
        cover, back = self.covers[number], [one for one in delays if one is not None]
        if not cover.later(np.array([at_us])).all():
            return
        for (key, of), tally in self.tallies.items():
            # Who asks for no bound is told of the least that anybody asks for.
            bound = WANTED[key].bound_us
            within = sum(one <= (LEAST_US if bound is None else bound) for one in back)
            seen = _seen(at_us, until_us, len(delays), len(back), within)
            if of == number:
                tally.take(seen)
        cover.take(seen)

    def result(self) -> dict[Key, Probes]:
        """What everybody asked for."""
        for cover in self.covers.values():
            cover.close()
        return {key: self.probes(key, one) for key, one in WANTED.items()}

    def probes(self, key: Key, one: Wanted) -> Probes:
        """What one asked for."""
        tallies = {n: self.tallies[key, n] for n in one.series}
        return Probes(
            tracks=tuple(
                track(self.covers[n], tallies[n], one, withdrawn=gone, until_us=UNTIL_US)
                for n, gone in one.series.items()
            ),
            sent=sum(one.sent for one in tallies.values()),
            received=sum(one.received for one in tallies.values()),
            within=sum(one.within for one in tallies.values()),
        )


def singletons(measure: Measure) -> list[list[int | None]]:
    """Of each row."""
    flat = [
        value if there else None
        for value, there in zip(measure.values.tolist(), measure.present.tolist(), strict=True)
    ]
    if measure.lengths is None:
        return [[one] for one in flat]
    ends = np.cumsum(measure.lengths).tolist()
    starts = [0, *ends[:-1]]
    return [flat[start:end] for start, end in zip(starts, ends, strict=True)]


def _seen(*numbers: int) -> Seen:
    names = ("at_us", "until_us", "sent", "received", "within")
    return Seen(**{n: np.array([one]) for n, one in zip(names, numbers, strict=True)})


@given(logs(), AT_ONCE, CELLS)
@settings(max_examples=50)
def test_pages_come_to_what_rows_come_to(raw: list[bytes], at_once: int, cells: int) -> None:
    """Batches that stand together or alone, of every shape, between entries of other kinds."""
    expected = RowByRow(raw).result()
    with reading_by(at_once, cells):
        assert probed(enumerate(raw), WANTED, UNTIL_US) == expected


BAD = (
    DAMAGED,
    batch_entry([("other", [ROW])], 0),
    b"S\x01\x01\x01",
    b"no",
)


@given(logs(), st.data(), AT_ONCE, CELLS)
@settings(max_examples=30)
def test_the_same_entry_is_refused_for_the_same_reason(
    raw: list[bytes], data: st.DataObject, at_once: int, cells: int
) -> None:
    """A damaged batch, one that counts from no anchor, bytes that are no entry: the first tells."""
    for bad in data.draw(st.lists(st.sampled_from(BAD), min_size=1, max_size=2)):
        raw.insert(data.draw(st.integers(6, len(raw))), bad)
    with pytest.raises(EntryError) as expected:
        RowByRow(raw)
    with reading_by(at_once, cells), pytest.raises(EntryError) as told:
        probed(enumerate(raw), WANTED, UNTIL_US)
    assert told.value.reason == expected.value.reason
