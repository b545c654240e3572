"""The Merkle tree against its definition, at every small size."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.errors import ProofError
from monitor.ledger.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    Frontier,
    HashReader,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

PUBLISHED_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
PUBLISHED_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
LEAVES = [leaf_hash(b"%d" % number) for number in range(70)]


def defined_root(leaves: Sequence[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it, over leaf hashes."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + defined_root(leaves[:split]) + defined_root(leaves[split:])).digest()


def reader(leaves: Sequence[bytes]) -> HashReader:
    """Complete nodes straight from the definition."""

    def read(level: int, index: int) -> bytes:
        part = leaves[index << level : (index + 1) << level]
        assert len(part) == 1 << level, "asked for a node that is not complete"
        return defined_root(part)

    return read


@pytest.mark.parametrize("size", PUBLISHED_ROOTS)
def test_published_roots(size: int) -> None:
    """The roots over the published leaves are the published ones."""
    assert root(map(leaf_hash, PUBLISHED_LEAVES[:size])).hex() == PUBLISHED_ROOTS[size]


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=80), st.integers(0, 80))
def test_frontier_is_the_defined_root(leaves: list[bytes], cut: int) -> None:
    """However the leaves are dealt out to extend and append, the root is the defined one."""
    frontier = Frontier().extend(leaves[:cut])
    for leaf in leaves[cut:]:
        frontier = frontier.append(leaf)
    assert frontier == Frontier().extend(iter(leaves))
    assert frontier.size == len(leaves)
    assert frontier.root() == defined_root(leaves)


def test_frontier_over_several_chunks() -> None:
    """A stream longer than what is taken at a time gives the defined root."""
    leaves = [leaf_hash(b"%d" % number) for number in range(20_001)]
    assert Frontier().extend(iter(leaves)).root() == defined_root(leaves)


@given(st.integers(0, 70))
def test_frontier_read_back(size: int) -> None:
    """The frontier of a stored tree at an earlier size is the one it had then."""
    assert Frontier.at(size, reader(LEAVES)) == Frontier().extend(LEAVES[:size])


def test_frontier_must_fit_its_size() -> None:
    """A frontier whose nodes do not fit its size, or are no hashes, cannot exist."""
    for size, nodes in (
        (1, ()),
        (0, (EMPTY_ROOT,)),
        (3, (EMPTY_ROOT,)),
        (1, (b"short",)),
        (-1, ()),
    ):
        with pytest.raises(ProofError):
            Frontier(size, nodes)


def test_every_inclusion_proof_up_to_70() -> None:
    """Each leaf of each tree up to 70 is proven, and no other position is."""
    read = reader(LEAVES)
    for size in range(1, 71):
        top = defined_root(LEAVES[:size])
        for index in range(size):
            proof = inclusion_proof(index, size, read)
            verify_inclusion(index, size, LEAVES[index], proof, top)
            with pytest.raises(ProofError):
                verify_inclusion((index + 1) % (size + 1), size, LEAVES[index], proof, top)


def test_every_consistency_proof_up_to_70() -> None:
    """Each pair of sizes up to 70 is proven consistent, and not with another first root."""
    read = reader(LEAVES)
    roots = [defined_root(LEAVES[:size]) for size in range(71)]
    for size2 in range(1, 71):
        for size1 in range(1, size2 + 1):
            proof = consistency_proof(size1, size2, read)
            verify_consistency(size1, size2, proof, roots[size1], roots[size2])
            with pytest.raises(ProofError):
                verify_consistency(size1, size2, proof, roots[size1 - 1], roots[size2])


@given(st.data())
def test_altered_inclusion_proof(data: st.DataObject) -> None:
    """One flipped bit anywhere, one hash more or one less, and the proof is refused."""
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, reader(LEAVES))
    hashes = [LEAVES[index], defined_root(LEAVES[:size]), *proof]
    for altered in _alterations(data, hashes):
        with pytest.raises(ProofError):
            verify_inclusion(index, size, altered[0], altered[2:], altered[1])


@given(st.data())
def test_altered_consistency_proof(data: st.DataObject) -> None:
    """One flipped bit anywhere, one hash more or one less, and the proof is refused."""
    size2 = data.draw(st.integers(1, 70))
    size1 = data.draw(st.integers(1, size2))
    proof = consistency_proof(size1, size2, reader(LEAVES))
    hashes = [defined_root(LEAVES[:size1]), defined_root(LEAVES[:size2]), *proof]
    for altered in _alterations(data, hashes):
        with pytest.raises(ProofError):
            verify_consistency(size1, size2, altered[2:], altered[0], altered[1])


def _alterations(data: st.DataObject, hashes: list[bytes]) -> list[list[bytes]]:
    """A flipped bit, a shortened hash, an added hash and, where there is a proof, a cut one."""
    which, bit = data.draw(st.integers(0, len(hashes) - 1)), data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(hashes[which], "big") ^ 1 << bit).to_bytes(32, "big")
    altered = [
        [*hashes[:which], flipped, *hashes[which + 1 :]],
        [*hashes[:which], hashes[which][:-1], *hashes[which + 1 :]],
        [*hashes, LEAVES[0]],
    ]
    return altered + ([hashes[:-1]] if len(hashes) > 2 else [])


def test_refused_sizes() -> None:
    """A consistency proof from size zero, backwards or beyond 63 bits proves nothing."""
    for size1, size2 in ((0, 0), (0, 5), (3, 2), (-1, 2), (1, MAX_SIZE + 1)):
        with pytest.raises(ProofError, match=r"ledger\.sizes-refused"):
            verify_consistency(size1, size2, (), EMPTY_ROOT, EMPTY_ROOT)
        with pytest.raises(ProofError, match=r"ledger\.sizes-refused"):
            consistency_proof(size1, size2, reader(LEAVES))


def test_refused_indices() -> None:
    """A leaf outside the tree has no inclusion proof."""
    for index, size in ((0, 0), (5, 5), (-1, 5), (0, MAX_SIZE + 1)):
        with pytest.raises(ProofError, match=r"ledger\.index-outside"):
            verify_inclusion(index, size, LEAVES[0], (), LEAVES[0])
        with pytest.raises(ProofError, match=r"ledger\.index-outside"):
            inclusion_proof(index, size, reader(LEAVES))
