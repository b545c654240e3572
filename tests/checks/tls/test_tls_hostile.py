"""The tls check against hostile and unreliable servers: true or inconclusive, and in time."""

import asyncio
import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checks.base import Outcome
from checks.tls import check as tls
from checks.tls.settings import TlsSettings
from monitor.model import Family
from tests.checks.harness import assignment, facts, gather, net_of, scope_of
from tests.checks.stalls import stalls
from tests.lab import hostile_tls as hostile
from tests.lab.certificates import Authority
from tests.lab.hostile_tls import Gate
from tests.lab.netns import Pair
from tests.lab.parts import need_namespaces, require
from tests.lab.tlsserver import StreamServer, Talk, hanging_up, saying, tls_server, until_closed

AUTHORITY = Authority.new()
LEAF = AUTHORITY.issue("web.example")
TRUE_PROTOCOLS = ["TLSv1.2", "TLSv1.3"]
BUDGET = 1_000_000
"""Time for a survey of a server that never answers properly, in µs."""
SPOILED = 1_500_000
"""The same for one that answers, but not always."""
PARTIAL = ("protocols_seen", "outside", "groups_outside", "outside_searched")
"""Lists of what was found, which may be incomplete."""
NOT_POSTURE = (
    *("inconclusive", "connect_ms", "handshake_ms", "connections", "reason", "days_left", "mode"),
    "server_address",
)
MEMORY = 8 << 20
"""Bytes that all surveys of the endless servers together may hold at once."""

NO_TLS: dict[str, Talk] = {
    "hang": until_closed,
    "deaf": hostile.deaf,
    "garbage": hostile.garbage(7),
    "reset": hostile.resetting,
    "hang up": hanging_up,
    "http": saying(hostile.HTTP_400),
    "smtp": saying(b"220 mail.example ESMTP\r\n"),
}
ENDLESS: dict[str, Talk] = {
    "warnings": hostile.endless(hostile.WARNINGS),
    "empty records": hostile.endless(hostile.EMPTY_RECORDS),
    "hello requests": hostile.endless(hostile.HELLO_REQUESTS),
    "certificates": hostile.endless_certificates(),
    "hellos": hostile.endless(hostile.server_hello()),
    "zeros": hostile.endless(bytes(1_024)),
    "a record too long": hostile.endless(b"\x16\x03\x03\xff\xff" + bytes(1_000)),
}


def wish(server: StreamServer | Gate, mode: str = "verdict", **wishes: Any) -> TlsSettings:
    """Settings of a survey of this server."""
    settings = TlsSettings(host=server.address, port=server.port, server_name="web.example")
    return replace(settings, mode=mode, **wishes)


def addresses() -> Iterator[str]:
    """An address for each server: what is asked of one is bounded, for politeness."""
    return (f"127.0.0.{number}" for number in range(2, 255))


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it on one loop: how hostile peers are borne does not depend on which."""
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def surveyed(*wanted: TlsSettings, **net: Any) -> list[Outcome]:
    """Survey all of them at once, with one prober."""
    prober = tls.KIND.prober(net_of(**net))
    try:
        series = [assignment(tls.KIND, one, Family.IPV4) for one in wanted]
        # Each a series of its own: a prober compares what it sees with what the series showed.
        return await gather(prober, [replace(s, target=f"t{n}") for n, s in enumerate(series)])
    finally:
        await prober.close()


def claims(seen: dict[str, Any], clean: dict[str, Any]) -> dict[str, Any]:
    """What was said about a spoiled server that is not so of the clean one behind it."""
    return {
        name: (value, clean.get(name))
        for name, value in seen.items()
        if name not in NOT_POSTURE and not _agrees(name, value, clean.get(name))
    }


def _agrees(name: str, seen: Any, clean: Any) -> bool:
    if name not in PARTIAL or clean is None:
        return bool(seen == clean)
    if name == "outside_searched":
        return bool(seen.items() <= clean.items())
    if isinstance(seen, dict):
        return all(set(found) <= set(clean.get(key, ())) for key, found in seen.items())
    return set(seen) <= set(clean)


@pytest.fixture
def context() -> ssl.SSLContext:
    """A real server of TLS 1.2 and 1.3."""
    made = LEAF.context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


@pytest.mark.parametrize("mode", ["verdict", "full"])
def test_who_speaks_no_tls_is_not_said_to_refuse_it(mode: str) -> None:
    """Silence, noise, resets and other protocols end in time, and no protocol is said of them."""

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            servers = [
                await stack.enter_async_context(StreamServer(talk, address=address))
                for talk, address in zip(NO_TLS.values(), addresses(), strict=False)
            ]
            wanted = [wish(one, mode, timeout=BUDGET, full_timeout=BUDGET) for one in servers]
            async with stalls() as outside:
                outcomes = await surveyed(*wanted)
        for name, outcome in zip(NO_TLS, outcomes, strict=True):
            found = facts(outcome)
            assert found["outcome"] in ("tls", "timeout", "reset"), (name, found)
            assert not found.get("protocols_seen"), (name, found)
            assert "protocols" not in found, (name, found)
            assert "trusted" not in found, (name, found)
            assert outcome.elapsed_us - outside.lost_us < 2 * BUDGET, name

    run(scenario)


@pytest.mark.parametrize("mode", ["verdict", "full"])
def test_endless_answers_cost_neither_time_nor_memory(mode: str) -> None:
    """Who never stops talking is left in time, and little of it is held."""

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            servers = [
                await stack.enter_async_context(StreamServer(talk, address=address))
                for talk, address in zip(ENDLESS.values(), addresses(), strict=False)
            ]
            wanted = [wish(one, mode, timeout=BUDGET, full_timeout=BUDGET) for one in servers]
            tracemalloc.start()
            try:
                async with stalls() as outside:
                    outcomes = await surveyed(*wanted)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert peak < MEMORY
        for name, outcome in zip(ENDLESS, outcomes, strict=True):
            found = facts(outcome)
            assert "protocols" not in found or found["outcome"] == "ok", (name, found)
            assert "trusted" not in found, (name, found)
            assert outcome.elapsed_us - outside.lost_us < 2 * BUDGET, name

    run(scenario)


_KNOWN = frozenset({0, 5, 10, 11, 13, 16, 22, 23, 35, 43, 45, 51, 65_281})
GATES: dict[str, dict[str, Any]] = {
    "crumbs": {"crumbs": True},
    "four at once": {"at_once": 4},
    "one in 20 ms": {"every_s": 0.02},
    "closes above 255": {"judge": hostile.longer_than(255, "close")},
    "resets above 255": {"judge": hostile.longer_than(255, "reset")},
    "hangs above 512": {"judge": hostile.longer_than(512, "hang")},
    "closes on unknown extensions": {"judge": hostile.knowing(_KNOWN, "close")},
    "hangs on any extension": {"judge": hostile.knowing(frozenset(), "hang")},
    "two bytes a second": {"pace": (1, 0.5)},
}


@pytest.mark.parametrize("mode", ["verdict", "full"])
def test_a_spoiled_way_to_a_server_leads_to_no_false_claim(
    mode: str, context: ssl.SSLContext
) -> None:
    """Whatever stands before a server: each fact is that of the server itself, or undefined."""

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(tls_server(context))
            gates = [
                await stack.enter_async_context(Gate(server.port, address=address, **settings))
                for settings, address in zip(GATES.values(), addresses(), strict=False)
            ]
            budget = {"timeout": SPOILED, "full_timeout": SPOILED}
            (direct,) = await surveyed(wish(server, mode))
            async with stalls() as outside:
                outcomes = await surveyed(*(wish(gate, mode, **budget) for gate in gates))
        clean = facts(direct)
        assert clean["protocols"] == TRUE_PROTOCOLS
        for name, outcome in zip(GATES, outcomes, strict=True):
            found = facts(outcome)
            if found["outcome"] == "ok":
                assert claims(found, clean) == {}, name
            else:
                assert not found.get("protocols_seen"), (name, found)
            assert outcome.elapsed_us - outside.lost_us < 2 * SPOILED, name

    run(scenario)


@pytest.mark.parametrize("mode", ["verdict", "full"])
@pytest.mark.parametrize("name", ["crumbs", "four at once"])
def test_a_busy_server_is_asked_until_it_has_answered(
    mode: str, name: str, context: ssl.SSLContext
) -> None:
    """Who turns some connections away is asked again more politely, and seen whole."""

    async def scenario() -> None:
        async with tls_server(context) as server, Gate(server.port, **GATES[name]) as gate:
            (outcome,) = await surveyed(wish(gate, mode))
        found = facts(outcome)
        assert found.get("protocols") == TRUE_PROTOCOLS, found
        if mode == "full":
            assert set(found["cipher_suites"]) == set(TRUE_PROTOCOLS), found
        assert name == "crumbs" or gate.turned_away

    run(scenario)


@pytest.mark.parametrize("mode", ["verdict", "full"])
def test_two_servers_behind_one_address_are_not_mixed_into_a_lie(mode: str) -> None:
    """Behind a balancer of two configurations nothing is claimed that neither of them accepts."""
    older, newer = LEAF.context(), LEAF.context()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    newer.minimum_version = ssl.TLSVersion.TLSv1_3

    async def scenario() -> None:
        async with (
            tls_server(older) as one,
            tls_server(newer) as two,
            Gate(one.port, two.port) as gate,
        ):
            alone = await surveyed(wish(one, "full"), wish(two, "full"))
            (outcome,) = await surveyed(wish(gate, mode))
        suites: dict[str, set[str]] = {}
        for true in map(facts, alone):
            for version, names in true["cipher_suites"].items():
                suites.setdefault(version, set()).update(names)
        found = facts(outcome)
        assert set(found.get("protocols_seen", ())) <= set(suites)
        assert set(found.get("protocols", ())) <= set(suites)
        for version, names in found.get("cipher_suites", {}).items():
            assert set(names) <= suites[version]

    run(scenario)


@pytest.fixture
def lossy(tmp_path: Path) -> Iterator[Pair]:
    """A real server in a namespace of its own; the way there is the test's to break."""
    need_namespaces()
    require("openssl", "nft")
    (tmp_path / "leaf.pem").write_bytes(LEAF.certificates + LEAF.key)
    with Pair() as pair:
        argv = ["openssl", "s_server", "-accept", "443", "-www", "-no_tls1", "-no_tls1_1"]
        pair.far.start(*argv, "-cert", f"{tmp_path}/leaf.pem", "-key", f"{tmp_path}/leaf.pem")
        with pair.near.inside():
            _await_port(pair.far.v4, 443)
        yield pair


def _await_port(address: str, port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket() as trial:
            trial.settimeout(0.2)
            if trial.connect_ex((address, port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError(f"nobody listens on port {port}")


@pytest.mark.lab
@pytest.mark.parametrize(
    "loss",
    [
        "tcp flags & (syn | ack) == syn numgen random mod 100 < 30",
        "numgen random mod 100 < 10",
    ],
    ids=["30 % of connections", "10 % of packets"],
)
def test_loss_on_the_way_leads_to_no_false_claim(lossy: Pair, loss: str) -> None:
    """Over a way that loses connections or packets each fact is true, or undefined."""
    scope = scope_of("192.0.2.0/24")
    there = TlsSettings(host=lossy.far.v4, server_name="web.example")
    there = replace(there, timeout=SPOILED, full_timeout=2 * SPOILED)

    async def scenario() -> list[Outcome]:
        whole = await surveyed(there, scope=scope)
        lossy.drop(loss)
        return whole + await surveyed(there, replace(there, mode="full"), scope=scope)

    with lossy.near.inside():
        clean, *seen = map(facts, asyncio.run(asyncio.wait_for(scenario(), 60)))
    assert clean["protocols"] == TRUE_PROTOCOLS
    for found in seen:
        assert set(found.get("protocols_seen", ())) <= set(TRUE_PROTOCOLS)
        assert found.get("protocols", TRUE_PROTOCOLS) == TRUE_PROTOCOLS
        for name in ("trusted", "hostname_matches", "compression", "client_certificate"):
            assert found.get(name, clean.get(name)) == clean.get(name), name
