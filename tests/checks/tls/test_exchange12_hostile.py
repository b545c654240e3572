"""Servers of TLS 1.2 and earlier whose bytes were damaged, are out of order, or never end."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.tls.dialogue import handshake
from checks.tls.exchange12 import Exchange12, Shown12
from checks.tls.hello import RENEGOTIATION
from checks.tls.outcomes import Inconclusive, Refused
from checks.tls.parsing import Cursor, extensions
from checks.tls.protection12 import Aead12
from tests.checks.tls.exchange_peers import Inside, places_of
from tests.lab.certificates import Authority

CONTEXT = Authority.new().issue("web.example").context()
CONTEXT.maximum_version = ssl.TLSVersion.TLSv1_2
CHANGED = b"\x14\x03\x03\x00\x01\x01"


def record(*messages: bytes) -> bytes:
    """Handshake messages in one record that is not sealed."""
    body = b"".join(messages)
    return b"\x16\x03\x03" + len(body).to_bytes(2, "big") + body


def messages_of(flight: bytes) -> list[bytes]:
    """The handshake messages of a flight that is not sealed, one by one."""
    body, found = b"", []
    while flight:
        end = 5 + int.from_bytes(flight[3:5], "big")
        body, flight = body + flight[5:end], flight[end:]
    while body:
        end = 4 + int.from_bytes(body[1:4], "big")
        found.append(body[:end])
        body = body[end:]
    return found


def result(exchange: Exchange12, *streams: bytes) -> object:
    """What comes of these bytes and an end."""
    for stream in streams:
        exchange.feed(stream)
    exchange.ended("closed")
    return exchange.result


@given(
    at=st.integers(min_value=0),
    bit=st.integers(0, 7),
    size=st.integers(1, 3_000),
    second=st.booleans(),
)
def test_one_damaged_bit_is_never_shown(at: int, bit: int, size: int, second: bool) -> None:
    """One bit changed in the server's first flight or in its second: nothing is shown."""
    exchange, server = Exchange12("web.example"), Inside(CONTEXT)
    flight = server.take(exchange.first())
    if second:
        flight = server.take(exchange.feed(flight))
    damaged = bytearray(flight)
    places = places_of(flight)
    damaged[places[at % len(places)]] ^= 1 << bit
    told = b""
    for start in range(0, len(damaged), size):
        told += exchange.feed(bytes(damaged[start : start + size]))
    if told and not exchange.done:  # damaged where only both Finished tell
        exchange.feed(server.take(told))
    exchange.ended("closed")
    assert isinstance(exchange.result, Inconclusive | Refused)


@given(size=st.integers(1, 3_000))
def test_the_split_of_a_flight_changes_nothing(size: int) -> None:
    """The same server is shown from chunks of any size."""
    exchange, server = Exchange12("web.example"), Inside(CONTEXT)
    told = exchange.first()
    while not exchange.done:
        flight, told = server.take(told), b""
        assert flight
        for start in range(0, len(flight), size):
            told += exchange.feed(flight[start : start + size])
    assert isinstance(exchange.result, Shown12)
    assert exchange.result.verified


@given(order=st.permutations(range(4)), left_out=st.integers(0, 3))
def test_messages_come_in_their_order(order: list[int], left_out: int) -> None:
    """No message of the first flight may be left out, or said before its turn."""
    exchange = Exchange12("web.example")
    said = messages_of(Inside(CONTEXT).take(exchange.first()))
    assert [message[0] for message in said] == [2, 11, 12, 14]
    if list(order) == sorted(order):
        order = [place for place in order if place != left_out]
    assert isinstance(result(exchange, record(*(said[place] for place in order))), Inconclusive)


@pytest.mark.parametrize(
    ("streams", "why"),
    [
        ((CHANGED,), "malformed: change cipher spec"),
        ((b"\x14\x03\x03\x00\x01\x02",), "malformed: change cipher spec"),
        ((record(handshake(20, bytes(12))),), "malformed: message 20"),
        ((record(handshake(4, bytes(6))),), "malformed: message 4"),
        ((b"\x17\x03\x03\x00\x01a",), "malformed: record type 23"),
        ((record(b"\x0b\x00\x00"), b"\x17\x03\x03\x00\x01a"), "malformed: interleaved records"),
        ((record(b"\x0b\xff\xff\xff" + bytes(100)),), "too-much"),
        ((b"\x15\x03\x03\x00\x02\x02\x50",), "alert internal_error"),
        ((b"\x15\x03\x03\x00\x02\x01\x70",) * 9, "too-much"),
        ((b"\x15\x03\x03\x00\x02\x01\x00",), "closed"),
        ((record(handshake(0, b"")),) * 300, "too-much"),
    ],
)
def test_what_has_no_place_is_told(streams: tuple[bytes, ...], why: str) -> None:
    """In place of a ServerHello each of these ends the exchange with its word."""
    assert result(Exchange12("web.example"), *streams) == Inconclusive(why)


def test_a_server_hello_may_choose_what_was_offered() -> None:
    """Not a suite, a compression or a renegotiation of its own; an old version is a refusal."""

    def hello(
        *, version: int = 3, suite: int = 0xC02F, method: int = 0, more: bytes = b""
    ) -> bytes:
        body = bytes((3, version)) + bytes(32) + b"\x00" + suite.to_bytes(2, "big")
        return record(handshake(2, body + bytes((method,)) + len(more).to_bytes(2, "big") + more))

    cases: list[tuple[bytes, object]] = [
        (hello(suite=0x0005), Inconclusive("malformed: suite")),
        (hello(method=1), Inconclusive("malformed: compression")),
        (hello(more=b"\xff\x01\x00\x02\x01a"), Inconclusive("malformed: renegotiation")),
        (hello(more=b"\x00\x10\x00\x05\x00\x03\x02h2"), Inconclusive("malformed: alpn")),
        (hello(more=b"\x00\x12\x00\x01\x00"), Inconclusive("malformed: timestamps")),
        (hello(version=1), Refused(alert=None, note="answered TLSv1.0")),
        (hello(), Inconclusive("closed")),
    ]
    for stream, wanted in cases:
        assert result(Exchange12("web.example"), stream) == wanted


def test_a_required_certificate_is_believed_only_after_we_showed_none(tmp_path: Path) -> None:
    """The same alert before the server asked is a refusal of the parameters."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf = Authority.new().issue("web.example")
    (tmp_path / "leaf.pem").write_bytes(leaf.key + leaf.certificates)
    context.load_cert_chain(tmp_path / "leaf.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    exchange = Exchange12("web.example")
    said = messages_of(Inside(context).take(exchange.first()))
    assert 13 in [message[0] for message in said]
    alert = b"\x15\x03\x03\x00\x02\x02\x28"
    exchange.feed(record(*said[:-1]))
    assert result(exchange, alert) == Refused(alert=40)
    exchange = Exchange12("web.example")
    exchange.feed(Inside(context).take(exchange.first()))
    found = result(exchange, alert)
    assert isinstance(found, Shown12)
    assert (found.client_certificate, found.finished) == ("required", False)


def test_a_wrong_finished_is_malformed() -> None:
    """A server with the right keys that does not know what was said is not shown."""
    exchange = Exchange12("web.example")
    exchange.feed(Inside(CONTEXT).take(exchange.first()))
    protection = exchange._server_protection
    assert isinstance(protection, Aead12)
    sealed = protection.seal(22, handshake(20, bytes(12)))
    protection._number = 0  # it is read by the same one
    assert result(exchange, CHANGED + sealed) == Inconclusive("malformed: finished")


def test_a_signature_of_a_kind_that_was_not_offered_is_malformed() -> None:
    """The scheme of the ServerKeyExchange is one of ours."""
    exchange = Exchange12("web.example")
    said = messages_of(Inside(CONTEXT).take(exchange.first()))
    at = 4 + 4 + said[2][7]
    said[2] = said[2][:at] + b"\x07\x08" + said[2][at + 2 :]
    assert result(exchange, record(*said)) == Inconclusive("malformed: signature")


@pytest.mark.parametrize("knows", [False, True])
def test_a_second_hello_is_bound_only_where_the_server_knows_how(knows: bool) -> None:
    """RFC 5746, 3.5: with our Finished inside where it can be, without the extension elsewhere."""
    exchange, server = Exchange12("web.example", renegotiate=True), Inside(CONTEXT)
    told = exchange.feed(server.take(exchange.first()))
    assert exchange._answer is not None
    if not knows:
        exchange._answer = replace(exchange._answer, extensions={})
    before = len(exchange._transcript)
    exchange.feed(server.take(told))
    again = extensions_of(bytes(exchange._transcript[before:]))
    assert again.get(RENEGOTIATION) == (b"\x0c" + exchange._client_verify if knows else None)


def extensions_of(hello: bytes) -> dict[int, bytes]:
    """The extensions of a ClientHello message."""
    cursor = Cursor(hello[4:], "hello")
    cursor.take(34)
    for size in (1, 2, 1):
        cursor.vector(size)
    return extensions(cursor.vector(2))


@pytest.mark.parametrize("prefix", [b"", b"\x16\x03\x03\x00\x04", b"\x15\x03\x03\x00\x02"])
@given(stream=st.binary(max_size=400))
def test_any_bytes_raise_nothing(stream: bytes, prefix: bytes) -> None:
    """What is no TLS at all ends in a result as well."""
    found = result(Exchange12("web.example"), prefix + stream)
    assert isinstance(found, Inconclusive | Refused)


@given(stream=st.binary(max_size=200))
def test_any_bytes_after_our_finished_raise_nothing(stream: bytes) -> None:
    """Where the server's sealed Finished is expected, other bytes show nothing."""
    exchange = Exchange12("web.example")
    exchange.feed(Inside(CONTEXT).take(exchange.first()))
    found = result(exchange, CHANGED + b"\x16\x03\x03\x00" + bytes([len(stream)]) + stream)
    assert isinstance(found, Inconclusive | Refused)
