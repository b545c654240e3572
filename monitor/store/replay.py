"""The fold of stored entries, by pages: nothing is kept but where it ends."""

from sqlalchemy import Connection

from monitor.derive import Changes, Fold
from monitor.store import reader


def replay(connection: Connection, fold: Fold, first: int, end: int) -> None:
    """Take in the stored entries of [first, end); EntryError for one that cannot follow."""
    for index, page in reader.read_pages(connection, first, end):
        for _ in fold.taken(index, page, Changes()):
            pass
