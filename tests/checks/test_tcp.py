"""The tcp check against real ports of loopback."""

import asyncio
import errno
import socket
from urllib.parse import urlsplit

import pytest

from checks import tcp
from checks.failure import failure_at_once, failure_from_network
from checks.tcp import TcpSettings
from monitor.model import Family, Fault, FaultKind
from tests.checks.harness import (
    SHORT,
    NeverAnswers,
    assignment,
    facts,
    fault,
    gather,
    net_of,
    observe,
    run,
)
from tests.lab.tlsserver import StreamServer, until_closed


def to(address: str, port: int, timeout: int = 5_000_000) -> TcpSettings:
    """Settings for a port."""
    return TcpSettings(address=address, port=port, timeout=timeout)


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", Family.IPV4), ("::1", Family.IPV6)])
def test_an_open_port_is_connected(address: str, family: Family) -> None:
    """An open port of either family is connected, with a delay."""

    async def scenario() -> None:
        async with StreamServer(until_closed, address=address) as server:
            found = facts(await observe(tcp.KIND, to(address, server.port), family=family))
        assert found["outcome"] == "connected"
        assert found["connect_ms"] > 0
        assert found["server_address"] == address

    run(scenario)


def test_a_closed_port_is_refused() -> None:
    """A RST is an answer: refused, with a delay."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        async def scenario() -> None:
            found = facts(await observe(tcp.KIND, to("127.0.0.1", port)))
            assert found["outcome"] == "refused"
            assert found["connect_ms"] > 0

        run(scenario)


def test_silence_is_a_timeout_without_a_delay() -> None:
    """A full backlog answers nothing: timeout, the delay undefined, never before its time."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))

        async def scenario() -> None:
            outcome = await observe(tcp.KIND, to("127.0.0.1", port, SHORT))
            found = facts(outcome)
            assert found["outcome"] == "timeout"
            assert "connect_ms" not in found
            assert outcome.elapsed_us >= SHORT

        run(scenario)
        for filler in fillers:
            filler.close()


def test_both_families_of_a_name_are_seen_apart() -> None:
    """A name is observed in each family; in one that it lacks there is nothing to observe."""

    async def scenario() -> None:
        async with StreamServer(until_closed) as server:
            settings = to("web.example", server.port)
            assert tcp.KIND.families(settings) == (Family.IPV4, Family.IPV6)
            net = net_of({"web.example": ["127.0.0.1"]})
            assert facts(await observe(tcp.KIND, settings, net))["outcome"] == "connected"
            absent = await observe(tcp.KIND, settings, net, Family.IPV6)
        assert fault(absent).kind is FaultKind.ABSENT

    run(scenario)


def test_a_name_that_does_not_exist_is_evidence() -> None:
    """A name without any address is outcome dns."""

    async def scenario() -> None:
        assert facts(await observe(tcp.KIND, to("gone.example", 80)))["outcome"] == "dns"

    run(scenario)


def test_what_the_agent_could_not_do_is_a_fault() -> None:
    """Silent resolvers and an address out of scope are faults, never evidence."""

    async def scenario() -> None:
        net = net_of(resolver=NeverAnswers())
        silent = await observe(tcp.KIND, to("web.example", 80, SHORT), net)
        assert fault(silent).kind is FaultKind.RESOLVER
        assert fault(await observe(tcp.KIND, to("192.0.2.1", 80))).kind is FaultKind.SCOPE
        net = net_of({"web.example": ["192.0.2.1", "127.0.0.1"]})
        assert fault(await observe(tcp.KIND, to("web.example", 80), net)).kind is FaultKind.SCOPE

    run(scenario)


def test_a_large_batch_is_told_slot_by_slot() -> None:
    """500 probes at once, half of them refused, each end once and as they should."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = taken.getsockname()[1]

        async def scenario() -> None:
            async with StreamServer(until_closed) as server:
                prober = tcp.KIND.prober(net_of())
                ports = [server.port, closed] * 250
                outcomes = await gather(
                    prober,
                    [assignment(tcp.KIND, to("127.0.0.1", port), Family.IPV4) for port in ports],
                )
                assert prober.counters() == {}
                await prober.close()
            words = [facts(outcome)["outcome"] for outcome in outcomes]
            assert words == ["connected", "refused"] * 250

        run(scenario)


def test_no_descriptors_left_is_a_local_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process may open no more files, the target is not accused."""

    def full(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "too many")

    async def scenario() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(socket, "socket", full)
            outcome = await observe(tcp.KIND, to("127.0.0.1", 1))
        assert fault(outcome).kind is FaultKind.LOCAL_RESOURCE

    with asyncio.Runner() as runner:
        runner.run(scenario())


def test_closing_forgets_what_is_under_way() -> None:
    """After close nothing is told and no descriptor is left open."""

    async def scenario() -> None:
        prober = tcp.KIND.prober(net_of(resolver=NeverAnswers()))
        told: list[int] = []
        from checks.base import Probe

        item = assignment(tcp.KIND, to("web.example", 80, 10_000), Family.IPV4)
        prober.begin([Probe(7, item)], lambda slot, _: told.append(slot))
        await prober.close()
        await asyncio.sleep(0.03)
        prober.tick()
        assert told == []

    run(scenario)


@pytest.mark.parametrize(
    ("number", "at_once", "later"),
    [
        (errno.ENETUNREACH, FaultKind.LOCAL_NETWORK, "unreachable"),
        (errno.EHOSTUNREACH, FaultKind.LOCAL_NETWORK, "unreachable"),
        (errno.EMFILE, FaultKind.LOCAL_RESOURCE, FaultKind.LOCAL_RESOURCE),
        (errno.ENOBUFS, FaultKind.LOCAL_RESOURCE, FaultKind.LOCAL_RESOURCE),
        (errno.EADDRNOTAVAIL, FaultKind.LOCAL_RESOURCE, FaultKind.LOCAL_RESOURCE),
        (errno.EPERM, FaultKind.PERMISSION, FaultKind.PERMISSION),
        (errno.ECONNREFUSED, "refused", "refused"),
        (errno.ECONNRESET, "reset", "reset"),
        (errno.ETIMEDOUT, "timeout", "timeout"),
        (0, FaultKind.INTERNAL, FaultKind.INTERNAL),
    ],
)
def test_an_error_of_this_host_is_told_from_one_of_the_network(
    number: int, at_once: object, later: object
) -> None:
    """The same errno is a local fault when a call returns it, evidence when the network sent it."""

    def word(found: object) -> object:
        return found.kind if isinstance(found, Fault) else found.outcome  # type: ignore[attr-defined]

    assert word(failure_at_once(number)) == at_once
    assert word(failure_from_network(number)) == later


@pytest.mark.parametrize(
    "url", ["tcp://host", "tcp://:80", "tcp://h:0", "tcp://h:80/x", "tcp://h:99999"]
)
def test_a_bad_url_says_what_is_wrong(url: str) -> None:
    """A bare target without host, port or with more than them is a ValueError."""
    assert tcp.KIND.from_url is not None
    with pytest.raises(ValueError):
        tcp.KIND.from_url(urlsplit(url))


def test_a_good_url_becomes_settings() -> None:
    """Literals of both families are read from a URL."""
    assert tcp.KIND.from_url is not None
    settings = tcp.KIND.from_url(urlsplit("tcp://[::1]:5432"))
    assert settings == TcpSettings(address="::1", port=5432)
    assert tcp.KIND.families(settings) == (Family.IPV6,)
