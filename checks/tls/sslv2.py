"""SSL 2.0: its hello and what a server says to it (draft-hickman-netscape-ssl-00). Pure."""

from dataclasses import dataclass

from checks.tls.records import MalformedError
from checks.tls.registry import SSL2_SUITES

_CLIENT_HELLO = 1
_SERVER_HELLO = 4
_ERROR = 0

NO_CIPHER = 1
"""The error of a server that has no kind of cipher in common."""


def sslv2_hello(challenge: bytes) -> bytes:
    """A hello that offers every kind of cipher, in its record; 16 to 32 bytes of challenge."""
    if not 16 <= len(challenge) <= 32:
        raise ValueError(f"a challenge has 16 to 32 bytes, not {len(challenge)}")
    kinds = b"".join(code.to_bytes(3, "big") for code in SSL2_SUITES)
    sizes = (len(kinds), 0, len(challenge))
    lengths = b"".join(size.to_bytes(2, "big") for size in sizes)
    body = bytes((_CLIENT_HELLO, 0, 2)) + lengths + kinds + challenge
    return (0x8000 | len(body)).to_bytes(2, "big") + body


@dataclass(frozen=True, slots=True)
class Hello2:
    """A ServerHello of SSL 2.0: the kinds that both sides have, and its only certificate."""

    suites: tuple[int, ...]
    certificate: bytes
    connection: bytes


def read(stream: bytes | bytearray) -> Hello2 | int | None:
    """The first message of a server, or the code of its error.

    None while it is not whole; MalformedError says what is wrong with it. A record of SSL 2.0 has
    at most 32767 bytes, so this is bounded by its form.
    """
    if len(stream) < 3:
        return None
    # Two bytes of header without padding, else three: the third says how much padding ends it.
    if stream[0] & 0x80:
        start, length, padding = 2, (stream[0] & 0x7F) << 8 | stream[1], 0
    else:
        start, length, padding = 3, (stream[0] & 0x3F) << 8 | stream[1], stream[2]
    if length <= padding:
        raise MalformedError("record length")
    if len(stream) > start and stream[start] not in (_SERVER_HELLO, _ERROR):
        raise MalformedError("no server hello")
    if len(stream) < start + length:
        return None
    body = bytes(stream[start : start + length - padding])
    if body[0] == _ERROR:
        if len(body) != 3:
            raise MalformedError("error message")
        return int.from_bytes(body[1:3], "big")
    return _server_hello(body)


def _server_hello(body: bytes) -> Hello2:
    if len(body) < 11 or body[3:5] != b"\x00\x02":
        raise MalformedError("server hello")
    certificate, kinds, connection = (int.from_bytes(body[at : at + 2], "big") for at in (5, 7, 9))
    if 11 + certificate + kinds + connection != len(body) or kinds % 3:
        raise MalformedError("server hello")
    second = 11 + certificate
    listed = body[second : second + kinds]
    codes = (int.from_bytes(listed[at : at + 3], "big") for at in range(0, kinds, 3))
    return Hello2(
        # A server may list what it likes, also what was not offered and the same kind again.
        suites=tuple(dict.fromkeys(code for code in codes if code in SSL2_SUITES)),
        certificate=body[11:second],
        connection=body[second + kinds :],
    )
