"""hsrp on a bridge: frames made by hand, since no HSRP router runs here."""

import asyncio
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from checks import hsrp
from checks.hsrp import HsrpSettings
from checks.packets.client import PacketClient
from monitor.model import Family
from tests.checks.harness import assignment, boottime_ns, facts, gather, net_of
from tests.checks.packets import samples
from tests.lab.lan import Lan
from tests.lab.netns import Namespace
from tests.lab.packetprocess import PacketProcess
from tests.lab.parts import need_namespaces

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
ONE, TWO = "192.0.2.2", "192.0.2.3"
ACTIVE, STANDBY = 6, 5


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path for the socket."""
    with tempfile.TemporaryDirectory(prefix="sh-") as name:
        yield Path(name)


class Router:
    """Says hello every 0.1 s as long as it lives; `state` and `opcode` can be changed."""

    def __init__(self, host: Namespace, source: str, state: int) -> None:
        self.state, self.opcode = state, 0
        self._source = source
        with host.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind((host.link, 0))
        self._task = asyncio.ensure_future(self._speak())

    async def _speak(self) -> None:
        while True:
            hello = samples.hsrp_2(
                source=self._source,
                state=self.state,
                opcode=self.opcode,
                hellotime=100,
                holdtime=1_000,
            )
            self._socket.send(hello)
            await asyncio.sleep(0.1)

    def stop(self) -> None:
        """Fall silent."""
        self._task.cancel()
        self._socket.close()


def test_roles_resignation_split_and_silence(folder: Path) -> None:
    """Active and Standby are heard in their roles; a resignation hands over; two Actives are a
    split; a silent Standby is missed."""
    need_namespaces()

    async def scenario(lan: Lan) -> None:
        client = PacketClient(str(folder / "s"), boottime_ns)
        prober = hsrp.KIND.prober(net_of(packets=client))
        settings = HsrpSettings(
            interface="eth0",
            group=700,
            version=2,
            routers=(ONE, TWO),
            virtual_address="192.0.2.100",
            listen=1_200_000,
            interval=300_000,
        )

        async def until(what: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
            for _ in range(60):
                one = assignment(hsrp.KIND, settings, Family.IPV4)
                found = facts((await gather(prober, [one]))[0])
                if holds(found):
                    return found
                await asyncio.sleep(0.2)
            raise TimeoutError(f"awaited in vain: {what}; the last look: {found}")

        first = Router(lan["one"], ONE, ACTIVE)
        second = Router(lan["two"], TWO, STANDBY)
        found = await until("both roles", lambda f: f.get("both_heard"))
        assert (found["active"], found["standby"]) == (ONE, TWO)
        assert (found["virtual_address_matches"], found["dual_active"]) == (True, False)
        assert (found["hello_ms"], found["hold_ms"], found["unconfigured"]) == (100, 1_000, [])
        first.opcode = 2
        await until("one resigns", lambda f: f["leaving"])
        second.state = ACTIVE
        await until("two took over", lambda f: f.get("active") == TWO)
        first.opcode = 0
        found = await until("a split", lambda f: f["dual_active"])
        assert "active" not in found
        first.stop()
        found = await until("two is alone", lambda f: not f["dual_active"] and f.get("active"))
        assert (found["standby_seen"], found["both_heard"]) == (False, False)
        second.stop()
        found = await until("silence", lambda f: not f["heard"])
        assert "standby_seen" not in found
        await prober.close()
        await client.close()

    with (
        Lan("agent", "one", "two") as lan,
        PacketProcess(folder / "s", wrapper=lan["agent"].argv()),
    ):
        asyncio.run(asyncio.wait_for(scenario(lan), 100))
