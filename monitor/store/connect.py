"""Opening a database: SQLite with its durability, PostgreSQL through a URL; migrations; the lock.

The lock is what makes the writer one: flock beside a SQLite file, an advisory lock in
PostgreSQL. It dies with its process.
"""

import fcntl
import os
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from monitor.ledger.files import sync_directory
from monitor.store.errors import StoreBusyError, StoreError, store_error
from monitor.store.schema import HEAD

BUSY_MS = 5_000
_ADVISORY = 0x5A5A_0D0
_APPLICATION = "sasando pid "
_HOLDER = text(
    "SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = :id"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def place_of(url: str) -> str:
    """The database's name for people: a path, or a URL without its password."""
    parsed = make_url(url)
    return parsed.database or "" if _is_sqlite(url) else parsed.render_as_string(hide_password=True)


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def file_uri(path: str | Path, mode: str) -> str:
    """SQLite's URI of a file, whatever characters its name has."""
    return f"file:{quote(str(path))}?mode={mode}"


def open_engine(url: str, *, read_only: bool = False) -> Engine:
    """An engine whose transactions are the database's own.

    The writer keeps its connection: SQLite folds the whole WAL into the file and syncs once more
    whenever the last connection closes. Readers keep none.
    """
    try:
        sqlite = _is_sqlite(url)
    except ArgumentError as error:
        raise StoreError("store.url", place=_masked(url)) from error
    if not sqlite:
        return _postgresql(url, read_only)
    uri = file_uri(place_of(url), "ro" if read_only else "rwc")
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(
            uri, uri=True, timeout=BUSY_MS / 1_000, check_same_thread=False
        ),
        **({"poolclass": NullPool} if read_only else _ONE_KEPT),
    )
    event.listen(engine, "connect", _on_connect_reading if read_only else _on_connect)
    event.listen(engine, "begin", _begin_read if read_only else _begin_write)
    return engine


_ONE_KEPT: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 1}
_TWO_KEPT = {**_ONE_KEPT, "pool_size": 2}
"""One for the lock, one for the transactions."""


def _masked(url: str) -> str:
    """What of a URL that cannot be parsed may be shown: it might hold a password."""
    return url.partition(":")[0] + ":…"


def _postgresql(url: str, read_only: bool) -> Engine:
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    named = {"application_name": f"{_APPLICATION}{os.getpid()}"}
    if read_only:
        engine = create_engine(parsed, poolclass=NullPool, connect_args=named)
        return engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
    return create_engine(parsed, pool_pre_ping=True, connect_args=named, **_TWO_KEPT)


def _on_connect(connection: Any, _: object) -> None:
    # The driver must not open transactions of its own: `_begin_write` does, with the lock.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA wal_autocheckpoint=1000")


def _on_connect_reading(connection: Any, _: object) -> None:
    connection.isolation_level = None
    # What is verified may hold anything: a text that is not UTF-8 is a finding, not an error.
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")


def _begin_write(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_read(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def migrate(engine: Engine, url: str) -> str | None:
    """Bring the schema to HEAD; the path of the backup made before, None where none was needed.

    A newer schema than this program knows is refused, and so is a database of something else.
    """
    place = place_of(url)
    try:
        revision, foreign = _revision(engine)
        if foreign:
            raise StoreError("store.foreign", place=place, table=foreign)
        if revision == HEAD:
            return None
        if revision is not None and revision > HEAD:
            raise StoreError("store.newer", place=place, revision=revision, head=HEAD)
        backup = _backup(engine, place, revision) if revision and _is_sqlite(url) else None
        _upgrade(engine, place, _is_sqlite(url))
    except SQLAlchemyError as error:
        raise store_error(error, place) from error
    return backup


def require_head(engine: Engine, url: str) -> None:
    """StoreError unless the schema is the one this program reads."""
    place = place_of(url)
    revision, _ = _revision(engine)
    if revision is None:
        raise StoreError("store.empty", place=place)
    if revision > HEAD:
        raise StoreError("store.newer", place=place, revision=revision, head=HEAD)
    if revision < HEAD:
        raise StoreError("store.older", place=place, revision=revision, head=HEAD)


def _revision(engine: Engine) -> tuple[str | None, str]:
    """(revision, "") of our schema; (None, "") of an empty database; else a foreign table."""
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        if "alembic_version" not in tables:
            return None, next(iter(sorted(tables)), "")
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar(), ""


def _backup(engine: Engine, place: str, revision: str) -> str:
    """A whole copy beside the database; a crash leaves `.new`, which the next try replaces."""
    target = Path(f"{place}.before-{HEAD}-from-{revision}")
    unfinished = target.with_name(target.name + ".new")
    unfinished.unlink(missing_ok=True)
    raw = engine.raw_connection()
    try:
        raw.driver_connection.execute("VACUUM INTO ?", (str(unfinished),))  # type: ignore[union-attr]
    except sqlite3.Error as error:
        unfinished.unlink(missing_ok=True)
        raise store_error(error, place) from error
    finally:
        raw.close()
    descriptor = os.open(unfinished, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.replace(target)
    sync_directory(target.parent)
    return str(target)


def _upgrade(engine: Engine, place: str, sqlite: bool) -> None:
    from alembic import command
    from alembic.config import Config

    if sqlite:
        # The mode is kept in the file; it cannot be changed inside a transaction.
        raw = engine.raw_connection()
        try:
            raw.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]
        except sqlite3.Error as error:
            raise store_error(error, place) from error
        finally:
            raw.close()
    config = Config()
    scripts = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", scripts)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


class WriterLock:
    """Held by the one process that writes this database; a context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file: int | None = None
        self._connection: Connection | None = None
        self._at_server = False

    def acquire(self, engine: Engine) -> Self:
        """Take the lock or raise StoreBusyError naming the holder's pid; never waits."""
        if _is_sqlite(self._url):
            self._flock(Path(place_of(self._url) + ".lock"))
        else:
            self._advisory(engine)
            self._at_server = True
        return self

    def _flock(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            cause = error.strerror or str(error)
            raise StoreError("store.unwritable", place=str(path), cause=cause) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise StoreBusyError("store.held", place=str(path), pid=holder or "?") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._file = descriptor

    def _advisory(self, engine: Engine) -> None:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(text(f"SELECT pg_try_advisory_lock({_ADVISORY})")).scalar():
            holder = connection.execute(_HOLDER, {"id": _ADVISORY}).first()
            connection.close()
            named = "?" if holder is None else holder[0].removeprefix(_APPLICATION) or holder[1]
            raise StoreBusyError("store.held", place=place_of(self._url), pid=str(named))
        self._connection = connection

    def still_held(self, engine: Engine) -> None:
        """Before each transaction: take the lock again if the server lost it with a connection.

        Raises StoreBusyError when somebody else has it now, SQLAlchemyError without a server.
        """
        if not self._at_server:
            return
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return
        except SQLAlchemyError:
            self._hang_up()
        self._advisory(engine)

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._at_server = False
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            # A pooled connection would live on, and the lock with it.
            connection.invalidate()
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType
    ) -> None:
        self.release()
