"""A verification that was interrupted, goes on: what was derived so far, and of which entries. Pure
but for its files.

What this is trusted for is little. The entries before it are read and hashed again, their leaves
and roots compared again, and the evidence that they name is read and hashed again; only what was
derived from them (the fold, and the figures beside it) is taken from here, and only if the hashes
lead to the very root that it was derived under. It is believed by a key (HMAC-SHA256) of whoever
verifies, kept apart from what is verified: nobody else can write one.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from monitor.ledger.errors import LedgerError
from monitor.ledger.files import read_bounded, replace_durably
from monitor.ledger.wire import WireError, decode, encode

VERSION = 1
MAX_STATE_BYTES = 1_000_000_000
STATE, FIGURES = "state", "figures.db"
_MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Halfway:
    """A verification without a finding, up to some entry."""

    origin: str
    begin: int
    """The first entry that was there: the boundary of a pruned log, else 0."""
    size: int
    root: bytes
    fold: bytes
    snapshot: tuple[int, bytes] | None
    """(size, state) at the size at which the source keeps one, if that was passed."""
    named: Mapping[bytes, int]
    """Evidence that was named, by the first entry that did."""
    figures: bytes
    """SHA-256 of the file of figures; empty where there are none."""

    def to_bytes(self) -> bytes:
        """Canonically."""
        return encode(
            {
                "version": VERSION,
                "origin": self.origin,
                "begin": self.begin,
                "size": self.size,
                "root": self.root,
                "fold": self.fold,
                "snapshot": self.snapshot,
                "named": sorted(self.named.items()),
                "figures": self.figures,
            }
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Halfway | None":
        """None for bytes of another version, or none at all."""
        try:
            values = decode(raw)
            if values.pop("version") != VERSION:
                return None
            return cls(**{**values, "named": dict(values["named"])})
        except (WireError, KeyError, TypeError, ValueError, AttributeError):
            return None


class StaleError(LedgerError):
    """What was kept is not of this log, or of another form of it: the verification starts anew."""


@dataclass(slots=True)
class Keeper:
    """The directory in which a verification keeps how far it came; whoever verifies owns it."""

    folder: Path
    key: bytes
    due: Callable[[], bool]
    """Whether it is time to keep the state again: the clock is the caller's."""
    kept: int = field(default=0)
    """Up to which entry something is kept."""

    @property
    def figures(self) -> Path:
        """Where the figures are kept."""
        return self.folder / FIGURES

    def found(self) -> Halfway | None:
        """What is kept and was written with this key; None where nothing is."""
        try:
            raw = read_bounded(self.folder / STATE, MAX_STATE_BYTES)
        except OSError:
            return None
        mac, body = raw[:32], raw[32:]
        if not hmac.compare_digest(mac, self._mac(body)):
            return None
        return Halfway.from_bytes(body)

    def keep(self, halfway: Halfway) -> None:
        """Replace what is kept; the figures must lie there already.

        Crash between the two files: the state names other figures, and is not believed.
        """
        body = halfway.to_bytes()
        replace_durably(self.folder / STATE, self._mac(body) + body, _MODE)
        self.kept = halfway.size

    def forget(self) -> None:
        """The verification came to its end."""
        for name in (STATE, FIGURES):
            (self.folder / name).unlink(missing_ok=True)

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self.key, body, hashlib.sha256)


def digest_of(file: Path) -> bytes:
    """SHA-256 of a file; empty where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError:
        return b""
