"""The proof that one entry stands in a log, as a text file (C2SP tlog-proof), pure.

Enforces, when a proof is read: at most 1,100,000 bytes; the first line names the format; an index
without leading zeros; canonical base64; at most 63 hashes of 32 bytes; nothing is left over.
Leaves to others: which key to trust, and the entry's own bytes, which lie beside the proof.
``extra`` is not authenticated by anything: it is kept as it came, and never believed.
"""

import re
from dataclasses import dataclass

from monitor.ledger.checkpoint import Checkpoint, open_by_any
from monitor.ledger.errors import ProofError
from monitor.ledger.merkle import (
    HASH_BYTES,
    MAX_SIZE,
    HashReader,
    inclusion_proof,
    leaf_hash,
    verify_inclusion,
)
from monitor.ledger.note import MAX_NOTE_BYTES
from monitor.ledger.signer import Verifier, decode_base64, encode_base64

FIRST_LINE = b"c2sp.org/tlog-proof@v1\n"
MAX_PROOF_BYTES = MAX_NOTE_BYTES + 100_000
_MAX_HASHES = 63
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_EXTRA = "extra "


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProof:
    """Where an entry stands, the hashes from its leaf to the root, and the signed root."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def to_bytes(self) -> bytes:
        """The file; ``parse`` reads it back."""
        lines = [] if self.extra is None else [_EXTRA + encode_base64(self.extra)]
        lines += [f"index {self.index}", *map(encode_base64, self.hashes), ""]
        return FIRST_LINE + "".join(f"{line}\n" for line in lines).encode() + self.checkpoint

    def check(self, entry: bytes, *verifiers: Verifier) -> Checkpoint:
        """The checkpoint under which the entry stands; the return is the proof.

        Any of the log's keys may have signed it: when each was in force stands in the log alone.

        Raises NoteError, SignatureError or CheckpointError where the trusted key has not signed
        it, ProofError where the entry does not lead to its root.
        """
        head, _ = open_by_any(self.checkpoint, verifiers)
        verify_inclusion(self.index, head.size, leaf_hash(entry), self.hashes, head.root)
        return head


def prove(index: int, entry: bytes, head: Checkpoint, note: bytes, read: HashReader) -> LogProof:
    """The proof of an entry under a checkpoint that the caller has verified.

    ProofError or TileError where what is stored does not lead to its root: nothing false is made.
    """
    hashes = inclusion_proof(index, head.size, read)
    verify_inclusion(index, head.size, leaf_hash(entry), hashes, head.root)
    return LogProof(index=index, hashes=hashes, checkpoint=note)


def is_proof(raw: bytes) -> bool:
    """Whether a file begins as a proof does."""
    return raw.startswith(FIRST_LINE)


def parse(raw: bytes) -> LogProof:
    """Reads a proof; ProofError with the line that is no part of one. Nothing is verified."""
    if len(raw) > MAX_PROOF_BYTES or not is_proof(raw):
        raise ProofError("ledger.proof-malformed", line=1)
    head, separator, checkpoint = raw.removeprefix(FIRST_LINE).partition(b"\n\n")
    # Latin-1 takes any byte; what is no base64 or digit is refused line by line.
    lines = head.decode("latin-1").split("\n")
    extra = _extra(lines[0])
    rest = lines if extra is None else lines[1:]
    number = 2 if extra is None else 3
    named = _INDEX.fullmatch(rest[0]) if rest else None
    if named is None or int(named[1]) >= MAX_SIZE:
        raise ProofError("ledger.proof-malformed", line=number)
    hashes = tuple(_hash(line, number + at) for at, line in enumerate(rest[1:], 1))
    if not separator or len(hashes) > _MAX_HASHES:
        raise ProofError("ledger.proof-malformed", line=number + len(hashes))
    return LogProof(index=int(named[1]), hashes=hashes, checkpoint=checkpoint, extra=extra)


def _extra(line: str) -> bytes | None:
    if not line.startswith(_EXTRA):
        return None
    content = decode_base64(line.removeprefix(_EXTRA))
    if not content:
        raise ProofError("ledger.proof-malformed", line=2)
    return content


def _hash(line: str, number: int) -> bytes:
    value = decode_base64(line)
    if value is None or len(value) != HASH_BYTES:
        raise ProofError("ledger.proof-malformed", line=number)
    return value
