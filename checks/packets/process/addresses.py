"""The addresses of an interface, asked of the kernel over rtnetlink(7): no Internet socket here."""

import socket
import struct
from collections.abc import Iterator

_GETADDR, _NEWADDR, _ERROR, _DONE = 22, 20, 2, 3
_REQUEST_DUMP = 0x1 | 0x300
_ADDRESS, _LOCAL = 1, 2
_SCOPE_LINK = 253
_UNUSABLE = 0x40 | 0x08
"""IFA_F_TENTATIVE, IFA_F_DADFAILED."""
_HEADER, _BODY, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=4BI"), struct.Struct("=HH")
_WAIT_S = 1.0
_MOST_READS = 1_000


def address_of(index: int, family: int) -> str:
    """An address to ask from: the first IPv4 one, the first usable link-local IPv6 one.

    The unspecified address when there is none, or the kernel does not say.
    """
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    try:
        for found, flags, scope, attributes in _dump(kind):
            raw = attributes.get(_LOCAL) or attributes.get(_ADDRESS, b"")
            usable = family == 4 or (scope == _SCOPE_LINK and not flags & _UNUSABLE)
            if found == index and usable and len(raw) == (4 if family == 4 else 16):
                return socket.inet_ntop(kind, raw)
    except (OSError, struct.error):
        pass  # then the request is a probe, which needs no address
    return "0.0.0.0" if family == 4 else "::"  # noqa: S104 - the sender of an ARP probe


def _dump(family: int) -> Iterator[tuple[int, int, int, dict[int, bytes]]]:
    """(interface, flags, scope, attributes) of every address of the host."""
    request = _BODY.pack(family, 0, 0, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as asking:
        asking.settimeout(_WAIT_S)  # the kernel answers within the call
        length = _HEADER.size + len(request)
        asking.send(_HEADER.pack(length, _GETADDR, _REQUEST_DUMP, 1, 0) + request)
        for _ in range(_MOST_READS):
            raw, offset = asking.recv(65_536), 0
            while offset + _HEADER.size <= len(raw):
                length, kind, *_ = _HEADER.unpack_from(raw, offset)
                if kind in (_DONE, _ERROR) or length < _HEADER.size:
                    return
                if kind == _NEWADDR:
                    yield _address(raw[offset + _HEADER.size : offset + length])
                offset += (length + 3) & ~3


def _address(body: bytes) -> tuple[int, int, int, dict[int, bytes]]:
    _, _, flags, scope, index = _BODY.unpack_from(body)
    attributes, offset = {}, _BODY.size
    while offset + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if length < _ATTRIBUTE.size:
            break
        attributes[kind] = body[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return index, flags, scope, attributes
