"""The high-water mark: the latest signed checkpoint, kept apart from the database (shell, small).

A database restored from an old backup, or cut short, is behind this mark and is thereby found out.
Enforces: the mark is replaced as a whole or not at all; it never gets smaller; at one size it
never changes its root; it stays with one origin (a successor of the log gets a file of its own).
Leaves to others: the signature of what is read back (``checkpoint.open_checkpoint`` with the pinned
key), consistency between the two trees, that only one process writes (the writer's lock), and who
may delete the file: a missing mark says nothing.
"""

from pathlib import Path

from monitor.ledger.checkpoint import Checkpoint, read_unverified
from monitor.ledger.errors import AnchorError, LedgerError
from monitor.ledger.files import read_bounded, replace_durably
from monitor.ledger.note import MAX_NOTE_BYTES

_MODE = 0o644  # public: whoever verifies the log reads it


def read(path: Path) -> bytes | None:
    """The signed note of the mark, unverified; None where there is no mark yet."""
    try:
        return read_bounded(path, MAX_NOTE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AnchorError(
            "ledger.anchor-unreadable", path=str(path), reason=error.strerror or str(error)
        ) from error


def advance(path: Path, note: bytes) -> bool:
    """Moves the mark to a checkpoint the caller has signed or verified; durable on return.

    Returns whether the file changed. Raises AnchorError where the mark is ahead, has another root
    at the same size or another origin, is damaged, or cannot be written.
    """
    new, old_note = read_unverified(note), read(path)
    if old_note == note:
        return False
    if old_note is not None:
        _require_forward(path, _parse(path, old_note), new)
    try:
        replace_durably(path, note, _MODE)
    except OSError as error:
        raise AnchorError(
            "ledger.anchor-unwritable", path=str(path), reason=error.strerror or str(error)
        ) from error
    return True


def _parse(path: Path, note: bytes) -> Checkpoint:
    try:
        return read_unverified(note)
    except LedgerError as error:
        raise AnchorError("ledger.anchor-damaged", path=str(path)) from error


def _require_forward(path: Path, old: Checkpoint, new: Checkpoint) -> None:
    if new.origin != old.origin:
        raise AnchorError(
            "ledger.anchor-origin", path=str(path), marked=old.origin, origin=new.origin
        )
    if new.size < old.size:
        raise AnchorError("ledger.anchor-ahead", path=str(path), marked=old.size, size=new.size)
    if new.size == old.size and new.root != old.root:
        raise AnchorError("ledger.anchor-forked", path=str(path), size=new.size)
