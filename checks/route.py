"""By which interface this host would reach an address: asked of the kernel (rtnetlink(7))."""

import errno
import os
import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address

_GETROUTE, _NEWROUTE, _ERROR = 26, 24, 2
_REQUEST = 1
_DST, _OIF, _GATEWAY, _VIA = 1, 4, 5, 18
_LOCAL = 2
_HEADER, _ROUTE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=8BI"), struct.Struct("=HH")
_WAIT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way to one address."""

    interface: str
    on_link: bool
    """The address is a neighbour: no router stands between."""
    own: bool
    """The address is this host's own."""


def route_to(address: str) -> Route:
    """The route in force; OSError (ENETUNREACH and others) when there is none."""
    packed = ip_address(address).packed
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    body = _ROUTE.pack(family, 8 * len(packed), 0, 0, 0, 0, 0, 0, 0)
    body += _ATTRIBUTE.pack(4 + len(packed), _DST) + packed
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as asking:
        asking.settimeout(_WAIT_S)  # the kernel answers within the call
        asking.send(_HEADER.pack(_HEADER.size + len(body), _GETROUTE, _REQUEST, 1, 0) + body)
        reply = asking.recv(65_536)
    _, kind, *_ = _HEADER.unpack_from(reply)
    if kind == _ERROR:
        number = -struct.unpack_from("=i", reply, _HEADER.size)[0]
        raise OSError(number, os.strerror(number))
    if kind != _NEWROUTE:
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
    attributes = _attributes(reply, _HEADER.size + _ROUTE.size)
    type_ = reply[_HEADER.size + 7]
    if _OIF not in attributes:
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
    index = struct.unpack("=I", attributes[_OIF])[0]
    return Route(
        interface=socket.if_indextoname(index),
        on_link=_GATEWAY not in attributes and _VIA not in attributes,
        own=type_ == _LOCAL,
    )


def _attributes(reply: bytes, offset: int) -> dict[int, bytes]:
    found = {}
    while offset + _ATTRIBUTE.size <= len(reply):
        length, kind = _ATTRIBUTE.unpack_from(reply, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = reply[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found
