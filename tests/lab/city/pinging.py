"""Plain echo requests from a node: the measure of the lab that owes Sasando nothing.

By a ping socket of the kernel's: one process, an exact number sent, and every answer kept in the
order in which it came. (`ping -c` without `-w` can hang on a spoiled answer, and with it sends
more than it was told to.)
"""

import select
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from tests.lab.city.city import City
from tests.lab.city.node import Node

_DISCOVER, _DO = 10, 2  # IP_MTU_DISCOVER, IP_PMTUDISC_DO: never in fragments
_ECHO = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pings:
    """What came back."""

    sent: int
    sequence: tuple[int, ...]
    """Numbers of the answers in the order of arrival, the first copy of each."""
    times_ms: tuple[float, ...]
    duplicates: int

    @property
    def lost(self) -> int:
        """How many never came."""
        return self.sent - len(self.sequence)

    @property
    def median_ms(self) -> float:
        """NaN where nothing came."""
        return median(self.times_ms) if self.times_ms else float("nan")


def ping(
    node: Node,
    address: str,
    count: int = 20,
    *,
    every_s: float = 0.005,
    wait_s: float = 0.5,
    size: int = 56,
) -> Pings:
    """Send `count` echo requests with `size` bytes of payload; wait so long after the last one."""
    with node.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    sent: dict[int, float] = {}
    came: list[tuple[int, float]] = []
    with sock:
        sock.setsockopt(socket.IPPROTO_IP, _DISCOVER, _DO)
        sock.setblocking(False)
        for number in range(1, count + 1):
            sent[number] = time.monotonic()
            request = struct.pack("!BBHHH", _ECHO, 0, 0, 0, number).ljust(8 + size)
            with suppress(OSError):  # no route: it is lost like any other
                sock.sendto(request, (address, 0))
            _collect(sock, came, sent[number] + every_s, wanted=0)
        _collect(sock, came, time.monotonic() + wait_s, wanted=count)
    first = dict(reversed(came))
    return Pings(
        sent=count,
        sequence=tuple(dict.fromkeys(number for number, _ in came)),
        times_ms=tuple((first[n] - sent[n]) * 1e3 for n in dict.fromkeys(n for n, _ in came)),
        duplicates=len(came) - len(first),
    )


def answers(city: City, address: str) -> bool:
    """Whether one of three echo requests from the agent's place comes back."""
    return ping(city.operations, address, 3).lost < 3


def _collect(
    sock: socket.socket, came: list[tuple[int, float]], until: float, *, wanted: int
) -> None:
    """Take answers until this moment, or until so many different ones are there."""
    while (left := until - time.monotonic()) > 0:
        if wanted and len({number for number, _ in came}) >= wanted:
            return
        ready, _, _ = select.select([sock], [], [], left)
        if not ready:
            return
        try:
            packet = sock.recv(2_048)
        except OSError:  # an ICMP error, told by the kernel
            continue
        came.append((struct.unpack_from("!H", packet, 6)[0], time.monotonic()))
