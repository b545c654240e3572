"""The types every room of the house shares. Pure: no clock, no I/O, no third-party import.

A check is a definition, a probe the act, an observation the record of what was seen, a
verdict the judgement, an incident the interval in which a verdict stood, an alert the
message about it.

Units: wall time is UTC microseconds since the epoch; `_ns` is CLOCK_BOOTTIME nanoseconds;
durations are microseconds unless the name says otherwise.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """What a target is."""

    SITE = "site"
    LINK = "link"
    HOTSPOT = "hotspot"
    SERVICE = "service"
    CANARY = "canary"
    """An address that shows whether the agent itself can see; never a subject of the SLA."""
    AGENT = "agent"
    """The agent itself, on which the checks host and clock run."""


class Severity(IntEnum):
    """How much a violated rule matters; ordered."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """The word of the configuration and of JSON."""
        return self.name.lower()


class State(IntEnum):
    """The state of a target over time; at each moment exactly one."""

    UNOBSERVED = 0
    AVAILABLE = 1
    UNAVAILABLE = 2

    @property
    def word(self) -> str:
        """The word of JSON."""
        return self.name.lower()


class Family(IntEnum):
    """Address family of a series; NONE where a check has none (host)."""

    NONE = 0
    IPV4 = 4
    IPV6 = 6


class FaultKind(StrEnum):
    """Why nothing could be measured. A fault is never held against the target."""

    SCOPE = "scope"
    """The resolved address is outside `scope:`, or its authority has expired."""
    PERMISSION = "permission"
    """The operating system refuses the socket; the message names the remedy."""
    LOCAL_NETWORK = "local-network"
    """The agent's own host has no route or no interface for the packet."""
    LOCAL_RESOURCE = "local-resource"
    """File descriptors, buffers or memory of the agent ran out."""
    OVERLOAD = "overload"
    """The probe was skipped because the agent could not keep up."""
    RESOLVER = "resolver"
    """The agent's own resolvers did not answer: says nothing about the target."""
    ABSENT = "absent"
    """The name has no address of this family: there is nothing to observe, nothing is kept."""
    CLOCK = "clock"
    """The clocks disagreed while the probe ran."""
    AGENT_UPLINK = "agent-uplink"
    """Every canary failed: the agent cannot see, so it does not accuse."""
    INTERNAL = "internal"
    """A defect of the probe itself, supervised and counted."""
    UNSEEN = "unseen"
    """No observation holds of what a derived check would have to read."""
    PACKET_PROCESS = "packet-process"
    """The packet process is absent, dead or not to be trusted; the message names the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Nothing was measured, and why. `message` is English; `kind` has a text in both languages."""

    kind: FaultKind
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing of the inventory. `key` is unique over all kinds and names it for ever."""

    key: str
    kind: Kind
    name: str
    site: str = ""
    role: str = ""
    provider: str = ""
    medium: str = ""
    kecamatan: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    formerly: tuple[str, ...] = ()
    definition: str = ""
    """SHA-256 (hex) of the canonical JSON of its definition: a change of it is an entry."""

    def facts(self) -> dict[str, object]:
        """What `applies_to` and `require` may say of a target, under `target.`."""
        return {
            "key": self.key,
            "kind": self.kind.value,
            "name": self.name,
            "site": self.site,
            "role": self.role,
            "provider": self.provider,
            "medium": self.medium,
            "kecamatan": self.kecamatan,
            "labels": dict(self.labels),
            "parents": list(self.parents),
        }


TARGET_FACTS: Mapping[str, str] = {
    **dict.fromkeys(
        ("key", "kind", "name", "site", "role", "provider", "medium", "kecamatan"), "string"
    ),
    "labels": "map<string,string>",
    "parents": "list<string>",
}
"""Types of `Target.facts`, in the notation of `checks.base.Evidence.FACTS`."""


@dataclass(frozen=True, slots=True)
class Compliant:
    """The evidence meets the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violated:
    """The evidence breaks the rule. Reasons show values: "loss 0.40 > 0.05"; no language."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Indeterminate:
    """Neither good nor bad: `why` is a code (a FaultKind, "undefined", "unreachable", …)."""

    why: str
    detail: str = ""


Verdict = Compliant | Violated | Indeterminate

VERDICT_WORDS: Mapping[type[Verdict], str] = {
    Compliant: "compliant",
    Violated: "violated",
    Indeterminate: "indeterminate",
}
"""The words of JSON and of the cases beside a rule."""

_DURATION = re.compile(r"(\d+(?:\.\d{1,6})?)(us|ms|s|min|m|h|d)")
_UNIT_US = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}


def parse_duration(text: object) -> int:
    """Microseconds of "500ms", "60s", "5m", "1h", "730d"; ValueError for anything else.

    A bare number is refused: it does not say its unit.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number with a unit, such as 60s")
    whole, _, fraction = match[1].partition(".")
    unit = _UNIT_US[match[2]]
    return int(whole) * unit + int(fraction.ljust(6, "0") or 0) * unit // 1_000_000


def format_duration(microseconds: int) -> str:
    """The shortest text that `parse_duration` reads back exactly."""
    for unit in ("d", "h", "m", "s", "ms"):
        if microseconds and microseconds % _UNIT_US[unit] == 0:
            return f"{microseconds // _UNIT_US[unit]}{unit}"
    return f"{microseconds}us" if microseconds else "0s"


class Act(StrEnum):
    """What happened to an incident at one of its steps."""

    OPENED = "opened"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    """The target or the rule was removed from the configuration."""
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentStep:
    """One step in the life of an incident; a ledger entry of its own.

    `incident` is the index of its opening entry, None while that entry has no index yet.
    """

    incident: int | None
    step: int
    act: Act
    target: str
    check: str
    family: int
    policy: str
    rule: str
    severity: Severity
    reasons: tuple[str, ...]
    since_us: int
    """SLA time of the first observation of the run that led here (first bad, first good)."""
    at_us: int
    """SLA time of the observation that confirmed it."""
    author: str = ""
    """Account id of the operator whose act this is; empty for the agent's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message to one route, committed together with its incident step.

    `id` is SHA-256(origin, incident, step, route) in hex: repetitions carry the same id.
    `payload` is JSON with everything the message needs (step, target's name, rule's titles).
    """

    id: str
    incident: int
    step: int
    route: str
    payload: str
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one attempt to deliver an outbox row came to; `receipt` holds no secret."""

    id: str
    route: str
    attempt: int
    at_us: int
    delivered: bool
    receipt: str
