"""What went over an interface of a node, with the kernel's time stamps: truth by packets.

    with Capture(city.nodes["core1"], "dukcapil-fo") as seen:
        ...
    seen.gap(lambda packet: packet.icmp_type == 0)     # the longest silence among these, in ns

A raw AF_PACKET socket and a thread; bounded, and what the kernel dropped is counted.
"""

import itertools
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address

from tests.lab.city.node import Node
from tests.lab.threaded import Sockets

_ALL, _IPV4 = 0x0003, 0x0800
_STAMPNS = 35
"""SO_TIMESTAMPNS: the socket's control messages carry a struct timespec of CLOCK_REALTIME."""
_PACKET_STATISTICS = 6
_MOST = 200_000
_HEADERS = 128
"""Addresses, ports and types are kept; a payload is not."""
_ETHERNET = 14
_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """An IPv4 packet's headers as they passed."""

    at_ns: int
    """Wall clock of the kernel."""
    source: str
    target: str
    protocol: int
    payload: bytes
    """The first bytes behind the IP header."""
    length: int
    sent: bool
    """It left the node here; else it came in."""

    @property
    def icmp_type(self) -> int | None:
        """8 asks, 0 answers; None where it is no ICMP."""
        return self.payload[0] if self.protocol == socket.IPPROTO_ICMP and self.payload else None

    @property
    def icmp_sequence(self) -> int:
        """The number of an echo."""
        return int(struct.unpack_from("!H", self.payload, 6)[0])


class Capture(Sockets):
    """Captures from entering to leaving."""

    def __init__(self, node: Node, interface: str) -> None:
        with node.inside():
            self._taps = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
            self._taps.bind((interface, _ALL))
        self._taps.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._taps.setsockopt(socket.SOL_SOCKET, _STAMPNS, 1)
        self._taps.setblocking(False)
        super().__init__(self._taps)
        self.packets: list[Packet] = []
        self.dropped = 0
        """Packets that passed unseen, because buffer or list was full."""

    def gap(self, wanted: Callable[[Packet], bool]) -> int:
        """The longest time between two packets that are wanted, in ns; ValueError below two."""
        times = [packet.at_ns for packet in self.packets if wanted(packet)]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def _take(self, sock: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                frame, control, _, origin = sock.recvmsg(_HEADERS + _ETHERNET, 64)
            except OSError:  # nothing is left; or the interface went down, and may come back
                return
            packet = _packet(frame, control, sent=origin[2] == socket.PACKET_OUTGOING)
            if packet is not None and len(self.packets) < _MOST:
                self.packets.append(packet)
            elif packet is not None:
                self.dropped += 1

    def _close(self) -> None:
        statistics = self._taps.getsockopt(263, _PACKET_STATISTICS, 8)  # SOL_PACKET
        self.dropped += struct.unpack("II", statistics)[1]
        super()._close()


def _packet(frame: bytes, control: list[tuple[int, int, bytes]], *, sent: bool) -> Packet | None:
    if len(frame) < _ETHERNET + 20 or struct.unpack_from("!H", frame, 12)[0] != _IPV4:
        return None
    head = frame[_ETHERNET:]
    behind = (head[0] & 0x0F) * 4
    seconds, nanoseconds = struct.unpack("qq", control[0][2][:16]) if control else (0, 0)
    return Packet(
        at_ns=seconds * 1_000_000_000 + nanoseconds,
        source=str(IPv4Address(head[12:16])),
        target=str(IPv4Address(head[16:20])),
        protocol=head[9],
        payload=head[behind:],
        length=struct.unpack_from("!H", head, 2)[0],
        sent=sent,
    )
