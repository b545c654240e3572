"""What the database holds at a start, and whether it is this log as it was last seen."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from monitor.derive import Fold
from monitor.ledger import anchor
from monitor.ledger.entry import EntryError
from monitor.ledger.errors import LedgerError
from monitor.ledger.merkle import EMPTY_ROOT, Frontier
from monitor.ledger.tiles import TileTree, hash_reader
from monitor.store import schema
from monitor.store.errors import RolledBackError, StoreError
from monitor.store.keys import Keys
from monitor.store.reader import blob, entry_count, pruned, read_tile, tree_state
from monitor.store.reader import raw as raw_columns
from monitor.store.replay import replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The state at the database's size."""

    tree: TileTree
    fold: Fold
    snapshot_at: int
    """Size of the tree at the last snapshot of the fold; 0 where there is none."""


def stored(engine: Engine, origin: str, place: str) -> Stored:
    """The last snapshot, and every entry after it; StoreError where it does not hold together."""
    with engine.connect() as connection:
        there, size, root = tree_state(connection) or (origin, 0, EMPTY_ROOT)
        if there != origin:
            raise StoreError("store.origin", there=there, here=origin)
        wrong = StoreError("store.inconsistent", place=place, size=size)
        try:
            tree = TileTree.load(size, lambda level, at: read_tile(connection, level, at))
            boundary, _ = pruned(connection) or (0, 0)
            if entry_count(connection) != size - boundary or tree.root() != root:
                raise wrong
            fold, snapshot_at = _folded(connection, size)
        except (LedgerError, EntryError) as error:
            raise wrong from error
    return Stored(tree=tree, fold=fold, snapshot_at=snapshot_at)


def _folded(connection: Connection, size: int) -> tuple[Fold, int]:
    kept = connection.execute(raw_columns(schema.fold)).first()
    fold = Fold.restored(blob(kept.state)) if kept else Fold()
    snapshot_at = kept.size if kept else 0
    if not 0 <= snapshot_at <= size:
        raise EntryError("entry.snapshot-beyond")
    replay(connection, fold, snapshot_at, size)
    return fold, snapshot_at


def own_notes(engine: Engine, keys: Keys, size: int, mark: Path, place: str) -> list[bytes]:
    """The newest kept checkpoint and the high-water mark, where they are; `size` is the tree's.

    RolledBackError where one is of another key, or where the mark has seen what is not there.
    """
    notes = []
    # A log has one key at a time, whoever holds the origin.
    kept = _newest_checkpoint(engine)
    if kept is not None:
        keys.opened(kept, place)
        notes.append(kept)
    marked = anchor.read(mark)
    if marked is not None:
        _require_seen(engine, keys, marked, size, str(mark))
        notes.append(marked)
    return notes


def _newest_checkpoint(engine: Engine) -> bytes | None:
    newest = select(schema.checkpoint.c.note).order_by(schema.checkpoint.c.size.desc())
    with engine.connect() as connection:
        note = connection.execute(newest.limit(1)).scalar()
    return None if note is None else bytes(note)


def _require_seen(engine: Engine, keys: Keys, note: bytes, size: int, place: str) -> None:
    mark = keys.opened(note, place)
    here: dict[str, str | int] = {"mark": mark.size, "size": size, "place": place}
    if mark.size > size:
        raise RolledBackError("store.rolled-back", **here)
    with engine.connect() as connection:
        read = hash_reader(lambda level, at: read_tile(connection, level, at))
        try:
            agrees = Frontier.at(mark.size, read).root() == mark.root
        except LedgerError:  # a tile is missing: what the mark has seen is not there
            agrees = False
        if not agrees:
            raise RolledBackError("store.other-history", **here)
