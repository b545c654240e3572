"""Reads what a server answers to a hello, until it is conclusive. Pure, bounded, never raises.

Bounds: records, bytes of handshake messages as announced, warnings, certificates. It stops at
the ServerHello, or (`until` "done", before TLS 1.3) at the ServerHelloDone, which shows the
chain, the stapled OCSP response, the key exchange and whether a client certificate is wanted.
"""

from dataclasses import replace
from typing import Literal

from checks.tls import parsing, sslv2
from checks.tls.hello import ClientHello
from checks.tls.outcomes import REFUSALS, Accepted, Answer, Inconclusive, Refused, Retry
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
    foreign,
    is_text,
)
from checks.tls.registry import SUITES, Version, alert_name, group_name
from checks.tls.serverhello import judged

__all__ = ["REFUSALS", "Accepted", "Answer", "AnswerReader", "Inconclusive", "Refused", "Retry"]

Until = Literal["hello", "done"]
Ending = Literal["closed", "reset", "timeout"]

_MOST_BYTES = 262_144
_WARNINGS_BOUND = 8
_WARNING, _FATAL = 1, 2
_CLOSE_NOTIFY, _USER_CANCELED = 0, 90

_HELLO_REQUEST = 0
_SERVER_HELLO, _CERTIFICATE, _STATUS = 2, 11, 22
_KEY_EXCHANGE, _CERTIFICATE_REQUEST, _DONE = 12, 13, 14
# The order in which a server sends them (RFC 5246, 7.3; RFC 6066, 8).
_ORDER = (_SERVER_HELLO, _CERTIFICATE, _STATUS, _KEY_EXCHANGE, _CERTIFICATE_REQUEST, _DONE)


class AnswerReader:
    """One answer to one hello; `None` in place of a hello: to that of SSL 2.0.

    `feed` what is received until it says True; when the connection ends first, say how to
    `ended`. How the bytes were split changes nothing. `bound`: bytes of handshake, at most 256 KiB.
    """

    __slots__ = ("_alerts", "_answer", "_flight", "_hello", "_older", "_records", "_warnings")

    def __init__(
        self, hello: ClientHello | None, *, until: Until = "hello", bound: int = MESSAGES_BOUND
    ) -> None:
        self._hello = hello
        self._flight = None if hello is None else _Flight(hello, until, bound)
        self._older = bytearray()  # an answer to SSL 2.0 of which it is not yet clear what it is
        self._records = RecordReader()
        self._alerts = b""
        self._warnings = 0
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer:
        """What the server said so far."""
        return self._answer or self._partial("unfinished")

    def feed(self, chunk: bytes) -> bool:
        """Read on; True: the answer will not change any more."""
        if self._answer is None:
            try:
                self._read(chunk)
            except ForeignError as error:
                self._answer = Inconclusive(f"not-tls: {error}" if str(error) else "not-tls")
            except TooMuchError:
                self._answer = self._partial("too-much")
            except MalformedError as error:
                self._answer = self._partial(f"malformed: {error}")
        return self._answer is not None

    def ended(self, how: Ending) -> None:
        """The connection ended, or the time is up."""
        if self._answer is None:
            self._answer = self._partial(how)

    def _partial(self, why: str) -> Answer:
        """A ServerHello that was accepted stands, whatever came after it."""
        flight = self._flight
        if flight is None or flight.seen is None:
            return Inconclusive(why)
        return replace(flight.seen, raw=flight.raw, trouble=why)

    def _read(self, chunk: bytes) -> None:
        if self._hello is None and (self._older or not self._records.started):
            chunk = self._read_older(chunk)
        self._records.feed(chunk)
        while self._answer is None and (record := self._records.take()) is not None:
            kind, content = record
            if kind == HANDSHAKE and self._flight is not None:
                self._answer = self._flight.read(content)
            elif kind == ALERT:
                self._read_alerts(content)
            elif kind != CHANGE_CIPHER_SPEC or not self._middlebox(content):
                raise MalformedError(f"record type {kind}")

    def _middlebox(self, content: bytes) -> bool:
        """Whether a change_cipher_spec is without meaning here (RFC 8446, 5 and D.4)."""
        modern = self._hello is not None and self._hello.version is Version.TLS13
        return modern and content == b"\x01"

    def _read_alerts(self, content: bytes) -> None:
        """Alerts of two bytes each, which an old server may split or put together."""
        if not content:
            raise MalformedError("empty record")
        self._alerts += content
        while self._answer is None and len(self._alerts) >= 2:
            level, code = self._alerts[0], self._alerts[1]
            self._alerts = self._alerts[2:]
            self._answer = self._judge_alert(level, code)

    def _judge_alert(self, level: int, code: int) -> Answer | None:
        """What an alert means; a warning means nothing, but there may not be many."""
        if level not in (_WARNING, _FATAL):
            raise MalformedError("alert level")
        if code == _CLOSE_NOTIFY:
            return self._partial("closed")
        if level == _WARNING and code != _USER_CANCELED:
            self._warnings += 1
            if self._warnings > _WARNINGS_BOUND:
                raise TooMuchError("warnings")
            return None
        after = self._flight is not None and self._flight.seen is not None
        if code in REFUSALS and not after:
            return Refused(alert=code)
        return Inconclusive(f"alert {alert_name(code)}{' after hello' if after else ''}")

    def _read_older(self, chunk: bytes) -> bytes:
        """An answer to a hello of SSL 2.0; returns what is to be read as records of TLS."""
        self._older += chunk
        start = bytes(self._older[:5])
        if len(start) < 5:
            return b""
        if start[0] in (ALERT, HANDSHAKE) and start[1] == 3:
            chunk = bytes(self._older)
            self._older.clear()
            return chunk
        if is_text(start):
            raise foreign(start)
        self._answer = _answer_of_ssl2(self._older)
        return b""


def _answer_of_ssl2(stream: bytearray) -> Answer | None:
    found = sslv2.read(stream)
    if found is None:
        return None
    if isinstance(found, int):
        no_cipher = found == sslv2.NO_CIPHER
        note = "no cipher in common"
        return Refused(alert=None, note=note) if no_cipher else Inconclusive(f"error {found}")
    if not found.suites:
        return Refused(alert=None, note="no cipher in common")
    return Accepted(
        version=Version.SSL2,
        suite=found.suites[0],
        suites_offered=found.suites,
        chain=(found.certificate,) if found.certificate else None,
        random=found.connection,
    )


class _Flight:
    """The handshake messages of a server, read up to the one that is wanted."""

    __slots__ = ("_hello", "_last", "_messages", "_until", "raw", "seen")

    def __init__(self, hello: ClientHello, until: Until, bound: int) -> None:
        self._hello = hello
        self._until = until
        self._messages = MessageReader(min(bound, _MOST_BYTES))
        self.raw = b""
        self._last = -1  # the place in _ORDER of the last message
        self.seen: Accepted | None = None

    def read(self, fragment: bytes) -> Answer | None:
        """The content of a handshake record."""
        self._messages.feed(fragment)
        while (message := self._messages.take()) is not None:
            answer = self._read_message(*message)
            if answer is not None:
                return answer
        return None

    def _read_message(self, kind: int, whole: bytes) -> Answer | None:
        if kind == _HELLO_REQUEST and len(whole) == 4 and self._hello.version < Version.TLS13:
            return None  # allowed at any time, and in no transcript (RFC 5246, 7.4.1.1)
        place = _ORDER.index(kind) if kind in _ORDER else -1
        if place <= self._last or (self._last < 0 and place != 0):
            raise MalformedError(f"message {kind}")
        self._last = place
        self.raw += whole
        body = whole[4:]
        if kind == _SERVER_HELLO:
            found = judged(self._hello, parsing.server_hello(body), self.raw)
            if self._until == "hello" or not isinstance(found, Accepted):
                return found
            self.seen = found
            return found if found.version is Version.TLS13 else None
        assert self.seen is not None
        return self._further(self.seen, kind, body)

    def _further(self, seen: Accepted, kind: int, body: bytes) -> Answer | None:
        """What comes after a ServerHello before TLS 1.3."""
        if kind == _KEY_EXCHANGE:
            return self._key_exchange(seen, body)
        if kind == _CERTIFICATE:
            self.seen = replace(seen, chain=parsing.certificate(body))
        elif kind == _STATUS:
            self.seen = replace(seen, ocsp=parsing.certificate_status(body))
        elif kind == _CERTIFICATE_REQUEST:
            self.seen = replace(seen, client_certificate=True)
        elif body:
            raise MalformedError("server hello done")
        else:
            asked = bool(seen.client_certificate)
            return replace(seen, client_certificate=asked, raw=self.raw)
        return None

    def _key_exchange(self, seen: Accepted, body: bytes) -> Answer | None:
        """A group other than one of those that were asked is a refusal of these."""
        suite = SUITES.get(seen.suite)
        found = parsing.server_key_exchange(body, suite.exchange if suite else "")
        offered = self._hello.offered_groups
        if found.group is not None and offered and found.group not in offered:
            return Refused(alert=None, note=f"answered {group_name(found.group)}")
        self.seen = replace(seen, group=found.group, dh_bits=found.dh_bits)
        return None
