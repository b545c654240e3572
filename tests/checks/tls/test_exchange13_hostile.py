"""A server of TLS 1.3 that has right keys and says wrong things, and bytes that were damaged."""

import ssl
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from checks.tls.agreement import X25519
from checks.tls.dialogue import handshake
from checks.tls.exchange13 import Exchange13, Shown13
from checks.tls.hello import ClientHello
from checks.tls.outcomes import Inconclusive, Refused
from checks.tls.registry import Version
from checks.tls.serverhello import RETRY_RANDOM
from tests.checks.tls import flights
from tests.checks.tls.exchange_peers import (
    Inside,
    Scripted,
    certificate,
    encrypted_extensions,
    places_of,
)
from tests.lab.certificates import Authority

LEAF = Authority.new().issue("web.example")
DER = ssl.PEM_cert_to_DER_cert(LEAF.certificates.decode())
CONTEXT = LEAF.context()
TICKET = handshake(4, bytes(8) + b"\x01\x00" + b"\x00\x01t" + b"\x00\x00")
REQUEST = handshake(13, b"\x00" + b"\x00\x00")
KINDS = (4, 8, 11, 13, 15, 20, 24)
CHANGED = b"\x14\x03\x03\x00\x01\x01"


def started(**wishes: Any) -> tuple[Exchange13, Scripted]:
    """An exchange whose server has said its hello."""
    exchange = Exchange13(offered=(X25519,), **wishes)
    server = Scripted(exchange.first())
    exchange.feed(server.greeting() + CHANGED)
    assert not exchange.done
    return exchange, server


def verify(server: Scripted, scheme: int = 0x0403, key: bytes = LEAF.key) -> bytes:
    """The CertificateVerify of this moment."""
    private = serialization.load_pem_private_key(key, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    content = b" " * 64 + b"TLS 1.3, server CertificateVerify\x00" + server.digest()
    made = {0x0503: hashes.SHA384(), 0x0203: hashes.SHA1()}
    signature = private.sign(content, ec.ECDSA(made.get(scheme, hashes.SHA256())))
    return handshake(15, scheme.to_bytes(2, "big") + len(signature).to_bytes(2, "big") + signature)


def through(
    exchange: Exchange13,
    server: Scripted,
    *,
    chain: tuple[bytes, ...] = (DER,),
    extensions: bytes = b"",
    certificate_extensions: bytes = b"",
    request: bytes = b"",
) -> Any:
    """The whole flight of a server; what came of it."""
    exchange.feed(server.says(encrypted_extensions(extensions)))
    if request:
        exchange.feed(server.says(request))
    exchange.feed(server.says(certificate(chain, certificate_extensions)))
    exchange.feed(server.says(verify(server)))
    exchange.feed(server.says(server.finished()))
    server.after_finished()
    return exchange.result


def test_the_scripted_server_is_believed_when_it_is_right() -> None:
    """What the other tests break is whole to begin with."""
    found = through(*started())
    assert isinstance(found, Shown13)
    assert (found.verified, found.chain, found.scts) == (True, (DER,), None)


def test_a_wrong_signature_is_malformed() -> None:
    """Another's key, a scheme of another kind, curve or time, and what was not offered."""
    other = Authority.new().issue("web.example").key
    cases: list[tuple[int, bytes]] = [(0x0403, other)]
    cases += [(scheme, LEAF.key) for scheme in (0x0503, 0x0203, 0x0401, 0x0804, 0x0807, 0x0708)]
    for scheme, key in cases:
        exchange, server = started()
        exchange.feed(server.says(encrypted_extensions(), certificate([DER])))
        exchange.feed(server.says(verify(server, scheme, key)))
        assert exchange.result == Inconclusive("malformed: signature")


def test_a_wrong_finished_is_malformed() -> None:
    """A server that has not the keys, or does not know what was said, ends nothing."""
    exchange, server = started()
    exchange.feed(server.says(encrypted_extensions(), certificate([DER])))
    exchange.feed(server.says(verify(server)))
    exchange.feed(server.says(handshake(20, bytes(32))))
    assert exchange.result == Inconclusive("malformed: finished")


def test_a_certificate_that_cannot_be_read_is_shown_unverified() -> None:
    """The chain is told as it came; nothing says that the server has its key."""
    found = through(*started(), chain=(b"no certificate", DER))
    assert isinstance(found, Shown13)
    assert (found.verified, found.chain) == (False, (b"no certificate", DER))


def test_messages_come_in_their_order() -> None:
    """None may be left out, said twice, or said before its turn."""
    messages: dict[str, Callable[[Scripted], bytes]] = {
        "extensions": lambda _: encrypted_extensions(),
        "certificate": lambda _: certificate([DER]),
        "verify": verify,
        "finished": lambda server: server.finished(),
    }
    orders = [
        ["finished"],
        ["extensions", "finished"],
        ["extensions", "certificate", "finished"],
        ["extensions", "verify"],
        ["extensions", "extensions"],
        ["certificate"],
        ["extensions", "certificate", "certificate"],
    ]
    for order in orders:
        exchange, server = started()
        for name in order:
            exchange.feed(server.says(messages[name](server)))
        assert isinstance(exchange.result, Inconclusive)
        assert exchange.result.why.startswith("malformed: message")


def test_a_change_of_cipher_is_one_byte_without_meaning() -> None:
    """What is passed over has to be what old middleboxes want to see (RFC 8446, 5)."""
    for content in (b"\x02", b"\x01\x01", b""):
        exchange, _ = started()
        exchange.feed(b"\x14\x03\x03\x00" + bytes([len(content)]) + content)
        assert exchange.result == Inconclusive("malformed: change cipher spec")


def test_nothing_is_glued_to_a_message_before_new_keys() -> None:
    """What follows ServerHello or Finished in their record was said under the wrong keys."""
    exchange = Exchange13(offered=(X25519,))
    server = Scripted(exchange.first())
    glued = server.hello + b"\x08\x00"
    exchange.feed(b"\x16\x03\x03" + len(glued).to_bytes(2, "big") + glued)
    assert exchange.result == Inconclusive("malformed: message across a change of keys")
    exchange, server = started()
    exchange.feed(server.says(encrypted_extensions(), certificate([DER])))
    exchange.feed(server.says(verify(server)))
    exchange.feed(server.says(server.finished(), TICKET))
    assert exchange.result == Inconclusive("malformed: message across a change of keys")


def test_what_was_not_offered_is_malformed() -> None:
    """A protocol of ALPN, a suite, a group; certificates of nothing, extensions twice."""
    alpn = b"\x00\x10\x00\x05\x00\x03\x02h2"
    assert through(*started(), extensions=alpn) == Inconclusive("malformed: alpn")
    found = through(*started(alpn=("h2",)), extensions=alpn)
    assert isinstance(found, Shown13)
    assert found.alpn == "h2"
    assert through(*started(), extensions=alpn * 2) == Inconclusive("malformed: extensions")
    assert through(*started(), chain=()) == Inconclusive("malformed: certificate")
    assert through(*started(), chain=(b"",)) == Inconclusive("malformed: certificate")
    exchange = Exchange13(offered=(X25519,), suites=(0x1302,))
    exchange.feed(Scripted(exchange.first()).greeting())
    assert exchange.result == Inconclusive("malformed: suite")


def test_timestamps_are_counted() -> None:
    """Two in a list are two; a list that does not add up is malformed."""
    two = b"\x00\x12\x00\x0a" + b"\x00\x08" + b"\x00\x02ab" + b"\x00\x02cd"
    found = through(*started(), certificate_extensions=two)
    assert isinstance(found, Shown13)
    assert found.scts == 2
    bad = two[:-1] + b"\xff"
    assert isinstance(through(*started(), certificate_extensions=bad), Shown13)
    short = b"\x00\x12\x00\x04" + b"\x00\x02" + b"\x00\x09"
    assert through(*started(), certificate_extensions=short) == Inconclusive(
        "malformed: timestamps"
    )


def test_what_comes_after_finished_decides_on_the_client_certificate() -> None:
    """A ticket, a word of the application and an orderly end say asked; an alert may say more."""
    closed = (21, b"\x01\x00")
    cases: list[tuple[tuple[int, bytes], str | None]] = [
        ((22, TICKET), "asked"),
        ((23, b"220 ready"), "asked"),
        ((22, handshake(24, b"\x00")), "asked"),
        (closed, "asked"),
        ((21, b"\x02\x74"), "required"),
        ((21, b"\x02\x28"), "required"),
        ((21, b"\x02\x2a"), "required"),
        ((21, b"\x02\x50"), None),
        ((22, handshake(4, b"\xff")), None),
        ((22, handshake(20, b"")), None),
        ((24, b""), None),
    ]
    for (kind, content), word in cases:
        exchange, server = started()
        through(exchange, server, request=REQUEST)
        assert not exchange.done
        exchange.feed(server.seals(kind, content))
        assert isinstance(exchange.result, Shown13)
        assert exchange.result.client_certificate == word
    for how in ("closed", "reset", "timeout"):
        exchange, server = started()
        through(exchange, server, request=REQUEST)
        exchange.ended(how)  # type: ignore[arg-type]
        assert isinstance(exchange.result, Shown13)
        assert exchange.result.client_certificate is None


def test_an_alert_inside_is_an_alert() -> None:
    """Sealed or not, before Finished it refuses or says nothing."""
    for alert, result in ((b"\x02\x28", Refused(alert=40)), (b"\x02\x50", "alert internal_error")):
        wanted = Inconclusive(result) if isinstance(result, str) else result
        exchange, server = started()
        exchange.feed(server.seals(21, alert))
        assert exchange.result == wanted
        exchange, server = started()
        exchange.feed(b"\x15\x03\x03\x00\x02" + alert)
        assert exchange.result == wanted


def test_a_server_may_not_ask_for_another_hello_twice() -> None:
    """A second HelloRetryRequest, one for a share that is there, and one that changes nothing."""

    def request(exchange: Exchange13, group: int) -> bytes:
        hello = exchange.first()
        session = hello[44 : 44 + hello[43]]
        body = b"\x03\x03" + RETRY_RANDOM + bytes((len(session),)) + session
        body += b"\x13\x01\x00\x00\x0c\x00\x2b\x00\x02\x03\x04\x00\x33\x00\x02"
        message = handshake(2, body + group.to_bytes(2, "big"))
        return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message

    exchange = Exchange13(offered=(X25519, 23, 24))
    asked = request(exchange, 23)
    again = exchange.feed(asked)
    assert again.startswith(CHANGED + b"\x16\x03\x03")
    assert not exchange.done
    exchange.feed(request(exchange, 24))
    assert exchange.result == Inconclusive("malformed: second retry")
    for group in (X25519, 25):
        exchange = Exchange13(offered=(X25519, 23))
        exchange.feed(request(exchange, group))
        assert exchange.result == Inconclusive("malformed: group")


@pytest.mark.parametrize(("size", "why"), [(16_384, "unfinished"), (65_400, "too-much")])
def test_a_cookie_that_does_not_fit_into_our_hello_is_too_much(size: int, why: str) -> None:
    """A cookie of a HelloRetryRequest comes back in our second hello, up to a bound."""
    exchange = Exchange13()
    sent = exchange.first()
    session = sent[44 : 44 + sent[43]]
    hello = ClientHello(version=Version.TLS13, suites=(0x1301,), session_id=session)
    request = flights.retry_request(hello, 0x1301, 24, b"c" * size)
    exchange.feed(flights.handshake(request, range(16_000, len(request), 16_000)))
    assert exchange.result == Inconclusive(why)


def test_the_suite_of_a_second_hello_stays() -> None:
    """After a HelloRetryRequest, here one for its cookie alone, no other suite may be chosen."""
    exchange = Exchange13(offered=(X25519,))
    hello = exchange.first()
    body = b"\x03\x03" + RETRY_RANDOM + hello[43 : 44 + hello[43]] + b"\x13\x01\x00"
    body += b"\x00\x0d\x00\x2b\x00\x02\x03\x04\x00\x2c\x00\x03\x00\x01c"
    message = handshake(2, body)
    again = exchange.feed(b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message)
    assert again.startswith(CHANGED)
    assert b"\x00\x2c\x00\x03\x00\x01c" in again
    exchange.feed(Scripted(again[len(CHANGED) :], suite=0x1302).greeting())
    assert exchange.result == Inconclusive("malformed: suite")


def test_whoever_sends_without_end_is_cut_off() -> None:
    """A certificate list of 16 MB ends at its header; endless small records end too."""
    exchange, server = started()
    exchange.feed(server.says(encrypted_extensions()))
    exchange.feed(server.seals(22, b"\x0b\xff\xff\xff" + bytes(16_000)))
    assert exchange.result == Inconclusive("too-much")
    for record in (CHANGED, None):
        exchange, server = started()
        for _ in range(300):
            exchange.feed(record or server.seals(22, b"\x08"[:1] if exchange.done else b"\x08"))
        assert isinstance(exchange.result, Inconclusive)
    exchange, server = started(tickets=True)
    through(exchange, server)
    for _ in range(300):
        exchange.feed(server.seals(23, b"chatter"))
    assert isinstance(exchange.result, Shown13)
    assert exchange.result.early_data is None


@given(
    contents=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.builds(
                handshake, st.sampled_from([4, 8, 11, 13, 15, 20, 24]), st.binary(max_size=60)
            ),
            st.sampled_from([encrypted_extensions(), certificate([DER]), REQUEST, TICKET]),
        ),
        max_size=6,
    ),
    kind=st.sampled_from([20, 21, 22, 22, 22, 23]),
)
def test_whatever_is_said_under_right_keys_raises_nothing(contents: list[bytes], kind: int) -> None:
    """Any messages in any order end in a result, and never in a verified one."""
    exchange, server = started()
    for content in contents:
        exchange.feed(server.seals(kind, content))
    exchange.ended("closed")
    assert isinstance(exchange.result, Inconclusive | Refused)


@given(at=st.integers(min_value=0), bit=st.integers(0, 7), size=st.integers(1, 3_000))
def test_one_damaged_bit_is_never_verified(at: int, bit: int, size: int) -> None:
    """A flight of a real server with one bit changed shows nothing, however it is split."""
    exchange = Exchange13("web.example", hybrid=False)
    flight = bytearray(Inside(CONTEXT).take(exchange.first()))
    place = places_of(bytes(flight))
    flight[place[at % len(place)]] ^= 1 << bit
    for start in range(0, len(flight), size):
        exchange.feed(bytes(flight[start : start + size]))
    exchange.ended("closed")
    assert isinstance(exchange.result, Inconclusive | Refused)


@given(size=st.integers(1, 3_000))
def test_the_split_of_a_flight_changes_nothing(size: int) -> None:
    """The same server is shown from chunks of any size."""
    exchange = Exchange13("web.example", hybrid=False)
    flight = Inside(CONTEXT).take(exchange.first())
    for start in range(0, len(flight), size):
        exchange.feed(flight[start : start + size])
    assert isinstance(exchange.result, Shown13)
    assert exchange.result.verified


@pytest.mark.parametrize("prefix", [b"", b"\x16\x03\x03\x00\x04", b"\x15\x03\x03\x00\x02"])
@given(stream=st.binary(max_size=400))
def test_any_bytes_raise_nothing(stream: bytes, prefix: bytes) -> None:
    """What is no TLS at all ends in a result as well."""
    exchange = Exchange13(offered=(X25519,))
    exchange.feed(prefix + stream)
    exchange.ended("closed")
    assert isinstance(exchange.result, Inconclusive | Refused)
