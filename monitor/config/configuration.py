"""The configuration in force: what the rest of the house sees of the files. Frozen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from alerts.routing import Route, RouteSource, route_of
from checks.base import Assignment, Settings
from checks.scope import ScopeRange
from monitor.calendar import daily_of
from monitor.config.problem import Problem
from monitor.config.schema import AccessEntry, ZoneEntry
from monitor.ledger.signer import Verifier
from monitor.ledger.stamp import roots_in
from monitor.ledger.token import TokenKey
from monitor.model import Target
from monitor.secret import Secret
from monitor.text import Language
from policies.rule import Policy

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

AGENT = "agent"
"""Key of the pseudo target on which the agent's own checks, host and clock, run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessPlan:
    """A witness: its name for people, where it is asked, and the key that it is held to."""

    name: str
    url: str
    verifier: Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeStampPlan:
    """A time-stamping authority: where it is asked, when, and the roots that it is held to."""

    name: str
    url: str
    root: Path
    at: int
    """Minutes after midnight."""

    def roots(self) -> "tuple[Certificate, ...]":
        """The root certificates; StampError where the file has none that can be read."""
        return roots_in(self.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """A monthly job that puts what it makes into a folder."""

    folder: Path
    day: int
    at: int
    """Minutes after midnight."""
    formats: tuple[str, ...] = ()
    """Of a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKey:
    """A log key in PEM (PKCS#8)."""

    private: Secret
    passphrase: Secret | None = None
    """None: whatever holds the key encrypts it (a systemd credential)."""


KeyPlan = FileKey | TokenKey
"""Where a log key lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What agent.yaml says, with its defaults filled in; every path is absolute."""

    origin: str
    vantage: str
    key: KeyPlan
    next_key: KeyPlan | None
    """What `keys rotate` hands over to; in force from the entry on that says so."""
    language: Language
    timezone: ZoneInfo
    state: Path
    store: str | Secret = field(repr=False)
    high_water_mark: Path
    control: Path
    packets: Path
    """The socket of the packet process."""
    trusted_key: Path
    """trust/log.vkey beside the configuration: what `verify` trusts."""
    retention_us: int
    scope: tuple[ScopeRange, ...]
    """As written; then the resolvers, time servers and canaries with literal addresses."""
    resolvers: tuple[str, ...]
    time_servers: tuple[str, ...]
    ca_file: str
    packs: tuple[str, ...]
    witnesses: tuple[WitnessPlan, ...] = ()
    time_stamps: tuple[TimeStampPlan, ...] = ()
    reports: FolderPlan | None = None
    """The monthly report, where the calendar makes it."""
    pruning: FolderPlan | None = None
    """The monthly pruning, and where its archives go."""

    def store_url(self) -> str:
        """The database URL, revealed: it may hold a password. SecretError as `reveal`."""
        return self.store.reveal() if isinstance(self.store, Secret) else self.store


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePlan:
    """A route of alerts.yaml, its `applies_to` compiled, its secret not yet read."""

    name: str
    source: RouteSource
    applies: Callable[[Target], bool] = field(repr=False)

    @property
    def digest_at(self) -> int | None:
        """Minutes after midnight of its daily digest; None where it has none."""
        return daily_of(self.source.digest)

    def route(self) -> Route:
        """The route ready for work; SecretError when its URL cannot be read."""
        url = self.source.url
        revealed = url.reveal() if isinstance(url, Secret) else url
        return route_of(self.name, self.source, revealed, self.applies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A declared window of a link: a failover may be drilled inside it, by whose authority."""

    link: str
    from_us: int
    """UTC µs; the window ends before `until_us`."""
    until_us: int
    authorised_by: str
    letter: str
    probe: str
    """Address or host name behind the redundant pair: its outage is what is measured."""

    def open_at(self, wall_us: int) -> bool:
        """Whether the window is open at this moment."""
        return self.from_us <= wall_us < self.until_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything the files say, checked whole. Order is that of the files, sorted by name."""

    directory: Path
    agent: Agent
    targets: Mapping[str, Target]
    """Enabled and disabled ones, the canaries and the agent itself, by key."""
    disabled: frozenset[str]
    """Keys of targets with `enabled: false`: listed, not probed."""
    assignments: tuple[Assignment, ...]
    policies: tuple[Policy, ...]
    """Own ones by file, then the packs that agent.yaml names."""
    routes: Mapping[str, RoutePlan]
    fees: Mapping[str, int]
    """Rupiah a month, by link."""
    zones: Mapping[str, ZoneEntry]
    access: tuple[AccessEntry, ...]
    defaults: Mapping[str, Mapping[str, object]]
    """Typed settings by check that agent.yaml gives every target."""
    texts: Mapping[str, bytes]
    """Every file as read, by its path below the directory; secrets are references only."""
    drills: Mapping[str, tuple[Drill, ...]] = field(default_factory=dict)
    """Declared windows by link, in the order written."""
    warnings: tuple[Problem, ...] = ()

    def settings(self, check: str, base: Settings) -> Settings:
        """`base` with the agent's defaults for this check laid over it (on-demand checks)."""
        from dataclasses import replace

        return replace(base, **self.defaults.get(check, {}))  # type: ignore[arg-type]
