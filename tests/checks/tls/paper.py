"""A TLS server on paper: answers questions by its configuration, with faults, without a socket."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from checks.tls.hello import ALPN, FIELDS, GROUPS_12
from checks.tls.lines import Answer
from checks.tls.outcomes import Accepted, Inconclusive, Refused, Retry
from checks.tls.plan import Asked, Survey
from checks.tls.question import FINITE, Lost, Question
from checks.tls.registry import SUITES, Version

HANDSHAKE_FAILURE = 40
PROTOCOL_VERSION = 70
SILENCE = (Inconclusive("reset"), Inconclusive("closed"), Inconclusive("timeout"), Lost("refused"))


@dataclass(kw_only=True)
class PaperServer:
    """`suites`: what it accepts by version, in its own order. `ordered`: whose order decides."""

    suites: Mapping[Version, tuple[int, ...]]
    groups: tuple[int, ...] = (29, 23)
    ordered: bool = True
    says_version: bool = True
    """Refuses a version by protocol_version, else by handshake_failure."""
    chain: tuple[bytes, ...] = (b"leaf",)
    dhe_for: str = "all"
    """Who may agree on a finite field: all; "named", who lists those of RFC 7919, as with
    OpenSSL 4; "others", who does not, as with GnuTLS without them."""
    compresses: bool = False
    alpn: bool = False
    """Agrees to h2 before TLS 1.3."""
    fault: Callable[[int, Question], Answer | None] = field(default=lambda _count, _asked: None)
    """A fault in place of the answer to the n-th question."""
    asked: int = 0

    def answer(self, question: Question) -> Answer:
        """What it says to this question."""
        self.asked += 1
        faulty = self.fault(self.asked, question)
        return faulty if faulty is not None else self._answer(question)

    def _answer(self, question: Question) -> Answer:
        if question.exchange:
            return Inconclusive("malformed: no exchange on paper")
        hello = question.hello
        if hello is None:
            return Refused(alert=PROTOCOL_VERSION)
        own = self.suites.get(hello.version, ())
        if not own:
            alert = PROTOCOL_VERSION if self.says_version else HANDSHAKE_FAILURE
            return Refused(alert=alert)
        shared = [code for code in own if code in hello.suites]
        if not self.ordered:
            shared = [code for code in hello.suites if code in own]
        # SSL 3.0 has no extensions: a server may then take any curve (RFC 8422, 4).
        offered = hello.offered_groups or GROUPS_12
        group = next((code for code in self.groups if code in offered), None)
        if hello.version is Version.TLS13:
            if not shared or group is None:
                return Refused(alert=HANDSHAKE_FAILURE)
            return Retry(suite=shared[0], group=group, cookie=b"", raw=b"")
        usable = [code for code in shared if group is not None or not curved(code)]
        if hello.version is not Version.SSL3 and self.dhe_for != "all":
            named = not set(FIELDS).isdisjoint(hello.offered_groups)
            if named is not (self.dhe_for == "named"):
                usable = [code for code in usable if SUITES[code].exchange not in FINITE]
        if not usable:
            return Refused(alert=HANDSHAKE_FAILURE)
        finite = SUITES[usable[0]].exchange in FINITE
        told = question.until == "done" and curved(usable[0])
        return Accepted(
            version=hello.version,
            suite=usable[0],
            chain=self.chain if question.until == "done" else None,
            group=group if told else None,
            dh_bits=2_048 if question.until == "done" and finite else None,
            client_certificate=False,
            compression=int(self.compresses and hello.compression),
            extensions={ALPN: b"\0\3\2h2"} if self.alpn and "h2" in hello.alpn else {},
        )


def curved(code: int) -> bool:
    """Whether the suite agrees a key on a curve."""
    return SUITES[code].exchange.startswith("ECDHE")


def carry_out(
    survey: Survey, server: PaperServer, most: int = 2_000, dice: random.Random | None = None
) -> int:
    """Ask until nothing is left; returns how many questions that were.

    With `dice` the answers come in any order, as those of different connections do.
    """
    count = 0
    waiting: list[Asked] = []
    while not survey.finished:
        waiting += survey.take()
        at = 0 if dice is None else dice.randrange(len(waiting))
        asked = waiting.pop(at)
        count += 1
        assert count < most, "a survey without end"
        if (asked.question.attempt and not survey.worth(asked)) or survey.moot(asked):
            survey.give_up(asked.number)
        else:
            survey.answer(asked.number, server.answer(asked.question))
    return count
