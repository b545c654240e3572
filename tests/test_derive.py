"""The rules of time, against a slow and obvious telling of them."""

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.derive import HOUR_US, Changes, Fold, IntervalRow, RollupRow, extent
from monitor.ledger.entry import BATCH_CODE, ClockAnchored, EntryError, SeriesDefined
from monitor.model import FaultKind, State
from tests.store.building import START_US, anchored, batch, observation, opened, series, stepped

SERIES = 3
INTERVAL_US = 60_000_000


@dataclass(frozen=True)
class Seen:
    """One observation: series, ms since the anchor, digit, delays, whether it was a fault."""

    number: int
    at_ms: int
    digit: int
    delays: tuple[int | None, ...] = (1,)
    fault: bool = False


SEEN = st.builds(
    Seen,
    number=st.integers(0, SERIES - 1),
    at_ms=st.integers(0, 90).map(lambda n: n * 15_000) | st.integers(0, 3 * 3_600_000),
    digit=st.integers(0, 2),
    delays=st.lists(st.none() | st.integers(-5, 9_000), max_size=4).map(tuple),
    fault=st.booleans(),
)
BATCHES = st.lists(st.lists(SEEN, min_size=1, max_size=12), max_size=12)


def entry_of(batch_rows: Sequence[Seen], anchor: int = 1) -> bytes:
    """The observations as one entry."""
    return batch(
        [
            observation(
                s.number,
                s.at_ms,
                s.digit,
                s.delays,
                FaultKind.RESOLVER if s.fault else None,
            )
            for s in batch_rows
        ],
        anchor,
    )


def log_of(batches: Sequence[Sequence[Seen]], defined: int = SERIES) -> list[bytes]:
    """A log of these batches; batch 4 and later count from a clock set back by ten minutes."""
    raw = [opened(), anchored(), *(series(n, INTERVAL_US) for n in range(defined))]
    anchor = 1
    for turn, rows in enumerate(batches):
        if turn == 4:
            anchor = len(raw)
            raw.append(anchored(START_US - 600_000_000, "step"))
        raw.append(entry_of(rows, anchor))
    return raw


def folded(raw: Sequence[bytes], fold: Fold | None = None, first: int = 0) -> tuple[Fold, Changes]:
    """The fold of entries, and everything it derived."""
    fold, changes = fold or Fold(), Changes()
    for index, entry in enumerate(raw, first):
        fold.apply(index, entry, changes)
    return fold, changes


def moments(batches: Sequence[Sequence[Seen]], number: int) -> list[tuple[int, State, Seen]]:
    """What counts of one series, in order: (moment, state, observation); the reference."""
    told: list[tuple[int, State, Seen]] = []
    for turn, rows in enumerate(batches):
        anchor_us = START_US - (600_000_000 if turn >= 4 else 0)
        for s in sorted(rows, key=lambda s: (s.number, s.at_ms)):
            at_us = anchor_us + s.at_ms * 1000
            if s.number == number and (not told or at_us > told[-1][0]):
                digit = State.UNOBSERVED if s.fault else [1, 2, 0][s.digit]
                told.append((at_us, State(digit), s))
    return told


def state_at(told: list[tuple[int, State, Seen]], at_us: Fraction) -> State:
    """The state at a moment: that of the last observation, for at most 1.5 intervals."""
    before = [(at, state) for at, state, _ in told if at <= at_us]
    if not before or at_us >= before[-1][0] + INTERVAL_US * 3 // 2:
        return State.UNOBSERVED
    return before[-1][1]


@given(BATCHES)
@settings(max_examples=200)
def test_intervals_say_what_each_moment_says(batches: list[list[Seen]]) -> None:
    """At every moment the intervals have the state of the obvious telling; none overlap."""
    fold, changes = folded(log_of(batches))
    for number in range(SERIES):
        told = moments(batches, number)
        mine = [row for row in changes.intervals if row.series == number]
        if not told:
            assert mine == []
            assert fold.current(number) == (State.UNOBSERVED, 0, 0)
            continue
        state, since, last = fold.current(number)
        assert last == told[-1][0]
        assert fold.until_us(number) == last + INTERVAL_US * 3 // 2
        whole = [
            *mine,
            IntervalRow(series=number, started_us=since, ended_us=last + 1, state=state),
        ]
        assert whole[0].started_us == told[0][0]
        for one, other in itertools.pairwise(whole):
            assert one.started_us < one.ended_us == other.started_us
            assert one.state != other.state
        edges = {at for at, _, _ in told} | {row.ended_us for row in mine}
        for edge in edges:
            for at in (edge, edge + Fraction(1, 2), edge - Fraction(1, 2)):
                if whole[0].started_us <= at <= last:
                    row = next(r for r in whole if r.started_us <= at < r.ended_us)
                    assert row.state == state_at(told, at)


@given(BATCHES)
def test_rollups_count_what_was_seen(batches: list[list[Seen]]) -> None:
    """Each hour of each series but the current one, from the same observations."""
    fold, changes = folded(log_of(batches))
    expected = []
    for number in range(SERIES):
        told = moments(batches, number)
        hours = sorted({at // HOUR_US for at, _, _ in told})
        expected += [_rollup(number, hour, told) for hour in hours]
    mine = [*changes.rollups]
    mine += [fold.open_hour(n) for n in range(SERIES) if moments(batches, n)]
    assert sorted(mine, key=lambda r: (r.series, r.hour)) == expected


def _rollup(number: int, hour: int, told: list[tuple[int, State, Seen]]) -> RollupRow:
    mine = [(state, s) for at, state, s in told if at // HOUR_US == hour]
    states = [state for state, _ in mine]
    sent = [d for _, s in mine if not s.fault for d in s.delays]
    back = [d for d in sent if d is not None]
    return RollupRow(
        series=number,
        hour=hour,
        available=states.count(State.AVAILABLE),
        unavailable=states.count(State.UNAVAILABLE),
        unobserved=states.count(State.UNOBSERVED),
        sent=len(sent),
        received=len(back),
        delay_min_us=min(back, default=None),
        delay_max_us=max(back, default=None),
        delay_sum_us=sum(back),
    )


@given(BATCHES)
def test_a_batch_says_what_its_rows_say_singly(batches: list[list[Seen]]) -> None:
    """Taken at once or one row an entry: the same intervals, rollups and state."""
    at_once, changes = folded(log_of(batches))
    single = []
    for turn, rows in enumerate(batches):
        if turn == 4:
            single.append(None)
        single += [[s] for s in sorted(rows, key=lambda s: (s.number, s.at_ms))]
    raw, anchor = log_of([]), 1
    for rows in single:
        if rows is None:
            anchor = len(raw)
            raw.append(anchored(START_US - 600_000_000, "step"))
        else:
            raw.append(entry_of(rows, anchor))
    fold, one_by_one = folded(raw)
    order = lambda rows: sorted(rows, key=repr)  # noqa: E731
    assert order(one_by_one.intervals) == order(changes.intervals)
    assert order(one_by_one.rollups) == order(changes.rollups)
    assert all(
        (fold.columns[n][:SERIES] == at_once.columns[n][:SERIES]).all() for n in fold.columns
    )


@given(BATCHES, st.data())
def test_a_snapshot_anywhere_changes_nothing(
    batches: list[list[Seen]], data: st.DataObject
) -> None:
    """Restored after any entry, the rest derives the same, and so is the last snapshot."""
    raw = [*log_of(batches), stepped(None, 0, "opened")]
    at = data.draw(st.integers(0, len(raw)))
    whole, changes = folded(raw)
    half, before = folded(raw[:at])
    rest, after = folded(raw[at:], Fold.restored(half.snapshot()), at)
    assert rest.snapshot() == whole.snapshot()
    assert before.intervals + after.intervals == changes.intervals
    assert before.rollups + after.rollups == changes.rollups
    assert {**before.incidents, **after.incidents} == changes.incidents


BAD = (
    entry_of([Seen(SERIES, 0, 0)]),
    entry_of([Seen(0, 0, 0)], anchor=0),
    b"S\x01\x01\x01",
    b"nonsense",
    stepped(3, 1, "closed"),
)


@given(BATCHES, st.data())
def test_entries_taken_together_derive_the_same(
    batches: list[list[Seen]], data: st.DataObject
) -> None:
    """By pages of any length, other entries among the batches: what one by one they derive."""
    raw = log_of(batches)
    for at in data.draw(st.lists(st.integers(1, len(raw)), max_size=3)):
        raw.insert(max(at, 2 + SERIES), stepped(None, 0, "opened"))
    raw = _anchored_again(raw, batches)
    whole, changes = folded(raw)
    fold, together, at = Fold(), Changes(), 0
    while at < len(raw):
        end = at + data.draw(st.integers(1, 20))
        for index, part in fold.taken(at, raw[at:end], together):
            assert index == at
            at += extent(part)
        assert at == min(end, len(raw))
    assert fold.snapshot() == whole.snapshot()
    for number in range(SERIES):
        for name in ("intervals", "rollups"):
            mine, theirs = (getattr(c, name) for c in (together, changes))
            assert [r for r in mine if r[0] == number] == [r for r in theirs if r[0] == number]
    assert together.incidents == changes.incidents


def _anchored_again(raw: list[bytes], batches: Sequence[Sequence[Seen]]) -> list[bytes]:
    """The same kinds of entries in the same order, each batch by the newest anchor before it."""
    told, anchor = iter(batches), 1
    again = []
    for index, entry in enumerate(raw):
        if entry[2] == ClockAnchored.CODE:
            anchor = index
        again.append(entry_of(next(told), anchor) if entry[2] == BATCH_CODE else entry)
    return again


@given(st.lists(st.lists(SEEN, min_size=1, max_size=4), min_size=3, max_size=12), st.data())
def test_of_entries_taken_together_the_wrong_one_is_told(
    batches: list[list[Seen]], data: st.DataObject
) -> None:
    """Everything before it was taken in, and nothing of it."""
    raw = log_of(batches[:4])
    at = data.draw(st.integers(3 + SERIES, len(raw)))
    raw.insert(at, data.draw(st.sampled_from(BAD)))
    fold, changes, reached = Fold(), Changes(), 0
    taken = fold.taken(0, raw, changes)
    with pytest.raises(EntryError):  # noqa: PT012 - how far it comes is what is asked
        for index, part in taken:
            reached = index + extent(part)
    assert reached == at
    before, derived = folded(raw[:at])
    assert fold.snapshot() == before.snapshot()
    assert sorted(changes.intervals) == sorted(derived.intervals)


@given(st.binary(max_size=200))
def test_a_damaged_snapshot_is_an_entry_error(raw: bytes) -> None:
    """Also one that was cut off."""
    for bad in (raw, folded(log_of([]))[0].snapshot()[:-1] + raw[:1]):
        with contextlib.suppress(EntryError):
            Fold.restored(bad)


def test_time_that_runs_again_counts_once() -> None:
    """The clock set back by an hour: nothing is derived until time goes on, and it is counted."""
    raw = log_of([[Seen(0, n * 60_000, 0) for n in range(60)]])
    fold, _ = folded(raw)
    last = fold.current(0)[2]
    raw += [anchored(START_US - HOUR_US, "step")]
    raw += [entry_of([Seen(0, n * 60_000, 1)], len(raw) - 1) for n in range(60)]
    again, changes = folded(raw)
    assert changes.intervals == []
    assert again.ignored == 60
    assert again.current(0)[2] == last


def test_an_observation_holds_by_the_interval_of_its_own_time() -> None:
    """A reload with a longer interval does not stretch what was seen before it."""
    longer = SeriesDefined(
        **{
            **{f: getattr(_series(0), f) for f in SeriesDefined.__slots__},
            "interval_us": 100 * INTERVAL_US,
        }
    )
    raw = [*log_of([[Seen(0, 0, 0)]]), longer.to_bytes(), entry_of([Seen(0, 600_000, 0)])]
    _, changes = folded(raw)
    first = changes.intervals[0]
    assert first.ended_us == START_US + INTERVAL_US * 3 // 2


def _series(number: int) -> SeriesDefined:
    from monitor.ledger.entry import read_record

    record = read_record(series(number))
    assert isinstance(record, SeriesDefined)
    return record


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (entry_of([Seen(SERIES, 0, 0)]), "entry.batch-series"),
        (entry_of([Seen(0, 0, 0)], anchor=0), "entry.batch-anchor"),
        (series(SERIES + 1), "entry.series-early"),
        (stepped(3, 1, "closed"), "entry.step-lost"),
    ],
)
def test_an_entry_that_cannot_follow_is_refused(bad: bytes, why: str) -> None:
    """An undefined series, a missing anchor, a number left out, a step of no incident."""
    with pytest.raises(EntryError, match=why):
        folded([*log_of([]), bad])


def test_an_incident_goes_from_step_to_step_and_ends_once() -> None:
    """Acknowledged and closed by its own steps; a step left out or after the end is refused."""
    raw = [*log_of([]), stepped(None, 0, "opened")]
    number = len(raw) - 1
    fold, changes = folded([*raw, stepped(number, 1, "acknowledged"), stepped(number, 2, "closed")])
    row = changes.incidents[number]
    assert (row.act, row.step, row.acknowledged_by) == ("closed", 2, "ayu")
    assert row.ended_us is not None
    assert fold.incidents == {}
    for bad in ([stepped(number, 2, "closed")], [stepped(number, 1, "closed")] * 2):
        with pytest.raises(EntryError):
            folded([*raw, *bad])
