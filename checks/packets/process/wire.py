"""Frames of the wire, read and written with scapy: the one module that imports it.

Whoever is on the network writes what is read here. A frame that is not exactly in order is `Bad`
and says nothing; scapy's dissectors are supervised, and every length is compared with what was
captured before a field is believed.

Checked: lengths, versions and types, TTL or hop limit 255 (RFC 9568, 5.1.1.3; RFC 4861, 7.1.2),
checksums. Not checked, because it proves nothing here: passwords and digests.
"""

from collections.abc import Callable
from ipaddress import ip_address

from scapy.config import conf
from scapy.layers.hsrp import HSRP, HSRPmd5, HSRPv2, HSRPv2TextAuth
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vrrp import VRRP, VRRPv3
from scapy.packet import Packet
from scapy.utils import checksum

from checks.packets.messages import MAX_ADDRESSES, is_hardware_address
from checks.packets.process.frames import Advert, Announcement, Bad, Frame, Protocol

conf.max_list_count = 255  # addresses in a VRRP advertisement; scapy's own bound is 100

_VRRP, _UDP, _ICMPV6 = 112, 17, 58
_ETHER = 14
_BROADCAST = "ff:ff:ff:ff:ff:ff"
_HSRP_STATES = {
    1: {0: "initial", 1: "learn", 2: "listen", 4: "speak", 8: "standby", 16: "active"},
    2: {0: "disabled", 1: "initial", 2: "learn", 3: "listen", 4: "speak", 5: "standby",
        6: "active"},
}  # fmt: skip
_HELLO, _COUP, _RESIGN = 0, 1, 2
_HSRP_HELLO_US, _HSRP_HOLD_US = 3_000_000, 10_000_000
"""RFC 2281, 5.1: what counts where a message does not say."""
_HSRP_LONGEST_US = 255_000_000
"""RFC 2281, 5.1: times have 8 bits of seconds. Version 2 has 32 bits of milliseconds, but no router
can be told more either; who promises 49 days would be believed for 49 days."""


class _MalformedError(ValueError):
    """The frame breaks its protocol's rules."""


class _WrongTtlError(ValueError):
    """The frame may have passed a router."""


def read(frame: bytes) -> Frame | None:
    """What an Ethernet frame says; None: it is none of ours."""
    protocol = _protocol(frame)
    if protocol is None:
        return None
    try:
        return _READERS[protocol](Ether(frame), frame)
    except _WrongTtlError:
        return Bad(protocol=protocol, why="wrong_ttl")
    except Exception:  # noqa: BLE001 - hostile bytes in a foreign dissector: a bad frame, no more
        return Bad(protocol=protocol, why="malformed")


def arp_request(sender: str, sender_address: str, address: str) -> bytes:
    """A broadcast request (RFC 826); sender address 0.0.0.0 makes it a probe (RFC 5227, 2.1.1)."""
    request = ARP(op=1, hwsrc=sender, psrc=sender_address, hwdst="00:00:00:00:00:00", pdst=address)
    return bytes(Ether(src=sender, dst=_BROADCAST) / request)


def neighbour_solicitation(sender: str, sender_address: str, address: str) -> bytes:
    """To the solicited-node group (RFC 4861, 4.3); from `::` without a source option (7.2.2)."""
    low = ip_address(address).packed[-3:]
    group = f"ff02::1:ff{low[0]:02x}:{low[1]:02x}{low[2]:02x}"
    mac = f"33:33:ff:{low[0]:02x}:{low[1]:02x}:{low[2]:02x}"
    packet = IPv6(src=sender_address, dst=group, hlim=255) / ICMPv6ND_NS(tgt=address)
    if sender_address != "::":
        packet = packet / ICMPv6NDOptSrcLLAddr(lladdr=sender)
    return bytes(Ether(src=sender, dst=mac) / packet)


def _protocol(frame: bytes) -> Protocol | None:
    kind = int.from_bytes(frame[12:14])
    if kind == 0x0806:
        return "neighbour"
    carried = frame[23:24] if kind == 0x0800 else frame[20:21] if kind == 0x86DD else b""
    names: dict[bytes, Protocol] = {bytes([_VRRP]): "vrrp", bytes([_UDP]): "hsrp"}
    if kind == 0x86DD:
        names[bytes([_ICMPV6])] = "neighbour"
    return names.get(carried)


def _vrrp(packet: Packet, frame: bytes) -> Advert:
    network, body = _network(packet, frame)
    if _ttl(network) != 255:
        raise _WrongTtlError
    family = network.version
    kind: type[Packet] = VRRP if body[:1] == b"\x21" else VRRPv3
    _require(body[:1] == b"\x31" or (body[:1] == b"\x21" and family == 4))
    advert = network[kind]
    count = int(advert.ipcount)
    address_bytes = 4 if family == 4 else 16
    length = 8 + address_bytes * count + (8 if kind is VRRP else 0)
    _require(advert.vrid > 0 and count > 0 and advert.adv > 0 and len(body) >= length)
    _require(_vrrp_checksum_holds(network, body[:length], kind))
    unit_us = 1_000_000 if kind is VRRP else 10_000
    interval_us = advert.adv * unit_us
    # The skew is a share of the interval in version 3 (RFC 9568, 6.1), of a second in version 2
    # (RFC 3768, 6.1).
    skew_us = (256 - advert.priority) * (1_000_000 if kind is VRRP else interval_us) // 256
    return Advert(
        protocol="vrrp",
        family=family,
        version=2 if kind is VRRP else 3,
        group=advert.vrid,
        source=_address(network.src),
        state="active" if advert.priority else "leaving",
        priority=advert.priority,
        interval_us=interval_us,
        hold_us=3 * interval_us + skew_us,
        addresses=tuple(map(_address, advert.addrlist[:MAX_ADDRESSES])),
        address_count=count,
        authentication=("none" if kind is VRRPv3 or advert.authtype == 0 else "text"),
    )


def _vrrp_checksum_holds(network: Packet, message: bytes, kind: type[Packet]) -> bool:
    """Version 3 over IPv4 is computed with and without the pseudo-header: RFC 5798 left it open."""
    with_header = kind is VRRPv3 and _sum_holds(network, _VRRP, message)
    return with_header or (network.version == 4 and checksum(message) == 0)


def _hsrp(packet: Packet, frame: bytes) -> Advert | None:
    network, body = _network(packet, frame)
    datagram = network[UDP]
    length = int(datagram.len)
    _require(8 <= length <= len(body))
    body = body[:length]
    _require((datagram.chksum == 0 and network.version == 4) or _sum_holds(network, _UDP, body))
    message = body[8:]
    if message[:2] == b"\x00\x03":
        return None  # an Advertise of version 1 speaks of an interface, not of a group
    return _hsrp_1(network, message) if message[:1] == b"\x00" else _hsrp_2(network, message)


def _hsrp_1(network: Packet, message: bytes) -> Advert:
    _require(len(message) >= 20 and network.version == 4)
    hello = network[HSRP]
    authentication = "md5" if HSRPmd5 in hello else _text_kind(bytes(hello.auth))
    return _hsrp_advert(
        network,
        hello,
        version=1,
        times=(hello.hellotime * 1_000_000, hello.holdtime * 1_000_000),
        authentication=authentication,
    )


def _hsrp_2(network: Packet, message: bytes) -> Advert:
    """A group state TLV of 40 bytes first, as every implementation sends it."""
    _require(message[:2] == b"\x01\x28" and len(message) >= 42)
    hello = network[HSRPv2]
    _require(hello.version == 2 and hello.ipVer == network.version and hello.group <= 4_095)
    authentication = "none"
    if HSRPmd5 in hello:
        authentication = "md5"
    elif HSRPv2TextAuth in hello:
        authentication = _text_kind(bytes(hello[HSRPv2TextAuth].auth))
    return _hsrp_advert(
        network,
        hello,
        version=2,
        times=(hello.hellotime * 1_000, hello.holdtime * 1_000),
        authentication=authentication,
    )


def _hsrp_advert(
    network: Packet, hello: Packet, *, version: int, times: tuple[int, int], authentication: str
) -> Advert:
    opcode, state = int(hello.opcode), _HSRP_STATES[version].get(int(hello.state))
    _require(state is not None and opcode in (_HELLO, _COUP, _RESIGN))
    assert state is not None
    if opcode == _RESIGN:
        state = "leaving"
    elif opcode == _COUP:
        state = "speak"  # it wants to be Active; its next hello says that it is
    interval_us, hold_us = times
    _require(opcode != _HELLO or 0 < interval_us <= hold_us)
    _require(interval_us <= _HSRP_LONGEST_US and hold_us <= _HSRP_LONGEST_US)
    virtual = _address(hello.virtualIP)
    known = not ip_address(virtual).is_unspecified
    return Advert(
        protocol="hsrp",
        family=network.version,
        version=version,
        group=int(hello.group),
        source=_address(network.src),
        state=state,
        priority=int(hello.priority),
        interval_us=interval_us or _HSRP_HELLO_US,
        hold_us=hold_us or _HSRP_HOLD_US,
        addresses=(virtual,) if known else (),
        address_count=1 if known else 0,
        authentication=authentication,
    )


def _text_kind(text: bytes) -> str:
    """Only what kind of text it is; the text is a password and goes no further."""
    plain = text.rstrip(b"\x00")
    return "default" if plain == b"cisco" else "text" if plain else "none"


def _neighbour(packet: Packet, frame: bytes) -> Announcement:
    if packet.type == 0x0806:
        return _arp(packet, frame)
    network, body = _network(packet, frame)
    if _ttl(network) != 255:
        raise _WrongTtlError
    advert = network[ICMPv6ND_NA]
    _require(len(body) >= 24 and advert.code == 0 and _sum_holds(network, _ICMPV6, body))
    option = advert.getlayer(ICMPv6NDOptDstLLAddr)
    return Announcement(
        address=_address(advert.tgt),
        hardware_address=_unicast(packet.src if option is None else option.lladdr),
        unasked=not advert.S,
    )


def _arp(packet: Packet, frame: bytes) -> Announcement:
    _require(len(frame) >= _ETHER + 28)
    arp = packet[ARP]
    _require((arp.hwtype, arp.ptype, arp.hwlen, arp.plen) == (1, 0x0800, 6, 4) and arp.op in (1, 2))
    sender = _address(arp.psrc)
    return Announcement(
        address=sender,
        hardware_address=_unicast(arp.hwsrc),
        unasked=_address(arp.pdst) == sender,
    )


def _network(packet: Packet, frame: bytes) -> tuple[Packet, bytes]:
    """The network layer, and what it carries as far as its own length goes."""
    if packet.type == 0x0800:
        network, head = packet[IP], 20
        _require(network.version == 4 and network.ihl == 5)
        length = int(network.len) - head
    else:
        network, head = packet[IPv6], 40
        _require(network.version == 6)
        length = int(network.plen)
    body = frame[_ETHER + head : _ETHER + head + length]
    _require(0 < length == len(body))
    source = ip_address(network.src)
    _require(not source.is_multicast and not source.is_unspecified)
    return network, body


def _ttl(network: Packet) -> int:
    return int(network.ttl if network.version == 4 else network.hlim)


def _sum_holds(network: Packet, carried: int, body: bytes) -> bool:
    """The Internet checksum over pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1) and body is right."""
    addresses = ip_address(network.src).packed + ip_address(network.dst).packed
    if network.version == 4:
        tail = bytes([0, carried]) + len(body).to_bytes(2)
    else:
        tail = len(body).to_bytes(4) + bytes([0, 0, 0, carried])
    return bool(checksum(addresses + tail + body) == 0)


def _address(text: object) -> str:
    return str(ip_address(str(text)))


def _unicast(text: object) -> str:
    """A hardware address that one host may have."""
    mac = str(text).lower()
    _require(is_hardware_address(mac))
    first = int(mac[:2], 16)
    _require(first & 1 == 0 and mac != "00:00:00:00:00:00")
    return mac


def _require(holds: bool) -> None:
    if not holds:
        raise _MalformedError


_READERS: dict[Protocol, Callable[[Packet, bytes], Frame | None]] = {
    "vrrp": _vrrp,
    "hsrp": _hsrp,
    "neighbour": _neighbour,
}
