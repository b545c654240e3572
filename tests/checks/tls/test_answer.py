"""Answers made by hand: each kind is told apart, and nothing is taken for what it is not."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checks.tls import parsing
from checks.tls.answer import (
    REFUSALS,
    Accepted,
    AnswerReader,
    Inconclusive,
    Refused,
    Retry,
    Until,
)
from checks.tls.records import MalformedError
from checks.tls.registry import ALERTS, Version
from tests.checks.tls import flights
from tests.checks.tls.flights import (
    DONE,
    RANDOM,
    alert,
    asked,
    certificate,
    dhe,
    ecdhe,
    handshake,
    message,
    record,
    server_hello,
    split,
    told,
    vector,
)

_ECDHE, _DHE, _RSA = 0xC02F, 0x0033, 0x002F
TWELVE = asked(Version.TLS12, _ECDHE, _DHE, _RSA)
THIRTEEN = asked(Version.TLS13, 0x1301, 0x1302, groups=(29, 23))
_CHAIN = (b"leaf" * 200, b"above" * 100)
_EXTENSIONS = ((0xFF01, b"\x00\x00"), (16, vector(2, vector(1, b"h2"))))
_STATUS = message(22, b"\x01" + vector(3, b"ocsp response"))
_REQUEST = message(13, b"\x01\x01\x00\x00\x00\x00")
FLIGHT = (
    server_hello(0x0303, _ECDHE, ((0xFF01, b"\x00"), (16, vector(2, vector(1, b"h2")))))
    + certificate(*_CHAIN)
    + _STATUS
    + ecdhe(23)
    + _REQUEST
    + DONE
)


def test_every_field_of_a_flight_is_read() -> None:
    """Suite, extensions, chain, OCSP, group and the wish for a client certificate are told."""
    found = told(TWELVE, [handshake(FLIGHT)])
    assert isinstance(found, Accepted)
    assert (found.version, found.suite, found.group) == (Version.TLS12, _ECDHE, 23)
    assert (found.chain, found.ocsp, found.client_certificate) == (_CHAIN, b"ocsp response", True)
    assert (found.alpn, found.secure_renegotiation, found.dh_bits) == ("h2", True, None)
    assert (found.random, found.raw, found.trouble) == (RANDOM, FLIGHT, "")


def test_a_hello_is_enough_where_no_more_is_wanted() -> None:
    """Until "hello" the answer is there at the ServerHello, and what was not read is None."""
    hello = server_hello(0x0303, _ECDHE, None)
    reader = AnswerReader(TWELVE)
    assert not reader.feed(record(22, hello)[:-1])
    assert reader.answer == Inconclusive("unfinished")
    assert reader.feed(record(22, hello)[-1:])
    found = reader.answer
    assert isinstance(found, Accepted)
    assert (found.chain, found.client_certificate, found.group) == (None, None, None)
    assert (found.raw, found.secure_renegotiation, found.alpn) == (hello, False, None)


def test_a_prime_is_measured_in_bits() -> None:
    """The size of a Diffie-Hellman group is that of its prime; a flight without request says so."""
    for bits in (512, 1023, 1024, 2048):
        whole = server_hello(0x0303, _DHE) + certificate(*_CHAIN) + dhe(bits) + DONE
        found = told(TWELVE, [handshake(whole)])
        assert isinstance(found, Accepted)
        assert (found.dh_bits, found.group, found.client_certificate) == (bits, None, False)
    padded = message(12, vector(2, bytes(9) + b"\x01" + bytes(127)) + vector(2, b"\2") * 2)
    found = told(TWELVE, [handshake(server_hello(0x0303, _DHE) + padded + DONE)])
    assert isinstance(found, Accepted)
    assert found.dh_bits == 1017


def test_tls_1_3_is_accepted_or_retried() -> None:
    """A share that fits is an acceptance, a HelloRetryRequest names suite, group and cookie."""
    with_share = replace(THIRTEEN, key_shares=((29, bytes(32)),))
    whole = flights.modern_hello(with_share, 0x1302, 29, b"k" * 32)
    found = told(with_share, [handshake(whole)])
    assert isinstance(found, Accepted)
    assert (found.version, found.suite, found.group) == (Version.TLS13, 0x1302, 29)
    assert (found.share, found.raw) == (b"k" * 32, whole)
    asks = flights.retry_request(THIRTEEN, 0x1301, 23, b"cookie")
    assert told(THIRTEEN, [record(20, b"\x01") + handshake(asks)]) == Retry(
        suite=0x1301, group=23, cookie=b"cookie", raw=asks
    )


_SESSION = THIRTEEN.sent_session_id


@pytest.mark.parametrize(
    ("whole", "why"),
    [
        (flights.modern_hello(THIRTEEN, 0x1301, 29, b"k" * 32), "group"),
        (flights.retry_request(THIRTEEN, 0x1301, 24), "group"),
        (flights.retry_request(THIRTEEN, 0x1303, 23), "suite"),
        (flights.retry_request(THIRTEEN, 0x1301, None), "retry"),
        (
            flights.retry_request(replace(THIRTEEN, session_id=b"x" * 32), 0x1301, 23),
            "session id",
        ),
        (
            server_hello(0x0303, 0x1301, (flights.SUPPORTED_13,), session_id=_SESSION),
            "no key share",
        ),
        (server_hello(0x0303, 0x1301, ((43, b"\x03\x03"),), session_id=_SESSION), "version"),
        (server_hello(0x0304, 0x1301, session_id=_SESSION), "version"),
        (server_hello(0x0302, 0x1301, (flights.SUPPORTED_13,), session_id=_SESSION), "version"),
        (
            server_hello(
                0x0303, 0x1301, (flights.SUPPORTED_13,), session_id=_SESSION, compression=1
            ),
            "compression",
        ),
        (server_hello(0x0303, 0x1301, ((7, b""), (7, b""))), "extensions"),
        (server_hello(0x0303, 0x1301, tuple((code, b"") for code in range(65))), "extensions"),
        (message(2, b"\x03\x03" + RANDOM), "server hello"),
        (message(2, b"\x03\x03" + RANDOM + vector(1, bytes(33)) + bytes(3)), "session id"),
        (message(4, b""), "message 4"),
        (DONE, "message 14"),
    ],
)
def test_what_tls_1_3_forbids_is_no_answer(whole: bytes, why: str) -> None:
    """A suite, group or version that was not offered, and broken bytes, are inconclusive."""
    assert told(THIRTEEN, [handshake(whole)]) == Inconclusive(f"malformed: {why}")


def test_a_share_that_helps_nobody_is_no_answer() -> None:
    """An empty key, and a retry for the group whose key was sent, are against the rules."""
    with_share = replace(THIRTEEN, key_shares=((29, bytes(32)),))
    empty = flights.modern_hello(with_share, 0x1301, 29, b"")
    assert told(with_share, [handshake(empty)]) == Inconclusive("malformed: key share")
    again = flights.retry_request(with_share, 0x1301, 29, b"cookie")
    assert told(with_share, [handshake(again)]) == Inconclusive("malformed: group")
    wrong = record(20, b"\x02")
    assert told(THIRTEEN, [wrong]) == Inconclusive("malformed: record type 20")


def test_only_what_was_offered_is_accepted() -> None:
    """Another suite, a compression, or a later version than asked is inconclusive."""
    eleven = asked(Version.TLS11, _RSA)
    for whole, why in (
        (server_hello(0x0302, 0x0035), "suite"),
        (server_hello(0x0302, _RSA, compression=1), "compression"),
        (server_hello(0x0303, _RSA), "version"),
        (server_hello(0x0200, _RSA), "version"),
        (server_hello(0x0303, _RSA, (flights.SUPPORTED_13,)), "version"),
    ):
        assert told(eleven, [handshake(whole)]) == Inconclusive(f"malformed: {why}")
    squeezed = told(
        replace(eleven, compression=True),
        [handshake(server_hello(0x0302, _RSA, compression=1))],
        "hello",
    )
    assert isinstance(squeezed, Accepted)
    assert squeezed.compression == 1


def test_an_older_version_than_asked_is_a_refusal() -> None:
    """A server that answers TLS 1.0 to a hello for 1.1 did not accept 1.1; so with a group."""
    for hello, version, word in (
        (asked(Version.TLS11, _RSA), 0x0301, "TLSv1.0"),
        (TWELVE, 0x0300, "SSLv3"),
        (THIRTEEN, 0x0303, "TLSv1.2"),
    ):
        found = told(hello, [handshake(server_hello(version, hello.suites[0]))])
        assert found == Refused(alert=None, note=f"answered {word}")
        assert found.word == f"answered {word}"
    narrow = replace(TWELVE, groups=(29,))
    whole = server_hello(0x0303, _ECDHE) + certificate(*_CHAIN) + ecdhe(23) + DONE
    assert told(narrow, [handshake(whole)]) == Refused(alert=None, note="answered secp256r1")


@settings(max_examples=200)
@example(level=1, code=90, split_at=False)
@example(level=2, code=0, split_at=True)
@given(
    level=st.one_of(st.sampled_from([1, 2]), st.integers(0, 255)),
    code=st.one_of(st.sampled_from(sorted(ALERTS)), st.integers(0, 255)),
    split_at=st.booleans(),
)
def test_alerts_refuse_only_where_they_mean_it(level: int, code: int, split_at: bool) -> None:
    """A fatal alert of the list refuses; every other one, and every warning, does not."""
    wire = alert(level, code)
    if split_at:
        wire = record(21, bytes((level,))) + record(21, bytes((code,)))
    found = told(TWELVE, [wire], end="reset")
    if level not in (1, 2):
        assert found == Inconclusive("malformed: alert level")
    elif code == 0:
        assert found == Inconclusive("closed")
    elif level == 1 and code != 90:
        assert found == Inconclusive("reset")
    elif level == 2 and code in REFUSALS:
        assert found == Refused(alert=code)
        assert found.word == ALERTS[code]
    else:
        assert found == Inconclusive(f"alert {ALERTS.get(code, code)}")


def test_some_alerts_never_refuse() -> None:
    """A server in trouble and one that could not read our bytes have said nothing."""
    assert not {0, 10, 20, 22, 49, 50, 51, 80, 90, 116} & set(REFUSALS)
    assert {40, 47, 70, 71} <= set(REFUSALS)


def test_a_warning_between_is_passed_over() -> None:
    """A warning (unrecognized_name of Java) does not end an answer; nine of them do."""
    warned = alert(1, 112) + handshake(FLIGHT)
    assert told(TWELVE, [warned]) == told(TWELVE, [handshake(FLIGHT)])
    assert told(TWELVE, [alert(1, 112) * 9 + handshake(FLIGHT)]) == Inconclusive("too-much")
    assert told(TWELVE, [record(21, b"\x01\x70" * 9)]) == Inconclusive("too-much")


@pytest.mark.parametrize("end", ["closed", "reset", "timeout"])
def test_how_a_connection_ends_is_no_answer(end: str) -> None:
    """An end before the ServerHello is inconclusive; after it the ServerHello stands."""
    assert told(TWELVE, [], end=end) == Inconclusive(end)
    assert told(TWELVE, [handshake(FLIGHT)[:20]], end=end) == Inconclusive(end)
    some = server_hello(0x0303, _ECDHE) + certificate(*_CHAIN)
    found = told(TWELVE, [handshake(some + ecdhe(23)[:9])], end=end)
    assert isinstance(found, Accepted)
    assert (found.trouble, found.chain, found.group) == (end, _CHAIN, None)
    assert (found.client_certificate, found.raw) == (None, some)


def test_trouble_after_the_hello_is_told_beside_it() -> None:
    """A broken or endless chain does not undo the ServerHello; a fatal alert after it does."""
    hello = server_hello(0x0303, _ECDHE)
    for more, trouble in (
        (message(11, b"\x00\x00\x09" + bytes(8)), "malformed: certificate"),
        (message(11, vector(3, bytes(3))), "malformed: certificate"),
        (b"\x0b\xff\xff\xff", "too-much"),
        (certificate(*_CHAIN) * 2, "malformed: message 11"),
        (_STATUS[:4] + b"\x02" + _STATUS[5:], "malformed: certificate status"),
        (message(12, b"\x07"), "malformed: server key exchange"),
        (message(14, b"x"), "malformed: server hello done"),
    ):
        found = told(TWELVE, [handshake(hello + more)])
        assert isinstance(found, Accepted)
        assert (found.suite, found.trouble) == (_ECDHE, trouble)
    found = told(TWELVE, [handshake(hello) + alert(2, 80)])
    assert found == Inconclusive("alert internal_error after hello")
    assert told(TWELVE, [handshake(hello) + alert(2, 40)]) == Inconclusive(
        "alert handshake_failure after hello"
    )


def test_what_is_not_tls_is_named() -> None:
    """Plain HTTP, a banner, and bytes of nothing are told apart from TLS that went wrong."""
    for start, why in (
        (b"HTTP/1.1 400 Bad Request\r\n", "not-tls: http"),
        (b"<html>\n", "not-tls: html"),
        (b"220 mail.example ESMTP\r\n", "not-tls: smtp or ftp"),
        (b"SSH-2.0-x\r\n", "not-tls: ssh"),
        (b"+OK hello\r\n", "not-tls: text"),
        (b"\x00\x01\x02\x03\x04\x05", "not-tls"),
    ):
        for hello in (TWELVE, THIRTEEN):
            assert told(hello, [start]) == Inconclusive(why)
            assert told(hello, split(start, range(9))) == Inconclusive(why)
    assert told(TWELVE, [b"HTT"]) == Inconclusive("closed")
    assert told(TWELVE, [record(20, b"\x01")]) == Inconclusive("malformed: record type 20")
    assert told(TWELVE, [record(23, b"x")]) == Inconclusive("malformed: record type 23")
    assert told(TWELVE, [record(22, b"")]) == Inconclusive("malformed: empty record")
    assert told(TWELVE, [b"\x16\x03\x03\xff\xff"]) == Inconclusive("malformed: record length")


def test_a_hello_request_between_is_in_no_transcript() -> None:
    """HelloRequest may come at any time and means nothing here (RFC 5246, 7.4.1.1)."""
    flight = message(0, b"") + server_hello(0x0303, _RSA) + message(0, b"") + DONE
    found = told(TWELVE, [handshake(flight)])
    assert isinstance(found, Accepted)
    assert (found.raw, found.client_certificate) == (server_hello(0x0303, _RSA) + DONE, False)
    assert told(THIRTEEN, [handshake(message(0, b""))]) == Inconclusive("malformed: message 0")


def test_no_more_than_ten_certificates_are_kept() -> None:
    """A longer chain is read to its end, and its beginning is kept."""
    chain = tuple(bytes((number,)) * 9 for number in range(25))
    found = told(TWELVE, [handshake(server_hello(0x0303, _RSA) + certificate(*chain) + DONE)])
    assert isinstance(found, Accepted)
    assert (found.chain, found.trouble) == (chain[:10], "")


def test_messages_add_up_to_the_bound() -> None:
    """Several messages that are small enough one by one are too much together."""
    hello = server_hello(0x0303, _DHE)
    more = certificate(bytes(40_000)) + message(22, b"\x01" + vector(3, bytes(30_000)))
    found = told(TWELVE, [handshake(hello + more, range(0, 70_000, 10_000))])
    assert isinstance(found, Accepted)
    assert (found.trouble, found.ocsp) == ("too-much", None)


def test_a_hint_may_come_before_the_key_of_a_shared_secret() -> None:
    """The group of ECDHE_PSK and the prime of DHE_PSK stand after the hint (RFC 4279, RFC 5489)."""
    for suite, key, parts in (
        (0xC037, ecdhe(23), (23, None)),
        (0x00B2, dhe(2048), (None, 2048)),
    ):
        hinted = message(12, vector(2, b"a hint") + key[4:])
        found = told(
            asked(Version.TLS12, suite), [handshake(server_hello(0x0303, suite) + hinted + DONE)]
        )
        assert isinstance(found, Accepted)
        assert (found.group, found.dh_bits) == parts


@pytest.mark.parametrize(
    "body", [vector(2, b"") + vector(2, b"\2") * 2, vector(2, b"\7") + vector(2, b"") * 2, b"\0"]
)
def test_a_prime_of_nothing_is_malformed(body: bytes) -> None:
    """Empty Diffie-Hellman numbers are no group."""
    flight = server_hello(0x0303, _DHE) + message(12, body)
    found = told(TWELVE, [handshake(flight)])
    assert isinstance(found, Accepted)
    assert (found.trouble, found.dh_bits) == ("malformed: server key exchange", None)


def test_a_protocol_is_one_readable_name() -> None:
    """Two ALPN names, an empty one, or bytes that are no text leave it undefined."""
    for body, name in (
        (vector(2, vector(1, b"h2")), "h2"),
        (vector(2, vector(1, b"h2") * 2), None),
        (vector(2, vector(1, b"")), None),
        (vector(2, vector(1, b"\xff")), None),
        (b"", None),
    ):
        found = told(TWELVE, [handshake(server_hello(0x0303, _RSA, ((16, body),)))], "hello")
        assert isinstance(found, Accepted)
        assert found.alpn == name


def test_secure_renegotiation_is_an_empty_connection() -> None:
    """Only the form of RFC 5746 (3.4) counts: one byte, zero."""
    for body, secure in ((b"\x00", True), (b"", False), (b"\x01x", False)):
        found = told(TWELVE, [handshake(server_hello(0x0303, _RSA, ((0xFF01, body),)))], "hello")
        assert isinstance(found, Accepted)
        assert found.secure_renegotiation is secure


def test_grease_from_a_server_is_passed_over() -> None:
    """An unknown extension in a ServerHello is kept and means nothing (RFC 8701)."""
    found = told(TWELVE, [handshake(server_hello(0x0303, _RSA, ((0x0A0A, b"g"),)))], "hello")
    assert isinstance(found, Accepted)
    assert found.extensions == {0x0A0A: b"g"}


_PLACES = st.lists(st.integers(1, 10_000), max_size=60)


@settings(max_examples=150)
@given(
    records=_PLACES,
    chunks=_PLACES,
    until=st.sampled_from(["hello", "done"]),
    changed=st.one_of(st.none(), st.tuples(st.integers(0, 10_000), st.integers(0, 255))),
)
def test_no_split_changes_the_answer(
    records: list[int], chunks: list[int], until: Until, changed: tuple[int, int] | None
) -> None:
    """Fragments and chunks of any size give the same answer, of a good flight and of a bad one."""
    flight = FLIGHT
    if changed is not None:
        at = changed[0] % len(flight)
        flight = flight[:at] + bytes((changed[1],)) + flight[at + 1 :]
    wire = handshake(flight, records)
    assert told(TWELVE, split(wire, chunks), until) == told(TWELVE, [handshake(flight)], until)


def test_single_bytes_give_the_same_answer() -> None:
    """A flight in chunks of one byte, and a short one in records of one byte, are the same."""
    wire = handshake(FLIGHT)
    whole = told(TWELVE, [wire])
    assert told(TWELVE, [wire[at : at + 1] for at in range(len(wire))]) == whole
    short = server_hello(0x0303, _RSA) + certificate(b"x" * 400) + DONE
    assert told(TWELVE, [handshake(short, range(len(short)))]) == told(TWELVE, [handshake(short)])


def test_a_hello_that_ends_too_soon_or_too_late_is_malformed() -> None:
    """Each cut of a whole hello, and each byte too many; extensions may be missing altogether."""
    extensions = b"".join(c.to_bytes(2, "big") + vector(2, e) for c, e in _EXTENSIONS)
    bare = b"\x03\x03" + RANDOM + vector(1, b"id") + b"\xc0\x2f\x00"
    whole = bare + vector(2, extensions)
    assert parsing.server_hello(whole).extensions == dict(_EXTENSIONS)
    assert parsing.server_hello(bare).extensions == {}
    for length in range(len(whole)):
        if length != len(bare):
            with pytest.raises(MalformedError):
                parsing.server_hello(whole[:length])
    with pytest.raises(MalformedError):
        parsing.server_hello(whole + b"\x00")
    ends = {0, 6, len(extensions)}
    for length in range(len(extensions)):
        if length not in ends:
            with pytest.raises(MalformedError):
                parsing.extensions(extensions[:length])
    for wrong in (
        extensions + extensions,
        b"".join(n.to_bytes(2, "big") + b"\0\0" for n in range(65)),
    ):
        with pytest.raises(MalformedError):
            parsing.extensions(wrong)
