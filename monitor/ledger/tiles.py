"""The log cut into tiles of 256 hashes (C2SP tlog-tiles v0.1.0), pure.

Enforces: a tile is 1 to 256 hashes; only a full tile is hashed into the level above; paths are
canonical; an entry bundle holds exactly the entries its width names. Leaves to others: storing
tiles, and trusting them. A stored tile proves nothing until its root is signed, so ``verify``
computes the tiles again from the entries and compares.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from monitor.ledger.errors import TileError
from monitor.ledger.merkle import HASH_BYTES, Frontier, HashReader, pair_up

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES
MAX_ENTRY_BYTES = 0xFFFF
MAX_LEVEL = 63
PRUNED = "pruned"
"""The file beside the tiles of a log that does not begin at entry 0: `boundary entry`, decimal."""
MAX_INDEX = 2**63 - 1

TileReader = Callable[[int, int], bytes]
"""``tile(level, index)`` gives a tile's hashes, concatenated, in its widest stored form."""

_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[0-9]{1,3}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePath:
    """What a path names: a tile of hashes, or an entry bundle where ``level`` is None."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        level_fits = self.level is None or 0 <= self.level <= MAX_LEVEL
        if not (level_fits and 0 <= self.index <= MAX_INDEX and 1 <= self.width <= TILE_WIDTH):
            named = f"{self.level}/{self.index}/{self.width}"
            raise TileError("ledger.tile-path", path=named)

    def __str__(self) -> str:
        level = "entries" if self.level is None else str(self.level)
        suffix = f".p/{self.width}" if self.width < TILE_WIDTH else ""
        return f"tile/{level}/{format_index(self.index)}{suffix}"


def format_index(index: int) -> str:
    """N in path elements of three digits, all but the last with an ``x``: x001/x234/067."""
    elements = [f"{index % 1000:03d}"]
    while index := index // 1000:
        elements.append(f"x{index % 1000:03d}")
    return "/".join(reversed(elements))


def parse_path(path: str) -> TilePath:
    """The reverse of ``str(TilePath)``; anything not canonical is refused."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise TileError("ledger.tile-path", path=path[:100])
    level, width = match["level"], match["width"]
    parsed = TilePath(
        level=None if level == "entries" else int(level),
        index=int(match["index"].replace("x", "").replace("/", "")),
        width=TILE_WIDTH if width is None else int(width),
    )
    if str(parsed) != path:
        raise TileError("ledger.tile-path", path=path[:100])
    return parsed


def paths_of(size: int) -> Iterator[TilePath]:
    """Every tile of hashes, then every entry bundle, that a log of this size consists of."""
    level, width = 0, size
    while width:
        yield from _row_of(level, width)
        level, width = level + 1, width >> TILE_HEIGHT
    yield from _row_of(None, size)


def _row_of(level: int | None, hashes: int) -> Iterator[TilePath]:
    full, rest = divmod(hashes, TILE_WIDTH)
    for index in range(full):
        yield TilePath(level=level, index=index)
    if rest:
        yield TilePath(level=level, index=full, width=rest)


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry behind its length as a big-endian 16-bit integer."""
    if not 1 <= len(entries) <= TILE_WIDTH:
        raise TileError("ledger.bundle-width", entries=len(entries))
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise TileError("ledger.entry-too-long", bytes=len(entry))
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(bundle: bytes, width: int = TILE_WIDTH) -> tuple[bytes, ...]:
    """The ``width`` entries of a bundle; a cut, short or longer one is refused."""
    entries, start = list[bytes](), 0
    while start < len(bundle) and len(entries) < width:
        end = start + 2 + int.from_bytes(bundle[start : start + 2], "big")
        if start + 2 > len(bundle) or end > len(bundle):
            raise TileError("ledger.bundle-cut", entries=len(entries), width=width)
        entries.append(bundle[start + 2 : end])
        start = end
    if len(entries) != width or start != len(bundle):
        raise TileError("ledger.bundle-cut", entries=len(entries), width=width)
    return tuple(entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The hashes of one tile, to be stored; a partial one replaces its narrower self."""

    level: int
    index: int
    hashes: bytes

    @property
    def width(self) -> int:
        """Number of hashes, 1 to 256."""
        return len(self.hashes) // HASH_BYTES

    @property
    def path(self) -> TilePath:
        """Where tlog-tiles publishes it."""
        return TilePath(level=self.level, index=self.index, width=self.width)


@dataclass(frozen=True, slots=True)
class TileTree:
    """All that appending needs: the frontier and the partial tile at the right edge of each level.

    Appending costs the new leaves, one rewritten partial tile (at most 8 kB) and, once in 256
    leaves, the hashing of a full tile.
    """

    frontier: Frontier = field(default_factory=Frontier)
    edge: tuple[bytes, ...] = ()

    @classmethod
    def load(cls, size: int, tile: TileReader) -> Self:
        """The state of a stored tree at ``size``, which may be less than what is stored.

        At a multiple of 256 no level 0 tile is read, so that a pruned log can go on.
        """
        edge, level = list[bytes](), 0
        while width := size >> level * TILE_HEIGHT:
            index, rest = divmod(width, TILE_WIDTH)
            edge.append(_cut(tile, level, index, rest) if rest else b"")
            level += 1
        return cls(Frontier.at(size, hash_reader(tile)), tuple(edge))

    @classmethod
    def above(cls, hashes: Iterable[bytes]) -> tuple[Self, tuple[Tile, ...]]:
        """The tree over full tiles of leaves whose hashes these are (the row of level 1).

        With every tile above level 0: what is left of entries that were pruned.
        """
        upper, tiles = cls().append(hashes)
        frontier = Frontier(upper.size << TILE_HEIGHT, upper.frontier.nodes)
        raised = (Tile(level=t.level + 1, index=t.index, hashes=t.hashes) for t in tiles)
        return cls(frontier, (b"", *upper.edge)), tuple(raised)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self.frontier.size

    def root(self) -> bytes:
        """The root hash to be signed."""
        return self.frontier.root()

    def append(self, leaf_hashes: Iterable[bytes]) -> tuple[Self, tuple[Tile, ...]]:
        """The tree with more leaves, and every tile that this changed, level 0 first.

        Each (level, index) occurs once, in its newest form: insert or replace all of them in the
        transaction that stores the entries.
        """
        row = list(leaf_hashes)
        frontier = self.frontier.extend(row)
        edge, changed, level = list(self.edge), list[Tile](), 0
        while row:
            if level == len(edge):
                edge.append(b"")
            first = (self.size >> level * TILE_HEIGHT) // TILE_WIDTH
            tiles = _tiles_from(edge[level] + b"".join(row), level, first)
            changed += tiles
            row = [_tile_root(tile.hashes) for tile in tiles if tile.width == TILE_WIDTH]
            edge[level] = b"" if tiles[-1].width == TILE_WIDTH else tiles[-1].hashes
            level += 1
        return type(self)(frontier, tuple(edge)), tuple(changed)


def hash_reader(tile: TileReader) -> HashReader:
    """Reads any complete node out of tiles, for proofs of every size up to the stored one.

    It keeps a few tiles: make one reader per proof, or per pinned tree size, not per process.
    """
    cached = lru_cache(maxsize=64)(tile)

    def read(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, offset = divmod(index << height, TILE_WIDTH)
        end = offset + (1 << height)
        row = _split(_cut(cached, tile_level, tile_index, end)[offset * HASH_BYTES :])
        while len(row) > 1:
            row = pair_up(row)
        return row[0]

    return read


def _cut(tile: TileReader, level: int, index: int, width: int) -> bytes:
    """The first ``width`` hashes of a stored tile, which may have grown since."""
    hashes = tile(level, index)
    if len(hashes) < width * HASH_BYTES:
        path = str(TilePath(level=level, index=index))
        raise TileError("ledger.tile-short", path=path, bytes=len(hashes), width=width)
    return hashes[: width * HASH_BYTES]


def _tiles_from(hashes: bytes, level: int, first: int) -> list[Tile]:
    return [
        Tile(
            level=level,
            index=first + start // TILE_BYTES,
            hashes=hashes[start : start + TILE_BYTES],
        )
        for start in range(0, len(hashes), TILE_BYTES)
    ]


def _tile_root(hashes: bytes) -> bytes:
    row = _split(hashes)
    while len(row) > 1:
        row = pair_up(row)
    return row[0]


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
