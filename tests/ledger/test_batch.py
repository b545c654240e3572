"""Batches: every row comes back, one plain form only, hostile ones bounded."""

import contextlib
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger import columns as col
from monitor.ledger.batch import (
    FAULTS,
    MAX_CELLS,
    MAX_PLAIN_BYTES,
    MAX_ROWS,
    Batch,
    Measure,
    Row,
    group_rows,
)
from monitor.ledger.entry import BATCH_CODE, MAGIC, AgentStopped, EntryError, frame
from monitor.ledger.wire import decode, encode, varint
from monitor.model import State

VALUES = st.none() | st.integers(-(1 << 40), 1 << 40)
DIGESTS = st.sampled_from([bytes([n]) * 32 for n in range(4)])
ROWS = st.builds(
    Row,
    series=st.integers(0, 1 << 40),
    started_ms=st.integers(-(1 << 40), 1 << 40),
    elapsed_ms=st.integers(0, 1 << 40),
    judgement=st.integers(0, 3**40 - 1),
    fault=st.none() | st.sampled_from(FAULTS),
    record=st.none() | DIGESTS,
    measures=st.tuples(VALUES, st.lists(VALUES, max_size=5).map(tuple)),
)
GROUPS = st.lists(ROWS, min_size=1, max_size=30)


def batch_of(*groups: list[Row]) -> Batch:
    """A batch with a group for each list of rows."""
    records: list[bytes] = []
    made = tuple(
        group_rows(f"check{n}", ("scalar", "list"), rows, records) for n, rows in enumerate(groups)
    )
    return Batch(anchor=1, wall_us=2, boottime_ns=3, records=tuple(records), groups=made)


def rows_of(batch: Batch, number: int) -> list[Row]:
    """The rows of a group again."""
    group = batch.groups[number]
    scalar, lists = group.measures["scalar"], group.measures["list"]
    rows, at = [], 0
    for i in range(len(group.series)):
        size = 0 if lists.lengths is None else int(lists.lengths[i])
        value = int(scalar.values[i]) if scalar.present[i] else None
        items = zip(lists.values[at : at + size], lists.present[at : at + size], strict=True)
        place, fault = int(group.record[i]), int(group.fault[i])
        rows.append(
            Row(
                series=int(group.series[i]),
                started_ms=int(group.started_ms[i]),
                elapsed_ms=int(group.elapsed_ms[i]),
                judgement=int(group.judgement[i]),
                fault=FAULTS[fault - 1] if fault else None,
                record=batch.records[place - 1] if place else None,
                measures=(value, tuple(int(v) if p else None for v, p in items)),
            )
        )
        at += size
    return rows


@given(st.lists(GROUPS, min_size=1, max_size=3))
def test_every_row_comes_back(groups: list[list[Row]]) -> None:
    """Ordered by series and time, with undefined values undefined; the bytes are the same again."""
    raw = batch_of(*groups).to_bytes()
    batch = Batch.from_bytes(raw)
    for number, rows in enumerate(groups):
        assert rows_of(batch, number) == sorted(rows, key=lambda row: row[:2])
    assert batch.to_bytes() == raw
    assert batch.rows() == sum(map(len, groups))


@given(GROUPS)
def test_a_state_is_the_lowest_digit_and_a_fault_is_unobserved(rows: list[Row]) -> None:
    """Nothing measured is neither good nor bad, whatever the digit says."""
    of_digit = [State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED]
    batch = Batch.from_bytes(batch_of(rows).to_bytes())
    expected = [
        State.UNOBSERVED if row.fault else of_digit[row.judgement % 3]
        for row in sorted(rows, key=lambda row: row[:2])
    ]
    assert batch.groups[0].states().tolist() == expected


@given(GROUPS)
def test_a_record_is_named_once(rows: list[Row]) -> None:
    """However many rows saw the same posture."""
    records = batch_of(rows, rows).records
    assert len(records) == len({row.record for row in rows} - {None})


@given(GROUPS, st.data())
def test_damaged_plain_bytes_are_canonical_or_refused(rows: list[Row], data: st.DataObject) -> None:
    """One flipped byte in the plain form: an EntryError, or another batch with just these bytes."""
    plain = bytearray(plain_of(batch_of(rows)))
    at = data.draw(st.integers(0, len(plain) - 1))
    plain[at] ^= data.draw(st.integers(1, 255))
    raw = frame(BATCH_CODE, b"\0" + bytes(plain))
    try:
        batch = Batch.from_bytes(raw)
    except EntryError:
        return
    assert plain_of(batch) == bytes(plain)


def plain_of(batch: Batch) -> bytes:
    """What lies inside the compression."""
    raw = batch.to_bytes()
    if raw[3] == 0:
        return raw[4:]
    return zlib.decompress(raw[raw.index(b"\x78", 5) :])


@given(GROUPS, st.data())
def test_damaged_entries_raise_nothing_else(rows: list[Row], data: st.DataObject) -> None:
    """Anywhere in the entry, compressed or not."""
    raw = bytearray(batch_of(rows).to_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(EntryError):
        Batch.from_bytes(bytes(raw))


@given(
    st.binary(max_size=100), st.sampled_from([b"", MAGIC + b"\1", MAGIC + b"\1\0", MAGIC + b"\1\1"])
)
def test_any_bytes_are_a_batch_or_an_entry_error(raw: bytes, before: bytes) -> None:
    """Never anything else."""
    with contextlib.suppress(EntryError):
        Batch.from_bytes(before + raw)


ROW = Row(1, 2, 3, 0, None, None, (None, ()))
PLAIN = decode(plain_of(batch_of([ROW])))


@pytest.mark.parametrize(
    "change",
    [
        {"anchor": "x"},
        {"anchor": None},
        {"anchor": {}},
        {"wall_us": 1 << 63},
        {"boottime_ns": True},
        {"records": None},
        {"records": 5},
        {"records": (b"short",)},
        {"records": (b"x" * 32, b"x" * 32)},
        {"records": ({},)},
        {"groups": ()},
        {"groups": None},
        {"groups": ((),)},
        {"groups": (("check", 0, (), {}),)},
        {"groups": (("check", True, (b"\0",) * 6, {}),)},
        {"groups": (("check", 1, (b"\0",) * 5, {}),)},
        {"groups": (("check", 1, (None,) * 6, {}),)},
        {"groups": (("check", 1, ((1,),) * 6, {}),)},
        {"groups": ((None, 1, (b"\0",) * 6, {}),)},
        {"groups": (("check", 1, (b"\0",) * 6, ()),)},
        {"groups": (("check", 1, (b"\0",) * 6, {"m": None}),)},
        {"groups": (("check", 1, (b"\0",) * 6, {"m": (None, "x")}),)},
        {"groups": (("check", 1, (b"\0",) * 6, {"m": (b"\1\2", b"\1\1")}),)},
        {"groups": (("check", 1, (b"\0",) * 4 + (b"\1\xff", b"\0"), {}),)},
        {"groups": (("check", 1, (b"\0",) * 5 + (b"\1\1",), {}),)},
        {"groups": (("check", 1, (b"\1\1",) + (b"\0",) * 5, {}),)},
        {"groups": (("check", 1, (b"\0", b"\x08" + b"\xff" * 8, *(b"\0",) * 4), {}),)},
        {"groups": (("check", 1, (b"\0", b"\0", b"\x08" + b"\xff" * 8, *(b"\0",) * 3), {}),)},
        {"surplus": 1},
    ],
)
def test_a_hostile_map_is_refused(change: dict[str, object]) -> None:
    """Wrong types, lengths that lie, places that do not exist."""
    raw = frame(BATCH_CODE, b"\0" + encode({**PLAIN, **change}))
    with pytest.raises(EntryError):
        Batch.from_bytes(raw)


def _refused_within(raw: bytes, limit: int) -> None:
    """Refused, with the memory that it took at its height."""
    tracemalloc.start()
    try:
        with pytest.raises(EntryError):
            Batch.from_bytes(raw)
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_stays_packed() -> None:
    """A claim above the bound, and one below it that lies, cost no more than the bound."""
    bomb = zlib.compress(bytes(60_000_000), 9)
    for claim in (60_000_000, MAX_PLAIN_BYTES, 10):
        _refused_within(frame(BATCH_CODE, b"\1" + varint(claim) + bomb), 3 * MAX_PLAIN_BYTES)


def test_a_bomb_of_empty_columns_stays_packed() -> None:
    """A zero column is one byte however many rows it claims: rows and cells are bounded."""
    zeros = (b"\0",) * 6
    many = {f"m{n:05d}": (None, b"\0") for n in range(4_000)}
    long = {"m": (b"\2" + b"\xff" * MAX_ROWS + b"\xff" * MAX_ROWS, b"\0")}
    for groups in (
        (("c", MAX_ROWS, zeros, {}),) * 5_000,
        (("c", MAX_ROWS, zeros, many),),
        (("c", MAX_ROWS, zeros, long),),
    ):
        plain = encode({**PLAIN, "groups": groups})
        packed = b"\1" + varint(len(plain)) + zlib.compress(plain, 9)
        _refused_within(frame(BATCH_CODE, packed), 12 * MAX_CELLS * 8)


def test_what_could_not_be_read_is_not_written() -> None:
    """No rows, too many rows, a number of another column's length, a negative duration."""
    good = batch_of([ROW])
    group = good.groups[0]
    two = np.zeros(2, np.int64)
    empty = col.optional([])
    for bad in (
        replace(good, groups=()),
        replace(good, groups=(replace(group, elapsed_ms=np.array([-1])),)),
        replace(good, groups=(replace(group, started_ms=two),)),
        replace(good, groups=(replace(group, record=np.array([1])),)),
        replace(good, groups=(replace(group, started_ms=np.array([1 << 60])),)),
        replace(
            good,
            groups=(
                replace(
                    group, measures={"m": Measure(lengths=None, values=empty[0], present=empty[1])}
                ),
            ),
        ),
        batch_of([ROW] * (MAX_ROWS + 1)),
    ):
        with pytest.raises(EntryError):
            bad.to_bytes()
    with pytest.raises(EntryError):
        batch_of([ROW, ROW._replace(measures=(5, 5))])


def test_a_batch_is_not_read_from_another_entry() -> None:
    """Each kind has its reader."""
    with pytest.raises(EntryError):
        Batch.from_bytes(AgentStopped(at_us=1, why="").to_bytes())


def test_ten_thousand_pings_fit_a_few_entries() -> None:
    """An hour's evidence is small: under 16 bytes an observation of five packets."""
    random = np.random.default_rng(1)
    rows = [
        Row(
            n, n % 1000, 3, 0, None, None, (5, tuple(int(v) for v in random.integers(900, 1100, 5)))
        )
        for n in range(3_000)
    ]
    assert len(batch_of(rows).to_bytes()) < 16 * len(rows)
