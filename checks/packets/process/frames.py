"""What a frame said, once it was found to be in order. Pure types."""

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["vrrp", "hsrp", "neighbour"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """An advertisement of VRRP or a message of HSRP. No password, no hardware address is kept."""

    protocol: Protocol
    family: int
    version: int
    """VRRP 2 or 3, HSRP 1 or 2."""
    group: int
    """VRID, or HSRP group."""
    source: str
    state: str
    """See `messages.Speaker.state`."""
    priority: int
    interval_us: int
    hold_us: int
    """VRRP: Active_Down_Interval at the speaker's own priority (RFC 9568, 6.1); HSRP: hold time."""
    addresses: tuple[str, ...]
    address_count: int
    authentication: str

    @property
    def active(self) -> bool:
        """The speaker says that it is the Active."""
        return self.state == "active"

    @property
    def key(self) -> tuple[str, int, int, int]:
        """(protocol, family, version or 0, group): VRRP 2 and 3 are one group, HSRP 1 and 2 two."""
        version = self.version if self.protocol == "hsrp" else 0
        return self.protocol, self.family, version, self.group


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Somebody uses this address with this hardware address (ARP, neighbour advertisement)."""

    address: str
    hardware_address: str
    unasked: bool
    """Gratuitous ARP (RFC 5227, 3), or an advertisement without the flag S (RFC 4861, 4.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A frame that breaks its protocol's rules; it says nothing."""

    protocol: Protocol
    why: Literal["malformed", "wrong_ttl"]


Frame = Advert | Announcement | Bad
