"""Tiles: paths, bundles, appending, and proofs read out of tiles."""

import random
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.errors import ProofError, TileError
from monitor.ledger.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from monitor.ledger.tiles import (
    MAX_INDEX,
    TILE_BYTES,
    TilePath,
    TileTree,
    decode_bundle,
    encode_bundle,
    format_index,
    hash_reader,
    parse_path,
    paths_of,
)

LEAVES = [leaf_hash(b"entry %d" % number) for number in range(70_000)]


class Shelf:
    """An in-memory store of tiles that keeps the newest form of each, as the database does."""

    def __init__(self) -> None:
        self.tree = TileTree()
        self.tiles: dict[tuple[int, int], bytes] = {}

    def append(self, leaves: list[bytes]) -> int:
        """Appends, and returns how many tiles were written."""
        self.tree, changed = self.tree.append(leaves)
        assert len({(tile.level, tile.index) for tile in changed}) == len(changed)
        self.tiles.update({(tile.level, tile.index): tile.hashes for tile in changed})
        return len(changed)

    def read(self, level: int, index: int) -> bytes:
        """A tile reader."""
        return self.tiles[level, index]


@pytest.fixture(scope="module")
def large() -> Shelf:
    """A log of 70,000 entries, appended in one piece."""
    shelf = Shelf()
    shelf.append(LEAVES)
    return shelf


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (TilePath(level=0, index=1234067), "tile/0/x001/x234/067"),
        (TilePath(level=0, index=0), "tile/0/000"),
        (TilePath(level=1, index=999), "tile/1/999"),
        (TilePath(level=63, index=1000, width=1), "tile/63/x001/000.p/1"),
        (TilePath(level=None, index=5, width=255), "tile/entries/005.p/255"),
    ],
)
def test_paths_of_the_specification(path: TilePath, text: str) -> None:
    """A tile has the path that tlog-tiles gives it."""
    assert str(path) == text
    assert parse_path(text) == path


@given(
    st.none() | st.integers(0, 63),
    st.integers(0, MAX_INDEX) | st.integers(0, 2_000_000),
    st.integers(1, 256),
)
def test_path_survives(level: int | None, index: int, width: int) -> None:
    """Every path that is written is read back as the same tile."""
    path = TilePath(level=level, index=index, width=width)
    assert parse_path(str(path)) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x01/002",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/8/0/000",
        "tile/data/000",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "tile/0/" + "x999/" * 6 + "999",
    ],
)
def test_refused_paths(text: str) -> None:
    """A path that is not canonical names nothing."""
    with pytest.raises(TileError, match=r"ledger\.tile-path"):
        parse_path(text)


@given(st.text(alphabet="tile/nrsx0123456789.p", max_size=30))
def test_any_text_as_path(text: str) -> None:
    """Whatever is read as a path is written as the same text."""
    try:
        path = parse_path("tile/" + text)
    except TileError:
        return
    assert str(path) == "tile/" + text


def test_paths_of_a_log_of_70000() -> None:
    """A log of 70,000 entries consists of the tiles that the specification counts up."""
    paths = list(paths_of(70_000))
    widths = {level: [p.width for p in paths if p.level == level] for level in (0, 1, 2, None)}
    assert widths == {0: [256] * 273 + [112], 1: [256, 17], 2: [1], None: [256] * 273 + [112]}
    assert [str(path) for path in paths_of(256)] == [
        "tile/0/000",
        "tile/1/000.p/1",
        "tile/entries/000",
    ]
    assert list(paths_of(0)) == []
    assert format_index(0) == "000"


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_bundle_survives(entries: list[bytes]) -> None:
    """The entries of a bundle are read back, and only under their exact number."""
    bundle = encode_bundle(entries)
    assert decode_bundle(bundle, len(entries)) == tuple(entries)
    for wrong, width in (
        (bundle, len(entries) - 1),
        (bundle, len(entries) + 1),
        (bundle[:-1], len(entries)),
        (bundle + b"\0", len(entries)),
    ):
        with pytest.raises(TileError, match=r"ledger\.bundle-cut"):
            decode_bundle(wrong, width)


def test_longest_entry() -> None:
    """An entry of 65,535 bytes fits, one byte more does not; nor does an empty or a 257th."""
    assert decode_bundle(encode_bundle([b"x" * 65_535]), 1) == (b"x" * 65_535,)
    with pytest.raises(TileError, match=r"ledger\.entry-too-long"):
        encode_bundle([b"x" * 65_536])
    for entries in ([], [b""] * 257):
        with pytest.raises(TileError, match=r"ledger\.bundle-width"):
            encode_bundle(entries)


def _steps(seed: int, total: int) -> Iterator[int]:
    """Commits of mostly 1 to 5 leaves, now and then hundreds."""
    chance = random.Random(seed)
    while total > 0:
        step = min(total, chance.choice((1, 2, 3, 4, 5, 5, 300)))
        yield step
        total -= step


@pytest.mark.parametrize("seed", range(3))
def test_append_in_any_steps(seed: int) -> None:
    """However the leaves come, the tiles, the state and the root are the same at the end."""
    stepwise, at_once, done = Shelf(), Shelf(), 0
    for step in _steps(seed, 3000):
        stepwise.append(LEAVES[done : done + step])
        done += step
        assert stepwise.tree.root() == root(LEAVES[:done])
    at_once.append(LEAVES[:3000])
    assert stepwise.tree == at_once.tree
    assert stepwise.tiles == at_once.tiles


def test_append_is_cheap(large: Shelf) -> None:
    """One leaf more rewrites one tile; only a filled tile reaches the level above."""
    tree, changed = large.tree.append(LEAVES[:1])
    assert [(tile.level, tile.width) for tile in changed] == [(0, 113)]
    _, changed = tree.append(LEAVES[: 255 - 112])
    assert [(tile.level, tile.width) for tile in changed] == [(0, 256), (1, 18)]
    assert large.tree.append([]) == (large.tree, ())


def test_stored_tiles_are_those_of_the_log(large: Shelf) -> None:
    """The tiles on the shelf are exactly those that a log of this size publishes."""
    stored = {
        str(TilePath(level=level, index=index, width=len(hashes) // 32))
        for (level, index), hashes in large.tiles.items()
    }
    assert stored == {str(path) for path in paths_of(70_000) if path.level is not None}


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])
def test_load_at_any_size(large: Shelf, size: int) -> None:
    """The state read back at an earlier size goes on to the same tree."""
    loaded = TileTree.load(size, large.read)
    assert loaded.frontier == Frontier().extend(LEAVES[:size])
    grown, changed = loaded.append(LEAVES[size:])
    assert grown == large.tree
    assert all(large.tiles[tile.level, tile.index] == tile.hashes for tile in changed)


def test_every_proof_up_to_256_through_tiles() -> None:
    """At each size up to 256 all proofs read from the tiles of that size verify."""
    shelf, roots = Shelf(), [root(())]
    for size in range(1, 257):
        shelf.append(LEAVES[size - 1 : size])
        roots.append(shelf.tree.root())
        read = cache(hash_reader(shelf.read))
        for index in range(size):
            inclusion = inclusion_proof(index, size, read)
            verify_inclusion(index, size, LEAVES[index], inclusion, roots[size])
            consistency = consistency_proof(index + 1, size, read)
            verify_consistency(index + 1, size, consistency, roots[index + 1], roots[size])


def test_a_flipped_bit_in_a_tile() -> None:
    """At each size up to 256 a flipped bit in the tile spoils the proofs that it enters."""
    for size in range(2, 257):
        shelf = Shelf()
        shelf.append(LEAVES[:size])
        flipped = bytearray(shelf.tiles[0, 0])
        flipped[size % 32] ^= 1 << size % 8
        shelf.tiles[0, 0] = bytes(flipped)
        proof = inclusion_proof(size - 1, size, hash_reader(shelf.read))
        with pytest.raises(ProofError):
            verify_inclusion(size - 1, size, LEAVES[size - 1], proof, shelf.tree.root())


@given(st.data())
def test_proofs_in_a_large_tree(large: Shelf, data: st.DataObject) -> None:
    """Proofs for any earlier size come out of the tiles of the grown log, across their levels."""
    size = data.draw(st.integers(1, 70_000) | st.sampled_from([256, 257, 65_536, 65_537]))
    index, read = data.draw(st.integers(0, size - 1)), hash_reader(large.read)
    top = Frontier.at(size, read).root()
    verify_inclusion(index, size, LEAVES[index], inclusion_proof(index, size, read), top)
    consistency = consistency_proof(size, 70_000, read)
    verify_consistency(size, 70_000, consistency, top, large.tree.root())


def test_a_pruned_log_goes_on(large: Shelf) -> None:
    """Without the level 0 tiles below 512 * 256, later entries are proven and appended."""
    kept = {key: tile for key, tile in large.tiles.items() if key[0] > 0 or key[1] >= 200}
    read = hash_reader(lambda level, index: kept[level, index])
    proof = inclusion_proof(200 * 256, 70_000, read)
    verify_inclusion(200 * 256, 70_000, LEAVES[200 * 256], proof, large.tree.root())
    proof = consistency_proof(200 * 256, 70_000, read)
    verify_consistency(200 * 256, 70_000, proof, root(LEAVES[: 200 * 256]), large.tree.root())
    assert TileTree.load(70_000, lambda level, index: kept[level, index]) == large.tree


def test_a_short_tile_is_named() -> None:
    """A tile with fewer hashes than the tree needs is refused, with its path."""
    shelf = Shelf()
    shelf.append(LEAVES[:10])
    with pytest.raises(TileError, match=r"ledger\.tile-short.*tile/0/000"):
        inclusion_proof(0, 11, hash_reader(shelf.read))
    assert len(shelf.tiles[0, 0]) < TILE_BYTES
