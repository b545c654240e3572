"""Which key may have signed a checkpoint of which size, by the hand-overs in the log. Pure.

A key is in force from the checkpoint that covers the entry naming it to the one that covers the
entry naming the next. At that size both may sign: the tree is the same.
"""

from collections.abc import Sequence

from monitor.ledger.signer import Verifier

Rotation = tuple[int, str, str]
"""(index of the entry, outgoing verifier key, next one)."""


def in_force(vkey: str, size: int, rotations: Sequence[Rotation]) -> bool:
    """Whether a key may sign a checkpoint of this size; without rotations any key may."""
    if not rotations:
        return True
    if vkey == rotations[0][1]:
        return size <= rotations[0][0] + 1
    for at, (index, _, following) in enumerate(rotations):
        if vkey == following:
            last = rotations[at + 1][0] + 1 if at + 1 < len(rotations) else size
            return index + 1 <= size <= last
    return False


def strangers(by: Sequence[tuple[Verifier, ...]], rotations: Sequence[Rotation]) -> bool:
    """Whether several keys signed one by one although the log tells of no hand-over."""
    if rotations or not by:
        return False
    common = set(by[0]).intersection(*map(set, by[1:]))
    return not common
