"""neighbour: who answers for an address; settings, judgement, and real hosts on a bridge."""

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks import neighbour
from checks.neighbour import Known, NeighbourSettings, evidence
from checks.packets.client import PacketClient
from checks.packets.messages import Claim, Resolved
from checks.route import Route, route_to
from monitor.model import Family, FaultKind
from tests.checks.harness import (
    assignment,
    boottime_ns,
    facts,
    fault,
    gather,
    net_of,
    observe,
    run,
    scope_of,
)
from tests.checks.packets import samples
from tests.lab.lan import Lan
from tests.lab.netns import Pair
from tests.lab.packetprocess import PacketProcess
from tests.lab.parts import need_namespaces

REAL, OTHER, VIRTUAL = "02:00:00:00:00:01", "02:00:00:00:00:02", "00:00:5e:00:01:33"
SETTINGS = NeighbourSettings(address="192.0.2.1", interface="eth0", expect=(REAL, VIRTUAL))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path for the socket."""
    with tempfile.TemporaryDirectory(prefix="sn-") as name:
        yield Path(name)


def told(*macs: str, known: Known | None = None, **fields: Any) -> dict[str, Any]:
    """The facts when these answered."""
    values: dict[str, Any] = {
        "id": 1,
        "instance": "a",
        "listening_us": 10**9,
        "asked": 3,
        "more_claims": 0,
        "announced_age_us": None,
        "malformed": 0,
        "lost": 0,
    }
    claims = tuple(Claim(hardware_address=one, age_us=0, answers=3) for one in macs)
    reply = Resolved(claims=claims, **{**values, **fields})
    found = evidence(SETTINGS, reply, known, 10**12).facts()
    assert set(found) <= set(neighbour.NeighbourEvidence.FACTS)
    return found


def known(*macs: str) -> Known:
    """What a look of a minute ago left."""
    return Known(
        hardware_addresses=macs, at_ns=10**12 - 60 * 10**9, instance="a", malformed=0, lost=0
    )


def test_one_that_is_expected_answers() -> None:
    """One hardware address, expected and unchanged; at the first look nothing is said of change."""
    found = told(REAL, known=known(REAL))
    assert (found["answered"], found["count"], found["duplicate"]) == (True, 1, False)
    assert (found["matches"], found["changed"], found["virtual"]) == (True, False, False)
    assert "changed" not in told(REAL)
    assert told(VIRTUAL)["virtual"] is True


def test_a_second_or_another_one_is_seen() -> None:
    """Two are a duplicate; another one is a change and is not expected."""
    found = told(REAL, OTHER, known=known(REAL))
    assert (found["duplicate"], found["changed"], found["matches"]) == (True, True, False)
    assert found["hardware_addresses"] == [REAL, OTHER]
    found = told(OTHER, known=known(REAL))
    assert (found["duplicate"], found["changed"]) == (False, True)


def test_silence_says_nothing_of_addresses() -> None:
    """Without an answer there is no match, no change and nothing virtual."""
    found = told(known=known(REAL))
    assert (found["answered"], found["hardware_addresses"]) == (False, [])
    assert not {"matches", "changed", "virtual"} & set(found)


def test_an_announcement_counts_since_the_last_look() -> None:
    """A gratuitous ARP of a minute ago counts, one of two minutes ago does not."""
    assert told(REAL, known=known(REAL), announced_age_us=59_000_000)["announced"] is True
    assert told(REAL, known=known(REAL), announced_age_us=119_000_000)["announced"] is False


@pytest.mark.parametrize(
    "wishes",
    [
        {"address": "gateway"},
        {"address": "fe80::1%eth0"},
        {"interface": "a b"},
        {"expect": ("02-00-00-00-00-01",)},
        {"expect": ("02:00:00:00:00:0A",)},
        {"spacing": 10_000},
        {"requests": 10},
        {"listen": 11_000_000, "timeout": 20_000_000},
    ],
    ids=str,
)
def test_bad_settings_are_refused(wishes: dict[str, Any]) -> None:
    """Names, zones, other spellings, haste, and looks longer than their timeout."""
    with pytest.raises(ValueError):
        NeighbourSettings(**{"address": "192.0.2.1", **wishes})


def test_what_could_not_be_asked_is_a_fault() -> None:
    """Out of scope, without a packet process, this host itself: a fault each, and no packet."""

    async def scenario() -> None:
        kind, settings = neighbour.KIND, NeighbourSettings(address="192.0.2.1", interface="eth0")
        outside = fault(await observe(kind, settings, net_of()))
        assert outside.kind is FaultKind.SCOPE
        inside = net_of(scope=scope_of("192.0.2.0/24"))
        assert fault(await observe(kind, settings, inside)).kind is FaultKind.PACKET_PROCESS
        client = PacketClient("/nonexistent", boottime_ns)
        own = NeighbourSettings(address="127.0.0.1")
        found = fault(await observe(kind, own, net_of(packets=client)))
        assert "this host's own address" in found.message

    run(scenario)


@pytest.mark.lab
def test_the_route_names_the_interface() -> None:
    """A neighbour is on link; what is behind a router is not; the host's own address is its own."""
    need_namespaces()
    with Pair() as pair, pair.near.inside():
        near = {"192.0.2.2": True, "2001:db8::2": True, "198.18.0.1": False}
        for address, on_link in near.items():
            assert route_to(address) == Route(interface="near0", on_link=on_link, own=False)
        assert route_to("192.0.2.1").own
        with pytest.raises(OSError, match="unreachable"):
            route_to("203.0.113.1")


@pytest.mark.lab
@pytest.mark.timeout(120)
def test_hosts_with_one_address_are_seen(folder: Path) -> None:
    """Over both families: one answers, two are a duplicate, another one is a change, none is
    silence, an announcement is heard; addresses of others do not appear."""
    need_namespaces()

    async def scenario(lan: Lan) -> None:
        client = PacketClient(str(folder / "s"), boottime_ns)
        net = net_of(packets=client, scope=scope_of("192.0.2.0/24", "2001:db8::/32"))
        prober = neighbour.KIND.prober(net)

        async def look(address: str, **wishes: Any) -> dict[str, Any]:
            settings = NeighbourSettings(
                address=address,
                **{
                    "interface": "eth0",
                    "timeout": 10_000_000,
                    "spacing": 100_000,
                    "listen": 300_000,
                    **wishes,
                },
            )
            family = Family.IPV6 if ":" in address else Family.IPV4
            one = assignment(neighbour.KIND, settings, family)
            return facts((await gather(prober, [one]))[0])

        first, second = (_hardware_address(lan, name) for name in ("one", "two"))
        for address in ("192.0.2.100", "2001:db8::100"):
            length = "64" if ":" in address else "24"
            lan["one"].add_addresses(f"{address}/{length}")
            found = await look(address, expect=(first,))
            assert (found["hardware_addresses"], found["duplicate"]) == ([first], False)
            assert (found["matches"], found["asked"]) == (True, 3)
            lan["two"].add_addresses(f"{address}/{length}")
            found = await look(address)
            assert (found["hardware_addresses"], found["duplicate"]) == (
                sorted((first, second)),
                True,
            )
            lan["one"].run("ip", "address", "del", f"{address}/{length}", "dev", "eth0")
            found = await look(address)
            assert (found["hardware_addresses"], found["changed"]) == ([second], True)
            lan["two"].run("ip", "address", "del", f"{address}/{length}", "dev", "eth0")
            found = await look(address)
            assert (found["answered"], found["count"]) == (False, 0)
        assert (await look("192.0.2.2"))["announced"] is False
        with lan["one"].inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as saying:
            saying.bind(("eth0", 0))
            mine = {"psrc": "192.0.2.2", "pdst": "192.0.2.2", "hwsrc": first}
            saying.send(samples.arp("ff:ff:ff:ff:ff:ff", op=1, **mine))
        assert (await look("192.0.2.2"))["announced"] is True
        lan["agent"].run("ip", "address", "flush", "dev", "eth0")
        assert (await look("192.0.2.2"))["hardware_addresses"] == [first], "an ARP probe"
        lan.cut("agent")
        settings = NeighbourSettings(address="192.0.2.2", interface="eth0", timeout=10_000_000)
        one = assignment(neighbour.KIND, settings, Family.IPV4)
        cut = fault((await gather(prober, [one]))[0])
        assert (cut.kind, "no carrier" in cut.message) == (FaultKind.LOCAL_NETWORK, True)
        await prober.close()
        await client.close()

    with (
        Lan("agent", "one", "two") as lan,
        PacketProcess(folder / "s", wrapper=lan["agent"].argv()),
    ):
        asyncio.run(asyncio.wait_for(scenario(lan), 100))


def _hardware_address(lan: Lan, name: str) -> str:
    shown = lan[name].run("ip", "-brief", "link", "show", "eth0").stdout
    return shown.split()[2]
