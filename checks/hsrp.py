"""hsrp: who speaks for a group of Cisco's HSRP (version 1: RFC 2281)? Listens, sends nothing.

The Standby sends hellos too, so that its silence can be seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Interval

from checks.base import (
    Assignment,
    CheckKind,
    Duration,
    Net,
    Prober,
    Settings,
    option,
    posture,
    required,
)
from checks.first_hop import Look, matches
from checks.first_hop_evidence import COMMON_FACTS, FirstHopEvidence, common_fields
from checks.first_hop_probe import FirstHopProbe, keep_us
from checks.first_hop_settings import (
    checked_addresses,
    checked_family,
    checked_interface,
    checked_routers,
    checked_window,
)
from checks.packets.messages import Hear
from checks.task_prober import TaskProber
from monitor.model import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class HsrpSettings(Settings):
    """Which group to listen to, and what is configured on its routers."""

    timeout: Duration = 15_000_000
    interface: str = required("Interface of this host on the routers' network.")
    group: Annotated[int, Interval(ge=0, le=4_095)] = required(
        "Group: 0 to 255, in version 2 to 4095."
    )
    version: Annotated[int, Interval(ge=1, le=2)] = option(1, "Version of HSRP, 1 or 2.")
    family: Annotated[int, Interval(ge=4, le=6)] = option(
        4, "Address family, 4 or 6; 6 needs version 2."
    )
    routers: tuple[str, ...] = option(
        (), "The routers' own addresses (IPv6: link-local); empty: any may speak."
    )
    virtual_address: str = option("", "The virtual address; empty: not compared.")
    active_priority: Annotated[int, Interval(ge=0, le=255)] = option(
        0, "Priority of the router that should be Active; 0: not compared."
    )
    listen: Duration = option(  # noqa: RUF009 - it is field()
        10_000_000, "How long to listen before silence counts: the routers' hold time."
    )

    def __post_init__(self) -> None:
        checked_interface(self.interface)
        checked_family(self.family)
        if self.version == 1 and (self.group > 255 or self.family == 6):
            raise ValueError("version 1 has groups 0 to 255 and no IPv6: set version: 2")
        checked_routers(self.routers, self.family)
        if self.virtual_address:
            checked_addresses("virtual_address", (self.virtual_address,), self.family, 1)
        checked_window(self.listen, self.timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class HsrpEvidence(FirstHopEvidence):
    """Who speaks for the group."""

    FACTS: ClassVar[Mapping[str, str]] = {
        **COMMON_FACTS,
        "standby": "string",
        "standby_seen": "bool",
        "both_heard": "bool",
        "states": "map<string,string>",
        "virtual_address": "string",
        "virtual_address_matches": "bool",
        "priority_matches": "bool",
        "hello_ms": "int",
        "hold_ms": "int",
    }

    standby: str | None = posture()
    standby_seen: bool | None = posture()
    both_heard: bool | None = posture()
    states: dict[str, str] = posture()  # noqa: RUF009 - it is field()
    virtual_address: str | None = posture()
    virtual_address_matches: bool | None = posture()
    priority_matches: bool | None = posture()
    hello_ms: int | None = posture()
    hold_ms: int | None = posture()


def evidence(settings: HsrpSettings, look: Look) -> HsrpEvidence:
    """What a look says of a group that is configured so."""
    speaking, active = look.speaking(), look.active()
    standby = [one.address for one in speaking if one.state == "standby"]
    virtual = active.addresses[0] if active is not None and active.addresses else None
    wanted = (settings.virtual_address,) if settings.virtual_address else ()
    priority = settings.active_priority
    return HsrpEvidence(
        **common_fields(look, settings.routers),
        standby=standby[0] if len(standby) == 1 else None,
        standby_seen=bool(standby) if speaking else None,
        both_heard=(active is not None and bool(standby)) if speaking else None,
        states={one.address: one.state for one in speaking},
        virtual_address=virtual,
        virtual_address_matches=None if virtual is None else matches((virtual,), True, wanted),
        priority_matches=active.priority == priority if active and priority else None,
        hello_ms=None if active is None else active.interval_us // 1_000,
        hold_ms=None if active is None else active.hold_us // 1_000,
    )


def _request(assignment: Assignment) -> Hear:
    settings = assignment.settings
    assert isinstance(settings, HsrpSettings)
    return Hear(
        id=0,
        interface=settings.interface,
        protocol="hsrp",
        family=settings.family,
        group=settings.group,
        version=settings.version,
        keep_us=keep_us(settings.interval),
    )


def _window_us(assignment: Assignment) -> int:
    settings = assignment.settings
    assert isinstance(settings, HsrpSettings)
    return settings.listen


def _evidence(assignment: Assignment, look: Look) -> HsrpEvidence:
    settings = assignment.settings
    assert isinstance(settings, HsrpSettings)
    return evidence(settings, look)


def _families(settings: Settings) -> tuple[Family, ...]:
    assert isinstance(settings, HsrpSettings)
    return (Family(settings.family),)


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return TaskProber(net, FirstHopProbe(_request, _window_us, _evidence).measure)


KIND = CheckKind(
    name="hsrp",
    settings=HsrpSettings,
    evidence=HsrpEvidence,
    prober=prober,
    reached="heard",
    families=_families,
)
