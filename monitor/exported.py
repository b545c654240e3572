"""An exported log (C2SP tlog-tiles and evidence) as something to verify: hostile until proved.

Enforces: every read is bounded; nothing but regular files below the directory is opened, and no
symbolic link is followed; a size is a claim and costs nothing. Leaves to others: what the files
say (`monitor.verify`). Other files beside `checkpoint`, `handover`, `tile`, `evidence`, `cosigned`
and `stamped` are not the log's.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from monitor.derive import Changes, Fold
from monitor.ledger.checkpoint import read_unverified
from monitor.ledger.errors import LedgerError
from monitor.ledger.finding import Finding
from monitor.ledger.handover import HANDOVER, MOST_FOLLOWED
from monitor.ledger.merkle import HASH_BYTES
from monitor.ledger.note import MAX_NOTE_BYTES
from monitor.ledger.stamp import MAX_REPLY_BYTES, REPLY, STAMPED
from monitor.ledger.tiles import (
    MAX_ENTRY_BYTES,
    PRUNED,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    TilePath,
    decode_bundle,
    parse_path,
)
from monitor.text import Reason

MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
MAX_RECORD_BYTES = 64_000_000
MAX_COSIGNED = 1_000
MAX_STAMPED = 100_000
_PRUNED = re.compile(rb"(0|[1-9][0-9]{0,17}) (0|[1-9][0-9]{0,17})\n")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Non-blocking: a named pipe in place of a file must not hold us up.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ExportedLogError(LedgerError):
    """The directory cannot be read at all."""


class ExportedLog:
    """A `monitor.verify.Source` over a directory. Close it after use."""

    def __init__(self, path: Path) -> None:
        try:
            self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            why = error.strerror or str(error)
            raise ExportedLogError("verify.folder", path=str(path), why=why) from error
        self._damaged: list[Finding] = []
        self._note = self._read("checkpoint", MAX_NOTE_BYTES)
        self._origin, self._size = "", 0
        self._pruned = _boundary_of(self._read(PRUNED, 100))
        if self._note is not None:
            try:
                head = read_unverified(self._note)
                self._origin, self._size = head.origin, head.size
            except LedgerError:
                pass  # `checkpoints` gives it to whoever says what is wrong with it

    def __enter__(self) -> "ExportedLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the directory."""
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def head(self) -> tuple[str, int, bytes | None]:
        """As the checkpoint claims."""
        return self._origin, self._size, None

    def checkpoints(self) -> Iterator[tuple[int | None, bytes]]:
        """Those of hand-overs, then the one of the log as it stands."""
        for path in islice(self._files(HANDOVER), MOST_FOLLOWED):
            yield None, self._read(path, MAX_NOTE_BYTES) or b""
        if self._note is not None:
            yield None, self._note

    def cosigned(self) -> Iterator[tuple[str | None, int | None, bytes]]:
        """The checkpoints under `cosigned`, as witnesses cosigned them."""
        for path in islice(self._files("cosigned"), MAX_COSIGNED):
            note = self._read(path, MAX_NOTE_BYTES)
            yield None, None, note or b""

    def stamped(self) -> Iterator[tuple[int | None, bytes, bytes]]:
        """The checkpoints under `stamped`, each beside the authority's reply."""
        for path in islice((p for p in self._files("stamped") if p.endswith(REPLY)), MAX_STAMPED):
            note = self._read(f"{path.removesuffix(REPLY)}{STAMPED}", MAX_NOTE_BYTES)
            yield None, note or b"", self._read(path, MAX_REPLY_BYTES) or b""

    def entries(self, size: int) -> Iterator[tuple[int, bytes]]:
        """The entries, bundle by bundle, up to the first that cannot be read."""
        begin = max(0, self._pruned[0]) if self._pruned else 0
        for first in range(begin // TILE_WIDTH * TILE_WIDTH, size, TILE_WIDTH):
            bundle = self._bundle(first, size)
            if bundle is None:
                return
            yield from enumerate(bundle, first)

    def _bundle(self, first: int, size: int) -> tuple[bytes, ...] | None:
        """The entries of the bundle that begins there; None where it cannot be read."""
        width = min(TILE_WIDTH, size - first)
        path = TilePath(level=None, index=first // TILE_WIDTH, width=width)
        raw = self._read(str(path), MAX_BUNDLE_BYTES)
        if raw is None:
            return None
        try:
            return decode_bundle(raw, width)
        except LedgerError as error:
            values: dict[str, str | Reason] = {"path": str(path), "why": error.reason}
            self._damaged.append(Finding(index=first, what="verify.damaged", values=values))
            return None

    def pruned(self) -> tuple[int, int] | None:
        """As the file claims."""
        return self._pruned

    def entry(self, index: int) -> bytes | None:
        """An entry, by its bundle."""
        if not 0 <= index < self._size:
            return None
        first = index // TILE_WIDTH * TILE_WIDTH
        bundle = self._bundle(first, self._size)
        return None if bundle is None else bundle[index - first]

    def surplus(self, size: int) -> Iterator[Finding]:
        """Files under `tile` and `evidence` that a log of this size does not consist of."""
        yield from self._damaged
        for path in self._files("tile"):
            if not _belongs(path, size):
                yield Finding(index=None, what="verify.surplus-file", values={"path": path[:200]})
        for path in self._files("evidence"):
            if not _SHA256.fullmatch(path.removeprefix("evidence/")):
                yield Finding(index=None, what="verify.surplus-file", values={"path": path[:200]})

    def tile(self, level: int, index: int) -> bytes:
        """The tile in the one width that a log of the claimed size has; empty if it is not so."""
        width = min(TILE_WIDTH, (self._size >> level * TILE_HEIGHT) - index * TILE_WIDTH)
        if width < 1:
            return b""
        path = TilePath(level=level, index=index, width=width)
        hashes = self._read(str(path), TILE_BYTES)
        return hashes if hashes is not None and len(hashes) == width * HASH_BYTES else b""

    def record(self, sha256: bytes) -> bytes | None:
        """An evidence record."""
        return self._read(f"evidence/{sha256.hex()}", MAX_RECORD_BYTES)

    def records(self) -> Iterator[bytes]:
        """The SHA-256 that each evidence file is named by."""
        for path in self._files("evidence"):
            name = path.removeprefix("evidence/")
            if _SHA256.fullmatch(name):
                yield bytes.fromhex(name)

    def snapshot_size(self) -> int | None:
        """An export has no snapshot."""
        return None

    def rebuild(self) -> "TileComparison":
        """The upper tiles, to be compared as they grow."""
        return TileComparison(self.tile)

    def _read(self, path: str, limit: int) -> bytes | None:
        """A regular file's bytes; None where it is absent, too long, or something else."""
        *folders, name = path.split("/")
        directory = os.dup(self._root)
        try:
            for folder in folders:
                inner = os.open(folder, _DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = inner
            descriptor = os.open(name, _FILE, dir_fd=directory)
        except OSError:
            return None
        finally:
            os.close(directory)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
                return None
            content = file.read(limit + 1)
        return content if len(content) <= limit else None

    def _files(self, top: str) -> Iterator[str]:
        """Every name below a folder that is not a folder itself; links are not followed."""
        try:
            walk = os.fwalk(top, dir_fd=self._root, follow_symlinks=False)
            for folder, inner, names, descriptor in walk:
                links = [n for n in inner if _is_link(n, descriptor)]
                yield from (f"{folder}/{name}" for name in sorted([*names, *links]))
        except OSError:
            return


def _boundary_of(raw: bytes | None) -> tuple[int, int] | None:
    """(boundary, entry) of the file `pruned`; a malformed one claims what nobody can prove."""
    if raw is None:
        return None
    found = _PRUNED.fullmatch(raw)
    return (int(found[1]), int(found[2])) if found else (-1, -1)


def _is_link(name: str, directory: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


def _belongs(path: str, size: int) -> bool:
    try:
        named = parse_path(path)
    except LedgerError:
        return False
    hashes = size if named.level is None else size >> named.level * TILE_HEIGHT
    return named.width == min(TILE_WIDTH, hashes - named.index * TILE_WIDTH)


class TileComparison:
    """The tiles above level 0 (`verify` compares that one itself), each in its final width."""

    figures = False
    unverifiable = 0

    def __init__(self, stored: Callable[[int, int], bytes]) -> None:
        self._stored = stored
        self._partial: dict[int, Tile] = {}
        self._wrong: list[Finding] = []

    def begin(self, fold: Fold, boundary: int) -> None:
        """Nothing derived is stored beside an export."""

    def take(self, changes: Changes, tiles: Iterable[Tile]) -> None:  # noqa: ARG002
        """Compare full tiles; keep the newest partial one of each level."""
        for tile in tiles:
            if tile.level and tile.width == TILE_WIDTH:
                self._partial.pop(tile.level, None)
                self._compare(tile)
            elif tile.level:
                self._partial[tile.level] = tile

    def save(self, place: Path) -> bytes:  # noqa: ARG002
        """Nothing: every tile comes again from the entries' hashes."""
        return b""

    def load(self, place: Path) -> None:
        """Nothing was saved."""

    def differences(
        self,
        fold_at: Callable[[], tuple[int, bytes] | None],  # noqa: ARG002
    ) -> Iterator[Finding]:
        """Every tile that differs."""
        for tile in self._partial.values():
            self._compare(tile)
        yield from self._wrong

    def _compare(self, tile: Tile) -> None:
        if self._stored(tile.level, tile.index) != tile.hashes:
            path = str(tile.path)
            self._wrong.append(Finding(index=None, what="verify.tile", values={"path": path}))
