"""What is inside the handshake messages of a server. Pure; raises MalformedError and no other.

RFC 8446 (4.1.3), RFC 5246 (7.4), RFC 8422 (5.4), RFC 6066 (8). Bodies are without the header.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct

from checks.tls.code_points import EXPLICIT_CHAR2, EXPLICIT_PRIME
from checks.tls.records import MalformedError

CHAIN_BOUND = 10
_EXTENSIONS_BOUND = 64

# A survey reads a thousand ServerHellos: these two are read at a stroke.
_HELLO_HEAD = Struct(">H32sB")
_HELLO_CHOICE = Struct(">HB")
_EXTENSION_HEAD = Struct(">HH")


class Cursor:
    """Reads a body from its beginning; `what` names it in the error."""

    __slots__ = ("at", "body", "what")

    def __init__(self, body: bytes, what: str) -> None:
        self.body = body
        self.at = 0
        self.what = what

    def take(self, count: int) -> bytes:
        """So many bytes."""
        end = self.at + count
        if end > len(self.body):
            raise MalformedError(self.what)
        found = self.body[self.at : end]
        self.at = end
        return found

    def number(self, size: int) -> int:
        """A number of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """Bytes after their length, which has `size` bytes."""
        return self.take(self.number(size))

    @property
    def left(self) -> bool:
        """Whether something follows."""
        return self.at < len(self.body)

    def end(self) -> None:
        """Nothing may follow."""
        if self.left:
            raise MalformedError(self.what)


@dataclass(frozen=True, slots=True)
class ServerHello:
    """A ServerHello (or a HelloRetryRequest) as it is, not yet judged."""

    version: int
    random: bytes
    session_id: bytes
    suite: int
    compression: int
    extensions: Mapping[int, bytes]


def server_hello(body: bytes) -> ServerHello:
    """Read a ServerHello of SSL 3.0 to TLS 1.3; extensions may be missing altogether."""
    at = _HELLO_HEAD.size + (body[_HELLO_HEAD.size - 1] if len(body) >= _HELLO_HEAD.size else 0)
    end = at + _HELLO_CHOICE.size
    if end > len(body):
        raise MalformedError("server hello")
    version, random, length = _HELLO_HEAD.unpack_from(body)
    if length > 32:
        raise MalformedError("session id")
    suite, compression = _HELLO_CHOICE.unpack_from(body, at)
    found: dict[int, bytes] = {}
    if end < len(body):
        cursor = Cursor(body[end:], "server hello")
        found = extensions(cursor.vector(2))
        cursor.end()
    session_id = body[_HELLO_HEAD.size : at]
    return ServerHello(version, random, session_id, suite, compression, found)


def extensions(body: bytes) -> dict[int, bytes]:
    """A list of extensions, each at most once (RFC 8446, 4.2), at most 64."""
    found: dict[int, bytes] = {}
    at, whole = 0, len(body)
    while at < whole:
        start = at + _EXTENSION_HEAD.size
        if start > whole:
            raise MalformedError("extensions")
        code, length = _EXTENSION_HEAD.unpack_from(body, at)
        at = start + length
        if at > whole or code in found or len(found) >= _EXTENSIONS_BOUND:
            raise MalformedError("extensions")
        found[code] = body[start:at]
    return found


def certificate(body: bytes) -> tuple[bytes, ...]:
    """The chain as it was sent, at most 10, of a Certificate before TLS 1.3."""
    outer = Cursor(body, "certificate")
    cursor = Cursor(outer.vector(3), "certificate")
    outer.end()
    chain: list[bytes] = []
    while cursor.left:
        encoded = cursor.vector(3)
        if not encoded:
            raise MalformedError("certificate")
        if len(chain) < CHAIN_BOUND:
            chain.append(encoded)
    return tuple(chain)


def certificate_status(body: bytes) -> bytes:
    """The OCSP response of a CertificateStatus (RFC 6066, 8)."""
    cursor = Cursor(body, "certificate status")
    kind, response = cursor.number(1), cursor.vector(3)
    cursor.end()
    if kind != 1 or not response:
        raise MalformedError("certificate status")
    return response


def alpn(body: bytes) -> str:
    """The one protocol that a server chose (RFC 7301, 3.1)."""
    outer = Cursor(body, "alpn")
    cursor = Cursor(outer.vector(2), "alpn")
    name = cursor.vector(1)
    outer.end()
    cursor.end()
    if not name or not name.isascii():
        raise MalformedError("alpn")
    return name.decode("ascii")


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """The parameters of a ServerKeyExchange: a group, or the bits of a prime; else neither."""

    group: int | None = None
    dh_bits: int | None = None


def server_key_exchange(body: bytes, exchange: str) -> KeyExchange:
    """Read what belongs to this kind of exchange (`Suite.exchange`); its signature is not read."""
    cursor = Cursor(body, "server key exchange")
    if exchange in ("DHE_PSK", "ECDHE_PSK"):
        cursor.vector(2)  # the hint of RFC 4279, 2 comes first
    if exchange in ("ECDHE", "ECDHE_PSK", "ECDH_anon"):
        return KeyExchange(group=_curve(cursor))
    if exchange in ("DHE", "DHE_PSK", "DH_anon"):
        prime = int.from_bytes(cursor.vector(2), "big")
        generator, public = cursor.vector(2), cursor.vector(2)
        if not prime or not generator or not public:
            raise MalformedError("server key exchange")
        return KeyExchange(dh_bits=prime.bit_length())
    return KeyExchange()


def _curve(cursor: Cursor) -> int:
    """The group of an ECParameters (RFC 4492, 5.4, which also has curves written out)."""
    kind = cursor.number(1)
    if kind == 3:
        group = cursor.number(2)
        if not cursor.vector(1):
            raise MalformedError("server key exchange")
        return group
    explicit = {1: EXPLICIT_PRIME, 2: EXPLICIT_CHAR2}.get(kind)
    if explicit is None:
        raise MalformedError("server key exchange")
    return explicit
