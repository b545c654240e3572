"""A router that answers packets whose hops are used up in a way of its own, right or wrong.

    with Answerer(net["r1"], "agent", Manner.SHORT): ...

The kernel of that router must be silent (`Routers.silence` with `except_mark=MARK`). IPv4 and UDP
only. One thread; ended with the block.
"""

import socket
import struct
from enum import Enum, auto

from tests.lab.netns import Namespace
from tests.lab.threaded import Sockets

MARK = 7
_SO_MARK = 36
_ETH_P_IP = 0x0800


class Manner(Enum):
    """How the router answers."""

    HONEST = auto()
    SHORT = auto()
    """It quotes the IP header and eight bytes (RFC 792)."""
    FOREIGN_PAYLOAD = auto()
    """It quotes the right addresses and ports, and another payload."""
    FOREIGN_PORT = auto()
    """It quotes another source port."""
    FOREIGN_DESTINATION = auto()
    """It quotes another destination."""


class Answerer(Sockets):
    """Answers on one interface of a namespace until the block ends."""

    def __init__(self, router: Namespace, interface: str, manner: Manner) -> None:
        self._manner = manner
        self.answered = 0
        with router.inside():
            taps = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
            taps.bind((interface, _ETH_P_IP))
            self._out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._out.setsockopt(socket.SOL_SOCKET, _SO_MARK, MARK)
        super().__init__(taps)

    def _take(self, sock: socket.socket) -> None:
        packet, (_, _, kind, *_) = sock.recvfrom(65_535)
        if kind == socket.PACKET_HOST and packet[8] == 1 and packet[9] == socket.IPPROTO_UDP:
            self._answer(packet)

    def _close(self) -> None:
        super()._close()
        self._out.close()

    def _answer(self, packet: bytes) -> None:
        quoted = bytearray(packet)
        if self._manner is Manner.SHORT:
            del quoted[28:]
        elif self._manner is Manner.FOREIGN_PAYLOAD:
            quoted[28:36] = b"another "
        elif self._manner is Manner.FOREIGN_PORT:
            quoted[20:22] = struct.pack("!H", 9)
        elif self._manner is Manner.FOREIGN_DESTINATION:
            quoted[16:20] = socket.inet_aton("203.0.113.9")
        message = struct.pack("!BBHI", 11, 0, 0, 0) + bytes(quoted)
        message = message[:2] + _checksum(message) + message[4:]
        self._out.sendto(message, (socket.inet_ntoa(packet[12:16]), 0))
        self.answered += 1


def _checksum(message: bytes) -> bytes:
    """RFC 1071."""
    padded = message + b"\0" * (len(message) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)
