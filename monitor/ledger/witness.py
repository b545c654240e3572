"""What a log and a witness say to each other (C2SP tlog-witness v1.0.0, add-checkpoint), pure.

Enforces: a submission is read exactly or not at all; at most 63 hashes of 32 bytes; a checkpoint is
cosigned only where the log's pinned key has signed it and it continues the one cosigned before; of
a witness's answer only a cosignature by its pinned key, on the checkpoint submitted, is taken.
Leaves to others: keeping what was cosigned, as one act with looking at it (`monitor.witness`), how
bytes travel, what a refusal means for the log (`monitor.daemon.witnessing`).
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from monitor.ledger.checkpoint import Checkpoint, open_checkpoint, open_cosigned, read_unverified
from monitor.ledger.errors import LedgerError, NoteError, ProofError, SignatureError
from monitor.ledger.merkle import HASH_BYTES, MAX_SIZE, verify_consistency
from monitor.ledger.note import Signature, parse_unverified, sign
from monitor.ledger.signer import Cosigner, Verifier, decode_base64, encode_base64

MAX_PROOF = 63
MAX_SUBMISSION_BYTES = 65_536
"""A proof of 63 hashes is below 3 kB; the rest is room for the signatures of a checkpoint."""
MAX_ANSWER_BYTES = 16_384
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class Code(IntEnum):
    """The answers of a witness, as HTTP codes."""

    COSIGNED = 200
    MALFORMED = 400
    NOT_SIGNED = 403
    UNKNOWN_ORIGIN = 404
    CONFLICT = 409
    PROOF_WRONG = 422
    BROKEN = 500


class SubmissionError(NoteError):
    """A submission that no witness can read."""


class AnswerError(NoteError):
    """A witness's answer that says nothing that can be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a log hands in: the size it believes to be cosigned, the proof from there, the note."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def to_bytes(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *(encode_base64(one) for one in self.proof), "", ""]
        return "\n".join(lines).encode() + self.note


def read_submission(body: bytes) -> Submission:
    """The inverse of `Submission.to_bytes`; SubmissionError for anything else."""
    if len(body) > MAX_SUBMISSION_BYTES:
        raise SubmissionError("witness.submission-large", limit=MAX_SUBMISSION_BYTES)
    head, separator, note = body.partition(b"\n\n")
    first, *hashes = head.decode("ascii", "replace").split("\n")
    old = _OLD.fullmatch(first)
    if not separator or old is None or int(old[1]) > MAX_SIZE or len(hashes) > MAX_PROOF:
        raise SubmissionError("witness.submission-malformed")
    proof = tuple(decode_base64(line) or b"" for line in hashes)
    if any(len(one) != HASH_BYTES for one in proof):
        raise SubmissionError("witness.submission-malformed")
    return Submission(old=int(old[1]), proof=proof, note=note)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a witness does not cosign. `size`: what it has cosigned, in a conflict alone."""

    code: Code
    why: str
    size: int | None = None

    @property
    def body(self) -> bytes:
        """The body of the answer."""
        return f"{self.why if self.size is None else self.size}\n".encode()

    @property
    def content_type(self) -> str:
        """The media type of the body."""
        return TEXT_TYPE if self.size is None else SIZE_TYPE


def origin_of(submission: Submission) -> str | Refusal:
    """The origin that a submission names, not verified."""
    try:
        return read_unverified(submission.note).origin
    except LedgerError:
        return Refusal(code=Code.MALFORMED, why="not a checkpoint")


def judge(
    submission: Submission, verifier: Verifier, kept: Checkpoint | None
) -> Checkpoint | Refusal:
    """The checkpoint to be cosigned, or why not.

    `verifier` is the pinned key of the submission's origin; `kept` the checkpoint that was last
    cosigned for it. The order of the questions is the specification's.
    """
    try:
        head = open_checkpoint(submission.note, verifier)
    except SignatureError:
        return Refusal(code=Code.NOT_SIGNED, why="not signed by the log's key")
    except LedgerError:
        return Refusal(code=Code.MALFORMED, why="not a checkpoint")
    if submission.old > head.size:
        return Refusal(code=Code.MALFORMED, why="the old size is above that of the checkpoint")
    size = 0 if kept is None else kept.size
    if submission.old != size:
        return Refusal(code=Code.CONFLICT, why="another size was cosigned", size=size)
    if head.size == size and kept is not None and head.root != kept.root:
        return Refusal(code=Code.CONFLICT, why="another root was cosigned", size=size)
    if not _continues(submission, kept, head):
        return Refusal(code=Code.PROOF_WRONG, why="the consistency proof does not hold")
    return head


def _continues(submission: Submission, kept: Checkpoint | None, head: Checkpoint) -> bool:
    if kept is None or kept.size == 0:  # nothing was seen before: there is nothing to prove
        return not submission.proof
    try:
        verify_consistency(kept.size, head.size, submission.proof, kept.root, head.root)
    except ProofError:
        return False
    return True


def cosignature_line(head: Checkpoint, cosigner: Cosigner) -> bytes:
    """The body of a good answer. Only once the checkpoint is kept, durably."""
    who = cosigner.verifier
    signature = Signature(name=who.name, key_id=who.key_id, payload=cosigner.sign(head.text))
    return signature.line().encode()


def read_conflict(body: bytes) -> int:
    """The size that a witness says it has cosigned; AnswerError where it says none."""
    match = _SIZE.fullmatch(body)
    if match is None or int(match[1]) > MAX_SIZE:
        raise AnswerError("witness.answer-malformed")
    return int(match[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """A checkpoint's note with one witness's cosignature, verified; `at_s` by the witness's clock.

    `witness` is the name and the key id, `name+hex`.
    """

    witness: str
    size: int
    at_s: int
    note: bytes


def read_cosignature(body: bytes, note: bytes, log: Verifier, witness: Verifier) -> Cosigned:
    """What a good answer adds to the submitted note.

    Lines of other keys are ignored. Raises NoteError where the answer is no signature lines,
    SignatureError where this witness's is wrong, AnswerError where there is none of it.
    """
    parsed = parse_unverified(note)
    answered = parse_unverified(parsed.text.encode() + b"\n" + body)
    own = [one for one in answered.signatures if (one.name, one.key_id) == _identity(witness)]
    if not own or answered.text != parsed.text:  # an empty line in the answer moves the text's end
        raise AnswerError("witness.answer-unsigned", name=witness.name)
    ours = [one for one in parsed.signatures if (one.name, one.key_id) == _identity(log)]
    kept = sign(parsed.text, (), (*ours, own[0]))
    opened = open_cosigned(kept, log, (witness,))
    return Cosigned(
        witness=short_name(witness),
        size=opened.checkpoint.size,
        at_s=opened.cosignatures[0].cosigned_at(),
        note=kept,
    )


def short_name(witness: Verifier) -> str:
    """A witness's key for tables and people: its name and key id."""
    return f"{witness.name}+{witness.key_id.hex()}"


def _identity(verifier: Verifier) -> tuple[str, bytes]:
    return verifier.name, verifier.key_id
