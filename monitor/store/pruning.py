"""Removing what is older than the retention: entries, their hashes, and evidence only they name.

What stays: every hash from level 1 up, so that each later proof still works; the checkpoints; the
figures that were derived; and, as an evidence record, what stood open at the boundary, so that
from there on all can be derived again. The pruning is an entry before anything is removed.

Crash points: after the entry, before the removal: the entry announces what did not happen, the
log is whole, and the next pruning tells of itself anew. The removal is one transaction.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from sqlalchemy import Connection, delete, insert
from sqlalchemy.exc import SQLAlchemyError

from monitor.boundary import Standing
from monitor.derive import (
    Changes,
    Fold,
    Part,
    named_records,
    part_of,
    read_entry,
    records_of,
)
from monitor.ledger.batch import Batch
from monitor.ledger.block import Block
from monitor.ledger.entry import (
    PRUNING_STEP,
    ClockAnchored,
    ConfigurationInForce,
    EntryError,
    LogPruned,
    OperatorAct,
    Record,
    reason_of,
)
from monitor.ledger.wire import WireError, decode, encode
from monitor.paged import parts
from monitor.stamped import stated_us
from monitor.store import reader, schema
from monitor.store.connect import place_of
from monitor.store.errors import StoreError, store_error
from monitor.store.glance import reading
from monitor.store.ledger import Commit, Ledger
from monitor.store.replay import replay

_AT_ONCE = 500
EVERYTHING = 1 << 62
REPORT_ISSUED = "report-issued"
"""The operator's act by which a report enters the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What is to be removed: the entries in [begin, boundary)."""

    begin: int
    boundary: int
    before_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything that takes long about a pruning, found out while the log goes on."""

    pruning: Pruning
    size: int
    """Of the log that was looked at."""
    state: bytes
    """The fold's snapshot at the boundary."""
    forget: frozenset[bytes]
    """Evidence records that no entry from the boundary on names."""
    restated: bytes
    """The configuration in force, where its entry is pruned; else empty."""

    def to_bytes(self) -> bytes:
        """For the process that carries it out."""
        pruning = self.pruning
        values = (pruning.begin, pruning.boundary, pruning.before_us, self.size)
        return encode([list(values), self.state, sorted(self.forget), self.restated])

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The inverse; StoreError for anything else."""
        try:
            (begin, boundary, before_us, size), state, forget, restated = decode(raw)
            pruning = Pruning(begin=begin, boundary=boundary, before_us=before_us)
            return cls(
                pruning=pruning,
                size=size,
                state=state,
                forget=frozenset(forget),
                restated=restated,
            )
        except (WireError, ValueError, TypeError) as error:
            raise StoreError("store.prune-prepared", cause=reason_of(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed, and the entry that tells of it."""

    entry: int
    entries: int
    records: int


def boundary_before(url: str, before_us: int, most: int = EVERYTHING) -> Pruning:
    """The largest boundary below which every entry is older than a moment.

    By the wall clock of commits and clock anchors, which stand in the entries; at most so many
    entries lie below it. StoreError where the database cannot be read.
    """
    try:
        with reading(url) as connection:
            begin, _ = reader.pruned(connection) or (0, 0)
            _, size, _ = reader.tree_state(connection) or ("", 0, b"")
            end = min(size, begin + most)
            late = (at for at, wall_us in _walls(connection, begin, end) if wall_us >= before_us)
            first = next(late, end)
    except EntryError as error:
        raise StoreError("store.failed", place=place_of(url), cause=error.reason) from error
    boundary = max(begin, first // PRUNING_STEP * PRUNING_STEP)
    return Pruning(begin=begin, boundary=boundary, before_us=before_us)


def _walls(connection: Connection, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """(index, wall clock) of every commit and clock anchor."""
    for index, part in _parts(connection, begin, end):
        if isinstance(part, Block):
            yield from enumerate(part.walls, index)
        elif isinstance(part, ClockAnchored):
            yield index, part.wall_us


def _parts(connection: Connection, begin: int, end: int) -> Iterator[tuple[int, Part]]:
    for first, page in reader.read_pages(connection, begin, end):
        for index, told in parts(first, page):
            yield index, part_of(read_entry(told)) if isinstance(told, bytes) else told


def reported_until(url: str) -> int | None:
    """Up to which moment issued reports cover what is left of the log without a gap.

    None where none reaches back to its first entry. StoreError where it cannot be read.
    """
    spans: list[tuple[int, int]] = []
    try:
        with reading(url) as connection:
            begin, _ = reader.pruned(connection) or (0, 0)
            _, size, _ = reader.tree_state(connection) or ("", 0, b"")
            told = reader.read_entries(connection, begin, size)
            states = ((index, stated_us(read_entry(raw))) for index, raw in told)
            first, begun_us = next((one for one in states if one[1] is not None), (size, None))
            for _, raw in reader.read_entries(connection, first, size, OperatorAct.CODE):
                entry = read_entry(raw)
                if isinstance(entry, OperatorAct) and entry.act == REPORT_ISSUED:
                    spans.append((entry.detail["from_us"], entry.detail["until_us"]))
    except (EntryError, KeyError) as error:
        raise StoreError("store.failed", place=place_of(url), cause=reason_of(error)) from error
    if begun_us is None:
        return None
    covered_us = begun_us
    for from_us, until_us in sorted(spans):
        if from_us <= covered_us:
            covered_us = max(covered_us, until_us)
    return covered_us if covered_us > begun_us else None


def prune(ledger: Ledger, pruning: Pruning, author: str, reason: str, at_us: int) -> Pruned:
    """Tell of it in the log, then remove; the archive must be written and verified before.

    StoreError where the boundary moved meanwhile, or where the entry could not be signed: nothing
    is removed then.
    """
    return carry_out(ledger, prepare(ledger.url, pruning), author, reason, at_us)


def prepare(url: str, pruning: Pruning) -> Prepared:
    """Read what a pruning needs, beside the writer; StoreError where the boundary moved."""
    place = place_of(url)
    try:
        with reading(url) as connection:
            begin, _ = reader.pruned(connection) or (0, 0)
            _, size, _ = reader.tree_state(connection) or ("", 0, b"")
            if begin != pruning.begin or not begin < pruning.boundary <= size:
                raise StoreError("store.prune-moved", place=place, boundary=pruning.boundary)
            return Prepared(
                pruning=pruning,
                size=size,
                state=_state_at(connection, pruning.boundary),
                forget=frozenset(_only_below(connection, begin, pruning.boundary, size)),
                restated=_configuration(connection, pruning, size),
            )
    except (SQLAlchemyError, EntryError) as error:
        raise store_error(error, place) from error


def carry_out(ledger: Ledger, prepared: Prepared, author: str, reason: str, at_us: int) -> Pruned:
    """Tell of it in the log, then remove. For the one writer.

    StoreError where the boundary moved meanwhile, or where the entry could not be signed: nothing
    is removed then.
    """
    place, pruning = place_of(ledger.url), prepared.pruning
    try:
        with ledger.engine.connect() as connection:
            begin, _ = reader.pruned(connection) or (0, 0)
            known = begin < pruning.boundary <= prepared.size <= ledger.size
            if begin != pruning.begin or not known:
                raise StoreError("store.prune-moved", place=place, boundary=pruning.boundary)
            later = [
                read_entry(raw)
                for _, raw in reader.read_entries(connection, prepared.size, ledger.size)
            ]
    except (SQLAlchemyError, EntryError) as error:
        raise store_error(error, place) from error
    told = LogPruned(
        boundary=pruning.boundary,
        before_us=pruning.before_us,
        state=hashlib.sha256(prepared.state).digest(),
        author=author,
        reason=reason,
        at_us=at_us,
    )
    entries = [*_restated(prepared, later, at_us), told.to_bytes()]
    done = ledger.append(Commit(entries=entries, records={told.state: prepared.state}, at_us=at_us))
    if done.unsigned:
        raise StoreError("store.prune-unsigned", place=place, why=done.unsigned)
    # Crash here: told and not done; the log is whole.
    forget = prepared.forget - {one for entry in later for one in named_records(entry)}
    restated = named_records(read_entry(entries[0])) if len(entries) > 1 else ()
    return _remove(ledger, pruning, forget - set(restated), done.size - 1)


def _restated(prepared: Prepared, later: Iterable[Record | Batch], at_us: int) -> list[bytes]:
    """The configuration in force once more, unless another one has come into force since."""
    if not prepared.restated or any(isinstance(one, ConfigurationInForce) for one in later):
        return []
    entry = read_entry(prepared.restated)
    assert isinstance(entry, ConfigurationInForce)
    return [replace(entry, at_us=at_us).to_bytes()]


def _state_at(connection: Connection, boundary: int) -> bytes:
    """What stood at the boundary: the fold, and what reports of later time need beside it."""
    fold, standing, first = Fold(), Standing(), 0
    claim = reader.pruned(connection)
    if claim is not None:
        first = claim[0]
        _, raw = next(reader.read_entries(connection, claim[1], claim[1] + 1))
        told = read_entry(raw)
        assert isinstance(told, LogPruned)
        state = reader.read_record(connection, told.state) or b""
        fold, earlier = Fold.restored(state), Standing.restored(state)
        if earlier is None:
            # An earlier version kept nothing for reports: neither can this one.
            replay(connection, fold, first, boundary)
            return fold.snapshot()
        standing = earlier
    for start, page in reader.read_pages(connection, first, boundary):
        changes = Changes()
        for index, part in fold.taken(start, page, changes):
            standing.take(index, part, changes)
    return standing.state(fold)


def _configuration(connection: Connection, pruning: Pruning, size: int) -> bytes:
    """The entry of the configuration in force where that is pruned; else empty."""
    newest = reader.newest_entry(connection, ConfigurationInForce.CODE, pruning.begin, size)
    return newest[1] if newest is not None and newest[0] < pruning.boundary else b""


def _remove(ledger: Ledger, pruning: Pruning, records: Collection[bytes], told: int) -> Pruned:
    begin, boundary = pruning.begin, pruning.boundary
    entry, tile = schema.entry, schema.tile
    try:
        with ledger.engine.begin() as connection:
            # The fold must never have to be replayed through what is removed.
            ledger.store_snapshot(connection, ledger.size)
            _forget(connection, records)
            connection.execute(delete(entry).where(entry.c.index < boundary))
            below = (tile.c.level == 0) & (tile.c.index < boundary // PRUNING_STEP)
            connection.execute(delete(tile).where(below))
            connection.execute(delete(schema.pruning))
            values = {"id": 1, "boundary": boundary, "entry": told}
            connection.execute(insert(schema.pruning), values)
    except (SQLAlchemyError, EntryError) as error:
        raise store_error(error, place_of(ledger.url)) from error
    return Pruned(entry=told, entries=boundary - begin, records=len(records))


def _only_below(connection: Connection, begin: int, boundary: int, size: int) -> set[bytes]:
    """The evidence records that no entry from the boundary on names."""
    below, above = set[bytes](), set[bytes]()
    for first, part in _parts(connection, begin, size):
        for index, digest in records_of(first, part):
            (below if index < boundary else above).add(digest)
    return below - above


def _forget(connection: Connection, records: Collection[bytes]) -> None:
    table, gone = schema.record, sorted(records)
    for at in range(0, len(gone), _AT_ONCE):
        connection.execute(delete(table).where(table.c.sha256.in_(gone[at : at + _AT_ONCE])))
