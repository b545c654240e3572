"""Hellos to real servers (OpenSSL, NSS, Python's ssl), and what their answers are read as."""

import asyncio
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from checks.tls.answer import Accepted, AnswerReader, Inconclusive, Refused, Retry
from checks.tls.hello import ClientHello
from checks.tls.registry import SUITES, Version, codes_of, suite_name, suites_for
from checks.tls.sslv2 import sslv2_hello
from tests.checks.harness import run
from tests.checks.tls.wire_peers import (
    ask,
    exchange,
    make_certificate,
    nss_server,
    openssl_server,
    python_server,
)
from tests.lab.certificates import Authority
from tests.lab.tlsserver import StreamServer, saying

OLD = (Version.TLS10, Version.TLS11, Version.TLS12)
NAME = "web.example"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an RSA certificate."""
    directory = tmp_path_factory.mktemp("openssl")
    make_certificate(directory)
    return directory


def every(version: Version, **more: object) -> ClientHello:
    """A hello with the likely suites of a version."""
    made = ClientHello(version=version, suites=suites_for(version)[:100], server_name=NAME)
    return replace(made, **more)  # type: ignore[arg-type]


def test_openssl_is_asked_everything(place: Path) -> None:
    """Each version is accepted with its parts; SSL 3.0 and 2.0 are refused by an alert."""
    (place / "status.der").write_bytes(_ocsp_response(place))
    options = ("-alpn", "h2,http/1.1", "-verify", "1", "-status_file", "status.der")
    with openssl_server(place, *options) as port:
        for version in OLD:
            found = ask(port, every(version, alpn=("h2",)), "done")
            assert isinstance(found, Accepted)
            assert (found.version, found.alpn, found.trouble) == (version, "h2", "")
            assert SUITES[found.suite].exchange == "ECDHE"
            assert found.group in (23, 29)
            assert (found.client_certificate, found.secure_renegotiation) == (True, True)
            assert found.ocsp == (place / "status.der").read_bytes()
            pem = (place / "cert.pem").read_text()
            assert found.chain == (ssl.PEM_cert_to_DER_cert(pem),)
        found = ask(port, every(Version.TLS13))
        assert isinstance(found, Retry)
        assert suite_name(found.suite).startswith("TLS_AES_")
        assert found.group in (29, 23)
        assert isinstance(ask(port, every(Version.SSL3)), Refused)
        reader = AnswerReader(None)
        exchange(port, sslv2_hello(bytes(16)), reader)
        assert isinstance(reader.answer, Refused | Inconclusive)


def _ocsp_response(place: Path) -> bytes:
    """A response of the certificate for itself; only its bytes are wanted here."""
    (place / "index.txt").write_text("V\t991231235959Z\t\t01\tunknown\t/CN=web.example\n")
    made = subprocess.run(
        ["openssl", "ocsp", "-issuer", "cert.pem", "-cert", "cert.pem", "-reqout", "request.der"],
        cwd=place, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    subprocess.run(
        ["openssl", "ocsp", "-index", "index.txt", "-CA", "cert.pem", "-rsigner", "cert.pem",
         "-rkey", "key.pem", "-reqin", "request.der", "-respout", "status.der"],
        cwd=place, capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    return (place / "status.der").read_bytes()


def test_suites_are_enumerated_without_a_handshake(place: Path) -> None:
    """Offering all, and then without what was chosen, finds exactly what OpenSSL was given."""
    names = [
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
        "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA",
        "TLS_RSA_WITH_NULL_SHA",
        "TLS_DH_anon_WITH_AES_128_CBC_SHA",
    ]
    short = (
        "ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-SHA256:CAMELLIA128-SHA:NULL-SHA:ADH-AES128-SHA"
    )
    options = ("-cipher", f"{short}:@SECLEVEL=0", "-serverpref", "-no_tls1_3")
    with openssl_server(place, *options) as port:
        assert _enumerated(port, Version.TLS12) == list(codes_of(names))
        assert set(_enumerated(port, Version.TLS10)) == set(codes_of(names[2:]))
        assert ask(port, every(Version.TLS13)) == Refused(alert=70)


def _enumerated(port: int, version: Version) -> list[int]:
    left, found = list(suites_for(version)), []
    for _ in range(200):
        answer = ask(port, ClientHello(version=version, suites=tuple(left[:110])))
        if isinstance(answer, Accepted | Retry):
            found.append(answer.suite)
            left.remove(answer.suite)
        else:
            assert isinstance(answer, Refused)
            left = left[110:]
            if not left:
                return found
    raise AssertionError("no end")


def test_suites_and_groups_of_tls_1_3_need_no_cryptography(place: Path) -> None:
    """HelloRetryRequests name every suite and every group that OpenSSL was given."""
    options = ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256",
               "-groups", "X448:P-384:X25519", "-tls1_3")  # fmt: skip
    with openssl_server(place, *options) as port:
        assert set(_enumerated(port, Version.TLS13)) == {0x1303, 0x1304}
        groups = [group for group in (29, 23, 24, 25, 30, 0x11EC) if _takes(port, group)]
        assert groups == [29, 24, 30]
        for version in OLD:
            assert ask(port, every(version)) == Refused(alert=70)


def _takes(port: int, group: int) -> bool:
    answer = ask(port, every(Version.TLS13, groups=(group,)))
    if isinstance(answer, Refused):
        return False
    assert isinstance(answer, Retry)
    assert answer.group == group
    return True


def test_the_prime_of_a_server_is_measured(place: Path) -> None:
    """The group that OpenSSL was given for DHE is told in bits."""
    subprocess.run(
        ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072",
         "-out", "dh.pem"],
        cwd=place, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    dhe = codes_of(["TLS_DHE_RSA_WITH_AES_128_CBC_SHA"])
    with openssl_server(place, "-dhparam", "dh.pem", "-no_tls1_3") as port:
        found = ask(port, ClientHello(version=Version.TLS12, suites=dhe), "done")
        assert isinstance(found, Accepted)
        assert (found.dh_bits, found.client_certificate) == (3072, False)


def test_a_curve_that_was_not_asked_is_not_taken(place: Path) -> None:
    """A server with P-384 alone refuses a hello for X25519, and takes one for P-384."""
    ecdhe = tuple(
        code for code in suites_for(Version.TLS12)[:60] if SUITES[code].exchange == "ECDHE"
    )
    with openssl_server(place, "-groups", "P-384", "-no_tls1_3") as port:
        hello = ClientHello(version=Version.TLS12, suites=ecdhe, groups=(29,))
        assert ask(port, hello, "done") == Refused(alert=40)
        found = ask(port, replace(hello, groups=(29, 24)), "done")
        assert isinstance(found, Accepted)
        assert found.group == 24


def test_nss_still_speaks_ssl_3(tmp_path: Path) -> None:
    """A server of SSL 3.0 and TLS 1.0 accepts these, and refuses what came after."""
    make_certificate(tmp_path)
    with nss_server(tmp_path, "ssl3:tls1.0", ":0005:000a:002f:c013") as port:
        found = ask(port, every(Version.SSL3), "done")
        assert isinstance(found, Accepted)
        assert (found.version, found.extensions.get(0xFF01)) == (Version.SSL3, b"\x00")
        assert found.chain is not None
        assert found.client_certificate is False
        assert {suite_name(code) for code in _enumerated(port, Version.SSL3)} <= {
            "TLS_RSA_WITH_RC4_128_SHA",
            "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
            "TLS_RSA_WITH_AES_128_CBC_SHA",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        }
        found = ask(port, every(Version.TLS10))
        assert isinstance(found, Accepted)
        assert ask(port, every(Version.TLS11)) in (
            Refused(alert=70),
            Refused(alert=None, note="answered TLSv1.0"),
        )


def test_the_suites_of_python_are_all_found() -> None:
    """Every suite of a context of Python's ssl is found, and no other."""
    context = Authority.new().issue(NAME).context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:@SECLEVEL=1")
    # OpenSSL tells RSA suites too, which a server with an ECDSA key cannot take.
    wanted = {
        item["id"] & 0xFFFF
        for item in context.get_ciphers()
        if item["protocol"] != "TLSv1.3" and "ECDSA" in item["name"]
    }

    with python_server(context) as port:
        assert set(_enumerated(port, Version.TLS12)) == wanted
        assert len(wanted) > 6


def test_what_speaks_no_tls_is_named() -> None:
    """A web server without TLS is named, and one that hangs up has said nothing."""

    async def scenario() -> None:
        async with StreamServer(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
            found = await asyncio.to_thread(ask, server.port, every(Version.TLS12))
            assert found == Inconclusive("not-tls: http")

    run(scenario)
