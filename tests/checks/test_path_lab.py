"""The path check against routers of the lab: real kernels that forward, refuse, loop and lose."""

import asyncio
import re
from collections.abc import Iterator

import pytest

from checks import path
from checks.path_evidence import PathEvidence
from monitor.model import FaultKind
from tests.checks.harness import assignment as series
from tests.checks.harness import fault, gather, net_of, run, scope_of
from tests.checks.path_scene import (
    DIAMOND,
    LINE,
    everywhere,
    evidence,
    family_of,
    probes,
    walk,
    walks,
    wish,
)
from tests.lab.answerer import MARK, Answerer, Manner
from tests.lab.parts import need_namespaces, require
from tests.lab.routers import Routers

pytestmark = pytest.mark.lab
BOTH = pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])


@pytest.fixture
def line() -> Iterator[Routers]:
    """Four routers in a row."""
    need_namespaces()
    with Routers(LINE) as net:
        yield net


@pytest.fixture(scope="module")
def intact() -> Iterator[Routers]:
    """The same, for tests that change nothing."""
    need_namespaces()
    with Routers(LINE) as net:
        yield net


@pytest.fixture
def diamond() -> Iterator[Routers]:
    """Two ways between r1 and r4, chosen by the 5-tuple."""
    need_namespaces()
    with Routers(DIAMOND) as net:
        yield net


def way(net: Routers, *, v6: bool) -> list[str]:
    """The hops of the line as its routers name them, the destination last."""
    hosts = ("agent", "r1", "r2", "r3", "r4", "far")
    pairs = zip(hosts[1:], hosts, strict=False)
    return [net.address(name, before, v6=v6) for name, before in pairs]


def far(net: Routers, *, v6: bool, last: str = "r4") -> str:
    """Where the ways end."""
    return net.address("far", last, v6=v6)


@BOTH
@pytest.mark.parametrize(("protocol", "port"), [("udp", 33_434), ("tcp", 80)])
def test_every_router_shows_in_its_order(
    intact: Routers, v6: bool, protocol: str, port: int
) -> None:
    """UDP and TCP, IPv4 and IPv6, on both loops: all routers, the destination last, its delay."""

    async def scenario() -> None:
        prober = path.KIND.prober(everywhere())
        settings = wish(far(intact, v6=v6), protocol=protocol, port=port)
        seen: PathEvidence = evidence(await probes(prober, settings))
        await prober.close()
        facts = seen.facts()
        assert facts["hops"] == way(intact, v6=v6)
        assert facts["routers"] == way(intact, v6=v6)[:-1]
        assert (facts["outcome"], facts["reached"], facts["reached_flows"]) == ("reached", True, 3)
        assert (facts["hop_count"], facts["silent_hops"], facts["loop"]) == (5, 0, False)
        assert (facts["balanced"], "changed" in facts) == (False, False)
        assert isinstance(facts["delay_ms"], float)
        assert len(seen.delays_us) == 15
        assert None not in seen.delays_us

    with intact["agent"].inside():
        run(scenario)


def test_an_open_tcp_port_is_reached(line: Routers) -> None:
    """A port that accepts ends the way, time after time: no connection stays behind."""
    server = (
        "import socket; s = socket.create_server(('', 80)); print('up', flush=True); kept = []\n"
        "while True: kept.append(s.accept())"
    )
    started = line["far"].start("python3", "-c", server, stdout=-1)
    assert started.stdout is not None
    assert started.stdout.readline() == b"up\n"
    settings = wish(far(line, v6=False), protocol="tcp", port=80)
    for seen in walks(line, [settings] * 3):
        assert seen.facts()["hops"] == way(line, v6=False)
        assert seen.delay_us is not None
    started.stdout.close()


@BOTH
def test_flows_show_both_ways_and_keep_theirs(
    diamond: Routers, v6: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve flows are spread over two ways; each goes the same way at every probe."""
    monkeypatch.setattr(path, "_SPACING_S", 0.0)
    settings = wish(far(diamond, v6=v6, last="r5"), flows=12)
    first, second = walks(diamond, [settings, settings])
    facts = first.facts()
    assert facts["balanced"] is True
    assert {one[1] for one in first.paths} == {
        diamond.address("r2", "r1", v6=v6),
        diamond.address("r3", "r1", v6=v6),
    }
    assert first.paths == second.paths
    assert second.facts()["changed"] is False
    assert set(facts["routers"]) >= {one[1] for one in first.paths}  # type: ignore[arg-type]


def test_a_dead_branch_shows_as_partial(diamond: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    """When one of two balanced ways swallows everything, only the flows on it are lost."""
    monkeypatch.setattr(path, "_SPACING_S", 0.0)
    address = far(diamond, v6=False, last="r5")
    whole = walk(diamond, wish(address, flows=12))
    dead = diamond.v4("r2", "r1")
    diamond.filter("r2", f"ip daddr {address} drop", hook="forward")
    settings = wish(address, flows=12, max_hops=5, tries=1, mtu=True)
    facts = walk(diamond, settings).facts()
    lost = sum(dead in one for one in whole.paths)
    assert (facts["outcome"], facts["reached"]) == ("partial", True)
    assert facts["reached_flows"] == 12 - lost
    assert facts["mtu"] == 1_500


@pytest.mark.parametrize("number", [0, 1, 2])
def test_traceroute_sees_the_same(diamond: Routers, number: int) -> None:
    """Debian's traceroute with the ports of a flow names the very hops of that flow."""
    require("traceroute")
    address = far(diamond, v6=False, last="r5")
    seen = walk(diamond, wish(address))
    told = diamond["agent"].run(
        *("traceroute", "-n", "-q", "1", "-w", "5", "-U", "-p", "33434"),
        f"--sport={seen.source_ports[number]}",
        address,
    )
    hops = re.findall(r"^ *\d+ +(\S+)", told.stdout, re.MULTILINE)
    assert tuple(hops) == seen.paths[number]


def test_mtr_sees_the_same(intact: Routers) -> None:
    """mtr, which asks by echo requests, names the same routers."""
    require("mtr")
    address = far(intact, v6=True)
    told = intact["agent"].run("mtr", "-n", "-r", "-c", "1", "-i", "0.2", "-G", "2", address)
    hops = re.findall(r"^ *\d+\.\|-- +(\S+)", told.stdout, re.MULTILINE)
    assert tuple(hops) == walk(intact, wish(address)).paths[0]


@BOTH
def test_a_silent_router_is_silent_and_not_missing(line: Routers, v6: bool) -> None:
    """The hop of a router that says nothing is empty, and the others keep their places."""
    line.silence("r2")
    facts = walk(line, wish(far(line, v6=v6))).facts()
    expected = way(line, v6=v6)
    expected[1] = ""
    assert facts["hops"] == expected
    assert facts["routers"] == [one for one in expected[:-1] if one]
    assert (facts["outcome"], facts["silent_hops"], facts["hop_count"]) == ("reached", 1, 5)


def test_a_destination_that_says_nothing(line: Routers) -> None:
    """The way is known up to its last router, and not reached; no delay is made up."""
    line.silence("far")
    seen = walk(line, wish(far(line, v6=False), flows=1, tries=1))
    facts = seen.facts()
    assert facts["hops"] == way(line, v6=False)[:-1]
    assert (facts["outcome"], facts["reached"]) == ("silent", False)
    assert not {"delay_ms", "hop_count"} & set(facts)


def test_only_the_destination_answers(line: Routers) -> None:
    """Behind silent routers the destination is still found, and its distance left open."""
    for router in ("r1", "r2", "r3", "r4"):
        line.silence(router)
    facts = walk(line, wish(far(line, v6=False), flows=1, tries=1)).facts()
    assert facts["hops"] == ["", "", "", "", far(line, v6=False)]
    assert (facts["outcome"], facts["routers"]) == ("reached", [])
    assert "hop_count" not in facts


@BOTH
@pytest.mark.parametrize(
    ("kind", "outcome", "word"),
    [
        ("prohibit", "unreachable", "prohibited"),
        ("unreachable", "unreachable", None),
        ("blackhole", "silent", None),
    ],
)
def test_a_router_that_refuses(
    line: Routers, v6: bool, kind: str, outcome: str, word: str | None
) -> None:
    """Who refuses says so and why; a black hole says nothing, and only what is before it shows."""
    line.route("r3", "2001:db8:c:5::/64" if v6 else "198.18.4.0/24", kind)
    facts = walk(line, wish(far(line, v6=v6), flows=1, tries=1, max_hops=4)).facts()
    known = way(line, v6=v6)[: 3 if outcome == "unreachable" else 2]
    assert (facts["outcome"], facts["hops"], facts["reached"]) == (outcome, known, False)
    if outcome == "unreachable":
        assert facts["unreachable_by"] == known[-1]
        assert facts["reason"] in ((word,) if word else ("host", "network"))
    else:
        assert "reason" not in facts


@BOTH
def test_a_loop_is_told(line: Routers, v6: bool) -> None:
    """Two routers that send the packets to each other are a loop, and the walk stops at once."""
    prefix = "2001:db8:c:5::/64" if v6 else "198.18.4.0/24"
    line.route("r3", prefix, f"via {line.address('r2', 'r3', v6=v6)}")
    seen = walk(line, wish(far(line, v6=v6), flows=1))
    facts = seen.facts()
    assert (facts["outcome"], facts["loop"], facts["reached"]) == ("loop", True, False)
    assert len(seen.paths[0]) < 8


def test_a_destination_beyond_the_bound(intact: Routers) -> None:
    """With too few hops allowed the destination is beyond them, not silent."""
    facts = walk(intact, wish(far(intact, v6=False), flows=1, max_hops=3)).facts()
    assert (facts["outcome"], facts["reached"]) == ("beyond", False)
    assert facts["hops"] == way(intact, v6=False)[:3]


def test_a_change_is_told_once(diamond: Routers) -> None:
    """Another way shows as `changed` at the next probe, and no more at the one after it."""
    prefix, ways = "198.18.6.0/24", ("r2", "r3", "r3")
    settings = wish(far(diamond, v6=False, last="r5"))
    told = []

    async def scenario() -> None:
        prober = path.KIND.prober(everywhere())
        for router in ways:
            diamond.route("r1", prefix, f"via {diamond.v4(router, 'r1')}")
            seen = evidence(await probes(prober, settings))
            assert {one[1] for one in seen.paths} == {diamond.v4(router, "r1")}
            told.append(seen.facts().get("changed"))
        await prober.close()

    with diamond["agent"].inside():
        asyncio.run(scenario())
    assert told == [None, True, False]


def test_a_router_that_falls_silent_has_not_changed_the_way(line: Routers) -> None:
    """Neither silence nor the first answer after it is a change."""
    settings = wish(far(line, v6=False), flows=1)
    told = []

    async def scenario() -> None:
        prober = path.KIND.prober(everywhere())
        for act in (lambda: line.silence("r2"), lambda: line.filter("r2"), lambda: None):
            act()
            told.append(evidence(await probes(prober, settings)).facts().get("changed"))
        await prober.close()

    with line["agent"].inside():
        asyncio.run(scenario())
    assert told == [None, False, False]


def test_answers_may_come_back_another_way(diamond: Routers) -> None:
    """Only the way there is shown: answers of r4 over r3 do not bend the hops of r2."""
    diamond.route("r1", "198.18.6.0/24", f"via {diamond.v4('r2', 'r1')}")
    diamond.route("r4", "198.18.0.0/24", f"via {diamond.v4('r3', 'r4')}")
    facts = walk(diamond, wish(far(diamond, v6=False, last="r5"))).facts()
    assert facts["hops"][1] == diamond.v4("r2", "r1")  # type: ignore[index]
    assert (facts["outcome"], facts["hop_count"]) == ("reached", 5)


def test_routers_that_answer_once_a_second_are_not_run_dry(line: Routers) -> None:
    """With Linux's own limits on ICMP errors four flows and the path MTU are complete."""
    for name in line.names:
        for key, value in (("ratelimit", "1000"), ("msgs_per_sec", "1000"), ("msgs_burst", "50")):
            line[name].sysctl(f"net.ipv4.icmp_{key}", value)
    line.set_mtu("r3", "r4", 1_300)
    seen = walk(line, wish(far(line, v6=False), flows=4, wait=1_000_000, mtu=True))
    assert seen.paths == (tuple(way(line, v6=False)),) * 4
    assert seen.mtu == 1_300


def test_loss_makes_hops_silent_and_never_others(line: Routers) -> None:
    """With a third of the packets lost every hop is the true one, or silent."""
    line.filter("r1", "ip daddr 198.18.4.0/24 numgen random mod 3 0 drop", hook="forward")
    seen = walk(line, wish(far(line, v6=False), tries=4))
    for one in seen.paths:
        met = zip(one, [*way(line, v6=False), *[far(line, v6=False)] * 30], strict=False)
        assert all(known in ("", true) for known, true in met)
    assert seen.facts()["balanced"] is False


@BOTH
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_the_path_mtu_and_who_says_it(line: Routers, v6: bool, protocol: str) -> None:
    """A link of 1300 bytes is found by what the router before it says."""
    line.set_mtu("r3", "r4", 1_300)
    facts = walk(line, wish(far(line, v6=v6), protocol=protocol, flows=1, mtu=True)).facts()
    assert (facts["mtu"], facts["mtu_outcome"], facts["mtu_hole"]) == (1_300, "found", False)
    assert facts["mtu_by"] == way(line, v6=v6)[2]


@BOTH
def test_the_own_links_mtu(line: Routers, v6: bool) -> None:
    """Where nothing on the way is narrower, the own interface gives the MTU."""
    line["agent"].run("ip", "link", "set", "r1", "mtu", "1400")
    facts = walk(line, wish(far(line, v6=v6), flows=1, mtu=True)).facts()
    assert (facts["mtu"], facts["mtu_outcome"], facts["mtu_hole"]) == (1_400, "found", False)


def test_an_mtu_hole_is_told(line: Routers) -> None:
    """Large packets vanish where a router says nothing: a hole, and the size that still passes."""
    line.set_mtu("r3", "r4", 1_300)
    line.filter("r3", "icmp type destination-unreachable drop")
    facts = walk(line, wish(far(line, v6=False), flows=1, mtu=True, wait=200_000)).facts()
    assert facts["outcome"] == "reached"
    assert (facts["mtu"], facts["mtu_outcome"], facts["mtu_hole"]) == (1_300, "hole", True)


@BOTH
def test_the_path_mtu_by_echo(line: Routers, v6: bool) -> None:
    """A destination that sends no ICMP errors but answers echo requests still gives the MTU."""
    line.set_mtu("r3", "r4", 1_300)
    line.filter(
        "far", "icmp type destination-unreachable drop", "icmpv6 type destination-unreachable drop"
    )
    facts = walk(line, wish(far(line, v6=v6), flows=1, tries=1, max_hops=5, mtu=True)).facts()
    assert (facts["outcome"], facts["mtu"], facts["mtu_outcome"]) == ("silent", 1_300, "found")


def test_without_any_answer_the_mtu_is_undefined(line: Routers) -> None:
    """A destination that answers nothing has no MTU and no hole."""
    line.filter("far", "drop", hook="input")
    facts = walk(line, wish(far(line, v6=False), flows=1, max_hops=5, mtu=True)).facts()
    assert facts["mtu_outcome"] == "unanswered"
    assert not {"mtu", "mtu_hole"} & set(facts)


@pytest.mark.parametrize(
    ("manner", "believed"),
    [
        (Manner.HONEST, True),
        (Manner.SHORT, True),
        (Manner.FOREIGN_PAYLOAD, False),
        (Manner.FOREIGN_PORT, False),
        (Manner.FOREIGN_DESTINATION, False),
    ],
)
def test_only_answers_to_our_own_packets_count(
    line: Routers, manner: Manner, believed: bool
) -> None:
    """A quote of eight bytes is enough; a foreign payload, port or destination is no answer."""
    line.silence("r1", except_mark=MARK)
    with Answerer(line["r1"], "agent", manner) as router:
        seen = walk(line, wish(far(line, v6=False), flows=1))
    assert router.answered >= 1
    assert seen.paths[0] == (way(line, v6=False)[0] if believed else "", *way(line, v6=False)[1:])


def test_what_was_not_believed_is_counted(line: Routers) -> None:
    """An answer with a foreign payload shows in the counters of the prober."""
    line.silence("r1", except_mark=MARK)
    counted: dict[str, int] = {}

    async def scenario() -> None:
        prober = path.KIND.prober(everywhere())
        await probes(prober, wish(far(line, v6=False), flows=1))
        counted.update(prober.counters())
        await prober.close()

    with Answerer(line["r1"], "agent", Manner.FOREIGN_PAYLOAD), line["agent"].inside():
        asyncio.run(scenario())
    assert counted["foreign"] == 2


def test_a_gateway_that_is_gone_is_told_by_this_host(line: Routers) -> None:
    """Without a neighbour to send to, the way ends before its first hop, by nobody's word."""
    line["agent"].sysctl("net.ipv4.neigh.r1.retrans_time_ms", "100")
    line["r1"].run("ip", "link", "set", "agent", "arp", "off")
    facts = walk(line, wish(far(line, v6=False), flows=1, tries=5)).facts()
    assert (facts["outcome"], facts["reason"]) == ("unreachable", "neighbour")
    assert facts["hops"] == []
    assert "unreachable_by" not in facts


def test_what_this_host_refuses_is_a_fault(line: Routers) -> None:
    """No route, a prohibited one, and an address out of scope say nothing about the way."""
    agent = line["agent"]
    agent.run("ip", "route", "add", "prohibit", "203.0.113.0/24")
    wanted = {
        "192.0.2.9": FaultKind.LOCAL_NETWORK,
        "203.0.113.9": FaultKind.PERMISSION,
        "10.9.9.9": FaultKind.SCOPE,
        "224.0.0.9": FaultKind.SCOPE,
    }

    async def scenario() -> None:
        net = net_of(scope=scope_of("192.0.2.0/24", "203.0.113.0/24", "224.0.0.0/4"))
        prober = path.KIND.prober(net)
        for address, kind in wanted.items():
            one = series(path.KIND, wish(address), family_of(address))
            assert fault((await gather(prober, [one]))[0]).kind is kind
        await prober.close()

    with agent.inside():
        asyncio.run(scenario())


def test_the_time_bounds_everything(line: Routers) -> None:
    """When the time is over the way is as far as it was walked, and whether it ends is open."""
    for router in ("r2", "r3", "r4", "far"):
        line.silence(router)
    settings = wish(far(line, v6=False), flows=2, tries=5, wait=1_000_000, timeout=1_500_000)
    facts = walk(line, settings).facts()
    assert facts["outcome"] == "timeout"
    assert facts["hops"] == way(line, v6=False)[:1]
    assert not {"reached", "loop", "hop_count", "delay_ms"} & set(facts)


def test_two_probes_of_one_address_take_turns(intact: Routers) -> None:
    """Probes begun together use the same ports one after another, and see the same way."""

    async def scenario() -> None:
        prober = path.KIND.prober(everywhere())
        address = far(intact, v6=False)
        one = series(path.KIND, wish(address), family_of(address))
        outcomes = await gather(prober, [one, one])
        seen = [evidence(outcome) for outcome in outcomes]
        assert seen[0].source_ports == seen[1].source_ports
        assert seen[0].paths == seen[1].paths
        await prober.close()

    with intact["agent"].inside():
        run(scenario)
