"""The egress check on a host with two uplinks and rules of its own, in the lab."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from checks import egress
from checks.egress_evidence import EgressSettings, Uplink
from monitor.model import FaultKind
from tests.checks.harness import facts, fault, observe, run
from tests.checks.path_scene import WAIT_US, everywhere, family_of
from tests.lab.parts import need_namespaces, require
from tests.lab.routers import Routers

pytestmark = pytest.mark.lab
UPLINKS = (
    ("agent", "isp1"),
    ("agent", "isp2"),
    ("isp1", "core"),
    ("isp2", "core"),
    ("core", "far"),
)
BOTH = pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
MARK = 5


@pytest.fixture
def net() -> Iterator[Routers]:
    """An agent that leaves by isp1, and by isp2 when source, interface or mark say so."""
    need_namespaces()
    with Routers(UPLINKS, balanced=()) as made:
        for family, v6, prefix in (
            ("-4", False, "198.18.4.0/24"),
            ("-6", True, "2001:db8:c:5::/64"),
        ):
            agent, second = made["agent"], made.address("isp2", "agent", v6=v6)
            agent.run("ip", family, "route", "add", prefix, "via", second, "table", "102")
            agent.run("ip", family, "route", "add", prefix, "via", second, "metric", "4096")
            source = made.address("agent", "isp2", v6=v6)
            agent.run("ip", family, "rule", "add", "from", source, "lookup", "102")
            agent.run("ip", family, "rule", "add", "fwmark", str(MARK), "lookup", "102")
        yield made


def wish(
    net: Routers, uplinks: dict[str, Uplink], *, v6: bool = False, **more: Any
) -> EgressSettings:
    """Settings for the lab."""
    address = net.address("far", "core", v6=v6)
    return EgressSettings(**{"address": address, "uplinks": uplinks, "wait": WAIT_US, **more})


def look(net: Routers, settings: EgressSettings) -> dict[str, Any]:
    """The facts of one probe."""
    found: dict[str, Any] = {}

    async def scenario() -> None:
        family = family_of(settings.address)
        found.update(facts(await observe(egress.KIND, settings, everywhere(), family)))

    with net["agent"].inside():
        asyncio.run(asyncio.wait_for(scenario(), 60))
    return found


def sources(net: Routers, *, v6: bool = False) -> dict[str, Uplink]:
    """Both uplinks by their source addresses."""
    return {
        name: Uplink(
            source=net.address("agent", name, v6=v6), first_hop=net.address(name, "agent", v6=v6)
        )
        for name in ("isp1", "isp2")
    }


@BOTH
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_both_uplinks_carry_and_the_default_is_known(net: Routers, v6: bool, protocol: str) -> None:
    """By source address each uplink shows its own first hop; unasked, traffic takes the first."""
    settings = wish(net, sources(net, v6=v6), v6=v6, protocol=protocol)

    async def scenario() -> None:
        found = facts(
            await observe(egress.KIND, settings, everywhere(), family_of(settings.address))
        )
        assert found["outcomes"] == {"isp1": "reached", "isp2": "reached"}
        assert found["first_hops"] == {
            name: net.address(name, "agent", v6=v6) for name in ("isp1", "isp2")
        }
        assert (found["uplinks"], found["working"], found["working_at_least"]) == (2, 2, 2)
        assert (found["failed"], found["unmeasured"]) == ([], [])
        assert (found["default_uplink"], found["as_expected"]) == ("isp1", True)
        assert found["default_source"] == net.address("agent", "isp1", v6=v6)
        assert set(found["delays_ms"]) == {"isp1", "isp2"}

    with net["agent"].inside():
        run(scenario)


@BOTH
def test_an_interface_and_a_mark_choose_the_way(net: Routers, v6: bool) -> None:
    """A socket bound to an interface, and one with a mark, leave by the second uplink."""
    uplinks = {"card": Uplink(interface="isp2"), "mark": Uplink(mark=MARK)}
    found = look(net, wish(net, uplinks, v6=v6))
    second = net.address("isp2", "agent", v6=v6)
    assert found["first_hops"] == {"card": second, "mark": second}
    assert found["working"] == 2
    assert not {"default_uplink", "as_expected"} & set(found)
    assert found["default_first_hop"] == net.address("isp1", "agent", v6=v6)


def test_the_default_follows_the_routes(net: Routers) -> None:
    """When the routing table prefers the second uplink, that one is the default."""
    net["agent"].run("ip", "route", "del", "198.18.4.0/24", "via", net.v4("isp1", "agent"))
    uplinks = {"one": Uplink(interface="isp1"), "two": Uplink(interface="isp2")}
    found = look(net, wish(net, uplinks, tries=1))
    assert found["default_uplink"] == "two"


def test_a_dead_uplink_fails_and_the_other_works(net: Routers) -> None:
    """What lies behind the first hop of one uplink is gone: silence there, and nowhere else."""
    net.filter("isp2", "drop", hook="forward")
    found = look(net, wish(net, sources(net)))
    assert found["outcomes"] == {"isp1": "reached", "isp2": "silent"}
    assert (found["working"], found["failed"]) == (1, ["isp2"])
    assert (found["first_hops"]["isp2"], found["as_expected"]) == (net.v4("isp2", "agent"), True)
    assert "isp2" not in found["delays_ms"]


def test_a_provider_that_refuses_says_why(net: Routers) -> None:
    """A router's refusal is the outcome of its uplink, with its reason."""
    net.route("isp2", "198.18.4.0/24", "prohibit")
    found = look(net, wish(net, sources(net)))
    assert found["outcomes"]["isp2"] == "unreachable"
    assert found["reasons"] == {"isp2": "prohibited"}


def test_an_uplink_this_host_does_not_have_has_failed(net: Routers) -> None:
    """No interface, no address and no route are the uplink's own failure, each by its name."""
    net["agent"].run("ip", "rule", "add", "from", net.v4("agent", "isp2"), "prohibit", "pref", "1")
    net["agent"].run("ip", "rule", "add", "fwmark", "9", "unreachable", "pref", "2")
    uplinks = {
        "gone": Uplink(interface="wwan0"),
        "moved": Uplink(source="198.18.1.77"),
        "cut": Uplink(mark=9),
        "good": Uplink(interface="isp1"),
    }
    found = look(net, wish(net, uplinks))
    assert found["outcomes"] == {
        "gone": "no-interface",
        "moved": "no-address",
        "cut": "no-route",
        "good": "reached",
    }
    assert (found["working"], found["failed"]) == (1, ["gone", "moved", "cut"])


def test_the_wrong_first_hop_is_told(net: Routers) -> None:
    """An uplink that leaves by another router than the expected one is not as expected."""
    wrong = {"isp1": Uplink(source=net.v4("agent", "isp1"), first_hop=net.v4("isp2", "agent"))}
    assert look(net, wish(net, wrong))["as_expected"] is False


def test_a_silent_first_hop_is_neither_right_nor_wrong(net: Routers) -> None:
    """Where the expected router says nothing, `as_expected` is undefined."""
    net.silence("isp2")
    found = look(net, wish(net, sources(net)))
    assert found["working"] == 2
    assert "as_expected" not in found
    assert list(found["first_hops"]) == ["isp1"]


UNPRIVILEGED = """
import asyncio, json, sys
from checks import egress
from checks.egress_evidence import EgressSettings, Uplink
from tests.checks.harness import facts, observe
from tests.checks.path_scene import everywhere, family_of

async def main():
    told = {}
    for names in json.loads(sys.argv[2]):
        uplinks = {name: Uplink(**{name: value}) for name, value in names.items()}
        settings = EgressSettings(address=sys.argv[1], uplinks=uplinks)
        outcome = await observe(egress.KIND, settings, everywhere(), family_of(sys.argv[1]))
        told[",".join(names)] = facts(outcome) if outcome.evidence else outcome.fault.kind.value
    print(json.dumps(told))

asyncio.run(main())
"""


def test_without_privilege_a_mark_is_not_measured(net: Routers) -> None:
    """A process without capabilities binds to interfaces; a mark is refused, and nobody's fault."""
    require("setpriv")
    wishes = json.dumps([{"interface": "isp2", "mark": MARK}, {"mark": MARK}])
    command = net["agent"].argv(
        *("setpriv", "--bounding-set", "-all", "--inh-caps", "-all"),
        *(sys.executable, "-c", UNPRIVILEGED, net.v4("far", "core"), wishes),
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    both = told["interface,mark"]
    assert both["outcomes"] == {"interface": "reached", "mark": "permission"}
    assert both["unmeasured"] == ["mark"]
    assert (both["working_at_least"], both["working_at_most"]) == (1, 2)
    assert not {"working", "failed"} & set(both)
    assert "use source or interface" in both["reasons"]["mark"]
    assert told["mark"] == FaultKind.PERMISSION.value


def test_an_address_out_of_scope_is_not_asked(net: Routers) -> None:
    """The destination must lie inside the scope, whatever the uplink."""
    settings = EgressSettings(address="192.0.2.1", uplinks={"one": Uplink(interface="isp1")})

    async def scenario() -> None:
        outcome = await observe(egress.KIND, settings, None, family_of(settings.address))
        assert fault(outcome).kind is FaultKind.SCOPE

    with net["agent"].inside():
        asyncio.run(scenario())
