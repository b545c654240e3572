"""What can go wrong with the store, told apart so that each says what to do."""

from sqlalchemy.exc import DBAPIError

from monitor.ledger.errors import CodedError
from monitor.text import Reason


class StoreError(Exception):
    """The store cannot be used; `code` is a key of the texts, `values` fill it in."""

    def __init__(self, code: str, **values: str | int | Reason) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values

    def __str__(self) -> str:
        return f"{self.code} {self.values}"


class StoreFullError(StoreError):
    """The disk or the quota is full: nothing was written, nothing committed is lost."""


class StoreBusyError(StoreError):
    """Another process holds the database, or its server is away; worth another try."""


class RolledBackError(StoreError):
    """The log is behind the high-water mark, or another log: going on would rewrite history."""


_FULL = ("database or disk is full", "disk i/o error", "no space left", "disk quota")
_AWAY = (
    "connection refused",
    "connection failed",
    "connection to server",
    "server closed the connection",
    "terminating connection",
    "the connection is lost",
    "the connection is closed",
    "no such file or directory\n\tis the server",
)
_BUSY = ("database is locked", "database table is locked", "lock timeout")


def store_error(error: Exception, place: str) -> StoreError:
    """The typed error of whatever the driver raised; the driver's text stays in it."""
    if isinstance(error, CodedError):
        return StoreError("store.failed", place=place, cause=error.reason)
    cause = error.orig if isinstance(error, DBAPIError) else error
    text = str(cause).strip().splitlines()[0] if str(cause).strip() else type(error).__name__
    low = str(cause).lower()
    if any(word in low for word in _FULL):
        return StoreFullError("store.full", place=place, cause=text)
    if any(word in low for word in _BUSY):
        return StoreBusyError("store.busy", place=place, cause=text)
    if any(word in low for word in _AWAY):
        return StoreBusyError("store.away", place=place, cause=text)
    if "readonly" in low or "unable to open" in low or "permission" in low:
        return StoreError("store.unwritable", place=place, cause=text)
    return StoreError("store.failed", place=place, cause=text)
