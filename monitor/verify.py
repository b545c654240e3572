"""Proof by recomputation: everything from the entries' bytes, trust from the given key alone. Pure
but for what the `Source` reads; streaming, so that memory stays flat.

Here: who signed, cosigned and time-stamped which tree, and what that says of the log. Cosignatures
are believed where the caller names the witness's key, and counted where not. `monitor.walk` reads
the entries. The first wrong thing is the first finding. Not checked: that a probe told the truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from monitor.halfway import Keeper
from monitor.ledger.checkpoint import Checkpoint, cosignatures_on, open_by_any
from monitor.ledger.epochs import Rotation, in_force, strangers
from monitor.ledger.errors import LedgerError
from monitor.ledger.finding import Finding
from monitor.ledger.handover import followed
from monitor.ledger.note import parse_unverified
from monitor.ledger.signer import Verifier
from monitor.ledger.stamp import Stamped
from monitor.ledger.witness import short_name
from monitor.proof import Proof, Witnessed
from monitor.source import Anchored, Source
from monitor.stamped import Stamps
from monitor.walk import Walk

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def verify(
    source: Source,
    trusted: Verifier | Sequence[Verifier],
    anchors: Sequence[Anchored] = (),
    progress: Callable[[int, int], None] = lambda _done, _size: None,
    witnesses: Sequence[Verifier] = (),
    keeper: Keeper | None = None,
    roots: "Sequence[Certificate]" = (),
) -> Proof:
    """Recompute everything; `anchors`, `witnesses`, `roots` (of time-stamping authorities) and the
    keys, all of one log, are what the caller trusts.

    Each key counts only between the hand-overs that the log tells of. A key that nobody named is
    believed where a trusted one handed over to it and signed the tree that ends with its saying so.
    `keeper`: where to keep how far it came, and to go on from; StaleError where what is kept there
    does not fit: it is forgotten, so that the next attempt starts anew.
    """
    named = {short_name(one): Witnessed() for one in witnesses}
    proof = Proof(witnesses=named, stamps=Stamps(roots=roots))
    verifiers = (trusted,) if isinstance(trusted, Verifier) else tuple(trusted)
    notes = chain((n for _, n in source.checkpoints()), (one.note for one in anchors))
    proof.followed = followed(notes, source.entry, verifiers)
    verifiers = (*verifiers, *(one.next for one in proof.followed))
    keys = _Keys(verifiers=verifiers, witnesses=tuple(witnesses), proof=proof)
    verifier = verifiers[0]
    origin, size, root = source.head()
    proof.size = size
    if origin != verifier.name and origin:
        proof.add(None, "verify.origin", there=origin, here=verifier.name)
    expected = _checkpoints(source, keys, size, proof)
    _cosigned(source, keys, size, expected, proof)
    _stamped(source, keys, size, expected, proof)
    _anchor(anchors, keys, size, expected, proof)
    walk = Walk(source, verifier.name, proof, expected, keeper)
    tree = walk.run(size, progress)
    keys.judge(walk.fold.rotations if walk.derivable else None, proof)
    for handed in proof.followed if walk.derivable else ():
        if handed.rotation not in walk.fold.rotations:
            proof.add(handed.index, "verify.handover-false")
    proof.root = tree.root()
    if root is not None and tree.size == size and root != proof.root:
        proof.add(None, "verify.root", size=size)
    signed = max((s for s in expected if s <= size), default=0)
    proof.unsigned_tail = size - signed
    if signed == 0 and size:
        proof.add(None, "verify.unsigned", size=size)
    for finding in source.surplus(size):
        proof.add(finding.index, finding.what, **finding.values)
    if not origin and not proof.findings:
        proof.unusable = Finding(index=None, what="verify.empty")
    return proof


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """The trusted keys, which of them signed checkpoints of which size, and who cosigned them."""

    verifiers: tuple[Verifier, ...]
    witnesses: tuple[Verifier, ...]
    proof: Proof
    signed: list[tuple[int, tuple[Verifier, ...]]] = field(default_factory=list)

    def open(self, note: bytes) -> Checkpoint:
        """A checkpoint that one of the keys has signed.

        LedgerError else, and for what bears a trusted witness's name but not its signature.
        """
        head, by = open_by_any(note, self.verifiers)
        for signature in cosignatures_on(note, by[0], self.witnesses):
            seen = self.proof.witnesses[f"{signature.name}+{signature.key_id.hex()}"]
            seen.count += 1
            if head.size >= seen.size:
                seen.size, seen.at_s = head.size, signature.cosigned_at()
        self.signed.append((head.size, by))
        return head

    def judge(self, rotations: Sequence[Rotation] | None, proof: Proof) -> None:
        """Every checkpoint is of a key that was in force; None where nobody can tell."""
        if rotations is None:
            return
        for size, by in self.signed:
            if not any(in_force(one.vkey, size, rotations) for one in by):
                proof.add(None, "verify.epoch", size=size, by=by[0].key_id.hex())
        if strangers([by for _, by in self.signed], rotations):
            proof.add(None, "verify.epoch-untold")


def _cosigned(
    source: Source,
    keys: _Keys,
    size: int,
    expected: dict[int, list[bytes]],
    proof: Proof,
) -> None:
    """Each of them is a checkpoint of the log besides, by the witness that it is kept under."""
    for witness, claimed, note in source.cosigned():
        try:
            head = keys.open(note)
        except LedgerError as error:
            proof.add(None, "verify.cosigned", size=claimed or 0, why=error.reason)
            continue
        signers = {f"{s.name}+{s.key_id.hex()}" for s in parse_unverified(note).signatures}
        if claimed not in (None, head.size) or not (witness is None or witness in signers):
            proof.add(None, "verify.cosigned-row", size=head.size, witness=str(witness))
        if not signers & proof.witnesses.keys():
            proof.strangers += 1
        if head.size > size:
            proof.add(None, "verify.cut", signed=head.size, size=size)
        else:
            _expect(expected, head, proof)


def _stamped(
    source: Source, keys: _Keys, size: int, expected: dict[int, list[bytes]], proof: Proof
) -> None:
    """Each of them is a checkpoint of the log besides, and its token is over just this note."""
    for claimed, note, reply in source.stamped():
        try:
            head = keys.open(note)
        except LedgerError as error:
            proof.add(None, "verify.stamped", size=claimed or 0, why=error.reason)
            continue
        if claimed not in (None, head.size):
            proof.add(None, "verify.stamped-size", size=head.size, there=claimed or 0)
        if head.size > size:
            proof.add(None, "verify.cut", signed=head.size, size=size)
        else:
            _expect(expected, head, proof)
        one = Stamped(authority="", size=head.size, time_us=0, note=note, reply=reply)
        for finding in proof.stamps.take(one):
            proof.add(finding.index, finding.what, **finding.values)
    proof.stamps.ready()


def _checkpoints(source: Source, keys: _Keys, size: int, proof: Proof) -> dict[int, list[bytes]]:
    """Roots by size that the key has signed, from inside."""
    expected: dict[int, list[bytes]] = {}
    for claimed, note in source.checkpoints():
        try:
            head = keys.open(note)
        except LedgerError as error:
            proof.add(None, "verify.checkpoint", size=claimed or 0, why=error.reason)
            continue
        if claimed is not None and claimed != head.size:
            proof.add(None, "verify.checkpoint-size", size=head.size, there=claimed)
        proof.checkpoints += 1
        if head.size > size:
            proof.add(None, "verify.cut", signed=head.size, size=size)
        else:
            _expect(expected, head, proof)
    return expected


def _expect(expected: dict[int, list[bytes]], head: Checkpoint, proof: Proof) -> None:
    roots = expected.setdefault(head.size, [])
    if roots and head.root not in roots:
        proof.add(None, "verify.equivocation", size=head.size)
    if head.root not in roots:
        roots.append(head.root)


def _anchor(
    anchors: Sequence[Anchored],
    keys: _Keys,
    size: int,
    expected: dict[int, list[bytes]],
    proof: Proof,
) -> None:
    for anchored in anchors:
        try:
            head = keys.open(anchored.note)
        except LedgerError as error:
            proof.add(None, "verify.anchor", place=anchored.place, why=error.reason)
            continue
        proof.anchor = anchored.place
        if head.size > size:
            proof.add(None, "verify.ahead", place=anchored.place, anchored=head.size, size=size)
        else:
            _expect(expected, head, proof)
