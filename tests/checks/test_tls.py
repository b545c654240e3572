"""The tls check against real servers of loopback, with good and faulty certificates."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.tls import check as tls
from checks.tls.certificate import read
from checks.tls.names import Names
from checks.tls.path import untrusted
from checks.tls.roots import roots_of
from checks.tls.settings import TlsSettings
from checks.tls.wording import described
from monitor.model import Family, FaultKind
from tests.checks.harness import SHORT, facts, fault, net_of, observe, run, wall_us
from tests.lab.certificates import Authority, Leaf, self_signed
from tests.lab.tlsserver import StreamServer, hanging_up, saying, tls_server

AUTHORITY = Authority.new()


@pytest.fixture
def roots(tmp_path: Path) -> str:
    """The PEM file of the trusted authority."""
    return AUTHORITY.write(tmp_path / "ca.pem")


async def shake(
    leaf: Leaf, roots: str, name: str = "", address: str = "127.0.0.1"
) -> dict[str, Any]:
    """The facts of one handshake with a server that shows this leaf."""
    family = Family.IPV6 if ":" in address else Family.IPV4
    async with tls_server(leaf.context(), address) as server:
        wish = TlsSettings(host=address, port=server.port, server_name=name, timeout=5_000_000)
        return facts(await observe(tls.KIND, wish, net_of(ca_file=roots), family))


def test_a_good_certificate_is_described_and_trusted(roots: str) -> None:
    """Protocol, chain, names, key, validity and trust of a good server are told."""
    leaf = AUTHORITY.intermediate().issue("web.example", "*.city.example", days=30)

    async def scenario() -> None:
        found = await shake(leaf, roots, "web.example")
        assert (found["outcome"], found["trusted"], found["hostname_matches"]) == ("ok", True, True)
        assert "trust_error" not in found
        assert found["protocol"] == "TLSv1.3"
        assert found["cipher"].startswith("TLS_")
        assert found["names"] == ["web.example", "*.city.example"]
        assert (found["key_type"], found["key_bits"]) == ("ec", 256)
        assert 29.9 < found["days_left"] < 30
        assert found["lifetime_days"] == 31
        assert datetime.fromisoformat(found["not_after"]).tzinfo is not None
        own, above = found["chain"]
        assert own["issuer"] == above["subject"] == "CN=Lab Intermediate"
        assert above["issuer"] == "CN=Lab Root"
        assert own["signature"] == "ecdsa-with-SHA256"
        assert found["handshake_ms"] > 0

    run(scenario)


def test_faulty_certificates_are_evidence_not_faults(roots: str) -> None:
    """Expired, not yet valid, self-signed, unknown, incomplete, nameless: each has its word."""
    shown = AUTHORITY.intermediate().issue("web.example", with_chain=False)
    cases: list[tuple[Leaf, str]] = [
        (AUTHORITY.issue("web.example", days=-1), "expired"),
        (AUTHORITY.issue("web.example", since_days=2), "not-yet-valid"),
        (self_signed("web.example"), "self-signed"),
        (Authority.new("Other").issue("web.example"), "unknown-authority"),
        (shown, "unknown-authority"),
        (AUTHORITY.issue(), "no-names"),
        (AUTHORITY.intermediate(days=-1).issue("web.example"), "chain-expired"),
    ]

    async def scenario() -> None:
        for leaf, word in cases:
            found = await shake(leaf, roots, "web.example")
            assert (found["outcome"], found["trusted"]) == ("ok", False)
            assert found["trust_error"].split(":")[0] == word

    run(scenario)


def test_the_name_is_judged_apart_from_the_trust(roots: str) -> None:
    """A trusted certificate for another name is trusted and does not match."""

    async def scenario() -> None:
        found = await shake(AUTHORITY.issue("other.example"), roots, "web.example")
        assert (found["trusted"], found["hostname_matches"]) == (True, False)

    run(scenario)


def test_an_address_is_matched_by_address_names(roots: str) -> None:
    """A server asked by its IPv6 address shows a certificate for that address."""

    async def scenario() -> None:
        found = await shake(AUTHORITY.issue("::1"), roots, address="::1")
        assert (found["trusted"], found["hostname_matches"]) == (True, True)
        assert found["server_address"] == "::1"

    run(scenario)


def test_days_left_are_negative_after_expiry(roots: str) -> None:
    """An expired certificate has less than zero days left, counted when it was observed."""

    async def scenario() -> None:
        found = await shake(AUTHORITY.issue("web.example", days=-3), roots, "web.example")
        assert -3.1 < found["days_left"] < -2.9

    run(scenario)


def test_an_unchanged_server_gives_the_same_posture(roots: str) -> None:
    """Two observations of one server differ in measures only, so the posture is stored once."""

    async def scenario() -> None:
        async with tls_server(AUTHORITY.issue("web.example").context()) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port)
            seen = [await observe(tls.KIND, wish, net_of(ca_file=roots)) for _ in range(2)]
        one, two = (
            {name: getattr(item.evidence, name) for name in item.evidence.postures()}
            for item in seen
            if item.evidence is not None
        )
        assert one == two

    run(scenario)


def test_old_protocols_are_seen_rather_than_refused(roots: str) -> None:
    """A server that speaks TLS 1.2 alone is described, with its protocol."""

    async def scenario() -> None:
        context = AUTHORITY.issue("web.example").context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        async with tls_server(context) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port)
            found = facts(await observe(tls.KIND, wish, net_of(ca_file=roots)))
        assert found["protocol"] == "TLSv1.2"

    run(scenario)


def test_what_is_not_tls_has_its_outcome() -> None:
    """Plain text is tls with a reason, silence a timeout; a hang-up and a bad name are told."""

    async def scenario() -> None:
        async with StreamServer(saying(b"220 mail.example ESMTP\r\n")) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port)
            found = facts(await observe(tls.KIND, wish))
            assert (found["outcome"], found["reason"]) == ("tls", "not-tls: smtp or ftp")
            assert "trusted" not in found
        async with StreamServer(saying(b"")) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port, timeout=SHORT)
            found = facts(await observe(tls.KIND, wish))
            assert (found["outcome"], found["reason"]) == ("timeout", "tls")
        async with StreamServer(hanging_up) as server:
            found = facts(await observe(tls.KIND, TlsSettings(host="127.0.0.1", port=server.port)))
            assert found["outcome"] in ("tls", "reset")
        found = facts(await observe(tls.KIND, TlsSettings(host="gone.example")))
        assert found["outcome"] == "dns"
        assert fault(await observe(tls.KIND, TlsSettings(host="192.0.2.1"))).kind is FaultKind.SCOPE

    run(scenario)


def test_a_closed_port_is_refused() -> None:
    """Nothing listens: refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        async def scenario() -> None:
            found = facts(await observe(tls.KIND, TlsSettings(host="127.0.0.1", port=port)))
            assert found["outcome"] == "refused"

        run(scenario)


def test_without_roots_trust_is_undefined(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without root certificates says nothing about trust."""
    monkeypatch.setattr("checks.trust.system_bundle", lambda: "")

    async def scenario() -> None:
        found = await shake(AUTHORITY.issue("web.example"), "", "web.example")
        assert found["outcome"] == "ok"
        assert "trusted" not in found

    run(scenario)


@pytest.mark.parametrize(
    ("patterns", "name", "matches"),
    [
        (("web.example",), "WEB.example", True),
        (("web.example",), "web.example.", True),
        (("*.city.example",), "a.city.example", True),
        (("*.city.example",), "city.example", False),
        (("*.city.example",), "a.b.city.example", False),
        (("*.example",), "web.example", False),
        (("w*.city.example",), "web.city.example", False),
        (("*",), "web", False),
        (("127.0.0.1",), "127.0.0.1", False),
        ((), "web.example", False),
    ],
)
def test_names_match_as_rfc_9525_says(patterns: tuple[str, ...], name: str, matches: bool) -> None:
    """A wildcard stands for one whole leftmost label, an address never matches a DNS name."""
    assert Names(dns=patterns, addresses=()).match(name) is matches


@given(encoded=st.binary(max_size=200))
def test_bytes_that_are_no_certificate_are_described_by_their_hash(encoded: bytes) -> None:
    """Anything a server may send in place of a certificate is named, and never raises."""
    assert described(encoded)["error"] == "not a certificate"


@given(
    at=st.integers(min_value=0, max_value=1_000),
    bit=st.integers(0, 7),
)
def test_a_damaged_certificate_never_raises_and_is_never_trusted(at: int, bit: int) -> None:
    """One flipped bit leaves a chain that is described, and not believed where it was signed."""
    store = roots_of([str(_ROOTS)])
    assert store is not None
    whole = ssl.PEM_cert_to_DER_cert(_LEAF.certificates.decode())
    place = at % len(whole)
    damaged = whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
    now = datetime.fromtimestamp(wall_us() // 1_000_000, UTC)
    assert "sha256" in described(damaged)
    believed = untrusted([damaged], store, now) == ""
    assert not believed or _signed(damaged) == _signed(whole)
    assert untrusted([whole], store, now) == ""
    assert untrusted([whole], store, now + timedelta(days=400)) == "expired"


def _signed(encoded: bytes) -> bytes:
    certificate = read(encoded)
    assert certificate is not None
    return certificate.tbs_certificate_bytes


_LEAF = AUTHORITY.issue("web.example")


@pytest.fixture(autouse=True, scope="module")
def _roots_of_the_module(tmp_path_factory: pytest.TempPathFactory) -> None:
    global _ROOTS
    _ROOTS = tmp_path_factory.mktemp("roots") / "ca.pem"
    AUTHORITY.write(_ROOTS)


_ROOTS = Path()


def test_a_broken_root_does_not_cost_the_others(tmp_path: Path) -> None:
    """A bundle with one unreadable certificate still has the others."""
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (tmp_path / "ca.pem").write_bytes(b"# roots\n" + broken + AUTHORITY.pem)
    store = roots_of([str(tmp_path / "ca.pem")])
    assert store is not None
    chain = [ssl.PEM_cert_to_DER_cert(_LEAF.certificates.decode())]
    assert untrusted(chain, store, datetime.now(UTC)) == ""
    assert read(chain[0]) is not None


def test_a_plain_authority_of_ones_own_is_enough(tmp_path: Path) -> None:
    """A root and a leaf without key usage and key identifiers are trusted."""
    plain = Authority.plain()
    store = roots_of([plain.write(tmp_path / "plain.pem")])
    assert store is not None
    chain = [ssl.PEM_cert_to_DER_cert(plain.issue("web.example").certificates.decode())]
    assert untrusted(chain, store, datetime.now(UTC)) == ""


def test_a_leaf_is_no_authority(roots: str) -> None:
    """A chain through a certificate that may not sign is not believed."""
    between = AUTHORITY.issue("between.example")
    store = roots_of([roots])
    assert store is not None
    leaf = Authority.of_leaf("between.example", between).issue("web.example")
    chain = [ssl.PEM_cert_to_DER_cert(item.certificates.decode()) for item in (leaf, between)]
    assert untrusted(chain, store, datetime.now(UTC)).startswith("invalid")


def test_urls_become_settings() -> None:
    """tls://host means port 443; what is more than host and port is refused."""
    assert tls.KIND.from_url is not None
    assert tls.KIND.from_url(urlsplit("tls://web.example")) == TlsSettings(host="web.example")
    assert tls.KIND.from_url(urlsplit("tls://[::1]:8443")) == TlsSettings(host="::1", port=8443)
    for url in ("tls://", "tls://h/x", "tls://h:0"):
        with pytest.raises(ValueError):
            tls.KIND.from_url(urlsplit(url))
