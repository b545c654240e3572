"""One pass over the entries of a log: read, hashed, derived and compared. Streaming.

Checks, in this order for each entry: it is there, it can be read, it follows from what came
before, the evidence it names is stored; its leaf is in the stored tile; the root equals that of
every checkpoint at its size. At the end: every derived row, every evidence record.

Memory: one page of entries, the fold, the findings of a page, and 32 bytes and some for each
distinct evidence record that is really stored.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from monitor.derive import Changes, Fold, Part, extent, part_of, read_entry, records_of
from monitor.halfway import Halfway, Keeper, StaleError, digest_of
from monitor.ledger.block import Block
from monitor.ledger.entry import CheckpointStamped, EntryError, LogOpened, LogPruned
from monitor.ledger.merkle import HASH_BYTES, leaf_hash
from monitor.ledger.tiles import TILE_WIDTH, Tile, TileTree
from monitor.paged import AT_ONCE
from monitor.proof import Proof
from monitor.source import Source
from monitor.text import Reason

MOST_BYTES = 8_000_000
"""Of the entries of a page, but for its last one."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """What an earlier verification derived, and of how many entries."""

    found: Halfway | None

    @property
    def size(self) -> int:
        """Below which nothing is derived again."""
        return 0 if self.found is None else self.found.size


class Walk:
    """One pass over the entries."""

    def __init__(
        self,
        source: Source,
        origin: str,
        proof: Proof,
        expected: dict[int, list[bytes]],
        keeper: Keeper | None = None,
    ) -> None:
        self.keeper, self.resumed = keeper, Resumed(None)
        self.source, self.origin, self.proof, self.expected = source, origin, proof, expected
        self.tree, self.fold = TileTree(), Fold()
        self.rebuild = source.rebuild()
        self.changes = Changes()
        self.wanted: dict[bytes, int] = {}
        self.snapshot: tuple[int, bytes] | None = None
        self.derivable = True
        self.pruning = (-1, b"")
        self.begin = 0

    def run(self, size: int, progress: Callable[[int, int], None]) -> TileTree:
        """Everything up to a size; the tree that the entries make, as far as they are there."""
        snapshot_size, position = self.source.snapshot_size(), self._begin(size)
        self.begin = position
        self._resume(position, size, snapshot_size)
        self._snapshot(snapshot_size, position)
        stops = {size, self.resumed.size, *self.expected, snapshot_size or size}
        most = AT_ONCE if self.keeper is None else TILE_WIDTH
        for page in _pages(self.source.entries(size), position, most, stops):
            with self.proof.ordered(AT_ONCE):
                self._page(position, page)
            position += len(page)
            self._snapshot(snapshot_size, position)
            self._keep(position)
            progress(position, size)
        if position < size:
            # What follows a gap has no place in any tree: nothing more can be derived.
            self.proof.add(position, "verify.missing", size=size)
            self.derivable = False
        self._finish()
        return self.tree

    def _resume(self, begin: int, size: int, snapshot_size: int | None) -> None:
        """Look for what was derived before; the entries themselves are read and hashed anyway."""
        found = None if self.keeper is None else self.keeper.found()
        if self.keeper is None or found is None or not self.derivable:
            return
        figures = digest_of(self.keeper.figures) if found.figures else b""
        passed = snapshot_size is not None and snapshot_size < found.size
        kept_size = found.snapshot[0] if found.snapshot else None
        fits = (found.origin, found.begin) == (self.origin, begin) and found.size <= size
        if not fits or figures != found.figures or (passed and kept_size != snapshot_size):
            self._stale()
        if self.rebuild is not None and found.figures:
            self.rebuild.load(self.keeper.figures)
        self.resumed = Resumed(found)
        if found.size == begin:
            self._reached()

    def _stale(self) -> NoReturn:
        """Nothing of it can be used, and nothing was looked at instead: start anew."""
        assert self.keeper is not None
        self.keeper.forget()
        raise StaleError("verify.resume-stale", folder=str(self.keeper.folder))

    def _reached(self) -> None:
        """All entries that something was derived from are hashed again: take it, if it is theirs.

        The evidence that they name is looked at again too.
        """
        found = self.resumed.found
        if found is None or (self.tree.root() != found.root and not self.proof.findings):
            self._stale()
        if self.tree.root() != found.root:
            self.derivable = False  # entries were altered since, and that was found
            return
        self.fold = Fold.restored(found.fold)
        self.snapshot = found.snapshot
        for digest, index in sorted(found.named.items(), key=lambda pair: pair[1]):
            self._record(index, digest)

    def _keep(self, position: int) -> None:
        if position == self.resumed.size and self.resumed.found is not None:
            self._reached()
        keeper = self.keeper
        if keeper is None or position < self.resumed.size or not keeper.due():
            return
        if self.proof.findings or not self.derivable or position % TILE_WIDTH:
            return  # a log that is wrong needs no second look to say so
        figures = b"" if self.rebuild is None else self.rebuild.save(keeper.figures)
        keeper.keep(
            Halfway(
                origin=self.origin,
                begin=self.begin,
                size=position,
                root=self.tree.root(),
                fold=self.fold.snapshot(),
                snapshot=self.snapshot,
                named=self.wanted,
                figures=figures,
            )
        )

    def _begin(self, size: int) -> int:
        """Where the walk begins: at the boundary of a pruned log, else at entry 0.

        The claim is a claim: the entry that tells of it is hashed later, where it stands, and the
        hashes above the boundary lead to the signed roots.
        """
        claim = self.source.pruned()
        if claim is None:
            return 0
        boundary, index = claim
        if not (0 < boundary <= index < size) or boundary % TILE_WIDTH:
            self.proof.add(None, "verify.pruned-claim", boundary=boundary, entry=index)
            return 0
        hashes = list(row_above(self.source, boundary))
        if len(hashes) * TILE_WIDTH != boundary:
            self.proof.add(None, "verify.pruned-tiles", boundary=boundary)
            return 0
        self.tree, tiles = TileTree.above(hashes)
        fold = self._fold_at(boundary, index)
        self.proof.pruned = boundary
        self.proof.unreached = sum(at < boundary for at in self.expected)
        if fold is None:
            self.derivable = False
            return boundary
        self.fold = fold
        if self.rebuild is not None:
            self.rebuild.begin(fold, boundary)
            self.rebuild.take(Changes(), tiles)
        for root in self.expected.get(boundary, ()):
            if root != self.tree.root():
                self.proof.add(None, "verify.checkpoint-root", size=boundary)
        return boundary

    def _fold_at(self, boundary: int, index: int) -> Fold | None:
        """What stood at the boundary, by the entry that tells of the pruning."""
        self.pruning = (index, self.source.entry(index) or b"")
        try:
            entry = read_entry(self.pruning[1])
            if not isinstance(entry, LogPruned) or entry.boundary != boundary:
                raise EntryError("entry.pruning-other")
            state = self.source.record(entry.state)
            if state is None or hashlib.sha256(state).digest() != entry.state:
                self.proof.add(index, "verify.record-missing", sha256=entry.state.hex())
                return None
            return Fold.restored(state)
        except EntryError as error:
            self.proof.add(index, "verify.entry", why=error.reason)
            return None

    def _page(self, first: int, page: Sequence[bytes]) -> None:
        """Entries taken together."""
        place = self.pruning[0] - first
        if 0 <= place < len(page) and page[place] != self.pruning[1]:
            self.proof.add(self.pruning[0], "verify.entry", why=Reason("entry.twice"))
        if self.derivable and first >= self.resumed.size:
            self._derive(first, page)
        elif self.derivable:
            for index, raw in enumerate(page, first):
                self._stamped_before(index, raw)
        self._flush(list(map(leaf_hash, page)))

    def _derive(self, first: int, page: Sequence[bytes]) -> None:
        position = first
        try:
            for index, part in self.fold.taken(first, page, self.changes):
                position = index + extent(part)
                if isinstance(part, LogOpened) and part.origin != self.origin:
                    self.proof.add(index, "verify.origin", there=part.origin, here=self.origin)
                self._stamped(index, part)
                for named_at, digest in records_of(index, part):
                    self._record(named_at, digest)
        except EntryError as error:
            self.proof.add(position, "verify.entry", why=error.reason)
            self.derivable = False

    def _stamped(self, index: int, part: Part) -> None:
        stamps = self.proof.stamps
        if not isinstance(part, Block):
            told = [stamps.judge(index, part)]
        elif stamps.proved:
            told = [stamps.judge_stated(at, wall) for at, wall in enumerate(part.walls, index)]
        else:
            return
        for found in told:
            if found is not None:
                self.proof.add(found.index, found.what, **found.values)

    def _stamped_before(self, index: int, raw: bytes) -> None:
        """An entry that is not derived again: its tokens and roots may be other ones this time."""
        if not (self.proof.stamps.proved or raw[2:3] == bytes((CheckpointStamped.CODE,))):
            return
        with suppress(EntryError):  # altered since: the root says so where what was kept is taken
            self._stamped(index, part_of(read_entry(raw)))

    def _record(self, index: int, digest: bytes) -> None:
        """What an entry names must be stored; looked at where it is named for the first time."""
        if digest in self.wanted or self.proof.full:
            return
        content = self.source.record(digest)
        if content is None:
            self.proof.add(index, "verify.record-missing", sha256=digest.hex())
        elif hashlib.sha256(content).digest() != digest:
            self.proof.add(index, "verify.record", sha256=digest.hex())
        else:
            self.wanted[digest] = index

    def _snapshot(self, wanted: int | None, position: int) -> None:
        if wanted == position and self.derivable and position >= self.resumed.size:
            self.snapshot = (position, self.fold.snapshot())

    def _flush(self, leaves: Sequence[bytes]) -> None:
        self.tree, tiles = self.tree.append(leaves)
        for tile in tiles:
            if tile.level == 0:
                self._compare_leaves(tile)
        if self.rebuild is not None:
            self.rebuild.take(self.changes, tiles)
        self.changes = Changes()
        for root in self.expected.get(self.tree.size, ()):
            if root != self.tree.root():
                self.proof.add(None, "verify.checkpoint-root", size=self.tree.size)

    def _compare_leaves(self, tile: Tile) -> None:
        """Name the entry whose bytes are not those that were hashed when it was written."""
        stored = self.source.tile(0, tile.index)
        if stored[: len(tile.hashes)] == tile.hashes:
            return
        for place in range(tile.width):
            part = slice(place * HASH_BYTES, (place + 1) * HASH_BYTES)
            if stored[part] != tile.hashes[part]:
                self.proof.add(tile.index * TILE_WIDTH + place, "verify.leaf")
                return

    def _finish(self) -> None:
        if not self.derivable:
            return
        for digest in self.source.records():
            self.proof.records += 1
            if digest not in self.wanted and not self.proof.full:
                self.proof.add(None, "verify.record-unknown", sha256=digest.hex())
        if self.rebuild is not None:
            self.proof.figures = self.rebuild.figures
            for finding in self.rebuild.differences(lambda: self.snapshot):
                self.proof.add(finding.index, finding.what, **finding.values)
            self.proof.unverifiable = self.rebuild.unverifiable


def _pages(
    entries: Iterable[tuple[int, bytes]], position: int, most: int, stops: Collection[int]
) -> Iterator[list[bytes]]:
    """The entries from a position on, up to the first gap: by pages that end at each stop."""
    page, length = list[bytes](), 0
    for index, raw in entries:
        if index != position:
            break
        page.append(raw)
        position, length = position + 1, length + len(raw)
        if position % most == 0 or length > MOST_BYTES or position in stops:
            yield page
            page, length = [], 0
    if page:
        yield page


def row_above(source: Source, boundary: int) -> Iterator[bytes]:
    """The hashes of level 1 over the full tiles below a boundary; ends where one is missing.

    They are what the tree at the boundary is made of (`TileTree.above`).
    """
    wanted, index = boundary // TILE_WIDTH, 0
    while wanted > 0:
        tile, width = source.tile(1, index), min(wanted, TILE_WIDTH)
        if len(tile) < width * HASH_BYTES:
            return
        yield from (tile[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES))
        wanted, index = wanted - width, index + 1
