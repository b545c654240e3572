"""What a witness has cosigned, one file for each log (shell, small).

Enforces: one process at a time (a lock on the directory); a log's file is replaced as a whole, and
durably, before anything is cosigned; only where it still holds what was looked at (compare and
swap); it never gets smaller. A file that is damaged is an error, never "nothing cosigned yet".

Crash points of `keep`: before the rename the old checkpoint stands and nothing was cosigned; after
it the new one stands, and perhaps nobody was told: the log asks again and gets its cosignature.
"""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Self

from monitor.ledger.checkpoint import Checkpoint, open_checkpoint
from monitor.ledger.errors import LedgerError
from monitor.ledger.files import read_bounded, replace_durably
from monitor.ledger.signer import Verifier
from monitor.ledger.witness import MAX_SUBMISSION_BYTES

_MODE = 0o644
"""Public: a checkpoint is there to be compared."""


class WitnessStateError(LedgerError):
    """The state cannot be read, written or trusted: nothing may be cosigned."""


class WitnessState:
    """The directory of a witness's state, held by this process until `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise WitnessStateError("witness.state-held", place=str(folder)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have the directory."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def place(self, origin: str) -> Path:
        """The file of a log; an origin may hold any character, so it is named by its hash."""
        return self.folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"

    def kept(self, verifier: Verifier) -> Checkpoint | None:
        """What was last cosigned for the log of this key; None where nothing ever was."""
        place = self.place(verifier.name)
        try:
            note = read_bounded(place, MAX_SUBMISSION_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(place, error) from error
        try:
            return open_checkpoint(note, verifier)
        except LedgerError as error:
            raise WitnessStateError(
                "witness.state-damaged", place=str(place), origin=verifier.name
            ) from error

    def keep(self, verifier: Verifier, seen: Checkpoint | None, note: bytes) -> None:
        """Replace what was `seen` by a verified note of the same log; durable on return."""
        head, now = open_checkpoint(note, verifier), self.kept(verifier)
        place = self.place(verifier.name)
        smaller = now is not None and head.size < now.size
        if now != seen or smaller:
            raise WitnessStateError("witness.state-swapped", place=str(place))
        if now == head:
            return
        try:
            replace_durably(place, note, _MODE)
        except OSError as error:
            raise _unusable(place, error) from error


def _unusable(place: Path, error: OSError) -> WitnessStateError:
    reason = error.strerror or str(error)
    return WitnessStateError("witness.state-unusable", place=str(place), reason=reason)
