"""By which terms time is accounted for, as one text that an entry names. Pure.

`accounting_of` resolves a configuration's objectives, targets and fees into plain terms;
`text_of` writes them canonically (JSON, keys sorted). The text is a record of the ledger, so that
figures can be computed again by somebody who has neither the policies nor their language.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self
from zoneinfo import ZoneInfo

from monitor.ledger.entry import reason_of
from monitor.ledger.errors import LedgerError
from monitor.model import Target
from policies.objective import Objective
from policies.period import ServiceHours, parse_service_hours
from policies.restitution import Terms

RULES_VERSION = 2
"""Version of the accounting rules; see `docs/accounting.md`."""
KNOWN_VERSIONS = (1, RULES_VERSION)
"""By version 1 nothing was computed of singletons: such objectives are unmeasured."""
TEXT_NAME = "accounting.json"
"""Its name among the texts of a configuration in force."""


class AccountingError(LedgerError):
    """The text holds no accounting terms that this program knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTerms:
    """Who a target is, as reports name it."""

    name: str
    kind: str
    site: str = ""
    role: str = ""
    provider: str = ""
    fee: int | None = None
    """Rupiah a month."""
    formerly: tuple[str, ...] = ()
    """Keys that it had before: what the ledger says of them is about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveTerms:
    """One objective, resolved: what is measured by what, and owed to whom."""

    policy: str
    id: str
    title: Mapping[str, str]
    indicator: str
    measured_by: tuple[str, ...]
    targets: tuple[str, ...]
    calendar: str
    timezone: str
    ratio: Decimal | None
    duration_us: int | None
    unreachable_counts: bool
    loss: tuple[str, int] | None
    """(c1 as a decimal text, block length in µs), availability by loss."""
    service_hours: tuple[str, ...]
    restitution: Terms | None
    percentile: Decimal | None = None
    """Of delay: which part of the probes must come back in time."""
    count: int | None = None
    """Of outages: the most that are allowed."""

    @property
    def zone(self) -> ZoneInfo:
        """Where its days are cut."""
        return ZoneInfo(self.timezone)

    @property
    def hours(self) -> ServiceHours:
        """When it is owed."""
        return parse_service_hours(self.service_hours)

    @property
    def by_probes(self) -> bool:
        """Whether singletons decide it, rather than the verdicts of rules."""
        return self.loss is not None or self.indicator in ("loss", "delay")

    @property
    def most_lost(self) -> Fraction:
        """c1 of Y.1540; 0 where loss decides nothing."""
        return Fraction(self.loss[0]) if self.loss else Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Everything that figures depend on beside what was observed and declared."""

    timezone: str
    targets: Mapping[str, TargetTerms]
    objectives: tuple[ObjectiveTerms, ...] = ()
    version: int = RULES_VERSION

    def to_bytes(self) -> bytes:
        """The canonical text."""
        plain = {
            "accounting": self.version,
            "timezone": self.timezone,
            "targets": {key: _target_plain(terms) for key, terms in self.targets.items()},
            "objectives": [_objective_plain(one) for one in self.objectives],
        }
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def renamed(self) -> Mapping[str, str]:
        """The key in force of each one that is not any more."""
        return {
            old: key
            for key, terms in self.targets.items()
            for old in terms.formerly
            if old not in self.targets
        }

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The terms again; AccountingError for anything but a text of a known version."""
        try:
            plain = json.loads(raw)
            if plain["accounting"] not in KNOWN_VERSIONS:
                raise AccountingError("sla.terms-version", version=str(plain["accounting"])[:40])
            found = cls(
                version=int(plain["accounting"]),
                timezone=str(ZoneInfo(plain["timezone"])),
                targets={key: _target_read(terms) for key, terms in plain["targets"].items()},
                objectives=tuple(_objective_read(one) for one in plain["objectives"]),
            )
            for one in found.objectives:
                _ = one.zone, one.hours, one.most_lost
        except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError, OSError) as error:
            raise AccountingError("sla.terms-unreadable", why=reason_of(error)) from error
        return found


def accounting_of(
    objectives: Iterable[Objective],
    targets: Iterable[Target],
    fees: Mapping[str, int],
    timezone: str,
) -> Accounting:
    """The terms of a configuration: who is judged by which objective, and for which fee."""
    known = {target.key: target for target in targets}
    facts = {key: target.facts() for key, target in known.items()}
    return Accounting(
        timezone=timezone,
        targets={
            key: TargetTerms(
                name=target.name,
                kind=target.kind.value,
                site=target.site,
                role=target.role,
                provider=target.provider,
                fee=fees.get(key),
                formerly=target.formerly,
            )
            for key, target in sorted(known.items())
        },
        objectives=tuple(
            _resolved(one, tuple(key for key in sorted(facts) if one.applies(facts[key])))
            for one in objectives
        ),
    )


def _resolved(objective: Objective, targets: tuple[str, ...]) -> ObjectiveTerms:
    source = objective.source
    loss = None
    if source.loss is not None and objective.loss_over_us is not None:
        loss = (str(Decimal(str(source.loss.ratio))), objective.loss_over_us)
    return ObjectiveTerms(
        policy=objective.policy,
        id=objective.id,
        title=dict(source.title.items()),
        indicator=source.indicator,
        measured_by=tuple(source.measured_by),
        targets=targets,
        calendar=source.window.calendar,
        timezone=source.window.timezone,
        ratio=objective.ratio,
        duration_us=objective.duration_us,
        unreachable_counts=source.unreachable == "unavailable",
        loss=loss,
        service_hours=tuple(source.service_hours),
        restitution=objective.terms,
        percentile=objective.percentile,
        count=objective.count,
    )


def _plain(terms: Any) -> dict[str, Any]:
    """A dataclass as JSON has it; decimals as texts, so that no digit is lost."""
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name in terms.__slots__
        if (value := getattr(terms, name)) is not None
    }


def _target_plain(terms: TargetTerms) -> dict[str, Any]:
    plain = _plain(terms)
    if not terms.formerly:
        del plain["formerly"]
    return plain


def _target_read(plain: Mapping[str, Any]) -> TargetTerms:
    return TargetTerms(**{**plain, "formerly": tuple(map(str, plain.get("formerly", ())))})


def _objective_plain(terms: ObjectiveTerms) -> dict[str, Any]:
    plain = _plain(terms)
    plain["title"] = dict(terms.title)
    if terms.restitution is not None:
        plain["restitution"] = _plain(terms.restitution)
    return plain


def _objective_read(plain: Mapping[str, Any]) -> ObjectiveTerms:
    values = {"ratio": None, "duration_us": None, "loss": None, "restitution": None, **plain}
    for name in ("measured_by", "targets", "service_hours"):
        values[name] = tuple(map(str, values[name]))
    for name in ("ratio", "percentile"):
        if values.get(name) is not None:
            values[name] = Decimal(values[name])
    if type(values.get("count", 0)) is not int:
        raise TypeError("a count that is none")
    if values["loss"] is not None:
        ratio, over_us = values["loss"]
        values["loss"] = (str(ratio), int(over_us))
    if (terms := values["restitution"]) is not None:
        money = {name: Decimal(terms[name]) for name in ("cap", "step")}
        values["restitution"] = Terms(**{**terms, **money})
    return ObjectiveTerms(**values)
