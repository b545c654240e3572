"""Policies as people write them: the configuration schema of `policies/*.yaml`, unchecked.

Plain annotated types, so that the configuration can validate them field by field; what needs
more than a type (expressions, ratios, durations) is checked by `policies.rule.compile_policy`.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

Title = dict[Literal["en", "id"], str]
"""The sentence a person reads, by language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmSource:
    """How many of the last observations must agree, as "N/M", before an incident steps."""

    open: str = "2/3"
    close: str = "2/2"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSource:
    """A test beside its rule: evidence as nested YAML, and the verdict it must get."""

    evidence: dict[str, Any]
    verdict: Literal["compliant", "violated", "indeterminate"]
    target: dict[str, Any] = field(default_factory=dict)
    """Facts of the target; those left out are empty."""
    reasons: list[str] | None = None
    """When given, the exact reasons that a violated verdict must show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverSource:
    """A violation that somebody accepts for one target until a day; it still shows."""

    target: str
    justification: str
    until: date
    """The last day on which it holds, in UTC."""
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSource:
    """A rule: judges one observation of one check."""

    id: str
    check: str
    require: str
    """CEL over `evidence.` and `target.`: true is compliant."""
    title: Title = field(default_factory=dict)
    applies_to: str = "true"
    """CEL over `target.`: which targets of the check the rule judges."""
    severity: Literal["info", "warning", "critical"] = "warning"
    controls: list[str] = field(default_factory=list)
    confirm: ConfirmSource = field(default_factory=ConfirmSource)
    availability: bool = False
    """The rule says what "available" means, instead of the check's default expression."""
    tests: list[CaseSource] = field(default_factory=list)
    waivers: list[WaiverSource] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSource:
    """A calendar window and the zone that cuts it."""

    calendar: Literal["month", "quarter", "year"] = "month"
    timezone: str = "Asia/Makassar"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSource:
    """Availability by loss (ITU-T Y.1540): unavailable when loss exceeds `ratio` over `over`."""

    ratio: float = 0.2
    over: str = "5m"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestitutionSource:
    """What the provider owes of a link's monthly fee when an availability objective is missed."""

    formula: Literal["downtime-over-target", "shortfall", "pro-rata"] = "downtime-over-target"
    only_below_target: bool = True
    """Nothing is owed while availability is at or above the target."""
    longer_than: str = "0s"
    """Only outages longer than this count."""
    cap: str = "100%"
    """The most that is owed, as a part of the fee."""
    step: str = "0.01"
    """What amounts are rounded to, in rupiah."""
    rounding: Literal["half-up", "half-even", "down", "up"] = "half-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveSource:
    """An objective: judges a window of time."""

    id: str
    indicator: Literal[
        "availability",
        "loss",
        "delay",
        "mttr",
        "mtbf",
        "outages",
        "longest-outage",
        "redundancy-debt",
    ]
    measured_by: list[str]
    """Ids of rules: any violated is unavailable, else any Indeterminate is unobserved."""
    target: str
    """A percentage such as "99.5%" (of loss and redundancy-debt the most that is allowed); a
    duration such as "750ms" for delay, mttr, mtbf and longest-outage; a number for outages."""
    applies_to: str = "true"
    title: Title = field(default_factory=dict)
    window: WindowSource = field(default_factory=WindowSource)
    unreachable: Literal["unobserved", "unavailable"] = "unobserved"
    loss: LossSource | None = None
    percentile: str = ""
    """Of delay: which part of the probes must come back in time; empty: 95%."""
    service_hours: list[str] = field(default_factory=list)
    """When it is owed, such as "mon-fri 07:30-16:00"; empty: always."""
    restitution: RestitutionSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSource:
    """A control of a rule book, as reports are to name it."""

    id: str
    """Without its book, such as "A.8.24"."""
    title: Title = field(default_factory=dict)
    attested: bool = False
    """No probe can say anything of it; only papers can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySource:
    """One policy: rules and objectives under a name and a version, or the controls of a book."""

    policy: str
    version: int
    title: Title = field(default_factory=dict)
    book: str = ""
    """Whose controls `controls` lists, as in `iso27001:A.8.24` of rules."""
    controls: list[ControlSource] = field(default_factory=list)
    """What reports give a verdict of, by the rules of any policy that name it."""
    rules: list[RuleSource] = field(default_factory=list)
    objectives: list[ObjectiveSource] = field(default_factory=list)
