"""Batches that follow one another, as one set of columns: what derivation reads. Pure.

`scan` reads the frame of each batch (`wire`, keys and tags in their one order) and remembers where
its columns lie; `Scan.block` decodes them all together. Both are strict and know only the usual
form: whatever they accept, `Batch.from_bytes` accepts and says the same of; whatever they refuse
may still be a batch, and is read singly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitor.ledger import joined
from monitor.ledger.batch import (
    DIGEST_BYTES,
    FAULTS,
    MAX_ROWS,
    STATE_OF_DIGIT,
    Batch,
    plain_of,
)
from monitor.ledger.columns import Bools, ColumnError, Ints
from monitor.ledger.entry import BATCH_CODE, MAX_TIME_US, EntryError, code_of, is_int64
from monitor.ledger.measured import COMMON, Measures, read_measures
from monitor.ledger.wire import WireError, read_varint

MOST_ROWS = 131_072
MOST_BYTES = 4_000_000
"""Of a block: rows, and plain bytes. A single batch is always within them."""
_ANCHOR = b"\x05\x05\x06anchor\x01"
_BOOTTIME = b"\x0bboottime_ns\x01"
_GROUPS = b"\x06groups\x04"
_RECORDS = b"\x07records\x04"
_WALL = b"\x07wall_us\x01"
_BYTES = 3
"""The tag of bytes."""
_DIGEST = bytes((_BYTES, DIGEST_BYTES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The rows of one or more batches, in their order."""

    anchors: Sequence[int]
    """Of each batch."""
    walls: Sequence[int]
    """The wall clock (µs) at which each batch was put together."""
    records: Sequence[tuple[bytes, ...]]
    """Of each batch."""
    checks: Sequence[str]
    """Of each group."""
    batch_rows: Ints
    """Rows of each batch."""
    group_rows: Ints
    """Rows of each group."""
    series: Ints
    started_ms: Ints
    judgement: NDArray[np.uint64]
    fault: Ints
    record: Ints
    """Place in its batch's records + 1; 0 is none."""
    measures: Measures
    lengths: Ints
    """Singletons of each row in its check's first measure; its `values`, where `present`."""
    values: Ints
    present: Bools

    def __len__(self) -> int:
        """How many batches."""
        return len(self.anchors)

    def states(self) -> Ints:
        """`monitor.model.State` of each row, as `Group.states` has it."""
        digits = (self.judgement % np.uint64(3)).astype(np.int64)
        return np.where(self.fault == 0, STATE_OF_DIGIT[digits], 0)

    @classmethod
    def of(cls, batch: Batch) -> "Block":
        """One batch."""
        groups = batch.groups
        group_rows = joined.int64s([len(group.series) for group in groups])
        measures = Measures.of(groups)
        lengths, values, present = measures.first(group_rows)
        return cls(
            anchors=(batch.anchor,),
            walls=(batch.wall_us,),
            records=(batch.records,),
            checks=tuple(group.check for group in groups),
            batch_rows=joined.int64s([batch.rows()]),
            group_rows=group_rows,
            series=np.concatenate([group.series for group in groups]),
            started_ms=np.concatenate([group.started_ms for group in groups]),
            judgement=np.concatenate([group.judgement for group in groups]),
            fault=np.concatenate([group.fault for group in groups]),
            record=np.concatenate([group.record for group in groups]),
            measures=measures,
            lengths=lengths,
            values=values,
            present=present,
        )


@dataclass(slots=True)
class Scan:
    """Where the columns of some batches lie in their plain bytes."""

    plains: list[bytes] = field(default_factory=list)
    anchors: list[int] = field(default_factory=list)
    walls: list[int] = field(default_factory=list)
    records: list[tuple[bytes, ...]] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    """Groups of each batch."""
    checks: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    """Rows of each group."""
    common: list[int] = field(default_factory=list)
    """Offset and length of the six common columns of each group."""
    measures: list[int] = field(default_factory=list)
    """As `monitor.ledger.measured.PLACES` says."""
    names: list[bytes] = field(default_factory=list)
    """Of each measure."""
    length: int = 0
    rows: int = 0

    def __len__(self) -> int:
        """How many batches."""
        return len(self.anchors)

    def block(self) -> Block | None:
        """Everything decoded; None where a column is not as `Batch.from_bytes` wants it."""
        try:
            return _block(self)
        except (ColumnError, UnicodeDecodeError):
            return None


class _OtherFormError(Exception):
    """A batch that is not of the usual form: it is read by itself."""


def scan(entries: Sequence[bytes], first: int) -> Scan:
    """The batches from `first` on that are of the usual form, until something else comes."""
    found = Scan()
    for place in range(first, len(entries)):
        try:
            if code_of(entries[place]) != BATCH_CODE:
                break
            plain = plain_of(entries[place])
            if found.length and found.length + len(plain) > MOST_BYTES:
                break
            if not _read(plain, found):
                break
        except (EntryError, WireError, _OtherFormError, IndexError, UnicodeDecodeError):
            break
    return found


@dataclass(slots=True)
class _Groups:
    """As `Scan` has it, of one batch."""

    checks: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    common: list[int] = field(default_factory=list)
    measures: list[int] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)


def _read(plain: bytes, found: Scan) -> bool:
    """Take the frame of one batch in; False where it is unusual, or too much for this block."""
    base, part = found.length, _Groups()
    at = _after(plain, 0, _ANCHOR)
    anchor, at = _number(plain, at)
    boottime_ns, at = _number(plain, _after(plain, at, _BOOTTIME))
    groups, at = _length(plain, _after(plain, at, _GROUPS))
    for number in range(groups):
        at = _read_group(plain, at, base, len(found.checks) + number, part)
    records, at = _read_records(plain, _after(plain, at, _RECORDS))
    wall_us, at = _number(plain, _after(plain, at, _WALL))
    rows = sum(part.counts)
    if at != len(plain) or not groups or rows > MAX_ROWS:
        return False
    if not (is_int64(anchor) and is_int64(boottime_ns) and is_int64(wall_us)):
        return False
    if found.rows and found.rows + rows > MOST_ROWS:
        return False
    found.plains.append(plain)
    found.anchors.append(anchor)
    found.walls.append(wall_us)
    found.records.append(records)
    found.groups.append(groups)
    found.checks += part.checks
    found.counts += part.counts
    found.common += part.common
    found.measures += part.measures
    found.names += part.names
    found.length, found.rows = base + len(plain), found.rows + rows
    return True


def _read_group(plain: bytes, at: int, base: int, number: int, part: _Groups) -> int:
    """[check, rows, [six columns], {measure: [lengths, values]}]; where it ends."""
    length, at = _length(plain, _after(plain, at, b"\x04\x04\x02"))
    part.checks.append(plain[at : at + length])
    count, at = _number(plain, _after(plain, at + length, b"\x01"))
    if not 0 < count <= MAX_ROWS:
        raise _OtherFormError
    part.counts.append(count)
    at = _read_columns(plain, _after(plain, at, b"\x04\x06"), COMMON, base, part.common)
    measures, at = _length(plain, _after(plain, at, b"\x05"))
    before = b""
    for place in range(measures):
        length, at = _length(plain, at)
        name, at = plain[at : at + length], at + length
        if place and name <= before:
            raise _OtherFormError
        part.names.append(name)
        before = name
        part.measures.append(number)
        at = _after(plain, at, b"\x04\x02")
        if plain[at] == 0:
            part.measures += (0, -1)
            at = _read_columns(plain, at + 1, 1, base, part.measures)
        else:
            at = _read_columns(plain, at, 2, base, part.measures)
    return at


def _read_columns(plain: bytes, at: int, count: int, base: int, places: list[int]) -> int:
    """Columns one after the other: offset and length of each; where they end.

    Half of what a long log costs is spent here: the usual length of one byte is read in place.
    """
    end = len(plain)
    for _ in range(count):
        if plain[at] != _BYTES:
            raise WireError("unusual")
        length = plain[at + 1]
        if length < 0x80:
            at += 2
        else:
            length, at = read_varint(plain, at + 1)
        if length > end - at:
            raise WireError("length")
        places += (base + at, length)
        at += length
    return at


def _read_records(plain: bytes, at: int) -> tuple[tuple[bytes, ...], int]:
    count, at = _length(plain, at)
    if not count:
        return (), at
    records = []
    for _ in range(count):
        at = _after(plain, at, _DIGEST)
        records.append(plain[at : at + DIGEST_BYTES])
        at += DIGEST_BYTES
    if len(set(records)) != count:
        raise _OtherFormError
    return tuple(records), at


def _after(plain: bytes, at: int, wanted: bytes) -> int:
    if not plain.startswith(wanted, at):
        raise _OtherFormError
    return at + len(wanted)


def _length(plain: bytes, at: int) -> tuple[int, int]:
    """A length that lies within the bytes."""
    number = plain[at]
    if number < 0x80:
        number, at = number, at + 1
    else:
        number, at = read_varint(plain, at)
    if number > len(plain) - at:
        raise _OtherFormError
    return number, at


def _number(plain: bytes, at: int) -> tuple[int, int]:
    """A signed integer, behind its tag."""
    number, at = read_varint(plain, at)
    return (number >> 1 if not number & 1 else -((number + 1) >> 1)), at


def _block(scan: Scan) -> Block:
    raw = np.frombuffer(b"".join(scan.plains), np.uint8)
    counts = joined.int64s(scan.counts)
    common = joined.int64s(scan.common).reshape(-1, COMMON, 2)
    series, started_ms, elapsed_ms, judgement, fault, record = (
        joined.unpack(raw, common[:, n, 0], common[:, n, 1], counts) for n in range(COMMON)
    )
    first = joined.starts(joined.int64s(scan.groups))
    batch_rows = np.add.reduceat(counts, first)
    places, names = joined.int64s(scan.measures), _names(scan.names)
    measures = read_measures(raw, places, names, counts, first)
    lengths, values, present = measures.first(counts)
    block = Block(
        anchors=scan.anchors,
        walls=scan.walls,
        records=scan.records,
        checks=_names(scan.checks),
        batch_rows=batch_rows,
        group_rows=counts,
        series=joined.undelta(series, counts),
        started_ms=joined.undelta(started_ms, counts),
        judgement=judgement,
        fault=fault.view(np.int64),
        record=record.view(np.int64),
        measures=measures,
        lengths=lengths,
        values=values,
        present=present,
    )
    most = np.repeat(joined.int64s([len(digests) for digests in scan.records]), batch_rows)
    latest = MAX_TIME_US // 1_000
    if not (
        bool((block.series >= 0).all())
        and bool((elapsed_ms.view(np.int64) >= 0).all())
        and bool(((block.fault >= 0) & (block.fault <= len(FAULTS))).all())
        and bool(((block.record >= 0) & (block.record <= most)).all())
        and bool(((block.started_ms >= -latest) & (block.started_ms <= latest)).all())
    ):
        raise ColumnError("entry.column-range")
    return block


def _names(checks: Sequence[bytes]) -> list[str]:
    known = {name: name.decode() for name in set(checks)}
    return [known[name] for name in checks]
