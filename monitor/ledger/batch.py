"""The observations of one commit as ONE entry: a columnar batch. Pure.

Body: a flag (0 plain, 1 zlib), the plain length, then a `wire` map. Times are whole milliseconds
since the anchor that the batch names, so that SLA time is the anchor's wall clock plus them.
A row's judgement is its verdicts as digits base 3 (0 compliant, 1 violated, 2 indeterminate),
the lowest digit first, in the order of the series' rules.

Everything read is bounded before it is unfolded: plain bytes, rows, and cells (numbers in all
columns together). The writer keeps the same bounds, so that what it wrote can be read. The plain
form is canonical; zlib's output is not, which is why the entry's bytes themselves are the leaf.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from monitor.ledger import columns as col
from monitor.ledger.columns import Bools, ColumnError, Ints
from monitor.ledger.entry import (
    BATCH_CODE,
    MAX_TIME_US,
    EntryError,
    code_of,
    frame,
    is_int64,
    reason_of,
)
from monitor.ledger.wire import WireError, decode, encode, read_varint, varint
from monitor.model import FaultKind

MAX_PLAIN_BYTES = 4_000_000
MAX_ROWS = 65_536
MAX_CELLS = 2_000_000
"""Numbers in all columns of a batch: 16 MB of int64, however well they were packed."""
DIGEST_BYTES = 32
MOST_VERDICTS = 40
"""Digits base 3 that fit into the 64 bits of a row's judgement."""
FAULTS: tuple[FaultKind, ...] = tuple(FaultKind)
"""A fault is stored as its place in this tuple + 1; 0 is none. Only ever appended to."""


class Row(NamedTuple):
    """One observation on its way into a batch."""

    series: int
    started_ms: int
    elapsed_ms: int
    judgement: int
    fault: FaultKind | None
    record: bytes | None
    measures: tuple[int | tuple[int | None, ...] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measured column. `lengths` is None where each row has exactly one value."""

    lengths: Ints | None
    values: Ints
    present: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All rows of one check, as columns of equal length."""

    check: str
    series: Ints
    started_ms: Ints
    elapsed_ms: Ints
    judgement: NDArray[np.uint64]
    fault: Ints
    record: Ints
    """Place in the batch's `records` + 1; 0 is none."""
    measures: Mapping[str, Measure]

    def states(self) -> Ints:
        """`monitor.model.State` of each row: what its availability digit says.

        Where nothing could be measured it is unobserved, whatever the digit says.
        """
        states = STATE_OF_DIGIT[(self.judgement % np.uint64(3)).astype(np.int64)]
        return np.where(self.fault == 0, states, 0)

    def cells(self) -> int:
        """Numbers in all its columns."""
        return len(self.series) * 6 + sum(
            len(m.values) + (0 if m.lengths is None else len(m.lengths))
            for m in self.measures.values()
        )

    def require_valid(self, records: int) -> None:
        """EntryError unless columns have equal lengths and values lie in their ranges."""
        count = len(self.series)
        columns = (self.started_ms, self.elapsed_ms, self.judgement, self.fault, self.record)
        if not count or any(len(column) != count for column in columns):
            raise EntryError("entry.batch-columns", check=self.check[:60])
        for column, top in (
            (self.series, np.iinfo(np.int64).max),
            (self.elapsed_ms, np.iinfo(np.int64).max),
            (self.fault, len(FAULTS)),
            (self.record, records),
        ):
            if int(column.min()) < 0 or int(column.max()) > top:
                raise EntryError("entry.batch-column-range", check=self.check[:60])
        if max(-int(self.started_ms.min()), int(self.started_ms.max())) > MAX_TIME_US // 1_000:
            raise EntryError("entry.batch-time-range", check=self.check[:60])
        for name, m in self.measures.items():
            size = count if m.lengths is None else int(m.lengths.sum())
            if len(m.values) != size or len(m.present) != size:
                whose = {"name": name[:60], "check": self.check[:60]}
                raise EntryError("entry.batch-measure", **whose, count=len(m.values))


STATE_OF_DIGIT = np.array([1, 2, 0], np.int64)
"""`monitor.model.State` by the first digit of a judgement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one commit saw."""

    anchor: int
    """Index of the `ClockAnchored` entry that the times count from."""
    wall_us: int
    boottime_ns: int
    records: tuple[bytes, ...]
    groups: tuple[Group, ...]

    def rows(self) -> int:
        """How many observations."""
        return sum(len(group.series) for group in self.groups)

    def to_bytes(self) -> bytes:
        """The entry's bytes; EntryError when they are too long for one entry (then: split)."""
        self._require_valid()
        plain = encode(
            {
                "anchor": self.anchor,
                "wall_us": self.wall_us,
                "boottime_ns": self.boottime_ns,
                "records": self.records,
                "groups": [_write_group(group) for group in self.groups],
            }
        )
        if len(plain) > MAX_PLAIN_BYTES:
            raise EntryError("entry.batch-bytes", bytes=len(plain))
        packed = zlib.compress(plain, 6)
        body = b"\1" + varint(len(plain)) + packed
        return frame(BATCH_CODE, body if len(packed) < len(plain) else b"\0" + plain)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The batch again; EntryError for anything that `to_bytes` cannot have written."""
        if code_of(raw) != BATCH_CODE:
            raise EntryError("entry.batch-none")
        try:
            values = decode(plain_of(raw))
            batch = cls(groups=_read_groups(values.pop("groups")), **values)
            batch._require_valid()
            return batch
        except (WireError, ColumnError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise EntryError("entry.batch-unreadable", why=reason_of(error)) from error

    def _require_valid(self) -> None:
        if not all(is_int64(n) for n in (self.anchor, self.wall_us, self.boottime_ns)):
            raise EntryError("entry.batch-clocks")
        if len(set(self.records)) != len(self.records) or any(
            not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES for digest in self.records
        ):
            raise EntryError("entry.batch-records")
        if not self.groups or self.rows() > MAX_ROWS:
            raise EntryError("entry.batch-rows", rows=self.rows())
        if sum(group.cells() for group in self.groups) > MAX_CELLS:
            raise EntryError("entry.batch-cells", limit=MAX_CELLS)
        for group in self.groups:
            group.require_valid(len(self.records))


def group_rows(check: str, names: Sequence[str], rows: list[Row], records: list[bytes]) -> Group:
    """The rows of one check as columns, ordered by series and time; adds to `records`.

    A measure is a number in every row or a list in every row; None where there is nothing.
    """
    rows = sorted(rows, key=lambda row: row[:2])
    count = len(rows)
    places = {digest: place for place, digest in enumerate(records, 1)}
    for row in rows:
        if row.record and row.record not in places:
            records.append(row.record)
            places[row.record] = len(records)
    return Group(
        check=check,
        series=np.fromiter((row.series for row in rows), np.int64, count),
        started_ms=np.fromiter((row.started_ms for row in rows), np.int64, count),
        elapsed_ms=np.fromiter((row.elapsed_ms for row in rows), np.int64, count),
        judgement=np.fromiter((row.judgement for row in rows), np.uint64, count),
        fault=np.fromiter((_fault_code(row.fault) for row in rows), np.int64, count),
        record=np.fromiter((places.get(row.record or b"", 0) for row in rows), np.int64, count),
        measures={
            name: _measure([row.measures[i] for row in rows]) for i, name in enumerate(names)
        },
    )


def _fault_code(fault: FaultKind | None) -> int:
    return 0 if fault is None else FAULTS.index(fault) + 1


def _measure(values: Sequence[int | tuple[int | None, ...] | None]) -> Measure:
    if not any(isinstance(value, tuple) for value in values):
        flat, present = col.optional([v for v in values if not isinstance(v, tuple)])
        return Measure(lengths=None, values=flat, present=present)
    if any(isinstance(value, int) for value in values):
        raise EntryError("entry.batch-mixed")
    lists = [value if isinstance(value, tuple) else () for value in values]
    flat, present = col.optional([item for items in lists for item in items])
    lengths = np.fromiter((len(items) for items in lists), np.int64, len(lists))
    return Measure(lengths=lengths, values=flat, present=present)


def _write_group(group: Group) -> list[Any]:
    common = [
        col.pack_deltas(group.series),
        col.pack_deltas(group.started_ms),
        col.pack(group.elapsed_ms.astype(np.uint64)),
        col.pack(group.judgement),
        col.pack(group.fault.astype(np.uint64)),
        col.pack(group.record.astype(np.uint64)),
    ]
    measures = {
        name: [
            None if m.lengths is None else col.pack(m.lengths.astype(np.uint64)),
            col.pack_optional(m.values, m.present),
        ]
        for name, m in group.measures.items()
    }
    return [group.check, len(group.series), common, measures]


def _read_groups(stored: Sequence[Sequence[Any]]) -> tuple[Group, ...]:
    """Every group, as long as rows and cells stay within their bounds."""
    groups, cells = list[Group](), 0
    for check, count, common, measures in stored:
        if not is_int64(count) or not 0 < count <= MAX_ROWS or not isinstance(check, str):
            raise ColumnError("entry.column-rows", rows=str(count)[:40])
        cells += count * (6 + len(measures))
        if cells > MAX_CELLS:
            raise ColumnError("entry.column-cells", limit=MAX_CELLS)
        groups.append(_read_group(check, count, common, measures, MAX_CELLS - cells))
        cells += groups[-1].cells() - count * (6 + len(measures))
    return tuple(groups)


def _read_group(
    check: str, count: int, common: Sequence[bytes], measures: Mapping[str, Any], room: int
) -> Group:
    read = {}
    for name, (lengths, values) in measures.items():
        read[name] = _read_measure(count, lengths, values, room)
        room -= len(read[name].values)
    series, started, elapsed, judgement, fault, record = common
    return Group(
        check=check,
        series=col.unpack_deltas(series, count),
        started_ms=col.unpack_deltas(started, count),
        elapsed_ms=col.unpack(elapsed, count).astype(np.int64),
        judgement=col.unpack(judgement, count),
        fault=col.unpack(fault, count).astype(np.int64),
        record=col.unpack(record, count).astype(np.int64),
        measures=read,
    )


def _read_measure(count: int, lengths: bytes | None, values: bytes, room: int) -> Measure:
    if lengths is None:
        flat, present = col.unpack_optional(values, count)
        return Measure(lengths=None, values=flat, present=present)
    sizes = col.unpack(lengths, count)
    if int(sizes.max()) > MAX_ROWS or int(sizes.sum()) > max(0, room):
        raise ColumnError("entry.column-list")
    flat, present = col.unpack_optional(values, int(sizes.sum()))
    return Measure(lengths=sizes.astype(np.int64), values=flat, present=present)


def plain_of(raw: bytes) -> bytes:
    """A batch's plain form, never longer than it claims; EntryError where it is none."""
    if raw[3] == 0:
        return raw[4:]
    if raw[3] != 1:
        raise EntryError("entry.batch-form")
    length, at = read_varint(raw, 4)
    if length > MAX_PLAIN_BYTES:
        raise EntryError("entry.batch-claim", bytes=length)
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(raw[at:], length + 1)
    except zlib.error as error:
        raise EntryError("entry.batch-packed") from error
    if len(plain) != length or not inflate.eof or inflate.unused_data:
        raise EntryError("entry.batch-length")
    return plain
