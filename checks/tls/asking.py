"""One question on one connection: send the hello, read until it is answered, leave."""

from collections.abc import Callable
from os import urandom

from checks.connection import Connection
from checks.failure import Failure
from checks.poller import Poller
from checks.tls.answer import AnswerReader
from checks.tls.dialogue import Ending
from checks.tls.exchange12 import Exchange12
from checks.tls.exchange13 import Exchange13
from checks.tls.lines import Answer
from checks.tls.plan import Asked
from checks.tls.question import Lost, Question
from checks.tls.sslv2 import sslv2_hello
from monitor.model import Fault

Session = Exchange12 | Exchange13
Told = Callable[["Asking", "Answer | Fault", int], None]


class Asking:
    """A question under way. It tells `told` once: an answer, or a fault of this host."""

    __slots__ = ("_connection", "_reader", "_session", "_told", "asked", "began_ns",
                 "connected_ns", "deadline_ns")  # fmt: skip

    def __init__(self, asked: Asked, began_ns: int, deadline_ns: int, told: Told) -> None:
        self.asked = asked
        self.began_ns = began_ns
        self.connected_ns = 0
        """0 while the connection is not open."""
        self.deadline_ns = deadline_ns
        self._told: Told | None = told
        question = asked.question
        self._session = _session(question) if question.exchange else None
        self._reader = AnswerReader(question.hello, until=question.until)
        self._connection: Connection | None = None

    def open(self, poller: Poller, address: str, port: int) -> None:
        """Send the SYN."""
        self._connection = Connection(poller, self)
        why = self._connection.open(address, port)
        if why is not None:
            self.failed(why, self.began_ns)

    def connected(self, now_ns: int) -> None:
        """Ask."""
        assert self._connection is not None
        self.connected_ns = now_ns
        hello = self.asked.question.hello
        if self._session is not None:
            self._connection.send(self._session.first())
        else:
            self._connection.send(sslv2_hello(urandom(16)) if hello is None else hello.records())

    def secured(self, now_ns: int) -> None:
        """TLS is never left to the system's library here."""

    def received(self, chunk: bytes, now_ns: int) -> None:
        """Read on."""
        if not chunk:
            self._end("closed", now_ns)
        elif self._session is not None:
            self._exchange(self._session, chunk, now_ns)
        elif self._reader.feed(chunk):
            self._tell(self._reader.answer, now_ns)

    def failed(self, why: Failure | Fault, now_ns: int) -> None:
        """No connection, or none any more."""
        if isinstance(why, Fault):
            self._tell(why, now_ns)
        elif not self.connected_ns:
            self._tell(Lost(why.outcome, why.reason), now_ns)
        else:
            self._end("timeout" if why.outcome == "timeout" else "reset", now_ns)

    def expire(self, now_ns: int) -> None:
        """Its time is up."""
        if self.connected_ns:
            self._end("timeout", now_ns)
        else:
            self._tell(Lost("timeout", "connect"), now_ns)

    def forget(self) -> None:
        """Close; nothing is told any more."""
        self._told = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self, session: Session, chunk: bytes, now_ns: int) -> None:
        assert self._connection is not None
        unsent = session.feed(chunk)
        if session.done:
            self._connection.farewell(unsent)
            self._tell(session.result, now_ns)
        elif unsent:
            self._connection.send(unsent)

    def _end(self, how: Ending, now_ns: int) -> None:
        if self._session is not None:
            self._session.ended(how)
            self._tell(self._session.result, now_ns)
            return
        self._reader.ended(how)
        self._tell(self._reader.answer, now_ns)

    def _tell(self, answer: Answer | Fault, now_ns: int) -> None:
        told = self._told
        self.forget()
        if told is not None:
            told(self, answer, now_ns)


def _session(question: Question) -> Session:
    """The client's side of a whole key exchange."""
    name, alpn = question.server_name, question.alpn
    if question.exchange.startswith("13"):
        return Exchange13(name, alpn=alpn, tickets=question.exchange == "13 tickets")
    again = question.exchange == "12 again"
    return Exchange12(name, version=question.version, alpn=alpn, renegotiate=again)
