"""Removing what is older than the retention: entries, their hashes, and evidence only they name.

What stays: every hash from level 1 up, so that each later proof still works; the checkpoints; the
figures that were derived; and, as an evidence record, what stood open at the boundary, so that
from there on all can be derived again. The pruning is an entry before anything is removed.

Crash points: after the entry, before the removal: the entry announces what did not happen, the
log is whole, and the next pruning tells of itself anew. The removal is one transaction.
"""

import hashlib
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, insert
from sqlalchemy.exc import SQLAlchemyError

from monitor.boundary import Standing
from monitor.derive import Changes, Fold, named_records, read_entry
from monitor.ledger.batch import Batch
from monitor.ledger.entry import (
    PRUNING_STEP,
    ClockAnchored,
    ConfigurationInForce,
    EntryError,
    LogPruned,
)
from monitor.store import reader, schema
from monitor.store.connect import place_of
from monitor.store.errors import StoreError, store_error
from monitor.store.glance import reading
from monitor.store.ledger import Commit, Ledger
from monitor.store.replay import replay

_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What is to be removed: the entries in [begin, boundary)."""

    begin: int
    boundary: int
    before_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed, and the entry that tells of it."""

    entry: int
    entries: int
    records: int


def boundary_before(url: str, before_us: int) -> Pruning:
    """The largest boundary below which every entry is older than a moment.

    By the wall clock of commits and clock anchors, which stand in the entries. StoreError where
    the database cannot be read.
    """
    try:
        with reading(url) as connection:
            begin, _ = reader.pruned(connection) or (0, 0)
            _, size, _ = reader.tree_state(connection) or ("", 0, b"")
            first = size
            for index, raw in reader.read_entries(connection, begin, size):
                entry = read_entry(raw)
                if isinstance(entry, Batch | ClockAnchored) and entry.wall_us >= before_us:
                    first = index
                    break
    except EntryError as error:
        raise StoreError("store.failed", place=place_of(url), cause=str(error)) from error
    boundary = max(begin, first // PRUNING_STEP * PRUNING_STEP)
    return Pruning(begin=begin, boundary=boundary, before_us=before_us)


def prune(ledger: Ledger, pruning: Pruning, author: str, reason: str, at_us: int) -> Pruned:
    """Tell of it in the log, then remove; the archive must be written and verified before.

    StoreError where the boundary moved meanwhile, or where the entry could not be signed: nothing
    is removed then.
    """
    place = place_of(ledger.url)
    try:
        with ledger.engine.connect() as connection:
            begin, _ = reader.pruned(connection) or (0, 0)
            if begin != pruning.begin or not begin < pruning.boundary <= ledger.size:
                raise StoreError("store.prune-moved", place=place, boundary=pruning.boundary)
            state = _state_at(connection, pruning.boundary)
            restated = _configuration(connection, pruning, ledger.size, at_us)
    except (SQLAlchemyError, EntryError) as error:
        raise store_error(error, place) from error
    told = LogPruned(
        boundary=pruning.boundary,
        before_us=pruning.before_us,
        state=hashlib.sha256(state).digest(),
        author=author,
        reason=reason,
        at_us=at_us,
    )
    entries = [*restated, told.to_bytes()]
    done = ledger.append(Commit(entries=entries, records={told.state: state}, at_us=at_us))
    if done.unsigned:
        raise StoreError("store.prune-unsigned", place=place, why=done.unsigned)
    # Crash here: told and not done; the log is whole.
    return _remove(ledger, pruning, done.size - 1)


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


def _configuration(connection: Connection, pruning: Pruning, size: int, at_us: int) -> list[bytes]:
    """The configuration in force, to be said again where its entry is pruned."""
    found = None
    for index, raw in reader.read_entries(connection, pruning.begin, size):
        if raw[2:3] == bytes((ConfigurationInForce.CODE,)):
            found = (index, raw)
    if found is None or found[0] >= pruning.boundary:
        return []
    entry = read_entry(found[1])
    assert isinstance(entry, ConfigurationInForce)
    return [replace(entry, at_us=at_us).to_bytes()]


def _remove(ledger: Ledger, pruning: Pruning, told: int) -> Pruned:
    begin, boundary = pruning.begin, pruning.boundary
    entry, tile = schema.entry, schema.tile
    try:
        with ledger.engine.begin() as connection:
            # The fold must never have to be replayed through what is removed.
            ledger.store_snapshot(connection, ledger.size)
            records = _only_below(connection, begin, boundary, ledger.size)
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
    for index, raw in reader.read_entries(connection, begin, size):
        (below if index < boundary else above).update(named_records(read_entry(raw)))
    return below - above


def _forget(connection: Connection, records: set[bytes]) -> None:
    table, gone = schema.record, sorted(records)
    for at in range(0, len(gone), _AT_ONCE):
        connection.execute(delete(table).where(table.c.sha256.in_(gone[at : at + _AT_ONCE])))
