"""Names to addresses, against real DNS servers of loopback that may lie."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import resolver as module
from checks.dns_query import question
from checks.hosts_file import HostsFile, nameservers_of, parsed
from checks.resolver import LoopResolver
from monitor.model import Family, Fault, FaultKind
from tests.checks.harness import boottime_ns, run, scope_of
from tests.lab import dnsserver
from tests.lab.dnsserver import DnsServer

NOWHERE = Path("/nonexistent")


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROUNDS_S", (0.6, 0.6))


def resolver(*servers: DnsServer, **wishes: Any) -> LoopResolver:
    """A resolver that asks these servers and reads no file of this host."""
    values: dict[str, Any] = {
        "scope": scope_of("127.0.0.0/8"),
        "boottime_ns": boottime_ns,
        "nameservers": [server.endpoint for server in servers],
        "hosts": NOWHERE,
        "resolv_conf": NOWHERE,
    }
    return LoopResolver(**{**values, **wishes})


async def addresses(asked: LoopResolver, name: str, family: Family = Family.IPV4) -> list[str]:
    """The addresses of a name; a fault fails the test."""
    found = await lookup(asked, name, family)
    assert not isinstance(found, Fault), found
    return list(found)


async def lookup(
    asked: LoopResolver, name: str, family: Family = Family.IPV4
) -> Sequence[str] | Fault:
    """What the resolver says of a name."""
    future: asyncio.Future[Sequence[str] | Fault] = asyncio.get_running_loop().create_future()
    asked.lookup(name, family, future.set_result)
    return await future


def kind_of(found: Sequence[str] | Fault) -> FaultKind:
    """The kind of a fault."""
    assert isinstance(found, Fault)
    return found.kind


def test_each_family_is_resolved_on_its_own() -> None:
    """A and AAAA records come in their own family; NODATA is empty, NXDOMAIN too."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", "192.0.2.1", "192.0.2.2")
            server.add("six.example", "AAAA", "2001:db8::1")
            asked = resolver(server)
            assert set(await addresses(asked, "Web.Example.")) == {"192.0.2.1", "192.0.2.2"}
            assert await addresses(asked, "six.example", Family.IPV6) == ["2001:db8::1"]
            assert await addresses(asked, "six.example") == []
            assert await addresses(asked, "gone.example") == []
            await asked.close()

    run(scenario)


def test_literals_and_impossible_names_need_no_query() -> None:
    """A literal is itself in its own family and nothing in the other; nonsense has no address."""

    async def scenario() -> None:
        asked = resolver()
        assert await addresses(asked, "192.0.2.1") == ["192.0.2.1"]
        assert await addresses(asked, "2001:db8::1", Family.IPV6) == ["2001:db8::1"]
        assert await addresses(asked, "2001:db8::1") == []
        assert await addresses(asked, "x" * 64 + ".example") == []

    run(scenario)


def test_an_answer_is_kept_for_its_time_and_asked_for_once() -> None:
    """Many that ask at once cost one query; within the TTL none; after it one more."""

    async def scenario() -> None:
        now = [0]
        async with DnsServer(ttl=30) as server:
            server.add("web.example", "A", "192.0.2.1")
            asked = resolver(server, boottime_ns=lambda: now[0])
            found = await asyncio.gather(*(addresses(asked, "web.example") for _ in range(20)))
            assert found == [["192.0.2.1"]] * 20
            now[0] = 29_000_000_000
            await lookup(asked, "WEB.example")
            assert len(server.queries) == 1
            server.add("web.example", "A", "192.0.2.9")
            now[0] = 31_000_000_000
            assert await addresses(asked, "web.example") == ["192.0.2.9"]
            assert asked.counters()["sent"] == 2

    run(scenario)


def test_a_ttl_of_zero_and_one_of_years_are_bounded() -> None:
    """A TTL is kept at least a second and at most an hour."""

    async def scenario() -> None:
        for ttl, kept_s in ((0, 1), (100_000_000, 3_600)):
            now = [0]
            async with DnsServer(ttl=ttl) as server:
                server.add("web.example", "A", "192.0.2.1")
                asked = resolver(server, boottime_ns=lambda now=now: now[0])
                await lookup(asked, "web.example")
                for at, queries in ((kept_s * 1_000_000_000 - 1, 1), (kept_s * 1_000_000_000, 2)):
                    now[0] = at
                    await lookup(asked, "web.example")
                    assert len(server.queries) == queries

    run(scenario)


def test_a_chain_of_names_is_followed_and_bounded() -> None:
    """A CNAME leads on; a loop of them is trouble of the resolver, not an address."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "CNAME", "real.example.")
            server.add("real.example", "A", "192.0.2.1")
            server.add("loop.example", "CNAME", "pool.example.")
            server.add("pool.example", "CNAME", "loop.example.")
            asked = resolver(server)
            assert await addresses(asked, "web.example") == ["192.0.2.1"]
            assert kind_of(await lookup(asked, "loop.example")) is FaultKind.RESOLVER

    run(scenario)


def test_servfail_and_silence_are_faults_and_the_next_server_is_asked() -> None:
    """One broken server is passed over; when all are broken, that says nothing of the name."""

    async def scenario() -> None:
        async with DnsServer() as broken, DnsServer() as silent, DnsServer() as good:
            broken.rcodes["web.example"] = dns.rcode.SERVFAIL
            silent.spoil = dnsserver.silence
            good.add("web.example", "A", "192.0.2.1")
            assert await addresses(resolver(broken, silent, good), "web.example")
            failed = await lookup(resolver(broken), "web.example")
            assert isinstance(failed, Fault)
            assert failed.kind is FaultKind.RESOLVER
            assert "SERVFAIL" in failed.message
            assert kind_of(await lookup(resolver(silent), "web.example")) is FaultKind.RESOLVER
        assert kind_of(await lookup(resolver(), "web.example")) is FaultKind.RESOLVER

    run(scenario)


def test_a_dead_resolver_is_not_asked_by_every_probe() -> None:
    """A failure is remembered for a second."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.rcodes["web.example"] = dns.rcode.REFUSED
            asked = resolver(server)
            for _ in range(10):
                await lookup(asked, "web.example")
            assert len(server.queries) == 2

    run(scenario)


@pytest.mark.parametrize("spoil", [dnsserver.garbage, dnsserver.other_question])
def test_a_lying_answer_is_not_believed(spoil: dnsserver.Spoil) -> None:
    """Nonsense and answers to another question are no addresses."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", "192.0.2.1")
            server.spoil = spoil
            assert kind_of(await lookup(resolver(server), "web.example")) is FaultKind.RESOLVER

    run(scenario)


def test_forged_answers_before_the_true_one_are_passed_over() -> None:
    """Datagrams with other ids, short and empty ones do not end the wait."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", "192.0.2.1")
            server.spoil = dnsserver.forged_first
            assert await addresses(resolver(server), "web.example") == ["192.0.2.1"]

    run(scenario)


@pytest.mark.parametrize("spoil", [dnsserver.truncated, dnsserver.lower_case])
def test_a_cut_or_doubtful_answer_is_asked_for_over_tcp(spoil: dnsserver.Spoil) -> None:
    """Truncation, and a server that does not keep the random case, are settled by TCP."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("webserver-of-the-city.example", "A", "192.0.2.1")
            server.spoil = spoil
            found = await addresses(resolver(server), "webserver-of-the-city.example")
            assert found == ["192.0.2.1"]
            assert server.queries[-1][0] == "tcp"

    run(scenario)


def test_resolvers_out_of_scope_are_not_asked() -> None:
    """A resolver that the scope does not hold gets no packet."""

    async def scenario() -> None:
        async with DnsServer() as server:
            server.add("web.example", "A", "192.0.2.1")
            asked = resolver(server, scope=scope_of("192.0.2.0/24"))
            assert kind_of(await lookup(asked, "web.example")) is FaultKind.RESOLVER
            assert server.queries == []

    run(scenario)


def test_the_hosts_file_comes_first_and_is_read_again(tmp_path: Path) -> None:
    """A name of /etc/hosts is not asked for; a change of the file is seen."""
    hosts = tmp_path / "hosts"

    async def scenario() -> None:
        hosts.write_text("192.0.2.1 web.example web # a comment\n2001:db8::1 web\n")
        asked = resolver(hosts=hosts)
        assert await addresses(asked, "WEB.example") == ["192.0.2.1"]
        assert await addresses(asked, "web", Family.IPV6) == ["2001:db8::1"]
        assert await addresses(asked, "web.example", Family.IPV6) == []
        hosts.write_text("192.0.2.77 web.example\n")
        assert await addresses(asked, "web.example") == ["192.0.2.77"]

    run(scenario)


def test_localhost_is_loopback_without_any_file() -> None:
    """`localhost` and names below it are loopback in both families (RFC 6761)."""
    hosts = HostsFile(NOWHERE)
    assert hosts.addresses("localhost", Family.IPV4) == ("127.0.0.1",)
    assert hosts.addresses("demo.localhost", Family.IPV6) == ("::1",)
    assert hosts.addresses("notlocalhost", Family.IPV4) is None


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more names are kept than the bound."""
    monkeypatch.setattr(module, "CACHED_NAMES", 20)

    async def scenario() -> None:
        async with DnsServer() as server:
            asked = resolver(server)
            for number in range(50):
                await lookup(asked, f"n{number}.example")
            assert len(asked._cache) <= 20

    run(scenario)


def test_the_systems_resolvers_are_read(tmp_path: Path) -> None:
    """The first three literal nameservers of resolv.conf are used."""
    conf = tmp_path / "resolv.conf"
    conf.write_text(
        "# x\nsearch example\nnameserver 192.0.2.1\nnameserver name\nnameserver 2001:db8::1\n"
        "nameserver\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n"
    )
    assert nameservers_of(conf) == ("192.0.2.1", "2001:db8::1", "192.0.2.3")
    assert nameservers_of(NOWHERE) == ()


@given(text=st.text(max_size=300))
def test_any_hosts_file_is_read(text: str) -> None:
    """Whatever stands in the file, reading it does not raise."""
    parsed(text)


def test_queries_differ_in_id_and_case() -> None:
    """Ids are random, and so is the case of a long name (0x20)."""
    asked = [question("webserver-of-the-city.example", 1, mixed_case=True) for _ in range(20)]  # type: ignore[arg-type]
    assert len({query.id for query in asked}) > 15
    assert len({query.question[0].name.to_text() for query in asked}) > 15
