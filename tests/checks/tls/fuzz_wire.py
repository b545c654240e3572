"""What of the wire is fuzzed: answers to hellos of every version, and each part by itself."""

from collections.abc import Callable

from checks.tls import parsing, sslv2
from checks.tls.answer import Accepted, Answer, Until
from checks.tls.hello import ClientHello
from checks.tls.records import MalformedError
from checks.tls.registry import Version
from tests.checks.tls.flights import (
    DONE,
    RANDOM,
    SUPPORTED_13,
    alert,
    asked,
    certificate,
    dhe,
    ecdhe,
    handshake,
    message,
    modern_hello,
    record,
    retry_request,
    server_hello,
    told,
    vector,
)

__all__ = ["ANSWERS", "PARTS", "MalformedError"]

_THREE = asked(Version.SSL3, 0x0005, 0x002F)
_TWELVE = asked(Version.TLS12, 0xC02F, 0x0033, 0x002F)
_THIRTEEN = asked(Version.TLS13, 0x1301, 0x1302, groups=(29, 23), key_shares=((29, bytes(32)),))

_STATUS = message(22, b"\x01" + vector(3, bytes(90)))
_REQUEST = message(13, b"\x01\x01\x00\x00\x00\x00")
_CHAIN = certificate(bytes(700), bytes(900))
_PARTS = ((0xFF01, b"\x00"), (16, vector(2, vector(1, b"h2"))))
_FLIGHTS = (
    server_hello(0x0303, 0xC02F, _PARTS) + _CHAIN + _STATUS + ecdhe(23) + _REQUEST + DONE,
    server_hello(0x0303, 0x0033) + _CHAIN + dhe(1024) + DONE,
    server_hello(0x0303, 0x002F, None) + _CHAIN + DONE,
)
_WIRES_12 = (
    *(handshake(flight) for flight in _FLIGHTS),
    *(handshake(flight, range(0, 9_000, 97)) for flight in _FLIGHTS),
    alert(1, 112) + handshake(_FLIGHTS[0]),
    alert(2, 40),
)
_WIRES_3 = (
    handshake(server_hello(0x0300, 0x0005, None) + _CHAIN + DONE),
    handshake(server_hello(0x0300, 0x002F, ((0xFF01, b"\x00"),)) + _CHAIN + _REQUEST + DONE),
)
_WIRES_13 = (
    handshake(modern_hello(_THIRTEEN, 0x1301, 29, bytes(32))) + record(20, b"\x01"),
    handshake(retry_request(_THIRTEEN, 0x1302, 23, bytes(50))),
    handshake(server_hello(0x0303, 0xC02F, _PARTS)),
    alert(2, 70),
)


def _older(kinds: int, encoded: bytes) -> bytes:
    """An answer of SSL 2.0."""
    sizes = b"".join(size.to_bytes(2, "big") for size in (len(encoded), 3 * kinds, 16))
    body = bytes((4, 0, 1, 0, 2)) + sizes + encoded + b"\x01\x00\x80" * kinds + RANDOM[:16]
    return (0x8000 | len(body)).to_bytes(2, "big") + body


_WIRES_2 = (_older(4, bytes(800)), _older(0, b""), b"\x80\x03\x00\x00\x01", alert(2, 70))


def _answer(hello: ClientHello | None, until: Until) -> Callable[[bytes], Answer]:
    """Reads an answer at once and in small chunks: both are the same, and within bounds."""

    def run(wire: bytes) -> Answer:
        size = 1 + len(wire) % 61
        chunks = [wire[at : at + size] for at in range(0, min(len(wire), 20_000), size)]
        whole = told(hello, [b"".join(chunks)], until)
        assert whole == told(hello, chunks, until)
        if isinstance(whole, Accepted):
            _within(hello, whole)
        return whole

    return run


def _within(hello: ClientHello | None, found: Accepted) -> None:
    """What was accepted had been offered, and no more of it was kept than is said."""
    assert len(found.chain or ()) <= 10
    assert len(found.raw) <= 65_536
    assert found.version is (hello.version if hello else Version.SSL2)
    assert hello is None or found.suite in hello.suites


_QUESTIONS: tuple[tuple[str, ClientHello | None, tuple[bytes, ...]], ...] = (
    ("SSLv2", None, _WIRES_2 + _WIRES_12),
    ("SSLv3", _THREE, _WIRES_3),
    ("TLSv1.2", _TWELVE, _WIRES_12),
    ("TLSv1.3", _THIRTEEN, _WIRES_13),
)
_UNTIL: tuple[Until, ...] = ("hello", "done")
ANSWERS = tuple(
    (f"{name} {until}", _answer(hello, until), wires)
    for name, hello, wires in _QUESTIONS
    for until in _UNTIL
)
PARTS: tuple[tuple[str, Callable[[bytes], object], tuple[bytes, ...]], ...] = (
    (
        "server hello",
        parsing.server_hello,
        tuple(server_hello(0x0303, 1, more)[4:] for more in (None, (), _PARTS, (SUPPORTED_13,))),
    ),
    ("certificate", parsing.certificate, (_CHAIN[4:], certificate()[4:])),
    ("certificate status", parsing.certificate_status, (_STATUS[4:],)),
    ("alpn", parsing.alpn, (vector(2, vector(1, b"h2")),)),
    ("extensions", parsing.extensions, (b"".join(b"\0" + bytes((n, 0, 1, 9)) for n in range(9)),)),
    ("ECDHE key", lambda body: parsing.server_key_exchange(body, "ECDHE"), (ecdhe(23)[4:],)),
    ("DHE key", lambda body: parsing.server_key_exchange(body, "DHE"), (dhe(1024)[4:],)),
    (
        "ECDHE_PSK key",
        lambda body: parsing.server_key_exchange(body, "ECDHE_PSK"),
        (vector(2, b"hint") + ecdhe(29)[4:],),
    ),
    ("SSLv2 hello", sslv2.read, _WIRES_2),
)
