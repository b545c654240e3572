"""ClientHellos: bytes as the standards say, read back by a parser of the test's own."""

from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.tls.hello import GROUPS_12, GROUPS_13, SUITES_BOUND, ClientHello
from checks.tls.registry import SSL2_SUITES, SUITES, Version, suites_for
from checks.tls.sslv2 import sslv2_hello

_RANDOM = bytes(range(32))


class Seen(NamedTuple):
    """A hello as a server reads it."""

    version: int
    random: bytes
    session_id: bytes
    suites: tuple[int, ...]
    compression: bytes
    extensions: dict[int, bytes]


def numbers(body: bytes) -> tuple[int, ...]:
    """Numbers of two bytes."""
    assert len(body) % 2 == 0
    return tuple(int.from_bytes(body[at : at + 2], "big") for at in range(0, len(body), 2))


def cut(body: bytes, size: int) -> tuple[bytes, bytes]:
    """What stands after its length of so many bytes, and the rest."""
    length = int.from_bytes(body[:size], "big")
    assert len(body) >= size + length
    return body[size : size + length], body[size + length :]


def read(message: bytes) -> Seen:
    """A ClientHello taken apart (RFC 8446, 4.1.2); everything must be used up."""
    assert message[0] == 1
    body, rest = cut(message[1:], 3)
    assert rest == b""
    session_id, rest = cut(body[34:], 1)
    suites, rest = cut(rest, 2)
    compression, rest = cut(rest, 1)
    extensions: dict[int, bytes] = {}
    if rest:
        listed, nothing = cut(rest, 2)
        assert nothing == b""
        while listed:
            code = int.from_bytes(listed[:2], "big")
            assert code not in extensions
            extensions[code], listed = cut(listed[2:], 2)
    version = int.from_bytes(body[:2], "big")
    return Seen(version, body[2:34], session_id, numbers(suites), compression, extensions)


def hello(version: Version, **more: object) -> ClientHello:
    """A hello of this version that offers some of its suites."""
    made = ClientHello(version=version, suites=suites_for(version)[:20], random=_RANDOM)
    return replace(made, **more)  # type: ignore[arg-type]


def test_a_hello_of_tls_1_3_offers_1_3_alone() -> None:
    """Only 1.3 in supported_versions, an empty key_share, a session id, no compression."""
    seen = read(hello(Version.TLS13, compression=True).message())
    assert (seen.version, seen.extensions[43]) == (0x0303, b"\x02\x03\x04")
    assert seen.extensions[51] == b"\x00\x00"
    assert (seen.session_id, seen.compression) == (_RANDOM, b"\x00")
    assert numbers(cut(seen.extensions[10], 2)[0]) == GROUPS_13
    assert not {0xFF01, 23, 11} & set(seen.extensions)


def test_a_hello_of_tls_1_2_has_no_trace_of_1_3() -> None:
    """No supported_versions and no key_share; P-256, and the renegotiation_info of RFC 5746."""
    seen = read(hello(Version.TLS12).message())
    assert seen.version == 0x0303
    assert not {43, 51, 45, 44} & set(seen.extensions)
    assert numbers(cut(seen.extensions[10], 2)[0]) == GROUPS_12
    assert 23 in GROUPS_12
    assert (seen.extensions[0xFF01], seen.extensions[23], seen.extensions[11]) == (
        b"\x00",
        b"",
        b"\x01\x00",
    )
    assert 13 not in read(hello(Version.TLS11).message()).extensions


def test_a_hello_of_ssl_3_ends_after_the_compression() -> None:
    """SSL 3.0 knows no extensions; RFC 5746 is told by the signalling value."""
    asked = hello(Version.SSL3, server_name="web.example", alpn=("h2",))
    seen = read(asked.message())
    assert (seen.version, seen.extensions) == (0x0300, {})
    assert seen.suites == (*asked.suites, 0x00FF)
    assert asked.records()[:3] == b"\x16\x03\x00"
    assert read(replace(asked, renegotiation=False).message()).suites == asked.suites


_CODES = st.integers(0, 0xFFFF)
_VERSIONS = st.sampled_from([v for v in Version if v is not Version.SSL2])
_HELLOS = st.builds(
    ClientHello,
    version=_VERSIONS,
    suites=st.lists(_CODES, min_size=1, max_size=SUITES_BOUND).map(tuple),
    groups=st.lists(_CODES, max_size=30).map(tuple),
    key_shares=st.lists(st.tuples(_CODES, st.binary(min_size=1, max_size=1300)), max_size=3).map(
        tuple
    ),
    server_name=st.sampled_from(["", "web.example", "a" * 63 + ".example"]),
    alpn=st.lists(st.sampled_from(["h2", "http/1.1", "imap"]), max_size=3).map(tuple),
    compression=st.booleans(),
    signatures=st.lists(_CODES, min_size=1, max_size=30).map(tuple),
    status_request=st.booleans(),
    random=st.binary(min_size=32, max_size=32),
    session_id=st.binary(max_size=32),
    cookie=st.binary(max_size=300),
    renegotiation=st.booleans(),
    extra=st.lists(
        st.tuples(st.sampled_from([0x0A0A, 0, 16, 51, 0xFF01, 35]), st.binary(max_size=9)),
        max_size=3,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
)


@given(asked=_HELLOS)
def test_what_is_asked_is_on_the_wire(asked: ClientHello) -> None:
    """Every field of a hello is read back from its bytes, in one record, each extension once."""
    wire, message = asked.records(), asked.message()
    assert wire[5:] == message
    assert cut(wire[3:], 2) == (message, b"")
    seen = read(message)
    assert (seen.random, seen.session_id) == (asked.random, asked.sent_session_id)
    assert seen.suites[: len(asked.suites)] == asked.suites
    old = asked.version is not Version.TLS13
    assert seen.compression == (b"\x01\x00" if asked.compression and old else b"\x00")
    if asked.version is Version.SSL3:
        assert seen.extensions == {}
        return
    extra = dict(asked.extra)
    assert {code: seen.extensions[code] for code in extra} == extra
    assert numbers(cut(seen.extensions[10], 2)[0]) == asked.offered_groups
    _compare(asked, {code: body for code, body in seen.extensions.items() if code not in extra})


def _compare(asked: ClientHello, found: dict[int, bytes]) -> None:
    """What belongs to a wish is there, and only then."""
    extra = dict(asked.extra)
    if 0 not in extra:
        name = asked.server_name.encode()
        listed = b"\x00" + len(name).to_bytes(2, "big") + name
        assert found.get(0) == (len(listed).to_bytes(2, "big") + listed if name else None)
    if 16 not in extra:
        names = b"".join(bytes((len(name),)) + name.encode() for name in asked.alpn)
        assert found.get(16) == (len(names).to_bytes(2, "big") + names if names else None)
    assert (5 in found) is (18 in found) is asked.status_request
    assert found.get(44) == (
        len(asked.cookie).to_bytes(2, "big") + asked.cookie if asked.cookie else None
    )
    if 51 not in extra:
        shares = b"".join(
            group.to_bytes(2, "big") + len(public).to_bytes(2, "big") + public
            for group, public in asked.key_shares
        )
        modern = asked.version is Version.TLS13
        assert found.get(51) == (len(shares).to_bytes(2, "big") + shares if modern else None)
    if asked.version >= Version.TLS12:
        assert numbers(cut(found[13], 2)[0]) == asked.signatures


@pytest.mark.parametrize("version", [v for v in Version if v > Version.SSL3])
def test_no_hello_has_a_length_that_balancers_hang_at(version: Version) -> None:
    """With extensions a hello has less than 256 bytes, or at least 512 (RFC 7685)."""
    padded = 0
    for more in range(500):
        asked = hello(version, groups=(23,), extra=((35, bytes(more)),))
        message = asked.message()
        assert not 256 <= len(message) < 512
        padding = read(message).extensions.get(21)
        padded += padding is not None
        assert padding is None or (padding != b"" and not any(padding))
        assert padding is None or len(message) == 512 or len(padding) == 1
    assert padded > 200


def test_too_much_in_one_hello_is_refused() -> None:
    """More than 120 suites, none at all, or SSL 2.0 are no hello."""
    for wrong in (tuple(SUITES)[: SUITES_BOUND + 1], ()):
        with pytest.raises(ValueError, match="suites"):
            ClientHello(version=Version.TLS12, suites=wrong)
    with pytest.raises(ValueError, match=r"SSL 2\.0"):
        ClientHello(version=Version.SSL2, suites=(1,))


def test_every_hello_has_a_random_of_its_own() -> None:
    """Two hellos differ though nothing else does, and one hello stays the same."""
    first, second = (ClientHello(version=Version.TLS13, suites=(0x1301,)) for _ in range(2))
    assert first.random != second.random
    assert first.message() == first.message()


def test_a_hello_of_ssl_2_is_as_its_draft_says() -> None:
    """A record of two header bytes, version 2, every kind of cipher and the challenge."""
    wire = sslv2_hello(_RANDOM[:16])
    assert int.from_bytes(wire[:2], "big") == 0x8000 | len(wire) - 2
    assert wire[2:5] == b"\x01\x00\x02"
    assert numbers(wire[5:11]) == (3 * len(SSL2_SUITES), 0, 16)
    kinds = wire[11:-16]
    assert [int.from_bytes(kinds[at : at + 3], "big") for at in range(0, len(kinds), 3)] == list(
        SSL2_SUITES
    )
    assert wire[-16:] == _RANDOM[:16]
    with pytest.raises(ValueError, match="16 to 32"):
        sslv2_hello(b"short")
