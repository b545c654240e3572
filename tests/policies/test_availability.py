"""The accounting rules, against evaluators that ask for every second and every moment."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.derive import Changes, Fold
from monitor.history import span_of, track_of
from monitor.ledger.columns import Ints
from monitor.model import State
from policies.availability import (
    Availability,
    Excluded,
    History,
    Piece,
    Standing,
    Unseen,
    availability,
    pieces,
)
from policies.debt import Span
from policies.outages import counted_us, outage_times, outages
from policies.period import Moments
from policies.reckoning import reckoned
from tests.store.building import START_US, anchored, batch, observation, opened, series

HISTORIES = int(os.environ.get("SASANDO_SLA_HISTORIES", "60"))
SECOND = 1_000_000
LONGEST_S = 2 * 86_400
FOREVER_US = 1 << 60
INTERVALS_S = (10, 60, 300)
CAUSES = ("force-majeure", "power", "upstream")


@dataclass
class Told:
    """A generated history: what was observed, second by second, and what people said of it."""

    length_s: int
    interval_s: int
    turns: list[tuple[int, list[list[tuple[int, int]]]]] = field(default_factory=list)
    """(offset of the anchor in s, for each series its observations: (s since it, digit))."""
    series: int = 1
    cuts: dict[str, list[Moments]] = field(default_factory=dict)
    exclusions: list[tuple[int, int, str]] = field(default_factory=list)
    owed: list[Moments] | None = None
    window: Moments = (0, 0)


def generated(chance: random.Random) -> Told:
    """A history with gaps, flaps, clock steps and everything that people can say of it."""
    length = chance.choice((3_600, 6 * 3_600, LONGEST_S, chance.randrange(60, LONGEST_S)))
    told = Told(length_s=length, interval_s=chance.choice(INTERVALS_S))
    told.series = chance.choice((1, 1, 2))
    at, offset = 0, 0
    while at < length:
        until = length if chance.random() < 0.6 else chance.randrange(at, length) + 1
        rows = [observed(chance, at, until, told.interval_s) for _ in range(told.series)]
        told.turns.append((offset, rows))
        at = until + chance.choice((0, 0, chance.randrange(1, 900)))
        offset += chance.choice((0, -1, 1)) * chance.randrange(1, 1_200)
    for name in ("unreachable", "blind", "blocked", "maintenance"):
        told.cuts[name] = stretches(chance, length, chance.choice((0, 0, 1, 4)), name)
    told.exclusions = [
        (*cut, chance.choice(CAUSES)) for cut in stretches(chance, length, chance.choice((0, 2)))
    ]
    if chance.random() < 0.3:
        told.owed = stretches(chance, length, 5, "apart")
    first = chance.randrange(-600, length)
    told.window = (first, first + chance.randrange(0, length + 600))
    return told


def observed(chance: random.Random, at: int, until: int, every: int) -> list[tuple[int, int]]:
    """Observations about every `every` seconds, with gaps, flaps and long outages."""
    rows, digit, left = [], 0, 0
    at += chance.randrange(every)
    while at < until:
        if left <= 0:
            digit = chance.choices((0, 1, 2), (10, 4, 2))[0]
            left = chance.choice((1, 2, 20, 500))
        rows.append((at, digit))
        left -= 1
        gap = chance.random() < 0.02
        at += chance.randrange(every, 12 * every) if gap else every + chance.choice((0, 0, 1, -1))
    return rows


def stretches(chance: random.Random, length: int, count: int, apart: str = "") -> list[Moments]:
    """Some stretches of seconds; those of labels and hours do not overlap."""
    edges = sorted(chance.sample(range(-300, length + 300), 2 * count))
    found = list(zip(edges[::2], edges[1::2], strict=True))
    if apart in ("", "maintenance"):
        found += [(max(0, a - 50), a + 70) for a, _ in found[:1]]
    return found


def history_of(told: Told) -> tuple[History, Moments, list[Moments] | None]:
    """Through the ledger's own entries and the one fold that derives intervals."""
    raw = [opened(), anchored(), *(series(n, told.interval_s * SECOND) for n in range(told.series))]
    anchor = 1
    for turn, (offset, rows) in enumerate(told.turns):
        if turn:
            anchor = len(raw)
            raw.append(anchored(START_US + offset * SECOND, "step"))
        rows = [
            observation(number, at * 1_000, digit, (1,), None)
            for number, of_series in enumerate(rows)
            for at, digit in of_series
        ]
        rows.sort(key=lambda row: row.started_ms)
        raw += [batch(rows[i : i + 5_000], anchor) for i in range(0, len(rows), 5_000)]
    fold, changes = Fold(), Changes()
    for index, entry in enumerate(raw):
        fold.apply(index, entry, changes)
    spans = [spans_of(fold, changes, number) for number in range(told.series)]
    us = {name: [moments(cut) for cut in cuts] for name, cuts in told.cuts.items()}
    return (
        History(
            series=spans,
            exclusions=[
                Excluded(started_us=a, ended_us=b, cause=cause)
                for (a, b), cause in ((moments(x[:2]), x[2]) for x in told.exclusions)
            ],
            **us,
        ),
        moments(told.window),
        None if told.owed is None else [moments(cut) for cut in told.owed],
    )


def moments(cut: Sequence[int]) -> Moments:
    """Seconds of the history as moments."""
    return START_US + cut[0] * SECOND, START_US + cut[1] * SECOND


def spans_of(fold: Fold, changes: Changes, number: int) -> list[Span]:
    """A series that is there from before its first observation on, for ever."""
    rows = [span_of(row) for row in changes.intervals if row.series == number]
    standing = fold.standings()[number]
    spans = track_of(rows, standing, withdrawn=False, until_us=FOREVER_US)
    first = spans[0].started_us if spans else FOREVER_US
    unseen = State.UNOBSERVED
    return [Span(started_us=0, ended_us=first, state=unseen), *spans]


class EverySecond:
    """The rules of `docs/accounting.md` on arrays with a place for each half second.

    Written from the definition: a state holds from its observation to the next one, at most 1.5
    intervals; half seconds, for 1.5 intervals need not be whole ones.
    """

    def __init__(self, told: Told) -> None:
        self.told = told
        self.first = min(0, told.window[0]) - 2_000
        self.places = 2 * (max(told.length_s, told.window[1]) + 4_000 - self.first)

    def place(self, second: float) -> int:
        return max(0, int(2 * (second - self.first)))

    def states(self, number: int) -> Ints:
        """0 unobserved, 1 available, 2 unavailable at each half second."""
        track = np.zeros(self.places, np.int64)
        newest = ended = -1e9
        for offset, rows in self.told.turns:
            for at, digit in rows[number]:
                moment = at + offset
                if moment <= newest:
                    continue
                track[self.place(moment) : self.place(ended)] = 0
                newest, ended = moment, moment + self.told.interval_s * 3 / 2
                track[self.place(moment) : self.place(ended)] = (1, 2, 0)[digit]
        return track

    def within(self, cuts: Sequence[Moments]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        track = np.zeros(self.places, np.bool_)
        for since, until in cuts:
            track[self.place(since) : self.place(until)] = True
        return track

    def sums(self) -> Availability:
        told, left = self.told, self.within([self.told.window])
        window = int(np.count_nonzero(left))

        def take(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
            nonlocal left
            taken = int(np.count_nonzero(left & mask))
            left = left & ~mask
            return taken

        tracks = [self.states(number) for number in range(told.series)]
        outside = 0 if told.owed is None else take(~self.within(told.owed))
        maintenance = take(self.within(told.cuts["maintenance"]))
        excluded = {
            cause: take(self.within([(a, b) for a, b, c in told.exclusions if c == cause]))
            for cause in CAUSES
        }
        unavailable = take(np.any([track == 2 for track in tracks], axis=0))
        available = take(np.all([track == 1 for track in tracks], axis=0))
        unseen = {
            Unseen.AGENT: take(self.within(told.cuts["blind"])),
            Unseen.PARENT: take(self.within(told.cuts["unreachable"])),
            Unseen.BLOCKED: take(self.within(told.cuts["blocked"])),
            Unseen.UNSEEN: int(np.count_nonzero(left)),
        }
        half = SECOND // 2
        return Availability(
            window_us=window * half,
            available_us=available * half,
            unavailable_us=unavailable * half,
            unobserved_us={cause: n * half for cause, n in unseen.items() if n},
            maintenance_us=maintenance * half,
            excluded_us={cause: n * half for cause, n in excluded.items() if n},
            outside_us=outside * half,
        )


def test_intervals_agree_with_every_second_to_the_last_digit() -> None:
    """Sums from intervals are those of asking for each half second, for whatever happened."""
    seed = int(os.environ.get("SASANDO_SLA_SEED") or random.SystemRandom().getrandbits(32))
    for number in range(HISTORIES):
        told = generated(random.Random(f"{seed}/{number}"))
        history, window, owed = history_of(told)
        found = availability(pieces(history, window, owed))
        assert found == EverySecond(told).sums(), f"SASANDO_SLA_SEED={seed} history {number}"


@st.composite
def spans(draw: st.DrawFn, least: int = 0) -> list[Span]:
    """Spans of one series in any order, without overlap, with holes."""
    edges = sorted(draw(st.sets(st.integers(-5, 45), min_size=least, max_size=max(10, least))))
    made = [
        Span(started_us=a, ended_us=b, state=draw(st.sampled_from(State)))
        for a, b in pairwise(edges)
        if draw(st.booleans())
    ]
    return list(draw(st.permutations(made)))


cuts = st.lists(
    st.tuples(st.integers(-5, 45), st.integers(-5, 45)).map(lambda c: (min(c), max(c))), max_size=3
)
exclusions = st.lists(
    st.builds(
        lambda c, cause: Excluded(started_us=min(c), ended_us=max(c), cause=cause),
        st.tuples(st.integers(-5, 45), st.integers(-5, 45)),
        st.sampled_from(CAUSES),
    ),
    max_size=3,
)
histories = st.builds(
    History,
    series=st.lists(spans(), max_size=3),
    unreachable=cuts,
    blind=cuts,
    blocked=cuts,
    maintenance=cuts,
    exclusions=exclusions,
)
short_cuts = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 3)).map(lambda c: (c[0], c[0] + c[1])),
    min_size=1,
    max_size=3,
)
singles = st.builds(
    History,
    series=st.tuples(spans() | spans(3).map(sorted) | spans(8).map(sorted)),
    unreachable=st.just([]) | cuts,
    blind=st.just([]) | cuts,
    blocked=st.just([]) | cuts,
    maintenance=st.just([]) | cuts | short_cuts,
    exclusions=st.just([]) | exclusions,
)
windows = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda w: (min(w), max(w)))


def standing_at(
    history: History, owed: Sequence[Moments] | None, counts: bool, at: int
) -> tuple[str, str]:
    """The rules for a single µs, in their order."""

    def holds(cover: Sequence[Moments]) -> bool:
        return any(a <= at < b for a, b in cover)

    causes = [x.cause for x in history.exclusions if x.started_us <= at < x.ended_us]
    states = [s.state for track in history.series for s in track if s.started_us <= at < s.ended_us]
    if owed is not None and not holds(owed):
        return "outside", ""
    if holds(history.maintenance):
        return "maintenance", ""
    if causes:
        return "excluded", min(causes)
    if State.UNAVAILABLE in states:
        return "unavailable", ""
    if states and State.UNOBSERVED not in states:
        return "available", ""
    if holds(history.blind):
        return "unobserved", "agent"
    if holds(history.unreachable):
        return ("unavailable", "") if counts else ("unobserved", "parent")
    return "unobserved", "blocked" if holds(history.blocked) else "unseen"


@given(histories, windows, st.none() | cuts, st.booleans())
def test_every_moment_stands_as_the_rules_say(
    history: History, window: Moments, owed: list[Moments] | None, counts: bool
) -> None:
    """Each µs of a window has the standing of the rules; pieces join without gap or repetition."""
    found = list(pieces(history, window, owed, unreachable_counts=counts))
    told = [(p.standing.value, p.cause) for p in found for _ in range(p.length_us)]
    assert told == [standing_at(history, owed, counts, at) for at in range(*window)]
    for one, other in pairwise(found):
        assert one.ended_us == other.started_us
        assert (one.standing, one.cause) != (other.standing, other.cause)


@given(spans(), windows)
def test_a_series_alone_counts_as_any_other(track: list[Span], window: Moments) -> None:
    """The short way for the usual month gives the pieces that the rules give, in any order."""
    for one in (track, sorted(track, key=lambda span: span.started_us)):
        alone, covered = History(series=[one]), History(series=[one], blind=[(90, 91)])
        assert list(pieces(alone, window)) == list(pieces(covered, window))


@given(
    histories,
    windows,
    st.none() | cuts,
    st.booleans(),
)
def test_what_is_reckoned_together_is_what_the_pieces_say(
    history: History, window: Moments, owed: list[Moments] | None, counts: bool
) -> None:
    """Sums and outages of a figure, with pieces or without them."""
    found = list(pieces(history, window, owed, unreachable_counts=counts))
    sums = availability(found)
    assert reckoned(history, window, owed, unreachable_counts=counts) == (sums, outages(found))
    assert sums.base_us == sums.available_us + sums.unavailable_us + sums.unseen_us


@settings(max_examples=1_000, deadline=None)
@given(
    singles,
    windows | st.just((0, 40)),
    st.none() | st.just([(-5, 45)]) | cuts | short_cuts,
    st.booleans(),
)
def test_a_series_alone_is_reckoned_without_pieces_to_the_same(
    history: History, window: Moments, owed: list[Moments] | None, counts: bool
) -> None:
    """The short way, whatever is said of the time of one series, in order or not."""
    found = list(pieces(history, window, owed, unreachable_counts=counts))
    expected = availability(found), outages(found)
    assert reckoned(history, window, owed, unreachable_counts=counts) == expected


@given(histories, windows)
def test_all_unobserved_time_counts_at_worst(history: History, window: Moments) -> None:
    """However it is cut into outages: unless short ones are forgiven they need not be counted."""
    found = list(pieces(history, window))
    worst = [
        one._replace(standing=Standing.UNAVAILABLE, cause="")
        if one.standing is Standing.UNOBSERVED
        else one
        for one in found
    ]
    sums = availability(found)
    assert counted_us(outages(worst), 0) == sums.unavailable_us + sums.unseen_us


@given(histories, windows)
def test_unobserved_time_never_raises_a_figure(history: History, window: Moments) -> None:
    """The worst case is at most the best one, both lie in [0, 1], and the sums are the window."""
    sums = availability(pieces(history, window))
    parts = sums.maintenance_us + sum(sums.excluded_us.values()) + sums.outside_us
    assert sums.base_us + parts == sums.window_us == window[1] - window[0]
    if sums.best is None:
        assert sums.available_us == sums.unavailable_us == 0
    else:
        assert sums.worst is not None
        assert 0 <= sums.worst <= sums.best <= 1


def test_nothing_observed_is_undefined() -> None:
    """A window that nobody looked at has a worst case of 0 and no best case."""
    sums = availability(pieces(History(), (0, 10)))
    assert (sums.worst, sums.best) == (Fraction(0), None)
    assert sums.unobserved_us == {"unseen": 10}
    assert availability(pieces(History(), (5, 5))).worst is None


def row(text: str) -> list[Piece]:
    """Pieces of one µs a letter: A available, U unavailable, ? unobserved, M maintenance."""
    standing = {
        "A": Standing.AVAILABLE,
        "U": Standing.UNAVAILABLE,
        "?": Standing.UNOBSERVED,
        "M": Standing.MAINTENANCE,
    }
    return [
        Piece(started_us=n, ended_us=n + 1, standing=standing[letter])
        for n, letter in enumerate(text)
    ]


@pytest.mark.parametrize(
    ("told", "lengths", "mttr", "mtbf"),
    [
        ("AAAA", [], None, None),
        ("AUUA", [2], Fraction(2), Fraction(2)),
        ("AUAUUUA", [1, 3], Fraction(2), Fraction(3, 2)),
        ("AU?UA", [2], Fraction(2), Fraction(2)),
        ("AUMUUA", [3], Fraction(3), Fraction(2)),
        ("AUU", [2], None, Fraction(1)),
        ("UUA", [2], Fraction(2), Fraction(1)),
        ("AU??A", [1], Fraction(1), Fraction(2)),
        ("????", [], None, None),
    ],
)
def test_outages_are_counted_by_what_was_seen(
    told: str, lengths: list[int], mttr: Fraction | None, mtbf: Fraction | None
) -> None:
    """An outage ends when it was seen available; unseen time neither ends nor lengthens it."""
    found = outages(row(told))
    assert [one.unavailable_us for one in found] == lengths
    times = outage_times(found, told.count("A"))
    assert times.count == len(lengths)
    assert times.longest_us == max(lengths, default=None)
    assert (times.mttr_us, times.mtbf_us) == (mttr, mtbf)
