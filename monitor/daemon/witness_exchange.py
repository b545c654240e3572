"""One submission to one witness over HTTP, its answer a stranger's: bounded in bytes and time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from checks.http_request import place
from monitor.config.configuration import WitnessPlan
from monitor.daemon.posting import MalformedAnswerError, post, why_unreachable
from monitor.ledger.checkpoint import read_unverified
from monitor.ledger.errors import LedgerError
from monitor.ledger.signer import Verifier
from monitor.ledger.witness import (
    MAX_ANSWER_BYTES,
    AnswerError,
    Code,
    Cosigned,
    Submission,
    read_conflict,
    read_cosignature,
)

PATIENCE_S = 10.0
"""For one request, from the name's resolution to the last byte."""
_KIND = "text/plain"
_SAID: Mapping[int, str] = {
    Code.UNKNOWN_ORIGIN: "witness.answer-unknown",
    Code.NOT_SIGNED: "witness.answer-not-signed",
}

SignedBy = Callable[[bytes], Verifier]
"""The log's key that signed a checkpoint of it."""
Prove = Callable[[int, int], Awaitable[tuple[bytes, ...]]]
"""`await prove(old, size)`: the consistency proof out of the log's tiles."""


class WitnessUnreachableError(LedgerError):
    """Nothing came back that is an answer."""


class WitnessConflictError(LedgerError):
    """A witness has cosigned what this log does not continue: `witness.ahead`, `other-history`."""

    def __init__(self, code: str, witnessed: int, size: int) -> None:
        super().__init__(code, witnessed=witnessed, size=size)
        self.witnessed = witnessed
        self.size = size


class Exchange:
    """Submits checkpoints of one log to one witness; `known` is the size that it has cosigned."""

    def __init__(
        self, plan: WitnessPlan, log: SignedBy, prove: Prove, ca_file: str = "", known: int = 0
    ) -> None:
        self.plan = plan
        self.known = known
        self._log = log
        self._prove = prove
        self._ca_file = ca_file
        self._place = place(f"{plan.url}/add-checkpoint")

    async def submit(self, note: bytes) -> Cosigned:
        """The witness's cosignature on this checkpoint.

        A witness that remembers another size than we do says so, and is asked once more from
        there. Raises WitnessConflictError, WitnessUnreachableError, AnswerError or NoteError; and
        StoreError or LedgerError where the proof cannot be built.
        """
        size = read_unverified(note).size
        code, body = await self._ask(note, min(self.known, size), size)
        if code == Code.CONFLICT:
            self.known = self._standing(body, min(self.known, size), size)
            code, body = await self._ask(note, self.known, size)
            if code == Code.CONFLICT:
                raise self._contradiction(read_conflict(body), self.known, size)
        if code == Code.PROOF_WRONG:
            raise WitnessConflictError("witness.other-history", self.known, size)
        if code != Code.COSIGNED:
            raise AnswerError(_SAID.get(code, "witness.answer-code"), http=code)
        cosigned = read_cosignature(body, note, self._log(note), self.plan.verifier)
        self.known = size
        return cosigned

    def _standing(self, body: bytes, asked: int, size: int) -> int:
        """What the witness has cosigned, where this log can continue it."""
        witnessed = read_conflict(body)
        if witnessed > size or witnessed == asked:
            raise self._contradiction(witnessed, asked, size)
        return witnessed

    def _contradiction(self, witnessed: int, asked: int, size: int) -> LedgerError:
        if witnessed > size:
            return WitnessConflictError("witness.ahead", witnessed, size)
        if witnessed == asked == size:  # at one size, another root
            return WitnessConflictError("witness.other-history", witnessed, size)
        return AnswerError("witness.answer-odd")

    async def _ask(self, note: bytes, old: int, size: int) -> tuple[int, bytes]:
        submission = Submission(old=old, proof=await self._prove(old, size), note=note)
        try:
            async with asyncio.timeout(PATIENCE_S):
                body = submission.to_bytes()
                return await post(self._place, body, _KIND, MAX_ANSWER_BYTES, self._ca_file)
        except MalformedAnswerError:
            raise AnswerError("witness.answer-malformed") from None
        except TimeoutError:
            raise WitnessUnreachableError("witness.too-slow", seconds=int(PATIENCE_S)) from None
        except (OSError, UnicodeError) as error:
            why = why_unreachable(error)
            raise WitnessUnreachableError("witness.unreachable", why=why) from error
