"""What may stand in agent.yaml and inventory/*.yaml. (Policies: `policies.source`; routes:
`alerts.routing`; settings of checks: `checks`.) The docstrings are what an editor shows.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge, Interval, MinLen
from pydantic import Field, WithJsonSchema

from monitor.calendar import LATEST_DAY
from monitor.config.values import (
    Absolute,
    Address,
    AuthorityUrl,
    Host,
    Hour,
    Key,
    Length,
    Line,
    Mac,
    Moment,
    Network,
    Origin,
    Port,
    Url,
    WitnessKey,
    WitnessUrl,
    Zone,
)
from monitor.secret import Secret
from monitor.text import Language

DAY_US = 86_400_000_000
MonthDay = Annotated[int, Interval(ge=1, le=LATEST_DAY)]
"""A day that every month has."""
ReportFormat = Literal["pdf", "html", "json", "oscal", "csv", "bundle"]

CheckTable = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "x-checks": True})]
"""Settings by check; each is validated against its check's own dataclass."""
Labels = dict[Line, Line] | list[Line]
"""`{owner: dukcapil}`, or `[public]` for labels without a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeEntry:
    """A network that may be probed, by whose authority, and until when."""

    network: Network
    authorised_by: Annotated[Line, MinLen(1)]
    letter: Annotated[Line, MinLen(1)]
    """Number of the letter."""
    until: date
    """The last day of the authority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """A signing key: PEM (PKCS#8), and its passphrase unless a credential encrypts it."""

    private: Secret
    passphrase: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEntry:
    """A key in a PKCS#11 token (an HSM, a smart card), which it never leaves."""

    module: Absolute
    """The module's file, from the maker of the token."""
    token: Annotated[Line, MinLen(1)]
    """Label of the token."""
    label: Annotated[Line, MinLen(1)]
    """Label of the key pair in it."""
    pin: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class NextKeyEntry:
    """One of the two: `private` (PEM, PKCS#8, with its passphrase) or `pkcs11`."""

    private: Secret | None = None
    passphrase: Secret | None = None
    """Unless a credential encrypts the key."""
    pkcs11: TokenEntry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeyEntry(NextKeyEntry):
    """The log's signing key, and while it is being rotated the next one."""

    next: NextKeyEntry | None = None
    """What `sasando keys rotate` hands over to. Afterwards move it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryEntry:
    """An address that shows whether the agent itself can see."""

    address: Host
    name: Line = ""
    checks: CheckTable = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessEntry:
    """Somebody on another host who cosigns what continues the log. Not a target of probes."""

    name: Key
    """For people."""
    url: WitnessUrl
    """https or http; the program adds /add-checkpoint. It needs no scope: nothing is probed."""
    key: WitnessKey
    """Its verifier key (cosignature, type 0x04), got from the people who run it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeStampEntry:
    """An authority that stamps the newest checkpoint once a day (RFC 3161)."""

    name: Key
    """For people, and in the log."""
    url: AuthorityUrl
    """https or http. It needs no scope: nothing is probed."""
    root: Annotated[Line, MinLen(1)]
    """PEM of its root certificates, got from its people; relative to this directory."""
    at: Hour = "03:00"
    """When it is asked, each day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsEntry:
    """The report of the month before, made once a month."""

    folder: Absolute
    """Where it is put: one directory a month, such as 2026-10."""
    day: MonthDay = 1
    at: Hour = "02:00"
    formats: Annotated[list[ReportFormat], MinLen(1)] = field(
        default_factory=lambda: [*get_args(ReportFormat)]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningEntry:
    """What is older than the retention, and reported, is archived and removed once a month."""

    archive: Absolute
    """Where the archives are put; nothing is removed that is not there and verified."""
    day: MonthDay = 2
    at: Hour = "04:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """What the agent does by the calendar, in the city's zone."""

    reports: ReportsEntry | None = None
    pruning: PruningEntry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEntry:
    """The whole of agent.yaml."""

    origin: Origin
    """The log's name for ever; it names the key. A domain and a path of your own."""
    vantage: Key
    """Where the agent looks from."""
    key: LogKeyEntry
    language: Language = "id"
    timezone: Zone = "Asia/Makassar"
    """Cuts the days and months of the SLA."""
    state: Absolute = "/var/lib/sasando"
    """Directory of the database."""
    store: str | Secret = ""
    """Database URL; empty: sqlite in the state directory."""
    high_water_mark: Absolute | None = None
    """Kept apart from the database; default: a directory beside the state directory."""
    control: Absolute = "/run/sasando/control.sock"
    """The socket on which commands meet the daemon."""
    packets: Absolute = "/run/sasando-packets/packets.sock"
    """The socket of the packet process, which vrrp, hsrp and neighbour need."""
    retention: Length = 730 * DAY_US
    scope: list[ScopeEntry] = field(default_factory=list)
    resolvers: list[Address] = field(default_factory=list)
    """Name servers; they count as scope. Empty: those of the system, when scope admits them."""
    ntp: list[Host] = field(default_factory=list)
    """Time servers; literal addresses count as scope."""
    canaries: dict[Key, CanaryEntry] = field(default_factory=dict)
    ca_file: str = ""
    """PEM of roots of your own beside the system's; relative to this directory."""
    witnesses: list[WitnessEntry] = field(default_factory=list)
    """Who cosigns the log's checkpoints; asked at each start, and once a minute at most."""
    time_stamps: list[TimeStampEntry] = field(default_factory=list)
    """Who stamps the log's checkpoints with a time that is not ours."""
    calendar: CalendarEntry = field(default_factory=CalendarEntry)
    """Monthly reports and pruning; without it people do both."""
    packs: list[str] = field(default_factory=list)
    """Bundled policies to judge by."""
    defaults: CheckTable = field(default_factory=dict)
    """Settings by check for every target that says nothing else."""
    checks: CheckTable = field(default_factory=dict)
    """Settings of the checks of the agent itself: host and clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What every entry of the inventory may say."""

    name: Line = ""
    """For people; default: its key."""
    kecamatan: Line = ""
    labels: Labels = field(default_factory=dict)
    parents: list[Key] | None = None
    """What must be up for this to be reachable."""
    formerly: list[Key] = field(default_factory=list)
    """Earlier keys: the history goes on under this one."""
    enabled: bool = True
    """false: listed, not probed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedEntry(Entry):
    """What every entry that is probed may say besides."""

    site: Key
    role: Line = ""
    """Of a link: primary, backup or a word of your own."""
    provider: Line = ""
    medium: Line = ""
    checks: CheckTable = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteEntry(Entry):
    """A place; it is up when any of its links is."""

    aliases: list[Line] = field(default_factory=list)
    """Other spellings of its name."""
    checks: CheckTable = field(default_factory=dict)
    """Of a site: redundancy alone, where it has two links or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillEntry:
    """A declared window in which a failover of the link's site may be drilled."""

    from_: Annotated[Moment, Field(alias="from")]
    """Day and time, in the city's zone unless it carries one."""
    until: Moment
    authorised_by: Annotated[Line, MinLen(1)]
    letter: Annotated[Line, MinLen(1)]
    """Number of the letter."""
    probe: Host | None = None
    """What must stay reachable; default: the first service or hotspot of the link's site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEntry(ProbedEntry):
    """A line to a site. Its parents are its site's unless it names its own."""

    address: Host | Annotated[list[Host], MinLen(1)]
    """An address or a host name; a list: at most one address of each family."""
    fee: Annotated[int, Ge(0)] | None = None
    """Rupiah a month."""
    drills: list[DrillEntry] = field(default_factory=list)
    """Windows in which `sasando drill` may measure a failover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HotspotEntry(ProbedEntry):
    """A public wireless network. Its parent is its site unless it names others."""

    ssid: Line
    gateway: Host | None = None
    portal: Url | None = None
    bssids: list[Mac] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEntry(ProbedEntry):
    """Something that answers. Its parent is its site unless it names others."""

    url: Url | None = None
    """https, http, tls, tcp, icmp or dns (dns://server/name)."""
    dns: Host | None = None
    """A name that must resolve."""
    login: str = ""
    """Path of the login page below the URL, or a URL: the check web looks at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneEntry:
    """A part of the network: where a site's or hotspot's clients are, or networks."""

    from_: Annotated[Key | None, Field(alias="from")] = None
    hosts: list[Network] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEntry:
    """Which ports of one zone another zone may reach."""

    from_: Annotated[Key, Field(alias="from")]
    to: Key
    ports: Annotated[list[Port], MinLen(1)]
    expect: Literal["allow", "deny"]


SECTIONS: dict[str, type] = {
    "sites": SiteEntry,
    "links": LinkEntry,
    "hotspots": HotspotEntry,
    "services": ServiceEntry,
    "zones": ZoneEntry,
}
"""Sections of an inventory file that are tables of named entries; `access` is a list."""
