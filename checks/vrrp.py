"""vrrp: who speaks for a virtual router (RFC 9568; version 2: RFC 3768)? Listens, sends nothing.

A Backup is silent: hearing one router proves no second one. It is proven when a configured router
was heard and another one took over from it while it still spoke.
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
    measure,
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
from checks.packets.messages import MAX_ADDRESSES, Hear
from checks.task_prober import TaskProber
from monitor.model import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class VrrpSettings(Settings):
    """Which virtual router to listen to, and what is configured on its routers."""

    timeout: Duration = 10_000_000
    interface: str = required("Interface of this host on the routers' network.")
    vrid: Annotated[int, Interval(ge=1, le=255)] = required("Virtual router id, 1 to 255.")
    family: Annotated[int, Interval(ge=4, le=6)] = option(4, "Address family, 4 or 6.")
    routers: tuple[str, ...] = option(
        (), "The routers' own addresses (IPv6: link-local); empty: any may speak."
    )
    addresses: tuple[str, ...] = option((), "The virtual addresses; empty: not compared.")
    active_priority: Annotated[int, Interval(ge=0, le=255)] = option(
        0, "Priority of the router that should be Active; 0: not compared."
    )
    advert_interval: Duration = option(  # noqa: RUF009 - it is field()
        1_000_000, "Advertisement interval that is configured on the routers."
    )
    listen: Duration = option(  # noqa: RUF009 - it is field()
        0, "How long to listen before silence counts; 0s: 3 intervals and the longest skew."
    )
    backup_within: Duration = option(  # noqa: RUF009 - it is field()
        86_400_000_000, "How long a backup counts as seen after it was heard."
    )

    def __post_init__(self) -> None:
        checked_interface(self.interface)
        checked_family(self.family)
        checked_routers(self.routers, self.family)
        checked_addresses("addresses", self.addresses, self.family, MAX_ADDRESSES)
        checked_window(self.window_us(), self.timeout)

    def window_us(self) -> int:
        """Active_Down_Interval of the slowest backup, priority 1 (RFC 9568, 6.1)."""
        if self.listen:
            return self.listen
        return 3 * self.advert_interval + 255 * self.advert_interval // 256


@dataclass(frozen=True, slots=True, kw_only=True)
class VrrpEvidence(FirstHopEvidence):
    """Who speaks for the virtual router."""

    FACTS: ClassVar[Mapping[str, str]] = {
        **COMMON_FACTS,
        "version": "int",
        "advert_interval_ms": "int",
        "addresses": "list<string>",
        "addresses_match": "bool",
        "priority_matches": "bool",
        "backup_seen": "bool",
        "wrong_ttl": "int",
    }

    wrong_ttl: int | None = measure("1")
    version: int | None = posture()
    advert_interval_ms: int | None = posture()
    addresses: tuple[str, ...] | None = posture()
    addresses_match: bool | None = posture()
    priority_matches: bool | None = posture()
    backup_seen: bool | None = posture()


def evidence(settings: VrrpSettings, look: Look) -> VrrpEvidence:
    """What a look says of a virtual router that is configured so."""
    common = common_fields(look, settings.routers)
    active = look.active()
    if active is None:
        return VrrpEvidence(
            **common,
            wrong_ttl=look.count("wrong_ttl"),
            version=None,
            advert_interval_ms=None,
            addresses=None,
            addresses_match=None,
            priority_matches=None,
            backup_seen=None,
        )
    whole = active.address_count == len(active.addresses)
    return VrrpEvidence(
        **common,
        wrong_ttl=look.count("wrong_ttl"),
        version=active.version,
        advert_interval_ms=active.interval_us // 1_000,
        addresses=active.addresses,
        addresses_match=matches(active.addresses, whole, settings.addresses),
        priority_matches=(
            active.priority == settings.active_priority if settings.active_priority else None
        ),
        backup_seen=backup_seen(settings, look),
    )


def backup_seen(settings: VrrpSettings, look: Look) -> bool | None:
    """True when another configured router gave way while it still spoke; else unknown."""
    proven = any(
        one.address in settings.routers
        and one.state == "preempted"
        and one.heard_age_us <= settings.backup_within
        for one in look.heard.speakers
    )
    return True if proven else None


def _request(assignment: Assignment) -> Hear:
    settings = assignment.settings
    assert isinstance(settings, VrrpSettings)
    return Hear(
        id=0,
        interface=settings.interface,
        protocol="vrrp",
        family=settings.family,
        group=settings.vrid,
        version=0,
        keep_us=keep_us(settings.interval),
    )


def _window_us(assignment: Assignment) -> int:
    settings = assignment.settings
    assert isinstance(settings, VrrpSettings)
    return settings.window_us()


def _evidence(assignment: Assignment, look: Look) -> VrrpEvidence:
    settings = assignment.settings
    assert isinstance(settings, VrrpSettings)
    return evidence(settings, look)


def _families(settings: Settings) -> tuple[Family, ...]:
    assert isinstance(settings, VrrpSettings)
    return (Family(settings.family),)


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return TaskProber(net, FirstHopProbe(_request, _window_us, _evidence).measure)


KIND = CheckKind(
    name="vrrp",
    settings=VrrpSettings,
    evidence=VrrpEvidence,
    prober=prober,
    reached="heard",
    families=_families,
)
