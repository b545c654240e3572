"""The one ICMP socket of an address family, and what the kernel lets it do.

First choice: an unprivileged datagram socket (net.ipv4.ping_group_range, for IPv6 too): the
kernel owns the identifier and computes checksums. Second: a raw one with CAP_NET_RAW, which sees
every ICMP message of the host, so a type filter and a packet filter on the identifier go before
it. Else the fault says what to do.
"""

import ctypes
import errno
import secrets
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from checks.ping import kernel
from checks.ping.wire import ADDRESS_FAMILY, REPLY_TYPE
from monitor.model import Family, Fault, FaultKind

WARM_UP_NS: Final = 150_000_000
"""The kernel starts stamping arrivals up to about 100 ms after the option was set."""
WISHED_BUFFER_BYTES: Final = 4 << 20

_PROTOCOL = {Family.IPV4: socket.IPPROTO_ICMP, Family.IPV6: socket.IPPROTO_ICMPV6}
_SO_RCVBUFFORCE = 33
_SO_SNDBUFFORCE = 32
_SO_ATTACH_FILTER = 26
_SO_MEMINFO, _MEMINFO_BYTES, _MEMINFO_DROPS_AT = 55, 36, 32
_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1

REMEDY: Final = (
    "let the agent's group open ping sockets (sysctl net.ipv4.ping_group_range='0 2147483647') "
    "or give the process CAP_NET_RAW"
)


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """An open socket. `raw_ipv4` means: write checksums, and skip an IP header when reading."""

    sock: socket.socket
    family: Family
    identifier: int
    raw: bool
    stamps: bool
    receive_bytes: int
    ready_ns: int
    """Boot time from which arrivals are stamped."""

    @property
    def fd(self) -> int:
        """The file descriptor."""
        return self.sock.fileno()

    @property
    def raw_ipv4(self) -> bool:
        """Whether packets carry what the kernel handles elsewhere."""
        return self.raw and self.family is Family.IPV4

    def restart_stamp_keys(self) -> None:
        """Number the stamps from 0 again, whatever failed sends did to the kernel's count."""
        if self.stamps:
            for flags in (kernel.STAMP_FLAGS, kernel.STAMP_FLAGS | kernel.OPT_ID):
                self.sock.setsockopt(socket.SOL_SOCKET, kernel.SO_TIMESTAMPING, flags)

    def drops(self) -> int:
        """Datagrams that found the receive buffer full since the socket was opened (mod 2^32).

        SO_MEMINFO, because ICMP datagram sockets do not deliver SO_RXQ_OVFL's message.
        """
        memory = self.sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO_BYTES)
        return int.from_bytes(memory[_MEMINFO_DROPS_AT:], sys.byteorder)

    def close(self) -> None:
        """Give the socket back."""
        self.sock.close()


def open_endpoint(family: Family, now_ns: int) -> Endpoint | Fault:
    """A socket ready to send, or why this host gives none."""
    try:
        return _datagram(family, now_ns)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT):
            return _refused(family, error)
    try:
        return _raw(family, now_ns)
    except OSError as error:
        return _refused(family, error)


def _datagram(family: Family, now_ns: int) -> Endpoint:
    sock = socket.socket(ADDRESS_FAMILY[family], socket.SOCK_DGRAM, _PROTOCOL[family])
    try:
        sock.bind(("", 0))
        identifier = int(sock.getsockname()[1])
        return _ready(sock, family, identifier, raw=False, now_ns=now_ns)
    except OSError:
        sock.close()
        raise


def _raw(family: Family, now_ns: int) -> Endpoint:
    sock = socket.socket(ADDRESS_FAMILY[family], socket.SOCK_RAW, _PROTOCOL[family])
    try:
        identifier = secrets.randbelow(0xFFFF) + 1
        _filter_type(sock, family)
        _filter_identifier(sock, family, identifier)
        return _ready(sock, family, identifier, raw=True, now_ns=now_ns)
    except OSError:
        sock.close()
        raise


def _ready(
    sock: socket.socket, family: Family, identifier: int, *, raw: bool, now_ns: int
) -> Endpoint:
    sock.setblocking(False)
    for option, forced in (
        (socket.SO_RCVBUF, _SO_RCVBUFFORCE),
        (socket.SO_SNDBUF, _SO_SNDBUFFORCE),
    ):
        # Above net.core.[rw]mem_max only with CAP_NET_ADMIN; what is granted is read back.
        sock.setsockopt(socket.SOL_SOCKET, option, WISHED_BUFFER_BYTES)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, forced, WISHED_BUFFER_BYTES)
    return Endpoint(
        sock=sock,
        family=family,
        identifier=identifier,
        raw=raw,
        stamps=_stamping(sock),
        receive_bytes=sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
        ready_ns=now_ns + WARM_UP_NS,
    )


def _stamping(sock: socket.socket) -> bool:
    """Ask for stamps; False where the kernel has none."""
    try:
        flags = kernel.STAMP_FLAGS | kernel.OPT_ID
        sock.setsockopt(socket.SOL_SOCKET, kernel.SO_TIMESTAMPING, flags)
    except OSError:
        return False
    return True


def _filter_type(sock: socket.socket, family: Family) -> None:
    """Let echo replies through and nothing else (a set bit blocks a type)."""
    if family is Family.IPV4:
        mask = struct.pack("=I", 0xFFFFFFFF & ~(1 << REPLY_TYPE[family]))
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, mask)
    else:
        words = [0xFFFFFFFF] * 8
        words[REPLY_TYPE[family] >> 5] &= ~(1 << (REPLY_TYPE[family] & 31))
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))


def _filter_identifier(sock: socket.socket, family: Family, identifier: int) -> None:
    """A classic BPF program: messages with another identifier are never queued.

    A raw IPv4 socket's filter sees the IP header first, an IPv6 one's the ICMPv6 header.
    """
    load_header_size, load_half_at_x, load_half, equal, give = 0xB1, 0x48, 0x28, 0x15, 0x06
    start = [(load_header_size, 0, 0, 0), (load_half_at_x, 0, 0, 4)]
    code = start if family is Family.IPV4 else [(load_half, 0, 0, 4)]
    code += [(equal, 0, 1, identifier), (give, 0, 0, 0x40000), (give, 0, 0, 0)]
    program = b"".join(struct.pack("=HBBI", *step) for step in code)
    kept = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(code), ctypes.addressof(kept))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, head)


def _refused(family: Family, error: OSError) -> Fault:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Fault(kind=FaultKind.PERMISSION, message=f"no ICMP socket is allowed: {REMEDY}")
    if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT):
        message = f"this host has no IPv{family.value}: {error.strerror}"
        return Fault(kind=FaultKind.LOCAL_NETWORK, message=message)
    message = f"no ICMP socket could be opened: {error.strerror}"
    return Fault(kind=FaultKind.LOCAL_RESOURCE, message=message)
