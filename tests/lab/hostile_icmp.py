"""A host that answers echo requests in every wrong way, inside a namespace of the lab.

It owns the crowd of `far` (whose kernel is told not to answer) and behaves by the address asked:

    with Hostile(pair, {"198.18.0.1": Manner.TWICE}) as hostile: ...

Requests are taken and replies sent through raw sockets, so identifier, sequence, source and
payload can be anything. One thread; ended with the block.
"""

import socket
import struct
import threading
from collections.abc import Mapping
from enum import Enum, auto

from tests.lab.netns import Pair
from tests.lab.threaded import Sockets

_IPV6_RECVPKTINFO, _IPV6_PKTINFO, _IPV6_FREEBIND = 49, 50, 78
_ICMP6_FILTER = 1
STRANGER_V4, STRANGER_V6 = "198.18.255.77", "2001:db8:c::ffff:77"


class Manner(Enum):
    """How an address answers."""

    HONEST = auto()
    SILENT = auto()
    TWICE = auto()
    WRONG_COOKIE = auto()
    WRONG_IDENTIFIER = auto()
    WRONG_SEQUENCE = auto()
    WRONG_SOURCE = auto()
    WRONG_TYPE = auto()
    TRUNCATED = auto()
    LONGER = auto()
    HUGE = auto()
    WRONG_PADDING = auto()
    FORGED_FIRST = auto()
    """A forged reply, then the true one."""
    HELD = auto()
    """Answers when the test calls `release`."""


class Hostile(Sockets):
    """Answers for `far` in both families until the block ends."""

    def __init__(self, pair: Pair, manners: Mapping[str, Manner]) -> None:
        self._manners = dict(manners)
        self._held: list[tuple[str, bytes, str]] = []
        pair.far.sysctl("net.ipv4.icmp_echo_ignore_all", "1")
        pair.far.sysctl("net.ipv6.icmp.echo_ignore_all", "1")
        with pair.far.inside():
            self._v4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            self._out4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self._v6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        self._v6.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        # The crowd is a route, not addresses: sending from one of it wants leave.
        self._v6.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        words = [0xFFFFFFFF] * 8
        words[128 >> 5] &= ~(1 << (128 & 31))  # echo requests only, not neighbour discovery
        self._v6.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))
        for sock in (self._v4, self._v6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._lock = threading.Lock()
        super().__init__(self._v4, self._v6)

    def release(self) -> int:
        """Send every reply that was held; how many."""
        with self._lock:
            held, self._held = self._held, []
        for place, message, peer in held:
            self._send(place, message, peer)
        return len(held)

    def _take(self, sock: socket.socket) -> None:
        if sock is self._v4:
            packet, peer = sock.recvfrom(4096)
            place, message = socket.inet_ntoa(packet[16:20]), packet[(packet[0] & 15) * 4 :]
            if message[0] == 8:
                self._answer(place, message, peer[0])
            return
        message, control, _, peer = sock.recvmsg(4096, 256)
        place = next(
            socket.inet_ntop(socket.AF_INET6, body[:16])
            for _, kind, body in control
            if kind == _IPV6_PKTINFO
        )
        self._answer(place, message, peer[0])

    def _close(self) -> None:
        super()._close()
        self._out4.close()

    def _answer(self, place: str, request: bytes, peer: str) -> None:
        manner = self._manners.get(place, Manner.HONEST)
        if manner is Manner.HELD:
            with self._lock:
                self._held.append((place, _reply(request), peer))
            return
        source = place
        if manner is Manner.WRONG_SOURCE:
            source = STRANGER_V6 if ":" in place else STRANGER_V4
        for message in _replies(manner, request):
            self._send(source, message, peer)

    def _send(self, source: str, message: bytes, peer: str) -> None:
        if ":" in source:
            body = socket.inet_pton(socket.AF_INET6, source) + struct.pack("=I", 0)
            ancillary = [(socket.IPPROTO_IPV6, _IPV6_PKTINFO, body)]
            self._v6.sendmsg([message], ancillary, 0, (peer, 0))
        else:
            message = message[:2] + struct.pack("!H", _checksum(message)) + message[4:]
            head = struct.pack(
                "!BBHHHBBH4s4s",
                *(0x45, 0, 20 + len(message), 0, 0, 64, socket.IPPROTO_ICMP, 0),
                *(socket.inet_aton(source), socket.inet_aton(peer)),
            )
            self._out4.sendto(head + message, (peer, 0))


def _reply(request: bytes, *, sequence: int = 0, identifier: int = 0) -> bytes:
    kind, _, _, own_identifier, own_sequence = struct.unpack("!BBHHH", request[:8])
    head = struct.pack(
        "!BBHHH",
        *(0 if kind == 8 else 129, 0, 0),
        *((own_identifier + identifier) & 0xFFFF, (own_sequence + sequence) & 0xFFFF),
    )
    return head + request[8:]


def _replies(manner: Manner, request: bytes) -> list[bytes]:
    honest = _reply(request)
    forged = honest[:8] + bytes(byte ^ 0x5A for byte in honest[8:16]) + honest[16:]
    made = {
        Manner.HONEST: [honest],
        Manner.WRONG_SOURCE: [honest],
        Manner.TWICE: [honest, honest],
        Manner.WRONG_COOKIE: [forged],
        Manner.WRONG_IDENTIFIER: [_reply(request, identifier=1)],
        Manner.WRONG_SEQUENCE: [_reply(request, sequence=1)],
        Manner.WRONG_TYPE: [bytes([honest[0] ^ 3]) + honest[1:]],
        Manner.TRUNCATED: [honest[:12]],
        Manner.LONGER: [honest + b"\0" * 4],
        Manner.HUGE: [honest + b"\0" * 1_200],
        Manner.WRONG_PADDING: [honest[:-1] + b"\1"],
        Manner.FORGED_FIRST: [forged, honest],
    }
    return made.get(manner, [])


def _checksum(message: bytes) -> int:
    """RFC 1071, over a message whose checksum field is zero."""
    even = message + b"\0" * (len(message) % 2)
    total = sum(struct.unpack(f"!{len(even) // 2}H", even))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
