"""A whole copy of a SQLite database while its writer goes on (SQLite's online backup)."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from monitor.store.connect import file_uri, place_of
from monitor.store.errors import StoreError, store_error

_MODE = 0o640


def back_up(url: str, target: Path) -> None:
    """Copy the database to a new file, synced; StoreError says what is in the way.

    The copy is one moment's: a transaction is in it as a whole or not at all.
    """
    place = place_of(url)
    if not url.startswith("sqlite"):
        raise StoreError("store.backup-server", place=place)
    if not Path(place).is_file():
        raise StoreError("store.missing", place=place)
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _MODE)
    try:
        with (
            closing(sqlite3.connect(file_uri(place, "ro"), uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
        os.fsync(descriptor)
    except sqlite3.Error as error:
        raise store_error(error, place) from error
    finally:
        os.close(descriptor)
