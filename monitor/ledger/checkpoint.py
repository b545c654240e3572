"""Checkpoints: the signed size and root of a log (C2SP tlog-checkpoint v1.0.0), pure.

Enforces: exactly three lines (extension lines are neither written nor accepted: nobody audits
them); a size without leading zeros, at most 2^63-1; a root of 32 bytes in canonical base64, which
for an empty tree is the hash of nothing; the origin is the name of the key that signs.
Leaves to others: consistency with earlier checkpoints (``merkle``), never to sign a smaller tree
(``anchor`` and the store), which key counts when.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.ledger.errors import CheckpointError
from monitor.ledger.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE
from monitor.ledger.note import Signature, open_note, parse_unverified, sign
from monitor.ledger.signer import (
    Cosigner,
    KeyKind,
    NoteSigner,
    Verifier,
    decode_base64,
    encode_base64,
    require_name,
)

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log commits to: ``size`` entries under ``root``. Trusted only as far as its source."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        require_name(self.origin)
        if not 0 <= self.size <= MAX_SIZE:
            raise CheckpointError("ledger.checkpoint-size", size=str(self.size))
        if len(self.root) != HASH_BYTES or (self.size == 0 and self.root != EMPTY_ROOT):
            raise CheckpointError("ledger.checkpoint-root", origin=self.origin)

    @property
    def text(self) -> str:
        """The text of the note."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignedCheckpoint:
    """A checkpoint signed by its log, and the cosignatures of the witnesses that were asked for."""

    checkpoint: Checkpoint
    cosignatures: tuple[Signature, ...]


def parse_checkpoint(text: str) -> Checkpoint:
    """Reads the text of a note as a checkpoint."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise CheckpointError("ledger.checkpoint-lines", lines=len(lines) - 1)
    origin, size, root, _ = lines
    if not _SIZE.fullmatch(size):
        raise CheckpointError("ledger.checkpoint-size", size=ascii(size[:40]))
    return Checkpoint(origin=origin, size=int(size), root=decode_base64(root) or b"")


def sign_checkpoint(
    checkpoint: Checkpoint, signer: NoteSigner, existing: Iterable[Signature] = ()
) -> bytes:
    """The signed note. Only for a tree that is committed: a signature cannot be rolled back."""
    _require_origin(checkpoint, signer.verifier)
    return sign(checkpoint.text, (signer,), existing)


def open_checkpoint(note: bytes, verifier: Verifier) -> Checkpoint:
    """The checkpoint, if the log's key has signed it and its origin is that key's name.

    Raises NoteError, SignatureError or CheckpointError.
    """
    return open_cosigned(note, verifier, ()).checkpoint


def open_by_any(
    note: bytes, verifiers: Sequence[Verifier]
) -> tuple[Checkpoint, tuple[Verifier, ...]]:
    """The checkpoint, and which of one log's keys have signed it (one at least).

    When each of them was in force is for the caller (`monitor.verify`). Raises as
    `open_checkpoint`.
    """
    opened = open_note(note, verifiers)
    checkpoint = parse_checkpoint(opened.text)
    signed = {(one.name, one.key_id) for one in opened.verified}
    by = tuple(one for one in verifiers if (one.name, one.key_id) in signed)
    _require_origin(checkpoint, by[0])
    return checkpoint, by


def open_cosigned(
    note: bytes, verifier: Verifier, witnesses: Iterable[Verifier]
) -> CosignedCheckpoint:
    """The log's checkpoint and every cosignature on it by one of these witnesses.

    A witness alone does not vouch for the log: the log's own signature must be there.
    """
    checkpoint, _ = open_by_any(note, (verifier,))
    return CosignedCheckpoint(
        checkpoint=checkpoint, cosignatures=cosignatures_on(note, verifier, witnesses)
    )


def cosignatures_on(
    note: bytes, verifier: Verifier, witnesses: Iterable[Verifier]
) -> tuple[Signature, ...]:
    """The cosignatures by these witnesses on a note that the log's key `verifier` has signed.

    CheckpointError for a key that is no witness's; SignatureError for a forged cosignature.
    """
    watching = tuple(witnesses)
    for witness in watching:
        if witness.kind is not KeyKind.COSIGNATURE:
            raise CheckpointError("ledger.witness-key", name=witness.name)
    opened = open_note(note, (verifier, *watching))
    own = verifier.name, verifier.key_id
    return tuple(one for one in opened.verified if (one.name, one.key_id) != own)


def cosign(note: bytes, verifier: Verifier, cosigner: Cosigner) -> bytes:
    """The log's checkpoint note with a witness's cosignature added (its own earlier one replaced).

    The witness must have checked consistency with the last checkpoint it cosigned.
    """
    open_checkpoint(note, verifier)
    parsed = parse_unverified(note)
    return sign(parsed.text, (cosigner,), parsed.signatures)


def read_unverified(note: bytes) -> Checkpoint:
    """The checkpoint a note claims, WITHOUT checking a signature: for comparing sizes only."""
    return parse_checkpoint(parse_unverified(note).text)


def _require_origin(checkpoint: Checkpoint, verifier: Verifier) -> None:
    if checkpoint.origin != verifier.name:
        raise CheckpointError("ledger.origin-foreign", origin=checkpoint.origin, name=verifier.name)
