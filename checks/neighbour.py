"""neighbour: which hardware addresses answer for an address of the infrastructure?

A few ARP requests (RFC 826) or neighbour solicitations (RFC 4861) for that one address; every
answer within the window is gathered. Hardware addresses of anybody else are neither read nor kept.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Annotated, ClassVar
from urllib.parse import SplitResult, unquote

from annotated_types import Interval

from checks.address import literal_family
from checks.base import (
    Assignment,
    CheckKind,
    Duration,
    Evidence,
    FactValue,
    Net,
    Prober,
    Settings,
    measure,
    option,
    posture,
)
from checks.first_hop_probe import keep_us
from checks.first_hop_settings import checked_interface
from checks.packets.client import NO_PROCESS
from checks.packets.messages import (
    MAX_REQUESTS,
    MAX_WINDOW_US,
    Resolve,
    Resolved,
    is_hardware_address,
)
from checks.route import route_to
from checks.task_prober import TaskProber
from monitor.model import Family, Fault, FaultKind, format_duration

_LEAST_SPACING_US = 100_000
_MARGIN_US = 200_000
"""What the packet process may take beyond the window."""
_REMEMBERED = 10_000
_VIRTUAL = (
    "00:00:5e:00:01:",
    "00:00:5e:00:02:",
    "00:00:0c:07:ac:",
    "00:00:0c:9f:f",
    "00:05:73:a0:0",
)
"""VRRP over IPv4 and IPv6 (RFC 9568, 7.3), HSRP 1, 2 and over IPv6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourSettings(Settings):
    """Which address to ask for, and who should answer."""

    address: str = option(MISSING, "IP address of infrastructure on this host's own network.")
    interface: str = option("", "Interface to ask on; empty: the one that the route names.")
    expect: tuple[str, ...] = option(
        (), "Hardware addresses that may answer, as 00:00:5e:00:01:33; empty: not compared."
    )
    requests: Annotated[int, Interval(ge=1, le=MAX_REQUESTS)] = option(
        3, "How many requests one look sends (1 to 10)."
    )
    spacing: Duration = option(  # noqa: RUF009 - it is field()
        200_000, "Time between two requests; at least 100ms."
    )
    listen: Duration = option(  # noqa: RUF009 - it is field()
        500_000, "Time for answers after the last request."
    )

    def __post_init__(self) -> None:
        if not literal_family(self.address) or "%" in self.address:
            raise ValueError(f"{self.address!r} is not an IP address without a zone")
        if self.interface:
            checked_interface(self.interface)
        for mac in self.expect:
            if not is_hardware_address(mac):
                raise ValueError(f"{mac!r} is not a hardware address such as 00:00:5e:00:01:33")
        if not _LEAST_SPACING_US <= self.spacing <= MAX_WINDOW_US or self.listen > MAX_WINDOW_US:
            raise ValueError("spacing is between 100ms and 10s, listen at most 10s")
        if self.lasts_us() >= self.timeout:
            raise ValueError(
                f"a look lasts {format_duration(self.lasts_us())} (requests × spacing + listen), "
                f"not shorter than its timeout {format_duration(self.timeout)}: raise timeout"
            )

    def lasts_us(self) -> int:
        """Until the answer is complete."""
        return (self.requests - 1) * self.spacing + self.listen + _MARGIN_US


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourEvidence(Evidence):
    """Who answered for the address. `hardware_addresses` are those of this address alone."""

    FACTS: ClassVar[Mapping[str, str]] = {
        "answered": "bool",
        "hardware_addresses": "list<string>",
        "count": "int",
        "duplicate": "bool",
        "virtual": "bool",
        "matches": "bool",
        "changed": "bool",
        "announced": "bool",
        "asked": "int",
        "malformed": "int",
        "lost": "int",
    }

    asked: int | None = measure("1")
    malformed: int | None = measure("1")
    lost: int | None = measure("1")
    count: int = posture()
    """More than `hardware_addresses` when not all were kept."""
    hardware_addresses: tuple[str, ...] = posture()
    virtual: bool | None = posture()
    matches: bool | None = posture()
    changed: bool | None = posture()
    announced: bool = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact."""
        facts: dict[str, FactValue] = {
            "answered": self.count > 0,
            "hardware_addresses": list(self.hardware_addresses),
            "duplicate": self.count > 1,
        }
        for name in self.FACTS:
            value = getattr(self, name, None)
            if value is not None and name not in facts:
                facts[name] = value
        return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What earlier looks leave for the next one. `at_ns`: boot clock."""

    hardware_addresses: tuple[str, ...]
    at_ns: int
    instance: str
    malformed: int
    lost: int


def evidence(
    settings: NeighbourSettings, told: Resolved, known: Known | None, at_ns: int
) -> NeighbourEvidence:
    """What the answers say, compared with what is expected and with the last look."""
    found = tuple(one.hardware_address for one in told.claims)
    since_us = settings.interval
    if known is not None:
        since_us = max(since_us, (at_ns - known.at_ns) // 1_000)
    before = known.hardware_addresses if known is not None else ()
    same = known is not None and known.instance == told.instance
    announced_us = told.announced_age_us
    return NeighbourEvidence(
        asked=told.asked,
        malformed=_since(told.malformed, known.malformed if known and same else 0),
        lost=_since(told.lost, known.lost if known and same else 0),
        count=len(found) + (1 if told.more_claims else 0),
        hardware_addresses=found,
        virtual=all(one.startswith(_VIRTUAL) for one in found) if found else None,
        matches=set(found) <= set(settings.expect) if found and settings.expect else None,
        changed=set(found) != set(before) if found and before else None,
        announced=announced_us is not None and announced_us <= since_us,
    )


def _since(now: int, before: int) -> int:
    """A counter's growth; it begins anew when the interface was let go meanwhile."""
    return now - before if now >= before else now


class NeighbourProbe:
    """Asks the packet process; remembers who answered in each series."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    async def measure(self, net: Net, assignment: Assignment) -> Evidence | Fault:
        """One look; see `checks.task_prober.Measure`."""
        settings = assignment.settings
        assert isinstance(settings, NeighbourSettings)
        refusal = net.scope.refusal(settings.address)
        if refusal is not None:
            return refusal
        if net.packets is None:
            return NO_PROCESS
        interface = settings.interface or on_link_interface(settings.address)
        if isinstance(interface, Fault):
            return interface
        request = Resolve(
            id=0,
            interface=interface,
            address=settings.address,
            count=settings.requests,
            spacing_us=settings.spacing,
            window_us=settings.listen,
            keep_us=keep_us(settings.interval),
        )
        told = await net.packets.ask(request, settings.timeout / 1e6)
        if isinstance(told, Fault):
            return told
        if not isinstance(told, Resolved):
            return Fault(kind=FaultKind.PACKET_PROCESS, message="the packet process answered amiss")
        return self._seen(settings, assignment.target, told, net.boottime_ns())

    def _seen(
        self, settings: NeighbourSettings, series: str, told: Resolved, at_ns: int
    ) -> Evidence | Fault:
        known = self._known.pop(series, None)
        seen = evidence(settings, told, known, at_ns)
        if len(self._known) >= _REMEMBERED:
            self._known.pop(next(iter(self._known)))
        before = known.hardware_addresses if known is not None else ()
        self._known[series] = Known(
            hardware_addresses=seen.hardware_addresses or before,
            at_ns=at_ns,
            instance=told.instance,
            malformed=told.malformed,
            lost=told.lost,
        )
        if seen.lost and not seen.count:
            return Fault(
                kind=FaultKind.OVERLOAD,
                message="frames came faster than they could be read, so silence proves nothing",
            )
        return seen


def on_link_interface(address: str) -> str | Fault:
    """The interface whose neighbour the address is, or why it is nobody's."""
    try:
        route = route_to(address)
    except OSError as error:
        message = f"no route to {address} ({error.strerror}): set `interface`"
        return Fault(kind=FaultKind.LOCAL_NETWORK, message=message)
    if route.own:
        message = f"{address} is this host's own address; no neighbour can answer for it"
        return Fault(kind=FaultKind.LOCAL_NETWORK, message=message)
    if not route.on_link:
        message = f"{address} is behind a router; only neighbours on this host's networks answer"
        return Fault(kind=FaultKind.LOCAL_NETWORK, message=message)
    return route.interface


def _from_url(url: SplitResult) -> Settings:
    """`neighbour://192.0.2.1`, `neighbour://[2001:db8::1]`."""
    host = unquote(url.netloc).removeprefix("[").removesuffix("]")
    if url.path.strip("/") or url.query or url.fragment or not literal_family(host):
        raise ValueError(f"{url.geturl()!r} is not neighbour://ADDRESS: an IP address alone")
    return NeighbourSettings(address=host)


def _families(settings: Settings) -> tuple[Family, ...]:
    assert isinstance(settings, NeighbourSettings)
    return (literal_family(settings.address),)


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return TaskProber(net, NeighbourProbe().measure)


KIND = CheckKind(
    name="neighbour",
    settings=NeighbourSettings,
    evidence=NeighbourEvidence,
    prober=prober,
    reached="answered",
    from_url=_from_url,
    families=_families,
)
