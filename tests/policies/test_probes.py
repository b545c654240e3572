"""Loss, delay and time by loss from singletons, against one who asks at every half second."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import pytest

from monitor.derive import Changes, Fold
from monitor.ledger.batch import Row
from monitor.ledger.entry import EntryError
from monitor.model import FaultKind, State
from monitor.probed import probed
from policies.period import Moments
from policies.probes import Probes, Wanted
from tests.store.building import START_US, anchored, batch, observation, opened, series

HISTORIES = int(os.environ.get("SASANDO_SLA_HISTORIES", "60"))
SECOND = 1_000_000
BOUND_US = 50_000
KEY = ("base", "loss", "link-0")
Delays = tuple[int | None, ...]


@dataclass
class Told:
    """A generated history of one or two series: whole seconds, clock steps, faults, gaps."""

    interval_s: int
    turns: list[tuple[int, list[list[tuple[int, Delays | None]]]]] = field(default_factory=list)
    """(offset of the anchor, for each series (second since it, delays or a fault))."""
    count: int = 1
    window: Moments = (0, 0)
    base: list[Moments] = field(default_factory=list)
    block_s: int = 60
    most: Fraction = Fraction(1, 5)


def generated(chance: random.Random) -> Told:
    """A history of at most an hour and a half."""
    told = Told(interval_s=chance.choice((10, 30, 61, 200)), count=chance.choice((1, 1, 2)))
    length, at, offset = chance.randrange(60, 5_400), 0, 0
    while at < length:
        until = length if chance.random() < 0.6 else chance.randrange(at, length) + 1
        rows = [observed(chance, at, until, told.interval_s) for _ in range(told.count)]
        told.turns.append((offset, rows))
        at = until + chance.choice((0, 0, chance.randrange(1, 300)))
        offset += chance.choice((0, -1, 1)) * chance.randrange(1, 600)
    first = chance.randrange(-100, length)
    told.window = first, first + chance.randrange(0, length + 100)
    edges = sorted(chance.sample(range(-200, length + 200), 6))
    told.base = list(zip(edges[::2], edges[1::2], strict=True))
    told.block_s = chance.choice((60, 300, 97))
    told.most = chance.choice((Fraction(1, 5), Fraction(3, 4), Fraction(0), Fraction(1)))
    return told


def observed(
    chance: random.Random, at: int, until: int, every: int
) -> list[tuple[int, Delays | None]]:
    """Observations of up to five singletons, some lost, some late; now and then a fault."""
    rows: list[tuple[int, Delays | None]] = []
    lossy, left = 0.1, 0
    while at < until:
        if left <= 0:
            lossy, left = chance.choice((0.0, 0.2, 0.9)), chance.choice((1, 3, 20))
        left -= 1
        delays = tuple(
            None if chance.random() < lossy else chance.choice((1_000, BOUND_US, BOUND_US + 1))
            for _ in range(chance.randrange(1, 6))
        )
        rows.append((at, None if chance.random() < 0.05 else delays))
        at += chance.randrange(every, 9 * every) if chance.random() < 0.05 else every
    return rows


def moments(cut: Sequence[int]) -> Moments:
    """Seconds of the history as moments."""
    return START_US + cut[0] * SECOND, START_US + cut[1] * SECOND


def wanted_of(told: Told, *, withdrawn: bool = False) -> Wanted:
    """Everything at once: time by loss, loss and delay."""
    return Wanted(
        series=dict.fromkeys(range(told.count), withdrawn),
        window=moments(told.window),
        base=tuple(moments(cut) for cut in told.base),
        bound_us=BOUND_US,
        block_us=told.block_s * SECOND,
        most_lost=told.most,
    )


def entries_of(told: Told) -> list[bytes]:
    """The history as a log."""
    raw = [opened(), anchored(), *(series(n, told.interval_s * SECOND) for n in range(told.count))]
    anchor = 1
    for turn, (offset, by_series) in enumerate(told.turns):
        if turn:
            anchor = len(raw)
            raw.append(anchored(START_US + offset * SECOND, "step"))
        rows: list[Row] = [
            observation(n, at * 1_000, 0, delays or (), None if delays else FaultKind.OVERLOAD)
            for n, rows in enumerate(by_series)
            for at, delays in rows
        ]
        rows.sort(key=lambda row: row.started_ms)
        raw += [batch(rows[i : i + 40], anchor) for i in range(0, len(rows), 40)]
    return raw


class EveryHalfSecond:
    """The definitions, moment by moment and singleton by singleton."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.kept = [self._kept(n) for n in range(told.count)]

    def _kept(self, number: int) -> list[tuple[int, Delays | None]]:
        """What was not superseded: each starts after every earlier one."""
        kept: list[tuple[int, Delays | None]] = []
        for offset, by_series in self.told.turns:
            for at, delays in by_series[number]:
                if not kept or at + offset > kept[-1][0]:
                    kept.append((at + offset, delays))
        return kept

    def owed(self, at: float) -> bool:
        return any(a <= at < b for a, b in self.told.base)

    def counted(self, number: int) -> list[tuple[int, Delays]]:
        start, end = self.told.window
        return [
            (at, delays)
            for at, delays in self.kept[number]
            if delays and self.owed(at) and start <= at < end
        ]

    def sums(self) -> tuple[int, int, int]:
        every = [
            delay
            for n in range(self.told.count)
            for at, delays in self.kept[n]
            if delays and self.owed(at)
            for delay in delays
        ]
        back = [delay for delay in every if delay is not None]
        return len(every), len(back), sum(delay <= BOUND_US for delay in back)

    def state(self, number: int, at: float) -> State | None:
        """None before its first observation."""
        before = [row for row in self.kept[number] if row[0] <= at]
        if not before:
            return None
        since, delays = before[-1]
        if not delays or at >= since + self.told.interval_s * 3 / 2:
            return State.UNOBSERVED
        place = (at - self.told.window[0]) // self.told.block_s
        mine = [
            delay
            for moment, sent in self.counted(number)
            if (moment - self.told.window[0]) // self.told.block_s == place
            for delay in sent
        ]
        if not mine:
            return State.UNOBSERVED
        lost = sum(delay is None for delay in mine)
        return State.UNAVAILABLE if Fraction(lost, len(mine)) > self.told.most else State.AVAILABLE


def at_half_seconds(told: Told, probes: Probes, number: int) -> list[State | None]:
    """A track as the evaluator tells it; the spans must be ascending and not overlap."""
    track = probes.tracks[number]
    assert all(one.ended_us <= other.started_us for one, other in pairwise(track))
    start, end = told.window
    found: list[State | None] = []
    for half in range(2 * start, 2 * end):
        at_us = START_US + half * SECOND // 2
        held = [one.state for one in track if one.started_us <= at_us < one.ended_us]
        found.append(held[0] if held else None)
    return found


@pytest.mark.parametrize("seed", range(max(1, HISTORIES // 4)))
def test_every_moment_and_every_singleton_counts_as_the_definitions_say(seed: int) -> None:
    """Tracks and sums agree with the evaluator on histories with gaps, steps, faults and hours."""
    told = generated(random.Random(seed))
    until_us = START_US + 100_000 * SECOND
    probes = probed(enumerate(entries_of(told)), {KEY: wanted_of(told)}, until_us)[KEY]
    oracle = EveryHalfSecond(told)
    for number in range(told.count):
        halves = range(2 * told.window[0], 2 * told.window[1])
        expected = [oracle.state(number, half / 2) for half in halves]
        assert at_half_seconds(told, probes, number) == expected
    assert (probes.sent, probes.received, probes.within) == oracle.sums()


def test_portions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted seven rows at a time or all at once, the result is the same."""
    for seed in range(20):
        told = generated(random.Random(1_000 + seed))
        entries, wishes = entries_of(told), {KEY: wanted_of(told)}
        whole = probed(enumerate(entries), wishes, START_US)
        with monkeypatch.context() as patched:
            patched.setattr("monitor.probed.PORTION", 7)
            assert probed(enumerate(entries), wishes, START_US) == whole


def test_two_who_ask_for_different_bounds_get_each_their_own() -> None:
    """One pass serves several objectives on one series."""
    told = Told(interval_s=60, turns=[(0, [[(0, (10, 20, 30, None))]])], window=(0, 100))
    told.base = [(0, 100)]
    plain = wanted_of(told)
    ask = {
        ("p", str(bound), "t"): Wanted(
            series=plain.series, window=plain.window, base=plain.base, bound_us=bound
        )
        for bound in (9, 10, 25, 30)
    }
    found = probed(enumerate(entries_of(told)), ask, START_US)
    assert [one.within for one in found.values()] == [0, 1, 2, 3]
    assert {(one.sent, one.received) for one in found.values()} == {(4, 3)}


def test_a_fault_sends_nothing_whatever_stands_beside_it() -> None:
    """The singletons of an observation that could not be made are none."""
    told = Told(interval_s=60, window=(0, 100), base=[(0, 100)])
    row = Row(0, 0, 5, 0, FaultKind.OVERLOAD, None, ((1_000, None), 2))
    found = probed(enumerate([*entries_of(told), batch([row])]), {KEY: wanted_of(told)}, START_US)
    assert (found[KEY].sent, found[KEY].received, found[KEY].within) == (0, 0, 0)


def test_a_withdrawn_series_says_nothing_after_its_last_observation() -> None:
    """One that goes on says that it was not observed, up to what is known."""
    told = Told(interval_s=60, turns=[(0, [[(0, (10,))]])], window=(0, 300), base=[(0, 300)])
    until_us = START_US + 200 * SECOND
    for withdrawn, last in ((True, 90), (False, 200)):
        wishes = {KEY: wanted_of(told, withdrawn=withdrawn)}
        (track,) = probed(enumerate(entries_of(told)), wishes, until_us)[KEY].tracks
        assert track[-1].ended_us == START_US + last * SECOND


def test_a_pruned_log_goes_on_from_what_stood_at_its_boundary() -> None:
    """The anchor and the interval come from the fold; without it the entries cannot follow."""
    told = Told(interval_s=60, turns=[(0, [[(0, (10,)), (60, (None,))]])], window=(0, 120))
    told.base = [(0, 120)]
    fold, entries = Fold(), list(enumerate(entries_of(told)))

    for index, raw in entries[:-1]:
        fold.apply(index, raw, Changes())
    wishes = {KEY: wanted_of(told)}
    found = probed(entries[-1:], wishes, START_US, fold)
    assert found == probed(entries, wishes, START_US)
    with pytest.raises(EntryError):
        probed(entries[-1:], wishes, START_US)
