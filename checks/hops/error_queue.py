"""What the kernel puts beside a message of a socket's error queue. Pure.

With IP_RECVERR (ip(7)) or IPV6_RECVERR (ipv6(7)) the kernel hands an ICMP error to the socket
whose packet the error quotes: the quoted payload as data, and beside it a `struct
sock_extended_err` (linux/errqueue.h) followed by the address of the host that sent the error.
The bytes come from the kernel, but type, code and numbers in them are a stranger's.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

SOL_IP: Final = 0
SOL_IPV6: Final = 41
SOL_SOCKET: Final = 1
IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
SO_TIMESTAMPNS: Final = 35

LOCAL: Final = 1
ICMP: Final = 2
ICMP6: Final = 3
"""`ee_origin`: this host's own stack, ICMP, ICMPv6."""

ANCILLARY_BOUND: Final = 512
"""Room for both control messages, in bytes."""

_EXTENDED = struct.Struct("@IBBBxII")
_TIMESPEC = struct.Struct("@qq")
_FAMILY = struct.Struct("@H")
_AF_INET, _AF_INET6 = 2, 10
_PLACES = {_AF_INET: (4, 8, IPv4Address), _AF_INET6: (8, 24, IPv6Address)}
"""By family: where the address stands in its sockaddr, and its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedError:
    """One entry. `offender` is empty for this host's own errors; `number` is an errno.

    `value` is `ee_info`: the next hop's MTU where the error is "too big". `arrived_ns` is the
    wall clock at which the kernel took the ICMP message in; None where it did not stamp it.
    """

    number: int
    origin: int
    kind: int
    code: int
    value: int
    offender: str
    arrived_ns: int | None


def queued_error(ancillary: Iterable[tuple[int, int, bytes]]) -> QueuedError | None:
    """The entry that these control messages describe; None when they describe none."""
    extended: bytes | None = None
    arrived_ns: int | None = None
    for level, kind, content in ancillary:
        if (level, kind) in ((SOL_IP, IP_RECVERR), (SOL_IPV6, IPV6_RECVERR)):
            extended = content
        elif (level, kind) == (SOL_SOCKET, SO_TIMESTAMPNS) and len(content) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(content)
            arrived_ns = seconds * 1_000_000_000 + nanoseconds or None
    if extended is None or len(extended) < _EXTENDED.size:
        return None
    number, origin, icmp_type, code, value, _ = _EXTENDED.unpack_from(extended)
    if origin not in (LOCAL, ICMP, ICMP6):
        return None
    return QueuedError(
        number=number,
        origin=origin,
        kind=icmp_type,
        code=code,
        value=value,
        offender="" if origin == LOCAL else offender(extended[_EXTENDED.size :]),
        arrived_ns=arrived_ns,
    )


def offender(sockaddr: bytes) -> str:
    """The address in a `struct sockaddr`; empty when it holds none (SO_EE_OFFENDER)."""
    if len(sockaddr) < _FAMILY.size:
        return ""
    place = _PLACES.get(_FAMILY.unpack_from(sockaddr)[0])
    if place is None:
        return ""
    start, end, address = place
    raw = sockaddr[start:end]
    return str(address(raw)) if len(raw) == end - start else ""
