"""Entries of what the agent does while it measures: what is watched, what came of it, who heard."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from monitor.ledger.record import MAX_INTERVAL_US, MAX_TIME_US, Record
from monitor.model import Act, Family, IncidentStep, Severity
from monitor.text import Reason

_ACTS = frozenset(act.value for act in Act)
_SEVERITIES = frozenset(Severity)
_FAMILIES = frozenset(Family)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOpened(Record):
    """The first entry: whose log this is, and which log it follows."""

    CODE: ClassVar[int] = 2
    origin: str
    vantage: str
    opened_us: int
    previous: str | None
    """The last known checkpoint note of the log that this one succeeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAnchored(Record):
    """SLA time of the batches that name this entry = wall_us + (boot clock - boottime_ns)."""

    CODE: ClassVar[int] = 3
    wall_us: int
    boottime_ns: int
    boot_id: str
    why: str
    """start, boot or step."""
    step_us: int
    """How far the wall clock had left the anchor before; 0 at a start."""

    def _contradiction(self) -> Reason | None:
        if abs(self.wall_us) > MAX_TIME_US:
            return Reason("entry.time", {"time": self.wall_us})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationInForce(Record):
    """The hashes of every text that judges from here on; the texts are evidence records."""

    CODE: ClassVar[int] = 4
    at_us: int
    texts: Mapping[str, bytes]
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesDefined(Record):
    """Gives (target, check, family, vantage) its number for ever, or changes what it is judged by.

    `rules` are `policy/rule` in the order of a judgement's digits: the first one decides
    availability, or is empty where the check says nothing of it.
    """

    CODE: ClassVar[int] = 5
    number: int
    target: str
    kind: str
    definition: str
    check: str
    family: int
    vantage: str
    interval_us: int
    rules: tuple[str, ...]
    withdrawn: bool

    def _contradiction(self) -> Reason | None:
        if self.number < 0 or self.family not in _FAMILIES:
            return Reason("entry.series", {"number": self.number, "family": self.family})
        if not 0 < self.interval_us <= MAX_INTERVAL_US:
            return Reason("entry.interval", {"interval": self.interval_us})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentStepped(Record):
    """A step in the life of an incident; `incident` None: this entry opens it and names it."""

    CODE: ClassVar[int] = 6
    incident: int | None
    step: int
    act: str
    target: str
    check: str
    family: int
    policy: str
    rule: str
    severity: int
    reasons: tuple[str, ...]
    since_us: int
    at_us: int
    author: str

    def _contradiction(self) -> Reason | None:
        if self.act not in _ACTS or self.severity not in _SEVERITIES:
            return Reason("entry.act", {"act": repr(self.act[:40]), "severity": self.severity})
        if self.family not in _FAMILIES:
            return Reason("entry.family", {"family": self.family})
        opening = self.act == Act.OPENED
        if opening != (self.incident is None) or opening != (self.step == 0):
            told: dict[str, str | int] = {"act": self.act, "step": self.step}
            return Reason("entry.step", {**told, "incident": str(self.incident)})
        return None

    @classmethod
    def of(cls, step: IncidentStep) -> Self:
        """The entry of a step."""
        return cls(
            incident=step.incident,
            step=step.step,
            act=step.act.value,
            target=step.target,
            check=step.check,
            family=step.family,
            policy=step.policy,
            rule=step.rule,
            severity=int(step.severity),
            reasons=step.reasons,
            since_us=step.since_us,
            at_us=step.at_us,
            author=step.author,
        )

    def as_step(self, index: int) -> IncidentStep:
        """The step again; `index` is this entry's own."""
        return IncidentStep(
            incident=index if self.incident is None else self.incident,
            step=self.step,
            act=Act(self.act),
            target=self.target,
            check=self.check,
            family=self.family,
            policy=self.policy,
            rule=self.rule,
            severity=Severity(self.severity),
            reasons=tuple(self.reasons),
            since_us=self.since_us,
            at_us=self.at_us,
            author=self.author,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettled(Record):
    """A message was delivered, or given up after the longest time allowed."""

    CODE: ClassVar[int] = 7
    alert: str
    route: str
    attempt: int
    at_us: int
    delivered: bool
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAct(Record):
    """Something a person did through the program: who, what, why, and with which outcome.

    `act` is a word such as `check` or `reload`; `detail` is a wire map of its own.
    """

    CODE: ClassVar[int] = 8
    act: str
    author: str
    reason: str
    at_us: int
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCounted(Record):
    """What the agent could not do or could not keep between two moments, by kind."""

    CODE: ClassVar[int] = 9
    since_us: int
    until_us: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet(Record):
    """A label on a target's time: unreachable (cause: the parents), blind (the agent itself),
    single-leg (the links that are down) or blocked (what of the national filter answered).

    It begins at `since_us`; the entry with `until_us` ends it.
    """

    CODE: ClassVar[int] = 10
    label: str
    target: str
    cause: str
    since_us: int
    until_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStopped(Record):
    """The daemon drained and ended in order: what follows is a gap that was announced."""

    CODE: ClassVar[int] = 11
    at_us: int
    why: str
