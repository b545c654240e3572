"""The networks that may be probed, by whose authority and until when. Pure.

A probe asks with the RESOLVED address, at every redirect too, and connects to that very
address. What is in no range is refused before a packet is sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from monitor.model import Fault, FaultKind

_REMEMBERED = 65_536
"""Addresses whose ranges are kept; the whole memory is dropped when it is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRange:
    """One range of `scope:`; `until` is the last day of the authority, in the agent's zone."""

    network: IPv4Network | IPv6Network
    authorised_by: str
    letter: str
    until: date


class RangeScope:
    """Admits an address inside any range whose authority has not expired.

    An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is judged as the IPv4 address the kernel
    would send to; a zone id is left out of the comparison. No ranges admit nothing.
    """

    def __init__(self, ranges: Sequence[ScopeRange], today: Callable[[], date]) -> None:
        self._ranges = tuple(ranges)
        self._today = today
        self._latest: dict[str, ScopeRange | Fault] = {}

    def refusal(self, address: str) -> Fault | None:
        """None when packets may go to this address today; else a SCOPE fault with the reason."""
        found = self._latest.get(address)
        if found is None:
            if len(self._latest) >= _REMEMBERED:
                self._latest.clear()
            found = self._latest[address] = self._find(address)
        if isinstance(found, Fault):
            return found
        if self._today() <= found.until:
            return None
        return _fault(
            f"{address} may no longer be probed: the authority for {found.network} "
            f"(letter {found.letter}, {found.authorised_by}) ended on {found.until}; "
            "renew it under scope: in agent.yaml"
        )

    def _find(self, address: str) -> ScopeRange | Fault:
        """The range that holds this address longest, or why there is none."""
        try:
            judged = unmapped(ip_address(address))
        except ValueError:
            return _fault(f"{address!r} is not an IP address, so no range of scope: can hold it")
        holding = [
            item
            for item in self._ranges
            if item.network.version == judged.version and judged in item.network
        ]
        if not holding:
            return _fault(f"{address} is in no range of scope:; add one to agent.yaml")
        return max(holding, key=lambda item: item.until)


def unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv4-mapped IPv6 address; any other address itself."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def loopback_scope() -> RangeScope:
    """The scope of a run without configuration: this machine's loopback, for ever."""
    return RangeScope(
        [
            ScopeRange(
                network=ip_network(text),
                authorised_by="loopback",
                letter="-",
                until=date.max,
            )
            for text in ("127.0.0.0/8", "::1/128")
        ],
        today=lambda: date.min,
    )


def _fault(message: str) -> Fault:
    return Fault(kind=FaultKind.SCOPE, message=message)
