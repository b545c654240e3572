"""The packet process is killed under load: the daemon says unobserved, and recovers.

SASANDO_PACKET_KILLS is how often (default 2; 100 is the acceptance run).
"""

import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from monitor.ledger.entry import IncidentStepped
from tests.checks.packets import samples
from tests.daemon.place import Place
from tests.daemon.process import Agent
from tests.lab import keepalived
from tests.lab.lan import Lan
from tests.lab.netns import Namespace
from tests.lab.packetprocess import PacketProcess
from tests.lab.parts import need_namespaces, require

KILLS = int(os.environ.get("SASANDO_PACKET_KILLS", "2"))
BUSY = 30
"""Series beside the one that is watched."""
# Twice in three frames no VRRP; bounded, and ended with its namespace.
FLOOD = """
import random, socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("eth0", 0))
good = bytes.fromhex(sys.argv[1])
for _ in range(1_000_000):
    for _ in range(8):
        raw = bytearray(good)
        raw[random.randrange(34, len(raw))] ^= 1 << random.randrange(8)
        s.send(raw)
    time.sleep(0.01)
"""


SERVER = """
import asyncio
async def main():
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 8080, backlog=500)
    await asyncio.wait([asyncio.create_task(server.serve_forever())], timeout=3600)
asyncio.run(main())
"""


def routers(now: dict[str, Any]) -> dict[str, Any]:
    """What stands of the series that the packet process serves."""
    (series,) = (one for one in now["series"] if one["check"] == "vrrp")
    return dict(series)


def unobserved(now: dict[str, Any]) -> bool:
    """The fault stands, and the state with it."""
    series = routers(now)
    return series["fault"] == "packet-process" and series["state"] == "unobserved"


def available(now: dict[str, Any]) -> bool:
    """The routers are heard again."""
    series = routers(now)
    return series["fault"] is None and series["state"] == "available"


def configured(root: Path) -> Place:
    """A daemon that listens to VRRP and is busy besides; a silent router would be an incident."""
    rule = {
        "id": "routers-speak",
        "title": {"en": "Routers speak", "id": "Router berbicara"},
        "check": "vrrp",
        "require": "evidence.heard && !evidence.dual_active",
        "severity": "critical",
        "availability": True,
        "confirm": {"open": "1/1", "close": "1/1"},
    }
    # A router held up for three of its intervals was really silent: no short ones, then.
    vrrp = {"interface": "eth0", "vrid": 51, "advert_interval": "600ms"}
    place = Place(
        root=root,
        rules=[rule],
        interval="300ms",
        agent={"packets": str(root / "packets.sock")},
        links={
            "routers": {
                "site": "core",
                "address": "192.0.2.100",
                "checks": {"icmp": False, "vrrp": {**vrrp, "interval": "1500ms"}},
            }
        },
    )
    for number in range(BUSY):
        place.tcp(f"busy{number}", "tcp://127.0.0.1:8080")
    place.make()
    return place


def flood(host: Namespace) -> None:
    """Some 800 spoilt advertisements a second from now on."""
    host.start(sys.executable, "-c", FLOOD, samples.vrrp_3(addrlist=["192.0.2.100"]).hex())


@pytest.mark.lab
@pytest.mark.timeout(120 + 15 * KILLS)
def test_a_killed_packet_process_is_unobserved_and_never_an_incident(root: Path) -> None:
    """However often it is killed, the daemon goes on, says so, accuses nobody, and hears again."""
    need_namespaces()
    require("keepalived")
    chance, begun = random.Random(os.environ.get("SASANDO_SEED")), time.monotonic()
    place = configured(root)
    with Lan("agent", "router", "hostile") as lan:
        keepalived.start(lan["router"], root / "keepalived", priority=100, interval="0.6")
        flood(lan["hostile"])
        lan["agent"].start(sys.executable, "-c", SERVER)
        wrapper = lan["agent"].argv()
        with (
            PacketProcess(root / "packets.sock", wrapper=wrapper) as packets,
            Agent(place, wrapper=wrapper) as agent,
        ):
            agent.ready()
            for _ in range(KILLS):
                agent.await_now("the routers are heard", available)
                time.sleep(chance.uniform(0, 1.5))  # at any moment of a look
                packets.kill()
                agent.await_now("unobserved", unobserved)
                packets.start()
            agent.await_now("the routers are heard", available)
            assert [one for one in agent.now()["incidents"] if one["check"] == "vrrp"] == []
            assert agent.stop() == 0
    assert [step for step in place.of(IncidentStepped) if step.rule == "routers-speak"] == []
    place.require_intact()
    print(
        f"\nkilled {KILLS} times in {time.monotonic() - begun:.0f} s: each time unobserved with "
        f"the fault packet-process, each time heard again; {len(place.raw_entries())} entries, "
        "no incident; verify intact"
    )
