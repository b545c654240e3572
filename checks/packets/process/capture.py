"""A packet socket on one interface: filtered in the kernel before its first frame.

The shell around Linux's AF_PACKET (packet(7)); needs CAP_NET_RAW.
"""

import ctypes
import fcntl
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from checks.packets.process.filter import HSRP_GROUPS, VRRP_GROUPS, Wanted, program, to_bytes

_ETH_P_ALL = 3
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_STATISTICS = 263, 1, 6
_PACKET_MR_MULTICAST, _PACKET_OUTGOING = 0, 4
_SIOCGIFFLAGS, _SIOCGIFHWADDR = 0x8913, 0x8927
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_ARPHRD_ETHER = 1
_RECEIVE_BYTES = 1 << 20
_LONGEST_WAIT_NS = 10_000_000_000
"""An arrival that seems longer ago than this is the wall clock's step, not the frame's wait."""
_TIME = struct.Struct("qq")


class NoInterfaceError(OSError):
    """There is no interface of this name."""


class NoEthernetError(OSError):
    """The interface has no Ethernet frames."""


class Capture:
    """Frames of one interface. Sent frames are seen too, except that `receive` marks them."""

    def __init__(self, interface: str, boottime_ns: Callable[[], int]) -> None:
        """PermissionError without CAP_NET_RAW; NoInterfaceError; NoEthernetError."""
        self.interface = interface
        self._boottime_ns = boottime_ns
        self.lost = 0
        """Frames that the kernel dropped because they were too many."""
        try:
            self.index = socket.if_nametoindex(interface)
        except OSError as error:
            raise NoInterfaceError(error.errno, error.strerror, interface) from error
        # Protocol 0 receives nothing until `bind`, so that no frame comes before the filter.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self.hardware_address = self._ethernet_address()
            self._attach(to_bytes(program(Wanted())))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            self._join(VRRP_GROUPS + HSRP_GROUPS)
            self._socket.bind((interface, _ETH_P_ALL))
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """For the loop."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()

    def want(self, wanted: Wanted) -> None:
        """From now on the kernel admits this and nothing else; frames already queued may come."""
        self._attach(to_bytes(program(wanted)))

    def same(self) -> bool:
        """Whether the interface of this name is still the one that is listened to."""
        with suppress(OSError):
            return socket.if_nametoindex(self.interface) == self.index
        return False

    def carries(self) -> bool:
        """Whether this very interface is still there, up, and has its carrier."""
        with suppress(OSError):
            flags = self._flags() if self.same() else 0
            return bool(flags & _IFF_UP and flags & _IFF_RUNNING)
        return False

    def receive(self, limit: int) -> Iterator[tuple[bytes, int, bool]]:
        """Up to `limit` frames that wait: (frame, arrival on the boot clock, sent by this host).

        OSError (ENETDOWN) when the interface went down meanwhile.
        """
        for _ in range(limit):
            try:
                frame, extra, _, origin = self._socket.recvmsg(4_096, 64)
            except BlockingIOError:
                return
            yield frame, self._arrival(extra), origin[2] == _PACKET_OUTGOING

    def count_lost(self) -> int:
        """All that were lost since the start; asking resets the kernel's own counter."""
        raw = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self.lost += int(struct.unpack("II", raw)[1])
        return self.lost

    def send(self, frame: bytes) -> None:
        """Send one frame; OSError when the interface takes none."""
        self._socket.send(frame)

    def _arrival(self, extra: list[tuple[int, int, bytes]]) -> int:
        now_ns = self._boottime_ns()
        for level, kind, raw in extra:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(raw) == _TIME.size:
                seconds, nanoseconds = _TIME.unpack(raw)
                waited_ns: int = time.time_ns() - (seconds * 1_000_000_000 + nanoseconds)
                if 0 <= waited_ns <= _LONGEST_WAIT_NS:
                    return now_ns - waited_ns
        return now_ns

    def _ethernet_address(self) -> str:
        found = fcntl.ioctl(self._socket, _SIOCGIFHWADDR, self._request())
        if int.from_bytes(found[16:18], "little") != _ARPHRD_ETHER:
            raise NoEthernetError(f"{self.interface} has no Ethernet frames")
        return found[18:24].hex(":")

    def _flags(self) -> int:
        found = fcntl.ioctl(self._socket, _SIOCGIFFLAGS, self._request())
        (flags,) = struct.unpack_from("H", found, 16)
        return int(flags)

    def _request(self) -> bytes:
        """struct ifreq."""
        return struct.pack("16s24x", self.interface.encode())

    def _attach(self, instructions: bytes) -> None:
        buffer = ctypes.create_string_buffer(instructions, len(instructions))
        filter_ = struct.pack("HxxxxxxP", len(instructions) // 8, ctypes.addressof(buffer))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)

    def _join(self, groups: tuple[str, ...]) -> None:
        """Have the card let the groups' frames through; the kernel joins nothing above it."""
        for group in groups:
            request = struct.pack("iHH8s", self.index, _PACKET_MR_MULTICAST, 6, _multicast(group))
            self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)


def _multicast(group: str) -> bytes:
    """The Ethernet address of a group (RFC 1112, 6.4; RFC 2464, 7)."""
    if ":" in group:
        return b"\x33\x33" + socket.inet_pton(socket.AF_INET6, group)[-4:]
    low = socket.inet_aton(group)
    return b"\x01\x00\x5e" + bytes([low[1] & 0x7F]) + low[2:]


def boottime_ns() -> int:
    """CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
