"""Whole key exchanges of TLS 1.0 to 1.2 with real servers."""

import ssl
from pathlib import Path

import pytest

from checks.tls.exchange12 import Exchange12, Shown12
from checks.tls.keyexchange12 import suites_12
from checks.tls.outcomes import Inconclusive, Refused
from checks.tls.registry import SUITES, Version, suite_name
from tests.checks.tls.exchange_peers import Inside, converse, shake
from tests.checks.tls.wire_peers import make_certificate, openssl_server, python_server
from tests.lab.certificates import Authority

NAME = "web.example"
OLD = (Version.TLS10, Version.TLS11, Version.TLS12)
# What the OpenSSL of a distribution may be built without.
ABSENT = ("3DES_EDE_CBC",)

# Made once, by `openssl dsaparam 1024`: to find such primes takes seconds.
DSA_PARAMETERS = """
-----BEGIN DSA PARAMETERS-----
MIIBJgKBgQDQHUD8RtYRlHJZ2wAH5ONDqXfN+TaQ9H6qe4J/oQi+OQisJHLs/8qr
rtKrNWeVBCeWsDYypJb1I4irWxBz/IsAIHi7ZT6OLZ9xyBWk03I8jVdK+Su8QiI3
zl7Bs6jYr9N0I2ugQJtIEfbwGexgqEB4xJuGTqNpcxYR/CL3hw5x5wIdAJ53uzo9
jhmD7W1MTBRIrc4R4WsyaqfXo7Cm8e8CgYBscK0HGKRuH4Y3iF/G8MQiJSvw42zi
iG68HAsx/ItS7BmZr+e29LTalp/9AkijeDzWfUU+pEdFXQoyZMpDUs5u6+zU8JQZ
oLz4aujAH/NbgbrSEpT5AQj8xJ0eJ0bnwGKjDBemjTFwdnRRHR78bl6FJjjyZ2s+
JzjMS94Ax2jtUg==
-----END DSA PARAMETERS-----
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an RSA certificate."""
    directory = tmp_path_factory.mktemp("exchange")
    make_certificate(directory)
    return directory


def shown(found: object) -> Shown12:
    """What was shown; the server proved that it has the key of its certificate."""
    assert isinstance(found, Shown12), found
    assert found.verified
    return found


@pytest.mark.parametrize("version", OLD)
def test_every_suite_of_a_version_is_completed(place: Path, version: Version) -> None:
    """With RSA's key each suite that we offer ends with a right Finished of the server."""
    with openssl_server(place) as port:
        spoken = set()
        for suite in suites_12(version):
            if SUITES[suite].authentication != "RSA":
                continue
            answer = shake(port, Exchange12(version=version, suites=(suite,)))
            if SUITES[suite].cipher in ABSENT:
                assert isinstance(answer, Shown12) or answer == Refused(alert=40)
                continue
            found = shown(answer)
            assert (found.version, found.suite, found.finished) == (version, suite, True)
            assert (found.group is not None) == (SUITES[suite].exchange == "ECDHE")
            assert (found.dh_bits is not None) == (SUITES[suite].exchange == "DHE")
            spoken.add((SUITES[suite].exchange, SUITES[suite].cipher, SUITES[suite].mac))
    assert len(spoken) >= (24 if version is Version.TLS12 else 6)


@pytest.mark.parametrize("version", OLD)
def test_other_keys_sign_too(tmp_path: Path, version: Version) -> None:
    """ECDSA and DSA in every version."""
    keys = {"ECDSA": "ec -pkeyopt ec_paramgen_curve:P-384", "DSS": f"dsa:{tmp_path / 'dsa.pem'}"}
    (tmp_path / "dsa.pem").write_text(DSA_PARAMETERS)
    for word, key in keys.items():
        make_certificate(tmp_path, key)
        with openssl_server(tmp_path) as port:
            found = shown(shake(port, Exchange12(NAME, version=version)))
        assert SUITES[found.suite].authentication == word


@pytest.mark.parametrize("key", ["ed25519", "rsa-pss -pkeyopt rsa_keygen_bits:2048"])
def test_signatures_of_later_times_are_checked(tmp_path: Path, key: str) -> None:
    """EdDSA and RSA-PSS in TLS 1.2 (RFC 8422, RFC 8446)."""
    make_certificate(tmp_path, key)
    with openssl_server(tmp_path) as port:
        assert shown(shake(port, Exchange12(NAME))).finished


def test_what_a_server_tells_is_shown(place: Path) -> None:
    """Chain, ALPN, stapled OCSP, extended master secret, and that renegotiation is secure."""
    (place / "status.der").write_bytes(b"0\x03\n\x01\x06")
    with openssl_server(place, "-alpn", "h2", "-status_file", "status.der") as port:
        found = shown(shake(port, Exchange12(NAME, alpn=("h2",))))
    assert found.chain == (ssl.PEM_cert_to_DER_cert((place / "cert.pem").read_text()),)
    assert (found.alpn, found.ocsp, found.scts) == ("h2", b"0\x03\n\x01\x06", None)
    assert found.extended_master_secret
    assert found.secure_renegotiation
    assert (found.client_certificate, found.renegotiated) == ("no", None)


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("wanted", [False, True])
def test_a_wanted_certificate_is_told_from_a_required_one(
    place: Path, version: Version, wanted: bool
) -> None:
    """Who goes on without one only asked; who ends by its alert required it."""
    with openssl_server(place, "-Verify" if wanted else "-verify", "1") as port:
        found = shown(shake(port, Exchange12(NAME, version=version, suites=(0xC013,))))
    assert found.client_certificate == ("required" if wanted else "asked")
    assert found.finished is not wanted


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("allowed", [False, True])
def test_a_second_handshake_is_begun(place: Path, version: Version, allowed: bool) -> None:
    """A server that takes it answers with its hello; one that does not says so."""
    options = ("-client_renegotiation",) if allowed else ()
    for suite in (0xC013, 0x002F, *((0xC02F, 0xCCA8) if version is Version.TLS12 else ())):
        with openssl_server(place, *options) as port:
            exchange = Exchange12(NAME, version=version, suites=(suite,), renegotiate=True)
            assert shown(shake(port, exchange)).renegotiated is allowed


def test_a_lost_connection_says_nothing_of_renegotiation(place: Path) -> None:
    """Only an answer, an alert or an orderly end decides: not a reset, not silence."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "cert.pem", place / "key.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    for how, told in (("reset", None), ("timeout", None), ("closed", False)):
        exchange = Exchange12(NAME, renegotiate=True)
        server = Inside(context)
        exchange.feed(server.take(exchange.first()))
        exchange.ended(how)  # type: ignore[arg-type]
        assert exchange.result == Inconclusive(how)
        server, exchange = Inside(context), Exchange12(NAME, renegotiate=True)
        told_last = exchange.feed(server.take(exchange.first()))
        exchange.feed(server.take(told_last))
        exchange.ended(how)  # type: ignore[arg-type]
        assert shown(exchange.result).renegotiated is told


def test_python_tells_the_same_though_it_hangs_up(place: Path) -> None:
    """Python's ssl refuses a second handshake, and tells whether it wants a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "cert.pem", place / "key.pem")
    context.load_verify_locations(place / "cert.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    wishes = {ssl.CERT_OPTIONAL: "asked", ssl.CERT_REQUIRED: "required", ssl.CERT_NONE: "no"}
    for wish, word in wishes.items():
        context.verify_mode = wish
        with python_server(context) as port:
            assert shown(shake(port, Exchange12(NAME))).client_certificate == word
    assert shown(converse(Exchange12(NAME, renegotiate=True), context)).renegotiated is False


def test_a_server_that_says_no_refuses(place: Path) -> None:
    """Another version, no common suite: refusals; what cannot be completed is not offered."""
    with openssl_server(place, "-no_tls1_1") as port:
        old = Exchange12(NAME, version=Version.TLS11)
        assert shake(port, old) in (Refused(alert=70), Refused(alert=None, note="answered TLSv1.0"))
        assert shake(port, Exchange12(NAME, suites=(0xC02B,))) == Refused(alert=40)
    with pytest.raises(ValueError):
        Exchange12(NAME, suites=(0x0005,))
    with pytest.raises(ValueError):
        Exchange12(NAME, version=Version.TLS11, suites=(0xC02F,))
    assert "TLS_RSA_WITH_3DES_EDE_CBC_SHA" in map(suite_name, suites_12(Version.TLS10))


def test_loopback_of_the_lab_is_understood() -> None:
    """The lab's own authority and servers are spoken with in TLS 1.2."""
    context = Authority.new().intermediate().issue(NAME).context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert len(shown(converse(Exchange12(NAME), context)).chain) == 2
