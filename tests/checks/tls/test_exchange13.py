"""Whole key exchanges of TLS 1.3 with real servers, and with the one of RFC 8448."""

import ssl
from pathlib import Path

import pytest

from checks.tls.agreement import HYBRID, X25519, groups
from checks.tls.exchange13 import SUITES_13, Exchange13, Shown13
from checks.tls.outcomes import Inconclusive, Refused
from checks.tls.registry import suite_name
from tests.checks.tls import trace_rfc8448 as trace
from tests.checks.tls.exchange_peers import converse, shake, traced
from tests.checks.tls.wire_peers import make_certificate, openssl_server, python_server
from tests.lab.certificates import Authority

NAME = "web.example"
KEYS = {
    "rsa": "rsa:2048",
    "rsa-pss": "rsa-pss -pkeyopt rsa_keygen_bits:2048",
    "p256": "ec -pkeyopt ec_paramgen_curve:P-256",
    "p521": "ec -pkeyopt ec_paramgen_curve:P-521",
    "ed25519": "ed25519",
    "ed448": "ed448",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an RSA certificate."""
    directory = tmp_path_factory.mktemp("exchange")
    make_certificate(directory)
    return directory


def shown(found: object) -> Shown13:
    """What was shown; the server proved that it has the key of its certificate."""
    assert isinstance(found, Shown13), found
    assert found.verified
    return found


def test_openssl_shows_its_certificate_and_its_protocol(place: Path) -> None:
    """A modern server alone in TLS 1.3: chain, ALPN, group, and that no certificate is wanted."""
    with openssl_server(place, "-tls1_3", "-alpn", "h2,http/1.1") as port:
        found = shown(shake(port, Exchange13(NAME, alpn=("http/1.1", "h2"))))
    pem = (place / "cert.pem").read_text()
    assert found.chain == (ssl.PEM_cert_to_DER_cert(pem),)
    assert (found.alpn, found.client_certificate, found.retried) == ("h2", "no", False)
    assert found.group in (X25519, HYBRID)
    assert (found.ocsp, found.scts, found.early_data) == (None, None, None)


def test_every_suite_that_openssl_has_is_spoken(place: Path) -> None:
    """The two of SHA-256, that of SHA-384, ChaCha20, and both lengths of CCM's tag."""
    names = ":".join(map(suite_name, SUITES_13))
    with openssl_server(place, "-tls1_3", "-ciphersuites", names) as port:
        for suite in SUITES_13:
            assert shown(shake(port, Exchange13(suites=(suite,)))).suite == suite


def test_a_server_that_wants_another_group_gets_it(place: Path) -> None:
    """A HelloRetryRequest is followed for each curve or field; with none in common: refused."""
    curves = (("P-256", 23), ("P-384", 24), ("P-521", 25), ("X448", 30))
    for name, group in (*curves, ("ffdhe2048", 0x100), ("ffdhe3072", 0x101), ("ffdhe4096", 0x102)):
        with openssl_server(place, "-tls1_3", "-groups", name) as port:
            found = shown(shake(port, Exchange13(NAME)))
            assert (found.group, found.retried) == (group, True)
            assert shake(port, Exchange13(offered=(X25519,))) == Refused(alert=40)


@pytest.mark.parametrize("name", KEYS)
def test_each_kind_of_key_proves_itself(tmp_path: Path, name: str) -> None:
    """The CertificateVerify of RSA, RSA-PSS, ECDSA and EdDSA keys is checked."""
    make_certificate(tmp_path, KEYS[name])
    with openssl_server(tmp_path, "-tls1_3") as port:
        assert shown(shake(port, Exchange13(NAME))).client_certificate == "no"


@pytest.mark.parametrize("wanted", [False, True])
def test_a_wanted_certificate_is_told_from_a_required_one(place: Path, wanted: bool) -> None:
    """Who goes on without one only asked; who ends by its alert required it."""
    with openssl_server(place, "-tls1_3", "-Verify" if wanted else "-verify", "1") as port:
        found = shown(shake(port, Exchange13(NAME)))
    assert found.client_certificate == ("required" if wanted else "asked")


def test_python_tells_the_same_though_it_hangs_up(place: Path) -> None:
    """A server that closes with our last record unread still has its alert or ticket read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "cert.pem", place / "key.pem")
    context.load_verify_locations(place / "cert.pem")
    wishes = {ssl.CERT_OPTIONAL: "asked", ssl.CERT_REQUIRED: "required", ssl.CERT_NONE: "no"}
    for wish, word in wishes.items():
        context.verify_mode = wish
        with python_server(context) as port:
            assert shown(shake(port, Exchange13(NAME))).client_certificate == word
        assert shown(converse(Exchange13(NAME), context)).client_certificate == word


def test_early_data_is_read_from_the_first_ticket(place: Path) -> None:
    """A server that allows it says how much, and one that does not says none.

    One that shows no ticket to who leaves at once may show one to who stays: nothing follows.
    """
    with openssl_server(place, "-tls1_3", "-early_data", "-max_early_data", "4321") as port:
        assert shown(shake(port, Exchange13(NAME, tickets=True))).early_data == 4321
        assert shown(shake(port, Exchange13(NAME))).early_data is None
    with openssl_server(place, "-tls1_3") as port:
        assert shown(shake(port, Exchange13(NAME, tickets=True))).early_data == 0
    with openssl_server(place, "-tls1_3", "-num_tickets", "0") as port:
        assert shown(shake(port, Exchange13(NAME, tickets=True))).early_data is None


def test_what_is_stapled_is_shown(place: Path) -> None:
    """An OCSP response beside the certificate is given out as it came."""
    response = b"0\x03\n\x01\x06"  # OCSPResponse: unauthorized (RFC 6960, 4.2.1)
    (place / "status.der").write_bytes(response)
    with openssl_server(place, "-tls1_3", "-status_file", "status.der") as port:
        assert shown(shake(port, Exchange13(NAME))).ocsp == response


def test_an_older_server_refuses(place: Path) -> None:
    """Who has no TLS 1.3 says so; plain text is no TLS; a hang-up is nothing at all."""
    with openssl_server(place, "-no_tls1_3") as port:
        assert shake(port, Exchange13(NAME)) == Refused(alert=70)
    exchange = Exchange13(NAME)
    exchange.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert exchange.result == Inconclusive("not-tls: http")
    for how in ("closed", "reset", "timeout"):
        exchange = Exchange13(NAME)
        assert exchange.result == Inconclusive("unfinished")
        exchange.ended(how)  # type: ignore[arg-type]
        assert exchange.result == Inconclusive(how)


def test_post_quantum_groups_agree() -> None:
    """Both ends of every group that this library has come to one secret."""
    assert len(groups()) >= 5
    context = Authority.new().issue(NAME).context()
    found = shown(converse(Exchange13(NAME, hybrid=False), context))
    assert found.group == X25519
    assert len(Exchange13(NAME, hybrid=False).first()) < 600


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_the_trace_of_rfc_8448_is_followed(piece: int) -> None:
    """With the RFC's key and hello our Finished is the RFC's record, byte by byte."""
    exchange = traced()
    assert exchange.first()[5:] == trace.CLIENT_HELLO
    flight = trace.SERVER_HELLO_RECORD + trace.SERVER_FLIGHT_RECORD
    told = b"".join(exchange.feed(flight[at : at + piece]) for at in range(0, len(flight), piece))
    assert told[: len(trace.CLIENT_FINISHED_RECORD)] == trace.CLIENT_FINISHED_RECORD
    assert len(shown(exchange.result).chain[0]) == 432
