"""A handshake under way: bytes in, bytes out. What exchange13.py and exchange12.py have in common.

Pure: no socket, no clock. Bounded: bytes of messages as announced, records, warnings. Whatever
the peer sends, `feed` raises nothing.
"""

from abc import ABC, abstractmethod
from typing import Generic, Literal, TypeVar

from checks.tls.outcomes import REFUSALS, Inconclusive, Refused
from checks.tls.protection import Protection
from checks.tls.records import (
    ALERT,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    MESSAGES_BOUND,
    ForeignError,
    MalformedError,
    MessageReader,
    RecordReader,
    TooMuchError,
)
from checks.tls.registry import Version, alert_name

Ending = Literal["closed", "reset", "timeout"]
Shown = TypeVar("Shown")

WARNING, FATAL = 1, 2
CLOSE_NOTIFY = 0
USER_CANCELED = 90
NO_RENEGOTIATION = 100
UNRECOGNIZED_NAME = 112

_BYTES_BOUND = 262_144
_RECORDS_BOUND = 256
_WARNINGS_BOUND = 8
_FRAGMENT = 2**14

# What a server says to a client that shows no certificate though it has to (RFC 8446, 6.2;
# RFC 5246, 7.2.2 and 7.4.6: handshake_failure, in practice bad_certificate too).
CERTIFICATE_REFUSALS = (40, 41, 42, 43, 46, 49, 116)


class Dialogue(ABC, Generic[Shown]):
    """Send `first()`, then what each `feed` returns, until `done`; say when the peer `ended`.

    What the last `feed` returns is to be sent too: it ends the session in good order. `result` is
    Inconclusive("unfinished") before it is done.
    """

    def __init__(self, bound: int = MESSAGES_BOUND) -> None:
        self.done = False
        self.result: Shown | Refused | Inconclusive = Inconclusive("unfinished")
        self._records = RecordReader(_RECORDS_BOUND)
        self._messages = MessageReader(min(bound, _BYTES_BOUND))
        self._reading: Protection | None = None
        self._writing: Protection | None = None
        self._alerts = b""
        self._warnings = 0
        self._transcript = bytearray()
        self._unsent: list[bytes] = []

    @abstractmethod
    def first(self) -> bytes:
        """The ClientHello, on the wire."""

    def feed(self, chunk: bytes) -> bytes:
        """Read what was received; returns what is to be sent now, often nothing."""
        if not self.done:
            try:
                self._read(chunk)
            except ForeignError as error:
                self._end(Inconclusive(f"not-tls: {error}" if str(error) else "not-tls"))
            except TooMuchError:
                self._broken("too-much")
            except MalformedError as error:
                self._broken(f"malformed: {error}")
        unsent, self._unsent = b"".join(self._unsent), []
        return unsent

    def ended(self, how: Ending) -> None:
        """The connection ended, or the time is up."""
        if not self.done:
            self._over(how)

    @abstractmethod
    def _message(self, kind: int, whole: bytes) -> None:
        """A handshake message, its header of four bytes too."""

    @abstractmethod
    def _over(self, how: str) -> None:
        """The peer ended before we were done: an `Ending`, or "close_notify"."""

    @abstractmethod
    def _alerted(self, level: int, code: int) -> None:
        """An alert that is neither close_notify nor a warning without meaning."""

    def _changed_cipher(self, content: bytes) -> None:
        """A change_cipher_spec: without meaning in TLS 1.3 (RFC 8446, D.4)."""
        if content != b"\x01":
            raise MalformedError("change cipher spec")

    def _other(self, kind: int) -> None:
        """A record of another kind, such as application data."""
        raise MalformedError(f"record type {kind}")

    def _broken(self, why: str) -> None:
        """The peer's bytes ended this."""
        self._end(Inconclusive(why))

    def _end(self, result: Shown | Refused | Inconclusive) -> None:
        self.result, self.done = result, True

    def _refused_by(self, code: int) -> None:
        """End by an alert before anything was shown."""
        refused = code in REFUSALS
        self._end(Refused(alert=code) if refused else Inconclusive(f"alert {alert_name(code)}"))

    def _read(self, chunk: bytes) -> None:
        self._records.feed(chunk)
        while not self.done and (record := self._records.take()) is not None:
            self._record(*record)

    def _record(self, kind: int, content: bytes) -> None:
        if self._reading is not None and self._is_sealed(kind):
            kind, content = self._reading.open(kind, content)
        if kind == HANDSHAKE:
            self._messages.feed(content)
            while not self.done and (message := self._messages.take()) is not None:
                self._message(*message)
        elif kind == ALERT:
            self._alert(content)
        elif self._messages.pending:  # RFC 8446, 5.1: nothing comes between the fragments
            raise MalformedError("interleaved records")
        elif kind == CHANGE_CIPHER_SPEC:
            self._changed_cipher(content)
        else:
            self._other(kind)

    def _is_sealed(self, kind: int) -> bool:  # noqa: ARG002 - TLS 1.3 looks at it
        return True

    def _alert(self, content: bytes) -> None:
        self._alerts += content
        while not self.done and len(self._alerts) >= 2:
            level, code = self._alerts[:2]
            self._alerts = self._alerts[2:]
            if code == CLOSE_NOTIFY:
                self._over("close_notify")
            elif code in (USER_CANCELED, UNRECOGNIZED_NAME) and level == WARNING:
                self._warnings += 1
                if self._warnings > _WARNINGS_BOUND:
                    raise TooMuchError("warnings")
            else:
                self._alerted(level, code)

    def _read_with(self, protection: Protection) -> None:
        """From here on the peer seals; nothing may be left of before (RFC 8446, 5.1)."""
        if self._messages.pending:
            raise MalformedError("message across a change of keys")
        self._reading = protection

    def _say(self, message: bytes) -> None:
        """Send a handshake message, which is part of the transcript."""
        self._transcript += message
        for start in range(0, len(message), _FRAGMENT):
            self._put(HANDSHAKE, message[start : start + _FRAGMENT])

    def _put(self, kind: int, content: bytes) -> None:
        if self._writing is not None:
            self._unsent.append(self._writing.seal(kind, content))
            return
        version = min(Version.TLS12, self._version()).to_bytes(2, "big")
        length = len(content).to_bytes(2, "big")
        self._unsent.append(bytes((kind,)) + version + length + content)

    @abstractmethod
    def _version(self) -> Version:
        """The version of records that are not sealed."""


def handshake(kind: int, body: bytes) -> bytes:
    """A handshake message (RFC 8446, 4)."""
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body
