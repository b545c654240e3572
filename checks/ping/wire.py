"""Echo requests and replies as bytes (RFC 792, RFC 4443 section 4). Pure.

A request is type, code, checksum, identifier, sequence, then a 64-bit cookie and zeros: the
cookie is random and nobody's name, and no clock or address of the agent is in the payload.
"""

import socket
import struct
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checks.ping.kernel import Bytes, Ints
from checks.ping.mmsg import NAME_BYTES
from monitor.model import Family

HEADER_BYTES: Final = 8
COOKIE_BYTES: Final = 8
LEAST_BYTES: Final = HEADER_BYTES + COOKIE_BYTES

REQUEST_TYPE: Final = {Family.IPV4: 8, Family.IPV6: 128}
REPLY_TYPE: Final = {Family.IPV4: 0, Family.IPV6: 129}
ADDRESS_FAMILY: Final = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
SOCKADDR_BYTES: Final = {Family.IPV4: 16, Family.IPV6: 28}
SOURCE: Final = {Family.IPV4: slice(4, 8), Family.IPV6: slice(8, 28)}
"""Where a socket address holds what identifies the peer: address, and scope id in IPv6."""


class Replies(NamedTuple):
    """A batch of received messages as columns; `sound` is False where one is no whole reply."""

    sound: NDArray[np.bool_]
    identifier: Ints
    sequence: Ints
    cookie: NDArray[np.uint64]
    length: Ints
    padded: NDArray[np.bool_]
    """Whether everything behind the cookie is zero, as it was sent."""


def write_requests(
    packets: Bytes,
    family: Family,
    identifier: int,
    sequences: Ints,
    cookies: NDArray[np.uint64],
    *,
    checksum: bool,
) -> None:
    """Write the first 16 bytes of each request; the rest of the rows is zero and stays so.

    With `checksum` the internet checksum is filled in (a raw IPv4 socket; elsewhere the kernel
    does it).
    """
    words = np.zeros((len(sequences), LEAST_BYTES // 2), np.uint16)
    words[:, 0] = np.uint16(REQUEST_TYPE[family] << 8)
    words[:, 2] = identifier
    words[:, 3] = sequences
    words = words.astype(">u2")
    words[:, 4:] = cookies.view(np.uint8).reshape(-1, COOKIE_BYTES).view(">u2")
    if checksum:
        words[:, 1] = ~fold(words.sum(axis=1, dtype=np.int64))
    packets[: len(sequences), :LEAST_BYTES] = words.view(np.uint8).reshape(-1, LEAST_BYTES)


def fold(sums: Ints) -> NDArray[np.uint16]:
    """Sums of 16-bit words in one's complement (RFC 1071)."""
    sums = (sums & 0xFFFF) + (sums >> 16)
    return ((sums & 0xFFFF) + (sums >> 16)).astype(np.uint16)


def read_replies(
    packets: Bytes, lengths: Ints, truncated: NDArray[np.bool_], reply: int
) -> Replies:
    """The columns of messages that start with an ICMP header."""
    width = packets.shape[1]
    head = packets[:, :LEAST_BYTES].copy()
    words = head[:, 4:8].view(">u2").astype(np.int64)
    sound = (lengths >= LEAST_BYTES) & ~truncated & (head[:, 0] == reply) & (head[:, 1] == 0)
    extent = min(int(lengths.max(initial=0)), width)
    inside = np.arange(LEAST_BYTES, extent) < lengths[:, None]
    behind = packets[:, LEAST_BYTES:extent].astype(bool) & inside
    padded = np.count_nonzero(behind, axis=1) == 0
    cookie = head[:, 8:16].copy().view(np.uint64)[:, 0]
    return Replies(sound, words[:, 0], words[:, 1], cookie, lengths, padded)


def without_ip_header(packets: Bytes, lengths: Ints) -> tuple[Bytes, Ints]:
    """Messages of a raw IPv4 socket behind their IP headers (20 bytes, or more with options)."""
    sizes = (packets[:, 0].astype(np.int64) & 0x0F) * 4
    if (sizes == 20).all():
        return packets[:, 20:], lengths - 20
    columns = np.minimum(sizes[:, None] + np.arange(packets.shape[1] - 20), packets.shape[1] - 1)
    return np.take_along_axis(packets, columns, axis=1), lengths - sizes


def socket_address(address: str) -> bytes:
    """`address` as struct sockaddr_in or sockaddr_in6, padded; port 0 (RFC 4007 for the zone).

    ValueError for a text that is no unicast address, or names no interface of this host.
    """
    # An interface that is made anew has another index, so addresses with a zone are not kept.
    return _pack(address) if "%" in address else _pack_kept(address)


def _pack(address: str) -> bytes:
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        _demand_unicast(parsed, parsed == IPv4Address("255.255.255.255"))
        packed = struct.pack("=HH4s8x", socket.AF_INET, 0, parsed.packed)
    else:
        _demand_unicast(parsed, parsed.ipv4_mapped is not None)
        zone = _zone_index(parsed.scope_id)
        packed = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, parsed.packed, zone)
    return packed.ljust(NAME_BYTES, b"\0")


_pack_kept = lru_cache(maxsize=65_536)(_pack)


def _demand_unicast(address: IPv4Address | IPv6Address, special: bool) -> None:
    if special or address.is_multicast or address.is_unspecified:
        raise ValueError(f"{address} is not the address of one host (broadcast, multicast, …)")


def _zone_index(zone: str | None) -> int:
    if zone is None or zone.isdigit():
        return int(zone or 0)
    try:
        return socket.if_nametoindex(zone)
    except OSError as error:
        raise ValueError(f"this host has no interface {zone!r}") from error
