"""A database's log as a directory that anybody can check: C2SP tlog-tiles, and the evidence.

Written: `checkpoint`, `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`, `evidence/<sha256>`, and
`cosigned/<n>`, the newest checkpoint that each witness cosigned, `stamped/<size>-<n>.checkpoint`
with its time stamp `.tsr`, `pruned` where the log does not begin at entry 0, and
`handover/<entry>`, the checkpoint with which each outgoing key vouches for the next one.
The directory appears whole or not at all: it is made under another name and renamed. It holds no
key, because a key found beside what it verifies proves nothing.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from monitor.derive import part_of, read_entry, records_of
from monitor.ledger.checkpoint import Checkpoint, read_unverified
from monitor.ledger.entry import EntryError
from monitor.ledger.files import create_durably, sync_directory
from monitor.ledger.handover import HANDOVER, signed_by_two
from monitor.ledger.merkle import HASH_BYTES
from monitor.ledger.stamp import REPLY, STAMPED
from monitor.ledger.tiles import PRUNED, TILE_WIDTH, TilePath, encode_bundle, paths_of
from monitor.paged import parts
from monitor.store.errors import StoreError
from monitor.store.pinned import PinnedDatabase

_MODE = 0o644


def export(
    url: str,
    folder: Path,
    progress: Callable[[int, int], None] = lambda _done, _size: None,
    note: bytes | None = None,
    least: int = 0,
) -> Checkpoint:
    """Write the log up to its newest kept checkpoint; returns what that checkpoint claims.

    `note` is a newer checkpoint of the same log (the high-water mark), where there is one. With
    `least` the log is written up to the first checkpoint that covers so many entries. Not
    verified: `monitor.verify` does that, best on the export itself. Raises StoreError.
    """
    if folder.exists() or folder.is_symlink():
        raise StoreError("store.export-exists", place=str(folder))
    growing = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    try:
        with PinnedDatabase(url) as source:
            growing.mkdir(parents=True)
            head = _write(source, growing, progress, note, least)
        sync_directory(growing)
        # Crash here: only the temporary directory is there.
        growing.rename(folder)
        sync_directory(folder.parent)
    except OSError as error:
        cause = error.strerror or str(error)
        raise StoreError("store.export-unwritable", place=str(folder), cause=cause) from error
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return head


def _write(
    source: PinnedDatabase,
    folder: Path,
    progress: Callable[[int, int], None],
    note: bytes | None,
    least: int,
) -> Checkpoint:
    _, size, _ = source.head()
    notes = [kept for _, kept in source.checkpoints()] + ([note] if note is not None else [])
    kept = [(read_unverified(one), one) for one in notes]
    within = sorted((p for p in kept if 0 < p[0].size <= size), key=lambda pair: pair[0].size)
    if not within or within[-1][0].size < least:
        raise StoreError("store.export-incomplete", what="checkpoint", index=least)
    head, newest = next(p for p in within if p[0].size >= least) if least else within[-1]
    (folder / "evidence").mkdir()
    entries = source.entries(head.size)
    boundary, _ = pruned = source.pruned() or (0, 0)
    if boundary:
        _place(folder / PRUNED, b"%d %d\n" % pruned)
    for path in paths_of(head.size):
        if not path.level and path.index < boundary // TILE_WIDTH:
            continue  # pruned: neither the entries nor their hashes are there
        if path.level is None:
            _bundle(source, folder, path, entries)
            progress(path.index * TILE_WIDTH + path.width, head.size)
        else:
            _tile(source, folder, path, path.level)
    create_durably(folder / "checkpoint", newest, _MODE)
    for at, one in kept:
        if at.size <= head.size and signed_by_two(one, head.origin):
            _place(folder / HANDOVER / str(at.size - 1), one)
    _cosigned(source, folder, head.size)
    _stamped(source, folder, head.size)
    return head


def _cosigned(source: PinnedDatabase, folder: Path, size: int) -> None:
    """Each witness's newest one that the exported log reaches."""
    found = {witness: note for witness, at, note in source.cosigned() if (at or 0) <= size}
    for number, note in enumerate(found.values()):
        _place(folder / "cosigned" / str(number), note)


def _stamped(source: PinnedDatabase, folder: Path, size: int) -> None:
    """Every time-stamped checkpoint that the exported log reaches: `stamped/<size>-<n>`."""
    found = [(at or 0, note, reply) for at, note, reply in source.stamped() if (at or 0) <= size]
    for number, (at, note, reply) in enumerate(found):
        _place(folder / "stamped" / f"{at}-{number}{STAMPED}", note)
        _place(folder / "stamped" / f"{at}-{number}{REPLY}", reply)


def _tile(source: PinnedDatabase, folder: Path, path: TilePath, level: int) -> None:
    hashes = source.tile(level, path.index)[: path.width * HASH_BYTES]
    if len(hashes) != path.width * HASH_BYTES:
        raise _incomplete(str(path), path.index * TILE_WIDTH ** (level + 1))
    _place(folder / str(path), hashes)


def _bundle(
    source: PinnedDatabase, folder: Path, path: TilePath, entries: Iterator[tuple[int, bytes]]
) -> None:
    first = path.index * TILE_WIDTH
    bundle = []
    for position, (index, raw) in enumerate(islice(entries, path.width), first):
        if index != position:
            break
        bundle.append(raw)
    _evidence(source, folder, first, bundle)
    if len(bundle) != path.width:
        raise _incomplete("bytes", first + len(bundle))
    _place(folder / str(path), encode_bundle(bundle))


def _evidence(source: PinnedDatabase, folder: Path, first: int, bundle: Sequence[bytes]) -> None:
    """Every record that these entries name; each entry must be one that can be read."""
    for index, told in parts(first, bundle):
        try:
            part = part_of(read_entry(told)) if isinstance(told, bytes) else told
        except EntryError as error:
            raise _incomplete("bytes", index) from error
        named: dict[bytes, int] = {}
        for at, digest in records_of(index, part):
            named.setdefault(digest, at)
        for digest, at in named.items():
            place = folder / "evidence" / digest.hex()
            if place.exists():
                continue
            content = source.record(digest)
            if content is None:
                raise _incomplete(f"evidence {digest.hex()}", at)
            place.write_bytes(content)


def _incomplete(what: str, index: int) -> StoreError:
    return StoreError("store.export-incomplete", what=what, index=index)


def _place(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
