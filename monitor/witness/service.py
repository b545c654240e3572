"""A witness: cosigns what continues what it cosigned before, and nothing else."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.clock import Clock
from monitor.ledger.checkpoint import Checkpoint
from monitor.ledger.errors import LedgerError
from monitor.ledger.signer import Cosigner, Verifier
from monitor.ledger.witness import (
    TEXT_TYPE,
    Code,
    Refusal,
    Submission,
    SubmissionError,
    cosignature_line,
    judge,
    origin_of,
    read_submission,
)
from monitor.witness.state import WitnessState

_log = structlog.get_logger("sasando.witness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back to the log."""

    code: Code
    content_type: str
    body: bytes


@dataclass(slots=True, kw_only=True)
class Witness:
    """Answers submissions, one at a time: the caller never calls `answer` from two threads."""

    name: str
    key: Ed25519PrivateKey
    logs: Mapping[str, Verifier]
    """The pinned key of each log, by origin."""
    state: WitnessState
    clock: Clock
    answered: Counter[Code] = field(default_factory=Counter)
    """How often each answer was given."""

    @property
    def verifier(self) -> Verifier:
        """The key by which the cosignatures are checked."""
        return Cosigner(name=self.name, key=self.key, time=0).verifier

    def answer(self, body: bytes) -> Answer:
        """The answer to the body of one request; never raises for what a peer sent."""
        try:
            submission = read_submission(body)
        except SubmissionError:
            return self._refused("", Refusal(code=Code.MALFORMED, why="not a submission"))
        origin = origin_of(submission)
        if isinstance(origin, Refusal):
            return self._refused("", origin)
        verifier = self.logs.get(origin)
        if verifier is None:
            refusal = Refusal(code=Code.UNKNOWN_ORIGIN, why="this log is not known here")
            return self._refused(origin, refusal)
        try:
            return self._judged(submission, verifier)
        except LedgerError as error:
            _log.error("state-unusable", origin=origin, why=str(error))
            refusal = Refusal(code=Code.BROKEN, why="the witness cannot keep its state")
            return self._refused(origin, refusal)

    def _judged(self, submission: Submission, verifier: Verifier) -> Answer:
        kept = self.state.kept(verifier)
        found = judge(submission, verifier, kept)
        if isinstance(found, Refusal):
            return self._refused(verifier.name, found)
        self.state.keep(verifier, kept, submission.note)
        # Crash here: it is kept and not cosigned; the log asks again with the size that is kept.
        return self._cosigned(found)

    def _cosigned(self, head: Checkpoint) -> Answer:
        time = self.clock.wall_us() // 1_000_000
        cosigner = Cosigner(name=self.name, key=self.key, time=time)
        self.answered[Code.COSIGNED] += 1
        _log.info("cosigned", origin=head.origin, size=head.size)
        return Answer(
            code=Code.COSIGNED, content_type=TEXT_TYPE, body=cosignature_line(head, cosigner)
        )

    def _refused(self, origin: str, refusal: Refusal) -> Answer:
        self.answered[refusal.code] += 1
        _log.warning("refused", origin=origin, code=int(refusal.code), why=refusal.why)
        return Answer(code=refusal.code, content_type=refusal.content_type, body=refusal.body)
