"""An agent, two routers and a site: one service that is reached over either of two legs.

    agent ── r1 ── site        192.0.2.0/30, 198.51.100.0/30
       └──── r2 ────┘          192.0.2.4/30, 198.51.100.4/30
                               the service: 203.0.113.7, on the site's loopback

The agent's route says which leg is used; the site answers over the leg that was asked on. Nothing
routes out.
"""

import socket
import struct
import time
from contextlib import ExitStack
from itertools import pairwise
from types import TracebackType
from typing import Self

from tests.lab.netns import Namespace
from tests.lab.threaded import Sockets

SERVICE = "203.0.113.7"
LEGS = ("192.0.2.2", "192.0.2.6")
"""The routers as the agent sees them."""
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("=qq")


class TwoLegs:
    """The four namespaces; leg 0 is in use at first."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            names = ("agent", "r1", "r2", "site")
            self.agent, self.r1, self.r2, self.site = (
                self._namespace(stack, link) for link in names
            )
            self._join(self.agent, "192.0.2.1/30", self.r1, "192.0.2.2/30")
            self._join(self.agent, "192.0.2.5/30", self.r2, "192.0.2.6/30")
            self._join(self.r1, "198.51.100.1/30", self.site, "198.51.100.2/30")
            self._join(self.r2, "198.51.100.5/30", self.site, "198.51.100.6/30")
            self._route()
            self._ends = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.close()

    def cut(self) -> str:
        """Shell: leg 0 swallows everything, as a cable behind the router that was pulled."""
        rule = "table inet cut { chain c { type filter hook forward priority 0; policy drop; }; }"
        return f"{self._at(self.r1)} nft '{rule}'"

    def heal(self) -> str:
        """Shell: leg 0 forwards again."""
        return f"{self._at(self.r1)} nft delete table inet cut"

    def use(self, leg: int) -> str:
        """Shell: the agent goes over this leg."""
        return f"{self._at(self.agent)} ip route replace {SERVICE}/32 via {LEGS[leg]}"

    @staticmethod
    def _at(place: Namespace) -> str:
        return f"nsenter --net={place.path}"

    @staticmethod
    def _namespace(stack: ExitStack, link: str) -> Namespace:
        made = Namespace(v4="", v6="", link=link)
        stack.callback(made.close)
        made.run("ip", "link", "set", "lo", "up")
        made.sysctl("net.ipv4.ip_forward", "1")
        made.sysctl("net.ipv4.ping_group_range", "0 2147483647")
        return made

    @staticmethod
    def _join(here: Namespace, address: str, there: Namespace, other: str) -> None:
        near, far = f"to-{there.link}", f"to-{here.link}"
        peer = ["peer", "name", far, "netns", str(there.pid)]
        here.run("ip", "link", "add", near, "type", "veth", *peer)
        for end, name, own in ((here, near, address), (there, far, other)):
            end.run("ip", "address", "add", own, "dev", name)
            end.run("ip", "link", "set", name, "up")

    def _route(self) -> None:
        self.site.run("ip", "address", "add", f"{SERVICE}/32", "dev", "lo")
        for router, way in ((self.r1, "198.51.100.2"), (self.r2, "198.51.100.6")):
            router.run("ip", "route", "add", f"{SERVICE}/32", "via", way)
        self.site.run("ip", "route", "add", "192.0.2.0/30", "via", "198.51.100.1")
        self.site.run("ip", "route", "add", "192.0.2.4/30", "via", "198.51.100.5")
        self.agent.run("ip", "route", "add", f"{SERVICE}/32", "via", LEGS[0])
        self._await_way()

    def _await_way(self) -> None:
        # A new carrier's routes and neighbours take a moment; both legs are used once.
        for leg in (1, 0):
            self.agent.run("ip", "route", "replace", f"{SERVICE}/32", "via", LEGS[leg])
            for _ in range(50):
                ping = ("ping", "-c", "1", "-W", "1", "-w", "2", SERVICE)
                if self.agent.run(*ping, check=False).returncode == 0:
                    break
                time.sleep(0.1)
            else:
                raise TimeoutError(f"leg {leg} does not carry")


class Replies(Sockets):
    """Every echo reply of the service that reaches the agent, by the kernel's arrival stamps."""

    def __init__(self, place: Namespace) -> None:
        with place.inside():
            taps = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        taps.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        taps.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.times_ns: list[int] = []
        super().__init__(taps)

    def silences_s(self, count: int) -> list[float]:
        """The longest times between two replies, in the order of time."""
        pairs = sorted(pairwise(self.times_ns), key=lambda p: p[0] - p[1])[:count]
        return [(after - before) / 1e9 for before, after in sorted(pairs)]

    def _take(self, sock: socket.socket) -> None:
        packet, ancillary, _, place = sock.recvmsg(256, 64)
        reply = packet[9] == 1 and packet[20] == 0 and place[2] != socket.PACKET_OUTGOING
        if reply and packet[12:16] == socket.inet_aton(SERVICE):
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2][:16])
            self.times_ns.append(seconds * 1_000_000_000 + nanoseconds)
