"""What can be verified, and with what it is compared: the doors of `monitor.verify`. Pure.

Enforces nothing: sizes, claims and bytes are those of whoever holds the log, and are believed by
nobody.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from monitor.derive import Changes, Fold
from monitor.ledger.finding import Finding
from monitor.ledger.tiles import Tile


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """A checkpoint from outside what is verified, and where it came from."""

    place: str
    note: bytes


class Rebuild(Protocol):
    """Derived rows and tiles made anew beside the stored ones."""

    @property
    def figures(self) -> bool:
        """Whether derived figures are among what is compared, not tiles alone."""
        ...

    def begin(self, fold: Fold, boundary: int) -> None:
        """The log was pruned below the boundary, and this is what stood there."""
        ...

    def take(self, changes: Changes, tiles: Iterable[Tile]) -> None:
        """Store what the next entries derive."""
        ...

    def save(self, place: Path) -> bytes:
        """Write what was rebuilt so far into a file; its SHA-256, or nothing if all comes again
        from the entries' hashes.
        """
        ...

    def load(self, place: Path) -> None:
        """Begin with what was saved there."""
        ...

    @property
    def unverifiable(self) -> int:
        """Stored figures from before the boundary, which nothing can be compared with any more."""
        ...

    def differences(self, fold_at: Callable[[], tuple[int, bytes] | None]) -> Iterator[Finding]:
        """Every stored figure that differs from the rebuilt one."""
        ...


class Source(Protocol):
    """What is verified: a database pinned at one size, or an exported log."""

    def head(self) -> tuple[str, int, bytes | None]:
        """(origin, size, root) as claimed; the root None where only a checkpoint claims it.

        An origin of "" is a source without a log in it.
        """
        ...

    def checkpoints(self) -> Iterator[tuple[int | None, bytes]]:
        """(claimed size or None, note) of every checkpoint kept inside, ascending."""
        ...

    def cosigned(self) -> Iterator[tuple[str | None, int | None, bytes]]:
        """(claimed witness or None, claimed size or None, note) of every cosignature kept inside.

        A witness is named as `monitor.ledger.witness.short_name` does.
        """
        ...

    def stamped(self) -> Iterator[tuple[int | None, bytes, bytes]]:
        """(claimed size or None, note, reply) of every time-stamped checkpoint kept inside."""
        ...

    def pruned(self) -> tuple[int, int] | None:
        """(boundary, index of the entry that says so), as claimed; None where none is."""
        ...

    def entry(self, index: int) -> bytes | None:
        """One entry's bytes; None where it is not there."""
        ...

    def entries(self, size: int) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) of the entries from the boundary up to size, ascending.

        A missing one is left out.

        The size is a claim, perhaps a monstrous one: ends with the last entry there is.
        """
        ...

    def surplus(self, size: int) -> Iterator[Finding]:
        """Things that no tree of this size has: entries or tiles beyond it."""
        ...

    def tile(self, level: int, index: int) -> bytes:
        """The stored tile; empty where there is none."""
        ...

    def record(self, sha256: bytes) -> bytes | None:
        """A stored evidence record."""
        ...

    def records(self) -> Iterator[bytes]:
        """The SHA-256 of every stored evidence record."""
        ...

    def snapshot_size(self) -> int | None:
        """The size at which the stored fold was taken; None where there is none."""
        ...

    def rebuild(self) -> Rebuild | None:
        """What to compare with; None where the source stores nothing derived."""
        ...
