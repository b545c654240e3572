"""The dns check against real name servers of loopback that may lie."""

import socket
from typing import Any
from urllib.parse import urlsplit

import dns.flags
import dns.rcode
import pytest

from checks import dns as check
from checks.dns_evidence import DnsSettings, expected
from monitor.model import Family, FaultKind
from tests.checks.harness import SHORT, NeverAnswers, facts, fault, net_of, observe, run
from tests.lab import dnsserver
from tests.lab.dnsserver import DnsServer


async def ask(server: DnsServer, name: str = "web.example", **wishes: Any) -> dict[str, Any]:
    """The facts of one question to this server."""
    wish = DnsSettings(server=server.endpoint, name=name, **{"timeout": 5_000_000, **wishes})
    return facts(await observe(check.KIND, wish))


def test_an_answer_is_told_with_its_records() -> None:
    """Records are sorted; without an expectation `matches` is undefined and any answer will do."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", "192.0.2.2", "192.0.2.1")
            found = await ask(server)
        assert (found["outcome"], found["rcode"]) == ("answered", "NOERROR")
        assert found["answers"] == ["192.0.2.1", "192.0.2.2"]
        assert (found["as_expected"], found["authenticated"]) == (True, False)
        assert found["delay_ms"] > 0
        assert "matches" not in found

    run(scenario)


def test_answers_are_compared_as_a_set() -> None:
    """Order and notation do not matter; one record more or less does. A lie is seen."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "AAAA", "2001:db8::1", "2001:db8::2")
            same = ("2001:db8:0::2", "2001:DB8::1")
            found = await ask(server, type="AAAA", expect=same)
            assert (found["matches"], found["as_expected"]) == (True, True)
            server.add("web.example", "AAAA", "2001:db8::1", "2001:db8::bad")
            found = await ask(server, type="AAAA", expect=same)
            assert (found["matches"], found["as_expected"]) == (False, False)

    run(scenario)


@pytest.mark.parametrize(
    ("kind", "record", "wish"),
    [
        ("CNAME", "Real.example.", "real.example"),
        ("MX", "10 mail.example.", "10 MAIL.example"),
        ("TXT", '"v=spf1 -all"', "v=spf1 -all"),
        ("TXT", '"say \\"hi\\""', 'say "hi"'),
        ("NS", "ns1.example.", "ns1.example."),
    ],
)
def test_expectations_are_written_as_people_write_them(kind: str, record: str, wish: str) -> None:
    """Names with or without the last dot in any case, texts with or without quotes, match."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", kind, record)
            found = await ask(server, type=kind, expect=(wish,))
        assert found["matches"] is True

    run(scenario)


def test_negative_answers_are_evidence() -> None:
    """NXDOMAIN, NODATA and SERVFAIL of the server under test are seen, and are not as expected."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", "192.0.2.1")
            server.rcodes["sick.example"] = dns.rcode.SERVFAIL
            for name, kind, rcode in (
                ("gone.example", "A", "NXDOMAIN"),
                ("web.example", "MX", "NOERROR"),
                ("sick.example", "A", "SERVFAIL"),
            ):
                found = await ask(server, name, type=kind)
                assert (found["outcome"], found["rcode"]) == ("answered", rcode)
                assert (found["answers"], found["as_expected"]) == ([], False)
            found = await ask(server, "gone.example", expect=("192.0.2.1",))
            assert found["matches"] is False

    run(scenario)


def test_authentication_is_told_and_can_be_asked_for() -> None:
    """The AD flag is a fact; with dnssec an answer without it is not as expected."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", "192.0.2.1")
            assert (await ask(server, dnssec=True))["as_expected"] is False
            server.flags |= dns.flags.AD
            found = await ask(server, dnssec=True)
            assert (found["authenticated"], found["as_expected"]) == (True, True)

    run(scenario)


@pytest.mark.parametrize(
    ("spoil", "outcome"),
    [
        (dnsserver.silence, "timeout"),
        (dnsserver.garbage, "malformed"),
        (dnsserver.other_question, "malformed"),
        (dnsserver.forged_first, "answered"),
        (dnsserver.truncated, "answered"),
        (dnsserver.lower_case, "answered"),
    ],
)
def test_a_bad_server_ends_in_an_outcome(spoil: dnsserver.Spoil, outcome: str) -> None:
    """Silence, nonsense, another question, forgeries, truncation: each has its outcome."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", "192.0.2.1")
            server.spoil = spoil
            found = await ask(server, timeout=SHORT if outcome == "timeout" else 5_000_000)
        assert found["outcome"] == outcome
        assert found.get("answers", ["192.0.2.1"]) == ["192.0.2.1"]
        assert ("delay_ms" in found) == (outcome == "answered")

    run(scenario)


def test_many_records_are_bounded() -> None:
    """300 records over TCP are told as 100."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", *(f"192.0.2.{n % 256}" for n in range(256)))
            server.spoil = dnsserver.truncated
            found = await ask(server)
        assert len(found["answers"]) == 100

    run(scenario)


def test_nobody_at_the_port_is_refused() -> None:
    """An ICMP port unreachable is outcome refused."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    wish = DnsSettings(server=f"127.0.0.1:{port}", name="web.example", timeout=5_000_000)

    async def scenario() -> None:
        assert facts(await observe(check.KIND, wish))["outcome"] == "refused"

    run(scenario)


def test_what_the_agent_could_not_do_is_a_fault() -> None:
    """Out of scope and silent resolvers are faults; a server's name that does not exist is not."""

    async def scenario() -> None:
        outside = DnsSettings(server="192.0.2.1", name="web.example")
        assert fault(await observe(check.KIND, outside)).kind is FaultKind.SCOPE
        named = DnsSettings(server="ns.example", name="web.example", timeout=SHORT)
        assert facts(await observe(check.KIND, named))["outcome"] == "dns"
        silent = net_of(resolver=NeverAnswers())
        assert fault(await observe(check.KIND, named, silent)).kind is FaultKind.RESOLVER

    run(scenario)


def test_the_agents_first_resolver_is_the_default() -> None:
    """Without a server the question goes to the first of the agent's own resolvers."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", "192.0.2.1")
            wish = DnsSettings(name="web.example")
            assert check.KIND.families(wish) == (Family.NONE,)
            net = net_of(nameservers=(server.endpoint, "127.0.0.9"))
            found = facts(await observe(check.KIND, wish, net, Family.NONE))
        assert found["outcome"] == "answered"

    run(scenario)


@pytest.mark.parametrize(
    "wishes",
    [
        {"name": "a..b"},
        {"name": "x" * 64 + ".example"},
        {"name": "a.example", "type": "NONSENSE"},
        {"name": "a.example", "type": "ANY"},
        {"name": "a.example", "type": "AXFR"},
        {"name": "a.example", "expect": ("not an address",)},
        {"name": "a.example", "server": "[::1"},
        {"name": "a.example", "server": "192.0.2.1:0"},
    ],
)
def test_bad_settings_are_refused(wishes: dict[str, Any]) -> None:
    """What cannot be asked, or could never be answered, is a ValueError when configured."""
    with pytest.raises(ValueError):
        DnsSettings(**wishes)


def test_an_expectation_has_one_form() -> None:
    """The same record in two notations is one."""
    assert expected("AAAA", ("2001:db8::1", "2001:DB8:0:0::1")) == {"2001:db8::1"}


def test_urls_become_settings() -> None:
    """dns://server/name, with a type if one is asked for; without a server the default one."""
    read = check.KIND.from_url
    assert read is not None
    assert read(urlsplit("dns://127.0.0.1:5353/web.example?type=AAAA")) == DnsSettings(
        server="127.0.0.1:5353", name="web.example", type="AAAA"
    )
    assert read(urlsplit("dns:///web.example")) == DnsSettings(name="web.example")
    for url in ("dns://127.0.0.1", "dns://127.0.0.1/n?kind=A", "dns://127.0.0.1/n?type=XX"):
        with pytest.raises(ValueError):
            read(urlsplit(url))
