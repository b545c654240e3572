"""What of whole key exchanges is fuzzed: flights on the wire, messages under right keys, parts."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace

from checks.tls import parsing13, scts
from checks.tls.dialogue import handshake
from checks.tls.exchange12 import Exchange12
from checks.tls.exchange13 import Exchange13, Shown13
from checks.tls.keyexchange12 import server_key
from checks.tls.keyschedule13 import write_keys
from checks.tls.outcomes import Inconclusive, Refused
from checks.tls.protection import Protection13
from checks.tls.registry import SUITES, Version
from tests.checks.tls import trace_rfc8448 as trace
from tests.checks.tls.exchange_peers import Inside, certificate, encrypted_extensions, traced
from tests.lab.certificates import Authority

__all__ = ["EXCHANGES", "PARTS"]

_EARLY = b"\x00\x08\x00\x2a\x00\x04\x00\x00\x10\x00"
_TICKET = handshake(4, bytes(8) + b"\x01\x00" + b"\x00\x01t" + _EARLY)
_SIGNATURE = b"\x00\x04sign"
_FRAGMENT = 500
_FEEDS = 200


def _opened() -> bytes:
    """The four messages of the RFC's server."""
    keys = write_keys("sha256", trace.SERVER_HANDSHAKE, 16)
    return Protection13("AES_128_GCM", *keys).open(23, trace.SERVER_FLIGHT_RECORD[5:])[1]


def _flight(wire: bytes) -> None:
    """Feed the records in small chunks: what is shown is what the RFC's server said, or nothing."""
    exchange = traced()
    size = 1 + len(wire) % 97
    for start in range(0, min(len(wire), size * _FEEDS), size):
        exchange.feed(wire[start : start + size])
    exchange.ended("closed")
    _whole(exchange, wire in _FLIGHTS)


def _sealed(stream: bytes) -> None:
    """Say these messages under the RFC's keys: of the handshake, then of the application."""
    exchange = traced(tickets=True)
    exchange.feed(trace.SERVER_HELLO_RECORD)
    secrets = [trace.SERVER_HANDSHAKE, trace.SERVER_APPLICATION]
    sealing = [Protection13("AES_128_GCM", *write_keys("sha256", key, 16)) for key in secrets]
    kind = 21 if stream[:1] == b"\x15" else 22
    for message in _messages(stream):
        for start in range(0, len(message), _FRAGMENT):
            shown = exchange._shown
            exchange.feed(sealing[shown].seal(kind, message[start : start + _FRAGMENT]))
    exchange.ended("closed")
    _whole(exchange, stream in _STREAMS)
    if isinstance(exchange.result, Shown13) and stream == _STREAMS[1]:
        assert exchange.result.early_data == 4096


def _messages(stream: bytes) -> Iterator[bytes]:
    """The messages by the lengths that they say."""
    for _ in range(_FEEDS):
        if not stream:
            return
        end = 4 + int.from_bytes(stream[1:4], "big")
        yield stream[:end]
        stream = stream[end:]


def _whole(exchange: Exchange13, undamaged: bool) -> None:
    if isinstance(exchange.result, Shown13):
        shown = exchange.result
        assert (shown.suite, shown.group, shown.verified) == (0x1301, 29, True)
        assert (shown.alpn, shown.ocsp, shown.scts) == (None, None, None)
        assert [len(item) for item in shown.chain] == [432]
    else:
        assert not undamaged
        assert isinstance(exchange.result, Inconclusive | Refused)


def _older(random: bytes) -> Exchange12:
    """An exchange with the same hello each time, so that a recorded signature holds."""
    exchange = Exchange12("web.example")
    exchange._hello = replace(exchange._hello, random=random)
    return exchange


def _recorded12() -> bytes:
    context = Authority.new().issue("web.example").context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return Inside(context).take(_older(bytes(32)).first())


def _flight12(wire: bytes) -> None:
    """The first flight of a server of TLS 1.2; without its Finished nothing is ever shown."""
    exchange = _older(bytes(32))
    exchange.first()
    size = 1 + len(wire) % 97
    for start in range(0, min(len(wire), size * _FEEDS), size):
        exchange.feed(wire[start : start + size])
    exchange.ended("closed")
    assert isinstance(exchange.result, Inconclusive | Refused)


_CHANGED = b"\x14\x03\x03\x00\x01\x01"
_FLIGHTS = tuple(
    trace.SERVER_HELLO_RECORD + between + trace.SERVER_FLIGHT_RECORD for between in (b"", _CHANGED)
)
_STREAMS = (_opened(), _opened() + _TICKET)
_FLIGHT12 = _recorded12()
EXCHANGES: tuple[tuple[str, Callable[[bytes], object], tuple[bytes, ...]], ...] = (
    ("1.3 flight", _flight, _FLIGHTS),
    ("1.3 sealed", _sealed, (*_STREAMS, b"\x15\x02\x28")),
    ("1.2 flight", _flight12, (_FLIGHT12, _FLIGHT12 + _CHANGED)),
)
PARTS: tuple[tuple[str, Callable[[bytes], object], tuple[bytes, ...]], ...] = (
    (
        "encrypted extensions",
        parsing13.encrypted_extensions,
        (encrypted_extensions()[4:], encrypted_extensions(b"\x00\x10\x00\x05\x00\x03\x02h2")[4:]),
    ),
    (
        "certificate 1.3",
        parsing13.certificate,
        (
            certificate([bytes(300), bytes(200)])[4:],
            certificate([bytes(9)], b"\x00\x05\x00\x07\x01\x00\x00\x03abc")[4:],
            certificate([bytes(9)], b"\x00\x12\x00\x06\x00\x04\x00\x02ab")[4:],
        ),
    ),
    (
        "certificate request",
        parsing13.certificate_request,
        (b"\x00\x00\x06\x00\x0d\x00\x02\x00\x00",),
    ),
    ("certificate verify", parsing13.certificate_verify, (b"\x08\x04\x00\x02ab",)),
    ("ticket", parsing13.ticket, (_TICKET[4:],)),
    ("timestamps", scts.count, (b"\x00\x08\x00\x02ab\x00\x02cd",)),
    (
        "ECDHE server key",
        lambda body: server_key(body, SUITES[0xC02F], Version.TLS12),
        (b"\x03\x00\x1d\x01x\x04\x03" + _SIGNATURE,),
    ),
    (
        "DHE server key",
        lambda body: server_key(body, SUITES[0x0033], Version.TLS11),
        (b"\x00\x02\xff\xfb\x00\x01\x02\x00\x01\x05" + _SIGNATURE,),
    ),
)
