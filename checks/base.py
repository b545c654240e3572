"""What a check is: its settings, its evidence, its prober, and one line in the table.

A check measures and never judges. The dataclass of its settings IS its configuration schema;
the facts of its evidence ARE what policies may speak of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, ClassVar, Protocol, Self
from urllib.parse import SplitResult

from checks.packets.client import Packets
from monitor.model import Family, Fault, State, parse_duration

FactValue = bool | int | float | str | list[Any] | dict[str, Any]
"""What CEL sees. A fact that is undefined is absent: never zero, never None."""


class Microseconds:
    """Marks a settings field written as a duration ("500ms") and held as microseconds."""

    def __get_pydantic_core_schema__(self, source: object, build: Callable[[Any], Any]) -> Any:
        """Let the configuration validate the text; imported late, checks need no pydantic."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(parse_duration, build(source))

    def __get_pydantic_json_schema__(self, schema: object, build: Callable[[Any], Any]) -> Any:
        """Editors see a text with a unit."""
        return {"type": "string", "pattern": r"^\d+(\.\d{1,6})?(us|ms|s|min|m|h|d)$"}


Duration = Annotated[int, Microseconds()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every check can be told. A check's own settings derive from it."""

    interval: Duration = 60_000_000
    timeout: Duration = 2_000_000


def option(default: Any, doc: str) -> Any:
    """A settings field with its sentence of documentation (English; the docs page shows it)."""
    return field(default=default, metadata={"doc": doc})


def required(doc: str) -> Any:
    """A settings field that has no default, with its sentence of documentation."""
    return field(metadata={"doc": doc})


def derived(default: Any) -> Any:
    """A settings field that the configuration fills in by itself: no user can write it."""
    return field(default=default, metadata={"derived": True})


def measure(unit: str) -> Any:
    """An evidence field stored as an integer column: `int | None` or a tuple of them."""
    return field(metadata={"stored": "measure", "unit": unit})


def posture() -> Any:
    """An evidence field stored once under its SHA-256: no times, delays or counters inside.

    Its value is None, bool, int, str, bytes, or a tuple or a str-keyed dict of such values.
    """
    return field(metadata={"stored": "posture"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen. Each field is a `measure` or a `posture`, so that one codec stores all."""

    FACTS: ClassVar[Mapping[str, str]] = {}
    """Dotted fact name → type: int, double, string, bool, timestamp, list<T>, map<string,T>."""

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact under its dotted name. Milliseconds and ratios are floats here."""
        raise NotImplementedError

    def facts_of(self, names: frozenset[str]) -> dict[str, FactValue]:
        """At least the defined facts among `names`: a check may spare itself the others."""
        del names
        return self.facts()

    @classmethod
    def measures(cls) -> tuple[str, ...]:
        """Names of the fields stored as integer columns, in order."""
        return tuple(f.name for f in fields(cls) if f.metadata["stored"] == "measure")

    @classmethod
    def postures(cls) -> tuple[str, ...]:
        """Names of the fields stored in the hashed record, in order."""
        return tuple(f.name for f in fields(cls) if f.metadata["stored"] == "posture")

    @classmethod
    def restored(cls, values: Mapping[str, Any]) -> Self:
        """The evidence again, from its stored fields."""
        kind: type = cls
        return cls(**{name: values[name] for name in _field_names(kind)})


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One check on one target over one address family: a series, as the engine runs it."""

    target: str
    check: str
    family: Family
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a probe brought back: evidence or a fault, never both and never neither.

    `started_ns` is CLOCK_BOOTTIME when the first packet left; `elapsed_us` is monotonic.
    """

    started_ns: int
    elapsed_us: int
    evidence: Evidence | None = None
    fault: Fault | None = None


Done = Callable[[int, Outcome], None]
"""Called exactly once for each slot of a batch: (slot, outcome)."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One act: `slot` is the caller's own number for it, given back to `Done`."""

    slot: int
    assignment: Assignment


class Prober(Protocol):
    """Runs probes of one check on the running loop. Not thread-safe; one a process and check."""

    def begin(self, batch: Sequence[Probe], done: Done) -> None:
        """Start every probe of the batch and return at once; `done` may be called before that."""
        ...

    def tick(self) -> None:
        """Time-driven work (drain sockets, expire probes); called every engine tick."""
        ...

    def counters(self) -> Mapping[str, int]:
        """What was lost or odd since start: forged, late, duplicate, dropped, no_timestamp…."""
        ...

    def notes(self) -> Sequence[str]:
        """Visible restrictions as text keys, such as "checks.icmp-user-clock"; empty is best."""
        ...

    async def close(self) -> None:
        """Stop; probes under way are forgotten."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckKind:
    """One line of the table of checks."""

    name: str
    settings: type[Settings]
    evidence: type[Evidence]
    prober: Callable[["Net"], Prober]
    available: str = ""
    """CEL over the evidence: this observation shows the target available. Empty: says nothing."""
    from_url: Callable[[SplitResult], Settings] | None = None
    """Settings for a bare `kind://…` target of `sasando check`; ValueError says what is wrong."""
    families: Callable[[Settings], tuple[Family, ...]] = lambda _: (Family.NONE,)
    """The families to observe on their own: of a literal address its own, of a name both."""
    reached: str = ""
    """A boolean fact: true says that something came over the way to the target. Such an
    observation needs no other one to show that the way was clear. Empty: none says so."""
    needing: Callable[[Settings, frozenset[str]], Settings] | None = None
    """The settings again, for a prober that measures only what it must: the facts that the rules
    of this series speak of, and "fact[key]" for each key of a map that is written out; "fact[]"
    where a rule speaks of the whole map. None: the check measures everything anyway."""
    full: Callable[[Settings], Settings] | None = None
    """The settings again, for finding out everything (`sasando check --full`)."""
    filtered: bool = False
    """Its evidence has `blocked_by`: what of the national filter answered in the target's place,
    None where it was not the filter. The target's time bears the label `blocked` meanwhile."""
    derived: bool = False
    """It sends no packet, but says what observations of other targets come to. Its own `available`
    decides the state and opens no incident: the targets that it is derived from tell people."""


class Scope(Protocol):
    """The networks that may be probed; see `checks.scope`."""

    def refusal(self, address: str) -> Fault | None:
        """None when packets may go to this very address now; else why not."""
        ...


class Resolver(Protocol):
    """Names to addresses on the loop, cached by TTL; see `checks.resolver`."""

    def lookup(
        self, name: str, family: Family, found: Callable[[Sequence[str] | Fault], None]
    ) -> None:
        """Call `found` once with the addresses of this family (a literal is itself) or a fault.

        An empty sequence: the name exists, or not, but has no such address (NXDOMAIN, NODATA).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One link of a site, as its newest observations show it (a derived check reads them)."""

    link: str
    role: str
    """As the inventory says it: primary, backup or another word."""
    state: State
    """Unobserved where the observation is too old, or where no way to the link was seen working
    since it stopped answering: unreachable is not down."""
    since_ns: int
    """Since when (boot clock) it has this state; 0 where it is unobserved."""
    routers: tuple[str, ...] | None = None
    """Routers on the way to it, nearest first, the link itself excluded; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """What stood between a name and its addresses when it was looked up last."""

    names: tuple[str, ...]
    """Targets of its CNAME records in their order, in lower case without the final dot."""
    gone: bool
    """The name at the end of the chain does not exist (NXDOMAIN)."""


def no_aliases(name: str, family: Family) -> Aliases | None:
    """Nobody knows: undefined, not "none"."""
    del name, family
    return None


def no_legs(site: str) -> Sequence[Leg]:
    """Nobody looks at links here."""
    del site
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """The one seam between probers and the outside."""

    scope: Scope
    resolver: Resolver
    boottime_ns: Callable[[], int]
    wall_us: Callable[[], int]
    ca_file: str = ""
    """PEM of the operator's own roots beside the system's; empty: the system's alone."""
    nameservers: tuple[str, ...] = ()
    time_servers: tuple[str, ...] = ()
    tick_ms: int = 50
    packets: Packets | None = None
    """The way to the packet process; None: there is none to ask."""
    legs: Callable[[str], Sequence[Leg]] = no_legs
    """The links of a site and their states now; empty where it has none."""
    aliases: Callable[[str, Family], Aliases | None] = no_aliases
    """The aliases of a name (as it goes on the wire) that was just looked up in this family;
    None: not known."""
    options: Mapping[str, Any] = field(default_factory=dict)
