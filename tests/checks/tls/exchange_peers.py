"""Peers of a whole key exchange: on loopback, Python's ssl in memory, and a scripted server."""

import contextlib
import hashlib
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from checks.tls import parsing
from checks.tls.agreement import X25519, Agreement, agree
from checks.tls.dialogue import Dialogue, handshake
from checks.tls.exchange13 import Exchange13
from checks.tls.hello import ClientHello
from checks.tls.keyschedule13 import Schedule, Traffic, finished, write_keys
from checks.tls.parsing import Cursor
from checks.tls.protection import Protection13
from checks.tls.registry import Version
from tests.checks.tls import trace_rfc8448 as trace

_PATIENCE_S = 20.0
_TURNS = 50


def shake(port: int, exchange: Dialogue[Any]) -> Any:
    """The result of an exchange with a server on loopback."""
    with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection:
        connection.sendall(exchange.first())
        try:
            while not exchange.done:
                chunk = connection.recv(65_536)
                if not chunk:
                    exchange.ended("closed")
                elif told := exchange.feed(chunk):
                    with contextlib.suppress(OSError):  # it may have hung up behind its last words
                        connection.sendall(told)
        except ConnectionResetError:
            exchange.ended("reset")
        except TimeoutError:
            exchange.ended("timeout")
    return exchange.result


class Inside:
    """A server of Python's ssl in memory: `take` what the client says, get what it answers."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._open = False

    def take(self, told: bytes) -> bytes:
        """What the server says to this."""
        self._incoming.write(told)
        with contextlib.suppress(ssl.SSLError):
            if not self._open:
                self._tls.do_handshake()
                self._open = True
            if not self._tls.read(1):
                self._tls.unwrap()
        return self._outgoing.read()


def converse(exchange: Dialogue[Any], context: ssl.SSLContext) -> Any:
    """The result of an exchange with a server in memory."""
    server, told = Inside(context), exchange.first()
    for _ in range(_TURNS):
        answer = server.take(told)
        if exchange.done:
            return exchange.result
        if not answer:
            exchange.ended("closed")
            return exchange.result
        told = exchange.feed(answer)
    raise AssertionError("they do not come to an end")


def traced(*, tickets: bool = False) -> Exchange13:
    """An exchange that goes on as the client of RFC 8448."""
    exchange = Exchange13("server", offered=(X25519,), tickets=tickets, key=_recorded)
    exchange._hello = _Recorded(
        version=Version.TLS13, suites=(0x1301, 0x1303, 0x1302), key_shares=((X25519, b""),)
    )
    exchange.first()
    return exchange


class _Recorded(ClientHello):
    """The RFC's hello."""

    @property
    def sent_session_id(self) -> bytes:
        """None was sent."""
        return b""

    def message(self) -> bytes:
        """As it was."""
        return trace.CLIENT_HELLO


def _recorded(_: int) -> Agreement:
    """The RFC's key."""
    key = X25519PrivateKey.from_private_bytes(trace.CLIENT_PRIVATE)
    return Agreement(
        key.public_key().public_bytes_raw(),
        lambda peer: key.exchange(X25519PublicKey.from_public_bytes(peer)),
    )


class Scripted:
    """A server of TLS 1.3 with right keys that says whatever a test wants it to say."""

    def __init__(self, hello: bytes, suite: int = 0x1301) -> None:
        self.transcript = bytearray(hello[5:])
        session, share = _client_share(hello[9:])
        self._key = agree(X25519)
        extensions = _extension(43, b"\x03\x04") + _extension(
            51, X25519.to_bytes(2, "big") + _vector(2, self._key.public)
        )
        body = b"\x03\x03" + bytes(range(32)) + _vector(1, session) + suite.to_bytes(2, "big")
        self.hello = handshake(2, body + b"\x00" + _vector(2, extensions))
        self.transcript += self.hello
        self._schedule = Schedule("sha256", self._key.shared(share))
        self.traffic = self._schedule.handshake(self.digest())
        self._sealing = self._protection(self.traffic)

    def digest(self) -> bytes:
        """The hash of what was said."""
        return hashlib.sha256(self.transcript).digest()

    def greeting(self) -> bytes:
        """The ServerHello in its record."""
        return b"\x16\x03\x03" + _vector(2, self.hello)

    def says(self, *messages: bytes) -> bytes:
        """These messages in one record, sealed; they become part of the transcript."""
        self.transcript += b"".join(messages)
        return self.seals(22, b"".join(messages))

    def seals(self, kind: int, content: bytes) -> bytes:
        """A sealed record of any kind."""
        return self._sealing.seal(kind, content)

    def finished(self) -> bytes:
        """The right Finished of what was said so far."""
        return handshake(20, finished("sha256", self.traffic.server, self.digest()))

    def after_finished(self) -> None:
        """Seal with the keys of the application from here on."""
        self._sealing = self._protection(self._schedule.application(self.digest()))

    @staticmethod
    def _protection(traffic: Traffic) -> Protection13:
        return Protection13("AES_128_GCM", *write_keys("sha256", traffic.server, 16))


def certificate(chain: Sequence[bytes], extensions: bytes = b"") -> bytes:
    """A Certificate of TLS 1.3; the extensions are those of the first."""
    entries = b"".join(
        _vector(3, encoded) + _vector(2, b"" if place else extensions)
        for place, encoded in enumerate(chain)
    )
    return handshake(11, b"\x00" + _vector(3, entries))


def encrypted_extensions(extensions: bytes = b"") -> bytes:
    """An EncryptedExtensions."""
    return handshake(8, _vector(2, extensions))


def _client_share(body: bytes) -> tuple[bytes, bytes]:
    """The session id of a hello, and its share of X25519."""
    cursor = Cursor(body, "hello")
    cursor.take(34)
    session = cursor.vector(1)
    cursor.vector(2)
    cursor.vector(1)
    shares = Cursor(Cursor(parsing.extensions(cursor.vector(2))[51], "shares").vector(2), "share")
    while shares.left:
        group, share = shares.number(2), shares.vector(2)
        if group == X25519:
            return session, share
    raise AssertionError("no share of X25519")


def _extension(code: int, body: bytes) -> bytes:
    return code.to_bytes(2, "big") + _vector(2, body)


def _vector(size: int, body: bytes) -> bytes:
    return len(body).to_bytes(size, "big") + body


def places_of(flight: bytes) -> list[int]:
    """The places of the bytes of a flight that mean something.

    Left out: the version in a record's header, which nobody reads (RFC 8446, 5.1), and the
    change_cipher_spec.
    """
    places, at = [], 0
    while at < len(flight):
        end = at + 5 + int.from_bytes(flight[at + 3 : at + 5], "big")
        if flight[at] != 20:
            places += [at, *range(at + 3, end)]
        at = end
    return places
