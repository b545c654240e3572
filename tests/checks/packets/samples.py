"""Frames made with scapy, which the tests may import, and adverts as the process reads them."""

from typing import Any

from scapy.layers.hsrp import HSRP, HSRPmd5, HSRPv2, HSRPv2TextAuth
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vrrp import VRRP, VRRPv3

from checks.packets.process.frames import Advert

MAC = "02:00:00:00:00:01"


def vrrp_2(**fields: Any) -> bytes:
    """An advertisement of version 2."""
    head = Ether(src=MAC, dst="01:00:5e:00:00:12") / IP(src="192.0.2.2", dst="224.0.0.18", ttl=255)
    values = {"vrid": 51, "priority": 150, "adv": 1, "addrlist": ["192.0.2.100"], **fields}
    return bytes(head / VRRP(**values))


def vrrp_3(**fields: Any) -> bytes:
    """An advertisement of version 3 over IPv4."""
    ttl = fields.pop("ttl", 255)
    head = Ether(src=MAC, dst="01:00:5e:00:00:12") / IP(src="192.0.2.2", dst="224.0.0.18", ttl=ttl)
    values = {"vrid": 51, "priority": 150, "adv": 100, "addrlist": ["192.0.2.100"], **fields}
    return bytes(head / VRRPv3(**values))


def vrrp_6(**fields: Any) -> bytes:
    """An advertisement of version 3 over IPv6."""
    hlim = fields.pop("hlim", 255)
    head = Ether(src=MAC, dst="33:33:00:00:00:12")
    head = head / IPv6(src="fe80::2", dst="ff02::12", hlim=hlim, nh=112)
    values = {"vrid": 51, "priority": 150, "adv": 100, "addrlist": ["fe80::100"], **fields}
    return bytes(head / VRRPv3(**values))


def hsrp_1(*, md5: bool = False, source: str = "192.0.2.2", **fields: Any) -> bytes:
    """A hello of version 1."""
    head = Ether(src=MAC, dst="01:00:5e:00:00:02") / IP(src=source, dst="224.0.0.2", ttl=1)
    values = {"group": 7, "state": 16, "virtualIP": "192.0.2.100", **fields}
    hello = head / UDP(sport=1985, dport=1985) / HSRP(**values)
    return bytes(hello / HSRPmd5() if md5 else hello)


def hsrp_2(*, text: bytes = b"", source: str = "192.0.2.2", **fields: Any) -> bytes:
    """A hello of version 2 over IPv4; states as version 2 numbers them (6: Active, 5: Standby)."""
    head = Ether(src=MAC, dst="01:00:5e:00:00:66") / IP(src=source, dst="224.0.0.102", ttl=255)
    values = {"group": 700, "state": 6, "ipVer": 4, "virtualIP": "192.0.2.100", "identifier": MAC}
    hello = head / UDP(sport=1985, dport=1985) / HSRPv2(**{**values, **fields})
    return bytes(hello / HSRPv2TextAuth(auth=text) if text else hello)


def hsrp_6(**fields: Any) -> bytes:
    """A hello of version 2 over IPv6."""
    head = Ether(src=MAC, dst="33:33:00:00:00:66") / IPv6(src="fe80::2", dst="ff02::66", hlim=255)
    values = {"group": 700, "state": 6, "ipVer": 6, "virtualIP": "fe80::100", "identifier": MAC}
    return bytes(head / UDP(sport=2029, dport=2029) / HSRPv2(**{**values, **fields}))


def arp(to: str = "02:00:00:00:00:09", **fields: Any) -> bytes:
    """An answer of 192.0.2.1."""
    values = {"op": 2, "hwsrc": MAC, "psrc": "192.0.2.1", "hwdst": "02:00:00:00:00:09"}
    # Without a destination scapy would ask the network of this machine for one.
    return bytes(Ether(src=MAC, dst=to) / ARP(**{**values, "pdst": "192.0.2.9", **fields}))


def advertisement(**fields: Any) -> bytes:
    """A neighbour advertisement of 2001:db8::1."""
    hlim = fields.pop("hlim", 255)
    head = Ether(src=MAC, dst="02:00:00:00:00:09")
    head = head / IPv6(src="2001:db8::1", dst="fe80::9", hlim=hlim)
    values = {"tgt": "2001:db8::1", "S": 1, **fields}
    return bytes(head / ICMPv6ND_NA(**values) / ICMPv6NDOptDstLLAddr(lladdr=MAC))


GOOD = (
    vrrp_2(),
    vrrp_3(),
    vrrp_6(),
    hsrp_1(),
    hsrp_1(md5=True),
    hsrp_2(),
    hsrp_2(text=b"secret"),
    hsrp_6(),
    arp(),
    advertisement(),
)
"""One frame of each kind that is listened to."""


def advert(source: str = "192.0.2.2", **fields: Any) -> Advert:
    """An advertisement as the process keeps it: VRRP, every second."""
    values: dict[str, Any] = {
        "protocol": "vrrp",
        "family": 4,
        "version": 3,
        "group": 51,
        "source": source,
        "state": "active",
        "priority": 100,
        "interval_us": 1_000_000,
        "hold_us": 3_600_000,
        "addresses": ("192.0.2.100",),
        "address_count": 1,
        "authentication": "none",
    }
    return Advert(**{**values, **fields})
