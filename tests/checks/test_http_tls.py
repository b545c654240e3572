"""The http check over TLS, with good and faulty certificates and peers."""

from pathlib import Path

import pytest

from checks import http
from checks.http_evidence import HttpSettings
from monitor.model import FaultKind
from tests.checks.harness import (
    SHORT,
    facts,
    fault,
    net_of,
    observe,
    run,
)
from tests.checks.http_scene import settings
from tests.lab.certificates import Authority, self_signed
from tests.lab.tlsserver import StreamServer, hanging_up, saying
from tests.lab.webserver import (
    WebServer,
    page,
)


def test_https_is_verified_against_name_and_roots(tmp_path: Path) -> None:
    """A certificate of a trusted authority for the right name is ok, with a TLS phase."""
    authority = Authority.new()
    roots = authority.write(tmp_path / "ca.pem")
    leaf = authority.intermediate().issue("web.example", "127.0.0.1")

    async def scenario() -> None:
        async with WebServer({"/": page()}, tls=leaf.context()) as server:
            net = net_of({"web.example": ["127.0.0.1"]}, ca_file=roots)
            wish = HttpSettings(url=server.url(host="web.example"))
            found = facts(await observe(http.KIND, wish, net))
            assert (found["outcome"], found["as_expected"]) == ("ok", True)
            assert found["tls_ms"] > 0
            literal = facts(await observe(http.KIND, settings(server), net))
            assert literal["outcome"] == "ok"

    run(scenario)


def test_a_bad_certificate_is_outcome_tls_with_its_reason(tmp_path: Path) -> None:
    """Expired, for another name, self-signed, unknown authority: tls, each with its words."""
    authority = Authority.new()
    roots = authority.write(tmp_path / "ca.pem")
    cases = [
        (authority.issue("127.0.0.1", days=-1), "expired"),
        (authority.issue("other.example"), "mismatch"),
        (self_signed("127.0.0.1"), "self-signed"),
        (Authority.new("Other").issue("127.0.0.1"), "unable to get local issuer"),
    ]

    async def scenario() -> None:
        for leaf, words in cases:
            async with WebServer({"/": page()}, tls=leaf.context()) as server:
                net = net_of(ca_file=roots)
                found = facts(await observe(http.KIND, settings(server), net))
                assert (found["outcome"], found["as_expected"]) == ("tls", False)
                assert words in found["reason"]
                lax = facts(await observe(http.KIND, settings(server, verify=False), net))
                assert lax["outcome"] == "ok"

    run(scenario)


def test_what_is_not_tls_is_outcome_tls() -> None:
    """Garbage, plain HTTP and a closed connection in place of a handshake are told by reason."""

    async def scenario() -> None:
        for talk, outcome in (
            (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls"),
            (saying(b"\x16\x03\x01\xff\xff" + b"\xff" * 300), "tls"),
            (hanging_up, "tls"),
        ):
            async with StreamServer(talk) as server:
                wish = HttpSettings(url=f"https://127.0.0.1:{server.port}/", timeout=5_000_000)
                found = facts(await observe(http.KIND, wish))
                assert found["outcome"] in (outcome, "reset")
                assert found.get("reason") or found["outcome"] == "reset"

    run(scenario)


def test_a_handshake_that_stalls_ends_at_the_deadline() -> None:
    """A server that accepts and then says nothing times out in the TLS phase."""

    async def scenario() -> None:
        async with StreamServer(saying(b"")) as server:
            wish = HttpSettings(url=f"https://127.0.0.1:{server.port}/", timeout=SHORT)
            found = facts(await observe(http.KIND, wish))
        assert (found["outcome"], found["reason"]) == ("timeout", "tls")

    run(scenario)


def test_a_large_page_over_tls_is_read_to_its_end(tmp_path: Path) -> None:
    """900 kB in many TLS records arrive whole."""
    authority = Authority.new()
    roots = authority.write(tmp_path / "ca.pem")

    async def scenario() -> None:
        tls = authority.issue("127.0.0.1").context()
        async with WebServer({"/": page(b"x" * 900_000)}, tls=tls) as server:
            found = facts(await observe(http.KIND, settings(server), net_of(ca_file=roots)))
        assert (found["outcome"], found["size"]) == ("ok", 900_000)

    run(scenario)


def test_without_roots_https_is_a_fault_and_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without root certificates does not accuse servers; the prober says so."""
    monkeypatch.setattr("checks.trust.system_bundle", lambda: "")

    async def scenario() -> None:
        net = net_of()
        wish = HttpSettings(url="https://127.0.0.1:1/")
        assert fault(await observe(http.KIND, wish, net)).kind is FaultKind.LOCAL_RESOURCE
        assert http.KIND.prober(net).notes() == ("checks.no-roots",)

    run(scenario)
