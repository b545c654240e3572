"""vrrp against keepalived on a bridge: who speaks, failover and its time, two Actives at once."""

import asyncio
import itertools
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from checks import vrrp
from checks.first_hop import rfc3339
from checks.packets.client import PacketClient
from checks.vrrp import VrrpSettings
from monitor.model import Family
from tests.checks.harness import assignment, boottime_ns, facts, gather, net_of, wall_us
from tests.lab import keepalived
from tests.lab.lan import Lan
from tests.lab.packetprocess import PacketProcess
from tests.lab.parts import need_namespaces, require

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]
ONE, TWO = "192.0.2.2", "192.0.2.3"
_groups = itertools.count(51)
LOOKS = 60
"""Bound of every wait: looks of half a second and more."""


class Watch:
    """Looks at a group from `agent`, one look after the other, as the engine would."""

    def __init__(self, folder: Path, **wishes: Any) -> None:
        self._client = PacketClient(str(folder / "s"), boottime_ns)
        self._prober = vrrp.KIND.prober(net_of(packets=self._client))
        self.settings = VrrpSettings(
            interface="eth0",
            advert_interval=300_000,
            interval=500_000,
            **wishes,
        )

    async def look(self) -> dict[str, Any]:
        """The facts of one look."""
        family = Family(self.settings.family)
        (outcome,) = await gather(self._prober, [assignment(vrrp.KIND, self.settings, family)])
        return facts(outcome)

    async def until(self, what: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The first look of which this holds."""
        for _ in range(LOOKS):
            found = await self.look()
            if holds(found):
                return found
            await asyncio.sleep(0.3)
        raise TimeoutError(f"awaited in vain: {what}; the last look: {found}")

    async def close(self) -> None:
        """Ask no more."""
        await self._prober.close()
        await self._client.close()


def watching(folder: Path, act: Callable[[Watch], Any], **wishes: Any) -> None:
    """Run `act` with a watch on the loop of this test."""

    async def scenario() -> None:
        watch = Watch(folder, **wishes)
        try:
            await act(watch)
        finally:
            await watch.close()

    asyncio.run(asyncio.wait_for(scenario(), 150))


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    """The agent with its packet process, and two hosts."""
    need_namespaces()
    require("keepalived")
    with Lan("agent", "one", "two") as made:
        yield made


@pytest.fixture(scope="module")
def folder(lan: Lan) -> Iterator[Path]:
    """A short path for sockets and pid files, with the packet process's socket in it."""
    with (
        tempfile.TemporaryDirectory(prefix="sv-") as name,
        PacketProcess(Path(name) / "s", wrapper=lan["agent"].argv()),
    ):
        yield Path(name)


class Routers:
    """keepalived on the two hosts; killed, and their addresses with them, when a test ends."""

    def __init__(self, lan: Lan, folder: Path, group: int) -> None:
        self._lan, self._folder, self.group = lan, folder, group
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, **wishes: Any) -> None:
        """Start one on this host."""
        place = self._folder / f"{name}{len(list(self._folder.iterdir()))}"
        self._started[name] = keepalived.start(self._lan[name], place, group=self.group, **wishes)

    def leave(self, name: str) -> None:
        """End it by SIGTERM: it says farewell."""
        self._started[name].terminate()

    def kill(self, name: str) -> None:
        """End it by SIGKILL, and take the address that stays on its host."""
        keepalived.kill(self._started.pop(name))
        for address in ("192.0.2.100/24", "2001:db8::100/64", "fe80::100/64"):
            self._lan[name].run("ip", "address", "del", address, "dev", "eth0", check=False)

    def close(self) -> None:
        """End them all."""
        for name in list(self._started):
            self.kill(name)


@pytest.fixture
def routers(lan: Lan, folder: Path) -> Iterator[Routers]:
    """Routers of this test alone, in a group of its own: the packet process remembers others."""
    made = Routers(lan, folder, next(_groups))
    yield made
    made.close()


def test_a_failed_active_is_seen_with_its_time(routers: Routers, folder: Path) -> None:
    """Both routers run, one speaks; its end without a farewell is a failover with its gap; its
    return pre-empts, and only then the other is known to be a backup."""

    async def act(watch: Watch) -> None:
        routers.start("one", priority=150)
        found = await watch.until("one speaks", lambda f: f.get("active") == ONE)
        routers.start("two", priority=100)
        found = await watch.until("all was listened to", lambda f: f.get("failovers") == 0)
        assert (found["speakers"], found["dual_active"], found["leaving"]) == ([ONE], False, False)
        assert (found["priority"], found["version"], found["advert_interval_ms"]) == (150, 3, 300)
        assert (found["addresses"], found["addresses_match"]) == (["192.0.2.100"], True)
        assert (found["unconfigured"], found["priority_matches"]) == ([], True)
        assert "backup_seen" not in found, "hearing one router proves no second one"
        before_us = wall_us()
        routers.kill("one")
        found = await watch.until("two took over", lambda f: f.get("failovers"))
        assert (found["active"], found["failovers"]) == (TWO, 1)
        assert 900 <= found["last_failover_gap_ms"] < 20_000
        assert found["priority_matches"] is False
        assert found["last_failover_at"] > rfc3339(before_us)
        assert "backup_seen" not in found, "the other one has failed"
        routers.start("one", priority=150)
        found = await watch.until("one is back", lambda f: f.get("active") == ONE)
        found = await watch.until("two gave way", lambda f: f.get("backup_seen"))
        assert found["dual_active"] is False

    watching(
        folder,
        act,
        vrid=routers.group,
        routers=(ONE, TWO),
        addresses=("192.0.2.100",),
        active_priority=150,
    )


def test_an_active_that_leaves_says_so(routers: Routers, folder: Path) -> None:
    """SIGTERM sends a priority of 0: leaving is seen, and a short gap; then nobody is left."""

    async def act(watch: Watch) -> None:
        routers.start("one", priority=150)
        await watch.until("one speaks", lambda f: f.get("active") == ONE)
        routers.start("two", priority=100)
        await asyncio.sleep(1.5)  # two is a backup once it has heard an advertisement
        routers.leave("one")
        found = await watch.until("one leaves", lambda f: f["leaving"])
        if not found.get("failovers"):  # two speaks a moment later, perhaps after this look
            found = await watch.until("two took over", lambda f: f.get("failovers"))
        assert found["active"] == TWO
        assert found["last_failover_gap_ms"] < 900
        routers.leave("two")
        found = await watch.until("nobody speaks", lambda f: not f["heard"])
        assert (found["speakers"], found["speaker_count"], found["dual_active"]) == ([], 0, False)
        assert "active" not in found
        assert "priority" not in found

    watching(folder, act, vrid=routers.group)


def test_two_actives_and_a_stranger_are_seen(lan: Lan, routers: Routers, folder: Path) -> None:
    """Routers that do not hear one another are both Active; who is not configured is named."""
    for name in ("one", "two"):
        rules = "type filter hook input priority 0; policy accept; ip protocol vrrp drop"
        lan[name].run("nft", "-f", "-", stdin=f"table ip lab {{ chain in {{ {rules}; }}; }}\n")

    async def act(watch: Watch) -> None:
        routers.start("one", priority=150)
        routers.start("two", priority=100)
        found = await watch.until("a split", lambda f: f["dual_active"])
        assert found["speakers"] == [ONE, TWO]
        assert "active" not in found
        assert found["unconfigured"] == [TWO]
        assert "backup_seen" not in found
        lan.cut("two")
        await watch.until("the split is over", lambda f: not f["dual_active"] and f.get("active"))

    try:
        watching(folder, act, vrid=routers.group, routers=(ONE,))
    finally:
        lan.join("two")
        for name in ("one", "two"):
            lan[name].run("nft", "delete", "table", "ip", "lab")


def test_other_versions_and_families_are_heard(routers: Routers, folder: Path) -> None:
    """Version 2 over IPv4; version 3 over IPv6, where routers speak from link-local addresses."""

    async def over_ipv4(watch: Watch) -> None:
        found = await watch.until("one speaks", lambda f: f.get("version") == 2)
        assert found["advert_interval_ms"] == 1_000

    async def over_ipv6(watch: Watch) -> None:
        found = await watch.until("two speaks", lambda f: f.get("active"))
        assert found["addresses"] == ["fe80::100", "2001:db8::100"]
        assert (found["version"], found["active"][:6]) == (3, "fe80::")

    routers.start("one", priority=150, version=2, interval="1")
    routers.start("two", priority=150, addresses=("fe80::100/64", "2001:db8::100/64"))
    watching(folder, over_ipv6, vrid=routers.group, family=6)
    watching(folder, over_ipv4, vrid=routers.group)
