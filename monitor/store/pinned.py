"""A database as something to verify: pinned at one tree size, compared with a rebuilt twin."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, create_engine, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from monitor.derive import Changes, Fold
from monitor.halfway import digest_of
from monitor.ledger.finding import Finding
from monitor.ledger.tiles import TILE_WIDTH, Tile
from monitor.store import reader, schema
from monitor.store.connect import file_uri, open_engine, place_of, require_head
from monitor.store.errors import StoreError, store_error
from monitor.store.rows import apply_changes

_REBUILT = (
    "series",
    "interval",
    "rollup",
    "incident",
    "label",
    "declaration",
    "silence",
    "held",
    "tile",
)
_ONE_ROW = ("tree", "fold", "pruning")
_SETTLED = ("settled_us", "delivered", "attempts")
Row = tuple[Any, ...]


class PinnedDatabase:
    """An online backup copy of a SQLite file, or one snapshot of PostgreSQL. Close it after use.

    Everything it does raises StoreError where the database cannot be read.
    """

    def __init__(self, url: str, *, private: bool = False) -> None:
        """`private`: a SQLite file that nobody else uses, read where it lies."""
        self._place = place_of(url)
        self._folder = Path(tempfile.mkdtemp(prefix="sasando-verify-"))
        self._connection: Connection | None = None
        try:
            with self._typed():
                engine = open_engine(url if private else self._copy(url), read_only=True)
                require_head(engine, url)
                self._connection = engine.connect()
                self._state = reader.tree_state(self._connection)
                self._pruned = reader.pruned(self._connection)
        except (StoreError, OSError):
            self.close()
            raise

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise store_error(error, self._place) from error

    def _copy(self, url: str) -> str:
        if not url.startswith("sqlite"):
            return url
        path, copy = Path(self._place), self._folder / "copy.db"
        if not path.is_file():
            raise StoreError("store.missing", place=str(path))
        try:
            _back_up(path, copy)
        except sqlite3.OperationalError:
            # A WAL database in a directory we may not write: SQLite cannot make its -shm file.
            # Nobody can be writing to it there, or that file would exist; copy the bytes.
            if path.with_name(path.name + "-shm").exists():
                raise
            for end in ("", "-wal"):
                if path.with_name(path.name + end).is_file():
                    shutil.copyfile(path.with_name(path.name + end), f"{copy}{end}")
        return f"sqlite:///{copy}"

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise StoreError("store.failed", place=self._place, cause="closed")
        return self._connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget the copy."""
        if self._connection is not None:
            self._connection.close()
            self._connection.engine.dispose()
            self._connection = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def head(self) -> tuple[str, int, bytes | None]:
        """As the tree row claims; an empty origin where there is none."""
        return self._state or ("", 0, None)

    def checkpoints(self) -> Iterator[tuple[int | None, bytes]]:
        """The kept checkpoints."""
        with self._typed():
            yield from reader.checkpoints(self._open)

    def cosigned(self) -> Iterator[tuple[str | None, int | None, bytes]]:
        """The checkpoints that witnesses cosigned."""
        with self._typed():
            yield from reader.cosigned(self._open)

    def stamped(self) -> Iterator[tuple[int | None, bytes, bytes]]:
        """The time-stamped checkpoints."""
        with self._typed():
            yield from reader.stamped(self._open)

    def entries(self, size: int) -> Iterator[tuple[int, bytes]]:
        """The stored entries, by pages."""
        with self._typed():
            yield from reader.read_entries(self._open, self._boundary, size)

    def pruned(self) -> tuple[int, int] | None:
        """As the table claims."""
        return self._pruned

    def entry(self, index: int) -> bytes | None:
        """A stored entry."""
        with self._typed():
            found = next(reader.read_entries(self._open, index, index + 1), None)
            return None if found is None else found[1]

    @property
    def _boundary(self) -> int:
        return max(0, self._pruned[0]) if self._pruned else 0

    def surplus(self, size: int) -> Iterator[Finding]:
        """Entries outside the tree, and rows where only one has a place."""
        with self._typed():
            table = schema.entry
            outside = (table.c.index >= size) | (table.c.index < self._boundary)
            first = self._open.execute(select(func.min(table.c.index)).where(outside)).scalar()
            if first is not None:
                yield Finding(
                    index=first if isinstance(first, int) else None,
                    what="verify.beyond",
                    values={"size": size},
                )
            for name in _ONE_ROW:
                for row in reader.table_rows(self._open, name):
                    if row[0] != 1:
                        yield _figure("verify.figure-surplus", name, ["id"], 1, row)

    def tile(self, level: int, index: int) -> bytes:
        """A stored tile."""
        with self._typed():
            return reader.read_tile(self._open, level, index)

    def record(self, sha256: bytes) -> bytes | None:
        """A stored evidence record."""
        with self._typed():
            return reader.read_record(self._open, sha256)

    def records(self) -> Iterator[bytes]:
        """The SHA-256 of every stored evidence record."""
        with self._typed():
            table = schema.record
            query = reader.raw(table, "sha256").order_by(table.c.sha256)
            for row in self._open.execute(query.execution_options(yield_per=1_000)):
                yield reader.blob(row[0])

    def snapshot_size(self) -> int | None:
        """Where the stored fold was taken."""
        with self._typed():
            found = self._open.execute(reader.raw(schema.fold, "size")).scalar()
            return None if found is None else reader.integer(found)

    def rebuild(self) -> "Twin":
        """An empty twin in a temporary file."""
        return Twin(self._open, self._folder / "twin.db", self._place, self._boundary)


def _back_up(path: Path, copy: Path) -> None:
    with (
        closing(sqlite3.connect(file_uri(path, "ro"), uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


class Twin:
    """The derived tables built again from the entries, for comparison row by row."""

    figures = True

    def __init__(self, stored: Connection, path: Path, place: str, removed: int = 0) -> None:
        """`removed`: below which entry the stored tiles of level 0 are gone."""
        self.unverifiable = 0
        self._removed = removed // TILE_WIDTH
        self._before: Before | None = None
        self._stored = stored
        self._place, self._path = place, path
        self._connection = self._opened()
        schema.metadata.create_all(self._connection)

    def _opened(self) -> Connection:
        connection = create_engine(f"sqlite:///{self._path}").connect()
        connection.exec_driver_sql("PRAGMA journal_mode=OFF")
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        return connection

    def save(self, place: Path) -> bytes:
        """The tables so far, in one file."""
        self._connection.commit()
        growing = place.with_name(f"{place.name}.new")
        shutil.copyfile(self._path, growing)
        growing.replace(place)
        return digest_of(place)

    def load(self, place: Path) -> None:
        """The tables as they were saved, in place of what there is."""
        self._connection.close()
        self._connection.engine.dispose()
        shutil.copyfile(place, self._path)
        self._connection = self._opened()

    def begin(self, fold: Fold, boundary: int) -> None:
        """What stood open at the boundary is rebuilt from there; older rows stay as they are."""
        self._before = Before(fold, boundary)
        changes = Changes()
        changes.incidents = dict(fold.incidents)
        changes.labels = {row.id: row for row in fold.labels.values()}
        changes.declarations = {(row.id, row.target): row for row in fold.declarations.rows()}
        changes.silences, changes.held = dict(fold.holds.silences), dict(fold.holds.held)
        apply_changes(self._connection, changes, ())

    def take(self, changes: Changes, tiles: Iterable[Tile]) -> None:
        """Store what the next entries derive."""
        apply_changes(self._connection, changes, tiles)
        rows = [
            {
                "id": receipt.alert,
                "incident": 0,
                "step": 0,
                "route": receipt.route,
                "payload": "",
                "created_us": 0,
                "settled_us": receipt.at_us,
                "delivered": receipt.delivered,
                "attempts": receipt.attempt,
            }
            for receipt in changes.settled
        ]
        if rows:
            newest = insert(schema.outbox).prefix_with("OR REPLACE")
            self._connection.execute(newest, rows)

    def differences(self, fold_at: Callable[[], tuple[int, bytes] | None]) -> Iterator[Finding]:
        """Every stored figure that differs from the rebuilt one, table by table."""
        try:
            self._connection.commit()
            for name in _REBUILT:
                yield from self._compare(name)
            yield from self._compare_outbox()
            row = self._stored.execute(reader.raw(schema.fold)).first()
            if row is not None and fold_at() != (row[1], reader.blob(row[2])):
                yield Finding(index=None, what="verify.fold", values={"size": str(row[1])})
        except SQLAlchemyError as error:
            raise store_error(error, self._place) from error
        finally:
            self._connection.close()

    def _compare_outbox(self) -> Iterator[Finding]:
        """What the outbox says of settled messages is what the receipts in the log say."""
        names, table = ["id", *_SETTLED], schema.outbox
        settled = reader.raw(table, *names, "incident")
        for *told, incident in self._stored.execute(settled.order_by(table.c.id)):
            row = tuple(told)
            found = self._connection.execute(settled.where(table.c.id == str(row[0]))).first()
            receipt = None if found is None else tuple(found)[:-1]
            if receipt is not None and receipt != row:
                yield _different("outbox", names, 1, row, receipt)
            elif receipt is None and row[1] is not None:
                if self._before is not None and self._before.opened(incident):
                    self.unverifiable += 1
                else:
                    yield _figure("verify.figure-surplus", "outbox", names, 1, row)

    def _compare(self, name: str) -> Iterator[Finding]:
        """Merge the two sorted streams: a row missing, a row too many, a value that differs."""
        names = [column.name for column in schema.metadata.tables[name].columns]
        width = len(schema.metadata.tables[name].primary_key.columns)
        there, ours = (reader.table_rows(c, name) for c in (self._stored, self._connection))
        stored, rebuilt = next(there, None), next(ours, None)
        while stored is not None or rebuilt is not None:
            if stored == rebuilt:
                stored, rebuilt = next(there, None), next(ours, None)
            elif rebuilt is None or (stored and _rank(stored, width) < _rank(rebuilt, width)):
                if self._before is not None and stored and self._before.has(name, stored):
                    self.unverifiable += 1
                else:
                    yield _figure("verify.figure-surplus", name, names, width, stored or ())
                stored = next(there, None)
            elif stored is None or _rank(stored, width) > _rank(rebuilt, width):
                if not (name == "tile" and rebuilt[0] == 0 and rebuilt[1] < self._removed):
                    yield _figure("verify.figure-missing", name, names, width, rebuilt)
                rebuilt = next(ours, None)
            else:
                yield _different(name, names, width, stored, rebuilt)
                stored, rebuilt = next(there, None), next(ours, None)


class Before:
    """Which stored rows can stem from entries below a boundary, by what stood open there."""

    def __init__(self, fold: Fold, boundary: int) -> None:
        self._boundary = boundary
        self._count = fold.count
        self._since, self._last, self._hour = (
            fold.columns[name] for name in ("since_us", "last_us", "hour")
        )

    def opened(self, number: object) -> bool:
        """Whether it is the number of an entry that was pruned."""
        return isinstance(number, int) and 0 <= number < self._boundary

    def has(self, table: str, row: Row) -> bool:
        """Whether a row may be old: closed before the state, or the hour, that stood open."""
        first, second, third = (*row, None, None)[:3]
        if table in ("incident", "label", "declaration", "silence", "held"):
            return self.opened(first)
        if not isinstance(first, int) or not 0 <= first < self._count:
            return False
        if table == "interval":
            seen = int(self._last[first]) >= 0
            return seen and isinstance(third, int) and third <= int(self._since[first])
        if table == "rollup":
            return isinstance(second, int) and second < int(self._hour[first])
        return table == "series"


def _rank(row: Row, width: int) -> list[tuple[int, Any]]:
    """A row's key in SQLite's order: nothing, numbers, texts, byte strings."""
    return [(_RANKS.get(type(value), 0), 0 if value is None else value) for value in row[:width]]


_RANKS = {int: 1, float: 1, str: 2, bytes: 3}


def _figure(what: str, table: str, names: list[str], width: int, row: Row) -> Finding:
    return Finding(index=None, what=what, values={"table": table, "row": _key(names, width, row)})


def _different(table: str, names: list[str], width: int, stored: Row, rebuilt: Row) -> Finding:
    column = next(n for n, a, b in zip(names, stored, rebuilt, strict=True) if a != b)
    values = {"table": table, "row": _key(names, width, rebuilt), "column": column}
    return Finding(index=None, what="verify.figure", values=dict(values))


def _key(names: list[str], width: int, row: Row) -> str:
    return ", ".join(f"{n}={v!r}"[:80] for n, v in zip(names[:width], row[:width], strict=True))
