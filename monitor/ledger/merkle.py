"""The Merkle tree of RFC 6962 section 2.1 and its proofs (RFC 9162 section 2.1), pure.

Enforces: every hash is 32 bytes, sizes are 1..2^63-1 where a tree must exist, a proof has exactly
the length its sizes ask for. Leaves to others: where hashes are stored (``tiles``), who signed a
root (``checkpoint``), and what a leaf means (``entry``).

A *node* (level, index) is the hash over the leaves [index * 2^level, (index + 1) * 2^level).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Self

from monitor.ledger.errors import ProofError

HASH_BYTES = 32
MAX_SIZE = 2**63 - 1
EMPTY_ROOT = sha256().digest()
# Leaves taken from an iterable at a time: bounds the memory of a streaming verification (0.5 MB).
_CHUNK = 8192

HashReader = Callable[[int, int], bytes]
"""``read(level, index)`` gives the hash of a complete node of the stored tree."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of an entry's bytes as a leaf (prefix 0x00)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two children (prefix 0x01)."""
    return sha256(b"\x01" + left + right).digest()


def pair_up(row: Sequence[bytes]) -> list[bytes]:
    """The parents of neighbouring hashes; an odd last one has no parent yet and is left out."""
    pairs = iter(row)
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs)]  # noqa: B905


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes; of an empty tree the hash of nothing."""
    return Frontier().extend(leaf_hashes).root()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The compact range [0, size): the roots of its perfect subtrees, smallest first.

    It has one node for each bit set in ``size`` and is all that appending and the root need.
    """

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE or len(self.nodes) != self.size.bit_count():
            raise ProofError("ledger.frontier-malformed", size=self.size, nodes=len(self.nodes))
        _require_hashes(self.nodes)

    @classmethod
    def at(cls, size: int, read: HashReader) -> Self:
        """The frontier of the stored tree when it had ``size`` leaves."""
        nodes, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                nodes.append(read(level, start >> level))
                start += 1 << level
        return cls(size, tuple(reversed(nodes)))

    def append(self, leaf: bytes) -> Self:
        """The frontier with one more leaf hash."""
        return self.extend((leaf,))

    def extend(self, leaf_hashes: Iterable[bytes]) -> Self:
        """The frontier with more leaf hashes; an iterator is consumed piecewise."""
        frontier, leaves = self, iter(leaf_hashes)
        while chunk := list(islice(leaves, _CHUNK)):
            frontier = frontier._extend_chunk(chunk)
        return frontier

    def _extend_chunk(self, row: list[bytes]) -> Self:
        """Carries whole rows upward, level by level, as in a binary addition."""
        _require_hashes(row)
        size, old, kept = self.size + len(row), iter(self.nodes), list[bytes]()
        for level in range(size.bit_length()):
            if self.size >> level & 1:
                row.insert(0, next(old))
            if len(row) & 1:
                kept.append(row[-1])
            row = pair_up(row)
        return type(self)(size, tuple(kept))

    def root(self) -> bytes:
        """The root hash of the tree of this size."""
        if not self.nodes:
            return EMPTY_ROOT
        smallest, *larger = self.nodes
        result = smallest
        for node in larger:
            result = node_hash(node, result)
        return result


def inclusion_proof(index: int, size: int, read: HashReader) -> tuple[bytes, ...]:
    """PATH(index, D[size]) of RFC 9162 section 2.1.3.1, leaf end first."""
    _require_member(index, size)
    low, high, proof = 0, size, list[bytes]()
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range_hash(middle, high, read))
            high = middle
        else:
            proof.append(_range_hash(low, middle, read))
            low = middle
    return tuple(reversed(proof))


def consistency_proof(size1: int, size2: int, read: HashReader) -> tuple[bytes, ...]:
    """PROOF(size1, D[size2]) of RFC 9162 section 2.1.4.1; empty where the sizes are equal."""
    _require_growth(size1, size2)
    low, high, proof = 0, size2, list[bytes]()
    while size1 != high:
        middle = low + _split(high - low)
        if size1 <= middle:
            proof.append(_range_hash(middle, high, read))
            high = middle
        else:
            proof.append(_range_hash(low, middle, read))
            low = middle
    if low:  # else the verifier knows this subtree already: it is root1
        proof.append(_range_hash(low, high, read))
    return tuple(reversed(proof))


def verify_inclusion(
    index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Checks that the leaf stands at ``index`` in the tree (RFC 9162 section 2.1.3.2).

    Raises ProofError; returning is the proof.
    """
    _require_member(index, size)
    _require_hashes((leaf_hash, root, *proof))
    position, last, result = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise ProofError("ledger.proof-too-long", hashes=len(proof))
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            position, last = _climb_to_right_child(position, last)
        else:
            result = node_hash(result, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("ledger.proof-too-short", hashes=len(proof))
    if result != root:
        raise ProofError("ledger.inclusion-refuted", index=index, size=size)


def verify_consistency(
    size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """Checks that the tree of size2 only appends to that of size1 (RFC 9162 section 2.1.4.2).

    A first size of zero proves nothing and is refused. Raises ProofError.
    """
    _require_growth(size1, size2)
    _require_hashes((root1, root2, *proof))
    if size1 == size2:
        if proof:
            raise ProofError("ledger.proof-too-long", hashes=len(proof))
        if root1 != root2:
            raise ProofError("ledger.consistency-refuted", size1=size1, size2=size2)
        return
    rebuilt1, rebuilt2 = _rebuild_roots(size1, size2, proof, root1)
    if rebuilt1 != root1 or rebuilt2 != root2:
        raise ProofError("ledger.consistency-refuted", size1=size1, size2=size2)


def _rebuild_roots(
    size1: int, size2: int, proof: Sequence[bytes], root1: bytes
) -> tuple[bytes, bytes]:
    # Where size1 is a power of two, root1 itself is the first node, and the proof omits it.
    path = [root1, *proof] if size1.bit_count() == 1 else list(proof)
    if not path or not proof:
        raise ProofError("ledger.proof-too-short", hashes=len(proof))
    position, last = size1 - 1, size2 - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("ledger.proof-too-long", hashes=len(proof))
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            position, last = _climb_to_right_child(position, last)
        else:
            second = node_hash(second, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("ledger.proof-too-short", hashes=len(proof))
    return first, second


def _climb_to_right_child(position: int, last: int) -> tuple[int, int]:
    """Skips the levels at which a node at the right edge has no sibling."""
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _split(width: int) -> int:
    """The largest power of two smaller than ``width`` (k in RFC 9162)."""
    return 1 << (width - 1).bit_length() - 1


def _range_hash(low: int, high: int, read: HashReader) -> bytes:
    """MTH(D[low:high]) from complete nodes; ``low`` is a multiple of the range's largest part."""
    parts, start = list[bytes](), low
    while start < high:
        level = (high - start).bit_length() - 1
        parts.append(read(level, start >> level))
        start += 1 << level
    result = parts.pop()
    while parts:
        result = node_hash(parts.pop(), result)
    return result


def _require_member(index: int, size: int) -> None:
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError("ledger.index-outside", index=index, size=size)


def _require_growth(size1: int, size2: int) -> None:
    if not 0 < size1 <= size2 <= MAX_SIZE:
        raise ProofError("ledger.sizes-refused", size1=size1, size2=size2)


def _require_hashes(hashes: Iterable[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise ProofError("ledger.hash-length", bytes=len(value))
