"""Batches read together: what is accepted is what each of them says, read alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ledger import block as module
from monitor.ledger import columns as col
from monitor.ledger import joined
from monitor.ledger.batch import Batch, Group, Measure, Row, group_rows
from monitor.ledger.block import Block, scan
from monitor.ledger.columns import ColumnError
from monitor.ledger.entry import BATCH_CODE, AgentStopped, EntryError, frame
from monitor.ledger.measured import Measures
from monitor.ledger.wire import encode
from tests.ledger.test_batch import GROUPS, batch_of, plain_of

BATCHES = st.lists(st.lists(GROUPS, min_size=1, max_size=3), min_size=1, max_size=5)
STOPPED = AgentStopped(at_us=0, why="signal").to_bytes()
COLUMNS = ("series", "started_ms", "judgement", "fault", "record", "lengths", "values", "present")


def same(block: Block, batches: list[Batch]) -> None:
    """The block says what the batches say one after the other, and each as its groups say."""
    alone = [Block.of(batch) for batch in batches]
    for name in COLUMNS:
        whole = np.concatenate([getattr(one, name) for one in alone])
        assert getattr(block, name).tolist() == whole.tolist(), name
    measured(block, [one.measures for one in alone], [len(one.checks) for one in alone])
    assert block.states().tolist() == [
        state for batch in batches for group in batch.groups for state in group.states().tolist()
    ]
    groups = [group for batch in batches for group in batch.groups]
    every = [pair for group in groups for pair in group.measures.items()]
    assert list(block.measures.names) == [name for name, _ in every]
    assert block.measures.values.tolist() == [v for _, m in every for v in m.values.tolist()]
    firsts = [next(iter(group.measures.values()), None) for group in groups]
    assert block.values.tolist() == [v for m in firsts if m for v in m.values.tolist()]
    assert list(block.anchors) == [batch.anchor for batch in batches]
    assert list(block.walls) == [batch.wall_us for batch in batches]
    assert list(block.records) == [batch.records for batch in batches]
    assert list(block.checks) == [group.check for batch in batches for group in batch.groups]
    assert block.batch_rows.tolist() == [batch.rows() for batch in batches]
    assert block.group_rows.tolist() == [
        len(group.series) for batch in batches for group in batch.groups
    ]


def measured(block: Block, alone: list[Measures], groups: list[int]) -> None:
    """Every measure, not the first ones alone, in the groups that it is of."""
    for name in ("sizes", "lengths", "values", "present", "listed"):
        whole = np.concatenate([getattr(one, name) for one in alone])
        assert getattr(block.measures, name).tolist() == whole.tolist(), name
    assert list(block.measures.names) == [name for one in alone for name in one.names]
    firsts = [sum(groups[:n]) for n in range(len(groups))]
    each = zip(firsts, alone, strict=True)
    assert block.measures.group.tolist() == [n + k for n, one in each for k in one.group.tolist()]


@given(BATCHES)
@settings(max_examples=40)
def test_together_they_say_what_they_say_alone(batches: list[list[list[Row]]]) -> None:
    """Every column that derivation reads, and where each batch and group ends."""
    entries = [batch_of(*groups).to_bytes() for groups in batches]
    found = scan([STOPPED, *entries, STOPPED], 1)
    block = found.block()
    assert len(found) == len(entries)
    assert block is not None
    same(block, [Batch.from_bytes(raw) for raw in entries])


@given(GROUPS, st.integers(0, 2))
def test_measures_of_every_shape_are_read(rows: list[Row], shape: int) -> None:
    """None at all, plain numbers first, or lists first."""
    names = [(), ("scalar",), ("a-list", "scalar")][shape]
    picked = [
        row._replace(measures=[(), row.measures[:1], row.measures[::-1]][shape]) for row in rows
    ]
    batch = Batch(
        anchor=1,
        wall_us=2,
        boottime_ns=3,
        records=(),
        groups=(group_rows("a", names, [row._replace(record=None) for row in picked], []),),
    )
    raw = batch.to_bytes()
    block = scan([raw, raw], 0).block()
    assert block is not None
    same(block, [batch, batch])


@given(GROUPS, st.data())
def test_damaged_bytes_are_refused_or_mean_the_same(rows: list[Row], data: st.DataObject) -> None:
    """One or two changed bytes of the plain form: never accepted where it alone is refused."""
    whole = Batch.from_bytes(batch_of(rows).to_bytes())
    plain = bytearray(plain_of(whole))
    for _ in range(data.draw(st.integers(1, 2))):
        plain[data.draw(st.integers(0, len(plain) - 1))] ^= data.draw(st.integers(1, 255))
    damaged = frame(BATCH_CODE, b"\0" + bytes(plain))
    found = scan([whole.to_bytes(), damaged], 0)
    block = found.block()
    if len(found) == 2 and block is not None:
        same(block, [whole, Batch.from_bytes(damaged)])
    try:
        alone = Batch.from_bytes(damaged)
    except EntryError:
        assert len(found) == 1 or block is None
    else:  # whatever is usual is read together: this is what makes it worth while
        assert len(found) == 2
        assert block is not None
        same(block, [whole, alone])


def _written(group: Group, **more: object) -> bytes:
    """A batch of this group as somebody writes it who checks nothing."""
    fields: dict[str, object] = {
        "anchor": 1,
        "wall_us": 2,
        "boottime_ns": 3,
        "records": (),
        "groups": [
            [
                group.check,
                len(group.series),
                [
                    col.pack_deltas(group.series),
                    col.pack_deltas(group.started_ms),
                    *(
                        col.pack(one.astype(np.uint64))
                        for one in (group.elapsed_ms, group.judgement, group.fault, group.record)
                    ),
                ],
                {
                    name: [
                        None if m.lengths is None else col.pack(m.lengths.astype(np.uint64)),
                        col.pack_optional(m.values, m.present),
                    ]
                    for name, m in group.measures.items()
                },
            ]
        ],
    }
    return frame(BATCH_CODE, b"\0" + encode({**fields, **more}))


def _group(**more: object) -> Group:
    ones = np.ones(2, np.int64)
    usual: dict[str, object] = {
        "check": "icmp",
        "series": ones * 3,
        "started_ms": ones,
        "elapsed_ms": ones,
        "judgement": ones.astype(np.uint64),
        "fault": ones * 0,
        "record": ones * 0,
        "measures": {"a": Measure(lengths=None, values=ones, present=ones > 0)},
    }
    return Group(**{**usual, **more})  # type: ignore[arg-type]


LISTED = Measure(
    lengths=np.array([2, 1]), values=np.zeros(2, np.int64), present=np.ones(2, np.bool_)
)
LONG = Measure(
    lengths=np.array([65_537, 0]),
    values=np.zeros(65_537, np.int64),
    present=np.zeros(65_537, np.bool_),
)


@pytest.mark.parametrize(
    "raw",
    [
        _written(_group(series=np.array([-1, 2]))),
        _written(_group(started_ms=np.array([0, 1 << 60]))),
        _written(_group(started_ms=np.array([0, -(1 << 60)]))),
        _written(_group(elapsed_ms=np.array([0, -1]))),
        _written(_group(fault=np.array([0, 200]))),
        _written(_group(record=np.array([0, 1]))),
        _written(_group(measures={"a": LISTED})),
        _written(_group(measures={"a": LONG})),
        _written(_group(), records=(b"a" * 32, b"a" * 32)),
        _written(_group(), records=(b"a" * 31,)),
        _written(_group(), anchor=1 << 63),
        _written(_group(), wall_us=-(1 << 64)),
        _written(_group(), boottime_ns="3"),
        _written(_group(), groups=()),
        _written(_group(), more=1),
    ],
)
def test_values_out_of_their_range_are_refused(raw: bytes) -> None:
    """Together with a good batch, as alone."""
    with pytest.raises(EntryError):
        Batch.from_bytes(raw)
    found = scan([_written(_group()), raw], 0)
    assert len(found) == 1 or found.block() is None


def test_what_was_written_by_hand_is_usual() -> None:
    """Otherwise the refusals above would say nothing."""
    raw = _written(_group())
    block = scan([raw, raw], 0).block()
    assert block is not None
    same(block, [Batch.from_bytes(raw)] * 2)


def test_a_claim_of_many_numbers_costs_nothing() -> None:
    """Forty measures of 65,536 rows each, in a few hundred bytes: refused before it is unfolded."""
    many = np.zeros(65_536, np.int64)
    measure = Measure(lengths=None, values=many, present=many > 0)
    raw = _written(
        _group(
            **dict.fromkeys(("series", "started_ms", "elapsed_ms", "fault", "record"), many),
            judgement=many.astype(np.uint64),
            measures={f"m{n:02}": measure for n in range(40)},
        )
    )
    assert len(raw) < 2_000
    found = scan([raw], 0)
    assert len(found) == 1
    assert found.block() is None


def test_a_block_ends_before_it_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """By rows and by bytes; one batch alone always fits."""
    raw = _written(_group())
    assert len(scan([raw] * 9, 0)) == 9
    monkeypatch.setattr(module, "MOST_ROWS", 5)
    assert len(scan([raw] * 9, 0)) == 2
    monkeypatch.setattr(module, "MOST_ROWS", 1)
    assert len(scan([raw] * 9, 0)) == 1
    monkeypatch.undo()
    monkeypatch.setattr(module, "MOST_BYTES", 3 * len(raw))
    assert len(scan([raw] * 9, 0)) == 3
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    assert len(scan([raw] * 9, 0)) == 1


UINT64 = st.integers(0, 300) | st.integers(0, (1 << 64) - 1)


@given(st.lists(st.lists(UINT64, max_size=6) | st.just([0, 0]), min_size=1, max_size=8))
def test_columns_together_are_the_columns(numbers: list[list[int]]) -> None:
    """Whatever their widths and lengths, empty ones among them."""
    packed = [col.pack(np.array(one, np.uint64)) for one in numbers]
    assert _together(packed, [len(one) for one in numbers]) == [n for one in numbers for n in one]


@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 5)), min_size=1, max_size=4))
def test_columns_are_refused_together_where_one_is_alone(columns: list[tuple[bytes, int]]) -> None:
    """Any bytes: the same numbers, or a ColumnError in both."""
    try:
        alone = [n for raw, count in columns for n in col.unpack(raw, count).tolist()]
    except ColumnError:
        with pytest.raises(ColumnError):
            _together(*map(list, zip(*columns, strict=True)))
    else:
        assert _together(*map(list, zip(*columns, strict=True))) == alone


def _together(packed: list[bytes], counts: list[int]) -> list[int]:
    lengths = np.array([len(raw) for raw in packed])
    raw = np.frombuffer(b"".join(packed) + b"\0", np.uint8)
    return joined.unpack(raw, joined.starts(lengths), lengths, np.array(counts)).tolist()


@given(st.lists(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1), min_size=1))
def test_deltas_together_come_back_even_where_they_overflow(numbers: list[list[int]]) -> None:
    """Each column counts from nothing, whatever the one before it ended with."""
    counts = np.array([len(one) for one in numbers])
    deltas = [np.diff(np.array(one, np.int64), prepend=np.int64(0)) for one in numbers]
    back = joined.undelta(col.zigzag(np.concatenate(deltas)), counts)
    assert back.tolist() == [n for one in numbers for n in one]


def test_a_batch_with_a_second_group_of_the_same_check_keeps_its_order() -> None:
    """Groups are not sorted: what comes later in the entry comes later here."""
    first, second = _group(), _group(series=np.array([1, 0]))
    raw = Batch(
        anchor=1, wall_us=2, boottime_ns=3, records=(), groups=(first, replace(second))
    ).to_bytes()
    block = scan([raw], 0).block()
    assert block is not None
    assert block.series.tolist() == [3, 3, 1, 0]
