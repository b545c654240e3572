"""From what people wrote to what judges: every mistake of a policy is found here, at load."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from monitor.model import TARGET_FACTS, Severity, Target, parse_duration
from policies.books import compile_controls
from policies.confirm import Confirm, Quorum, parse_quorum
from policies.errors import ExpressionError, PolicyError, PolicyErrors
from policies.expression import Environment, Expression
from policies.facts import flatten
from policies.judge import DEFAULT_POLICY, Case, Policy, Rule
from policies.objective import (
    BY_INTERVALS,
    COUNTED,
    TIMED,
    Objective,
    parse_count,
    parse_ratio,
)
from policies.period import PeriodError, ServiceHours, parse_service_hours
from policies.restitution import Terms
from policies.source import CaseSource, ObjectiveSource, PolicySource, RuleSource

Facts = Mapping[str, Mapping[str, str]]
"""For each check, the facts of its evidence: `{"icmp": IcmpEvidence.FACTS, …}`."""
Path = tuple[str | int, ...]
Parsed = TypeVar("Parsed")

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_POLICY_NAME = re.compile(r"[a-z0-9]+([-.][a-z0-9]+)*")
"""A policy may carry the version of its rule book, such as `mozilla-modern-5.8`."""
_LONGEST_NAME = 64
SHORTEST_BLOCK_US = 60_000_000
"""Of unavailability by loss: a shorter block holds too few probes to say anything."""
USUAL_PERCENTILE = "95%"


def compile_policy(source: PolicySource, facts: Facts) -> Policy:
    """The policy, ready to judge; PolicyErrors with every mistake otherwise."""
    found = _Found(policy=source.policy)
    found.policy_name(("policy",), source.policy)
    if source.policy == DEFAULT_POLICY:
        found.add(("policy",), "reserved-policy", name=source.policy)
    if source.version < 1:
        found.add(("version",), "version", value=str(source.version))
    rules = [_rule(r, ("rules", i), facts, found) for i, r in enumerate(source.rules)]
    objectives = [_objective(o, ("objectives", i), found) for i, o in enumerate(source.objectives)]
    _check_doubles("rules", [rule.id for rule in source.rules], found)
    _check_doubles("objectives", [objective.id for objective in source.objectives], found)
    _check_doubles("controls", [control.id for control in source.controls], found)
    controls = compile_controls(source, found.add)
    if found.errors:
        raise PolicyErrors(found.errors)
    return Policy(
        name=source.policy,
        version=source.version,
        title=dict(source.title.items()),
        rules=tuple(rule for rule in rules if rule),
        objectives=tuple(objective for objective in objectives if objective),
        book=source.book,
        controls=controls,
    )


def default_rule(check: str, expression: str, facts: Mapping[str, str]) -> Rule:
    """The rule that says what "available" means for a check (`CheckKind.available`).

    PolicyErrors when the expression does not fit the facts: a defect of the check.
    """
    source = RuleSource(
        id=f"{check}-available",
        check=check,
        require=expression,
        severity="critical",
        availability=True,
        title={"en": f"{check}: available", "id": f"{check}: tersedia"},
    )
    found = _Found(policy=DEFAULT_POLICY)
    rule = _rule(source, ("rules", 0), {check: facts}, found)
    if rule is None:
        raise PolicyErrors(found.errors)
    return rule


def compile_applies(text: str) -> Callable[[Target], bool]:
    """An `applies_to` that stands outside a rule, as in a route; ExpressionError as a rule's."""
    expression = _target_environment().compile(text)

    def applies(target: Target) -> bool:
        values = {f"target.{name}": value for name, value in target.facts().items()}
        return expression.evaluate(values) is True

    return applies


@dataclass(slots=True, kw_only=True)
class _Found:
    """The mistakes found so far in one policy."""

    policy: str
    rule: str = ""
    errors: list[PolicyError] = field(default_factory=list)

    def add(self, path: Path, code: str, **values: str) -> None:
        error = PolicyError(
            policy=self.policy,
            rule=self.rule,
            path=path,
            code=code,
            values=values,
        )
        self.errors.append(error)

    def name(self, path: Path, name: str) -> None:
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            self.add(path, "name", name=name[:_LONGEST_NAME])

    def policy_name(self, path: Path, name: str) -> None:
        if not _POLICY_NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            self.add(path, "policy-name", name=name[:_LONGEST_NAME])

    def expression(self, path: Path, text: str, environment: Environment) -> Expression | None:
        try:
            return environment.compile(text)
        except ExpressionError as error:
            self.errors.append(
                PolicyError(
                    policy=self.policy,
                    rule=self.rule,
                    path=path,
                    code=error.code,
                    values=error.values,
                    line=error.line,
                    column=error.column,
                )
            )
            return None

    def parsed(
        self, path: Path, code: str, text: str, parse: Callable[[str], Parsed]
    ) -> Parsed | None:
        try:
            return parse(text)
        except ValueError:
            self.add(path, code, value=text[:60])
            return None

    def hours(self, path: Path, lines: Sequence[str]) -> ServiceHours:
        """The service hours; each wrong line is an error of its own."""
        for index, line in enumerate(lines):
            self.parsed(
                (*path, index), "service-hours", line, lambda one: parse_service_hours([one])
            )
        try:
            return parse_service_hours(lines)
        except PeriodError:  # told line by line above
            return ServiceHours()


@cache
def _environment(types: tuple[tuple[str, str], ...]) -> Environment:
    return Environment(dict(types))


def _target_environment() -> Environment:
    return _environment(tuple((f"target.{name}", kind) for name, kind in TARGET_FACTS.items()))


def _check_environment(facts: Mapping[str, str]) -> Environment:
    evidence = [(f"evidence.{name}", kind) for name, kind in facts.items()]
    return _environment((*evidence, *((f"target.{n}", kind) for n, kind in TARGET_FACTS.items())))


def _rule(source: RuleSource, path: Path, facts: Facts, found: _Found) -> Rule | None:
    found.rule = source.id
    before = len(found.errors)
    found.name((*path, "id"), source.id)
    own = facts.get(source.check)
    if own is None:
        known = ", ".join(sorted(facts)) or "–"
        found.add((*path, "check"), "unknown-check", check=source.check, known=known)
    applies = found.expression((*path, "applies_to"), source.applies_to, _target_environment())
    environment = _check_environment(own or {})
    require = found.expression((*path, "require"), source.require, environment) if own else None
    opening = _quorum(source.confirm.open, (*path, "confirm", "open"), found)
    closing = _quorum(source.confirm.close, (*path, "confirm", "close"), found)
    cases = [
        _case(case, (*path, "tests", index), own or {}, found)
        for index, case in enumerate(source.tests if own else ())
    ]
    _check_waivers(source, path, found)
    if len(found.errors) > before or not (applies and require and opening and closing):
        return None
    return Rule(
        policy=found.policy,
        id=source.id,
        title=dict(source.title.items()),
        check=source.check,
        severity=Severity[source.severity.upper()],
        controls=tuple(source.controls),
        confirm=Confirm(open=opening, close=closing),
        availability=source.availability,
        waivers=tuple(source.waivers),
        cases=tuple(cases),
        environment=environment,
        applies_to=applies,
        require=require,
        mentions=_mentioned(require, "evidence."),
        target_mentions=_mentioned(require, "target."),
    )


def _mentioned(expression: Expression, root: str) -> frozenset[str]:
    names = (name for name in expression.mentions if name.startswith(root))
    return frozenset(name.removeprefix(root) for name in names)


def _quorum(text: str, path: Path, found: _Found) -> Quorum | None:
    return found.parsed(path, "quorum", text, parse_quorum)


def _case(source: CaseSource, path: Path, facts: Mapping[str, str], found: _Found) -> Case:
    evidence, wrong = flatten(source.evidence, facts)
    target, wrong_target = flatten(source.target, TARGET_FACTS)
    for name, misfits in (("evidence", wrong), ("target", wrong_target)):
        for misfit in misfits:
            found.add((*path, name, *misfit.path), misfit.code, **misfit.values)
    return Case(
        evidence=evidence,
        target=target,
        verdict=source.verdict,
        reasons=None if source.reasons is None else tuple(source.reasons),
    )


def _check_waivers(source: RuleSource, path: Path, found: _Found) -> None:
    for index, waiver in enumerate(source.waivers):
        for name in ("target", "justification", "author"):
            if not getattr(waiver, name).strip():
                found.add((*path, "waivers", index, name), "waiver-empty", field=name)


def _check_doubles(section: str, names: Sequence[str], found: _Found) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            found.rule = name
            found.add((section, index, "id"), "double-id", name=name)


def _objective(source: ObjectiveSource, path: Path, found: _Found) -> Objective | None:
    found.rule = source.id
    before = len(found.errors)
    found.name((*path, "id"), source.id)
    applies = found.expression((*path, "applies_to"), source.applies_to, _target_environment())
    ratio = duration = count = None
    if source.indicator in TIMED:
        duration = found.parsed((*path, "target"), "target-duration", source.target, parse_duration)
    elif source.indicator in COUNTED:
        count = found.parsed((*path, "target"), "target-count", source.target, parse_count)
    else:
        ratio = found.parsed((*path, "target"), "target-percent", source.target, parse_ratio)
    found.parsed((*path, "window", "timezone"), "timezone", source.window.timezone, _zone)
    if not source.measured_by:
        found.add((*path, "measured_by"), "measured-by-empty")
    over = _loss(source, (*path, "loss"), found)
    percentile = _percentile(source, (*path, "percentile"), found)
    hours = found.hours((*path, "service_hours"), source.service_hours)
    terms = _terms(source, path, found)
    if len(found.errors) > before or applies is None:
        return None
    return Objective(
        policy=found.policy,
        id=source.id,
        source=source,
        ratio=ratio,
        duration_us=duration,
        loss_over_us=over,
        applies_to=applies,
        hours=hours,
        terms=terms,
        percentile=percentile,
        count=count,
    )


def _loss(source: ObjectiveSource, path: Path, found: _Found) -> int | None:
    """The length of a block of unavailability by loss, in µs."""
    if source.loss is None:
        return None
    if source.indicator not in BY_INTERVALS:
        found.add(path, "loss-indicator", value=source.indicator)
    if not 0 <= source.loss.ratio <= 1:
        found.add((*path, "ratio"), "ratio", value=str(source.loss.ratio))
    over = found.parsed((*path, "over"), "duration", source.loss.over, parse_duration)
    if over is not None and over < SHORTEST_BLOCK_US:
        found.add((*path, "over"), "loss-over", value=source.loss.over)
    return over


def _percentile(source: ObjectiveSource, path: Path, found: _Found) -> Decimal | None:
    """Which part of the probes must come back in time."""
    if source.indicator == "delay":
        text = source.percentile or USUAL_PERCENTILE
        return found.parsed(path, "target-percent", text, parse_ratio)
    if source.percentile:
        found.add(path, "percentile-indicator", value=source.indicator)
    return None


def _terms(source: ObjectiveSource, path: Path, found: _Found) -> Terms | None:
    """What a contract owes for a missed objective; it takes an availability to miss."""
    written = source.restitution
    if written is None:
        return None
    own = (*path, "restitution")
    if source.indicator != "availability":
        found.add(own, "restitution-indicator", value=source.indicator)
    longer = found.parsed((*own, "longer_than"), "duration", written.longer_than, parse_duration)
    cap = found.parsed((*own, "cap"), "target-percent", written.cap, parse_ratio)
    step = found.parsed((*own, "step"), "money-step", written.step, _money_step)
    if longer is None or cap is None or step is None:
        return None
    return Terms(
        formula=written.formula,
        only_below_target=written.only_below_target,
        longer_than_us=longer,
        cap=cap,
        step=step,
        rounding=written.rounding,
    )


def _hours_of(line: str) -> ServiceHours:
    return parse_service_hours([line])


def _money_step(text: str) -> Decimal:
    """Such as "0.01", "1" or "100"; ValueError for anything else."""
    if re.fullmatch(r"\d{1,9}(\.\d{1,4})?", text) is None or not Decimal(text):
        raise ValueError(text)
    return Decimal(text)


def _zone(name: str) -> ZoneInfo:
    """The zone; it is looked up in the machine's tables only to find a misspelt name."""
    try:
        return ZoneInfo(name)
    except (OSError, KeyError) as unknown:
        raise ValueError(name) from unknown
