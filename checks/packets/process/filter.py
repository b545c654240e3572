"""The kernel's filter of one interface: classic BPF that admits what was asked for. Pure.

Nothing else reaches this process, no payload and no address of anybody else: VRRP and HSRP to
their multicast groups, and ARP or neighbour advertisements about the addresses asked for. Frames
of another VLAN, fragments, IPv4 with options and frames to other hosts are left out.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

SNAP_BYTES = 2_048
"""More than the longest VRRP advertisement over IPv4 (1,048 with headers)."""
MAX_NEIGHBOURS = 32
VRRP_GROUPS = ("224.0.0.18", "ff02::12")
HSRP_GROUPS = ("224.0.0.2", "224.0.0.102", "ff02::66")
HSRP_PORTS = {4: 1_985, 6: 2_029}

_LD_W, _LD_H, _LD_B, _JEQ, _JSET, _JA, _RET = 0x20, 0x28, 0x30, 0x15, 0x45, 0x05, 0x06
# Ancillary loads (linux/filter.h): SKF_AD_OFF + SKF_AD_PKTTYPE, + SKF_AD_VLAN_TAG.
_PACKET_TYPE, _VLAN_TAG = 0xFFFFF000 + 4, 0xFFFFF000 + 44
_OTHERHOST = 3
_ETHER, _IPV4, _IPV6 = 14, 34, 54
"""Where the network header and what follows it begin."""

Instruction = tuple[int, int, int, int]
"""(code, jump if true, jump if false, k): struct sock_filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for on an interface."""

    vrrp: bool = False
    hsrp: bool = False
    neighbours: frozenset[str] = frozenset()
    """At most `MAX_NEIGHBOURS`."""


def program(wanted: Wanted) -> list[Instruction]:
    """The filter; it returns `SNAP_BYTES` or 0."""
    if len(wanted.neighbours) > MAX_NEIGHBOURS:
        raise ValueError(f"more than {MAX_NEIGHBOURS} addresses on one interface")
    addresses = sorted(map(ip_address, wanted.neighbours), key=lambda one: (one.version, int(one)))
    v4 = [one for one in addresses if isinstance(one, IPv4Address)]
    v6 = [one for one in addresses if isinstance(one, IPv6Address)]
    return [
        *_reject_if(_LD_W, _PACKET_TYPE, _JEQ, _OTHERHOST),
        *_reject_if(_LD_W, _VLAN_TAG, _JSET, 0x0FFF),
        *_when(_LD_H, 12, 0x0800, _ipv4(wanted)),
        *_when(_LD_H, 12, 0x86DD, _ipv6(wanted, v6)),
        *_when(_LD_H, 12, 0x0806, _arp(v4)),
        (_RET, 0, 0, 0),
    ]


def to_bytes(instructions: Sequence[Instruction]) -> bytes:
    """The array of `struct sock_filter`."""
    return b"".join(struct.pack("HBBI", *one) for one in instructions)


def _ipv4(wanted: Wanted) -> list[Instruction]:
    """Header of 20 bytes, no fragment (RFC 791, 3.1)."""
    udp = _when(_LD_H, _IPV4 + 2, HSRP_PORTS[4], _to_any(30, HSRP_GROUPS[:2]))
    return [
        *_reject_unless(_LD_B, _ETHER, 0x45),
        *_reject_if(_LD_H, 20, _JSET, 0x3FFF),
        *(_when(_LD_B, 23, 112, _to_any(30, VRRP_GROUPS[:1])) if wanted.vrrp else []),
        *(_when(_LD_B, 23, 17, udp) if wanted.hsrp else []),
    ]


def _ipv6(wanted: Wanted, neighbours: Sequence[IPv6Address]) -> list[Instruction]:
    """What follows the fixed header directly; advertisements about these addresses."""
    udp = _when(_LD_H, _IPV6 + 2, HSRP_PORTS[6], _to_any(38, HSRP_GROUPS[2:]))
    about = [step for one in neighbours for step in _accept_if(_IPV6 + 8, one)]
    return [
        *(_when(_LD_B, 20, 112, _to_any(38, VRRP_GROUPS[1:])) if wanted.vrrp else []),
        *(_when(_LD_B, 20, 17, udp) if wanted.hsrp else []),
        *(_when(_LD_B, 20, 58, _when(_LD_B, _IPV6, 136, about)) if about else []),
    ]


def _arp(neighbours: Sequence[IPv4Address]) -> list[Instruction]:
    """ARP of Ethernet and IPv4 whose sender is one of these addresses (RFC 826)."""
    about = [step for one in neighbours for step in _accept_if(28, one)]
    return _when(_LD_W, _ETHER, 0x0001_0800, about) if about else []


def _to_any(offset: int, groups: Iterable[str]) -> list[Instruction]:
    return [step for one in groups for step in _accept_if(offset, ip_address(one))]


def _accept_if(offset: int, address: IPv4Address | IPv6Address) -> list[Instruction]:
    """Return the frame when the address at `offset` is this one; else go on."""
    words = struct.unpack(f"!{len(address.packed) // 4}I", address.packed)
    steps: list[Instruction] = []
    for place, word in enumerate(words):
        behind = 2 * (len(words) - place) - 1
        steps += [(_LD_W, 0, 0, offset + 4 * place), (_JEQ, 0, behind, word)]
    return [*steps, (_RET, 0, 0, SNAP_BYTES)]


def _when(load: int, offset: int, value: int, then: Sequence[Instruction]) -> list[Instruction]:
    """`then`, and rejection behind it, when the value at `offset` is this one; else go on."""
    body = [*then, (_RET, 0, 0, 0)]
    # A conditional jump reaches 255 instructions, an unconditional one any number.
    return [(load, 0, 0, offset), (_JEQ, 1, 0, value), (_JA, 0, 0, len(body)), *body]


def _reject_if(load: int, offset: int, jump: int, value: int) -> list[Instruction]:
    return [(load, 0, 0, offset), (jump, 0, 1, value), (_RET, 0, 0, 0)]


def _reject_unless(load: int, offset: int, value: int) -> list[Instruction]:
    return [(load, 0, 0, offset), (_JEQ, 1, 0, value), (_RET, 0, 0, 0)]
