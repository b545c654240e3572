"""What compiles and is still doubtful in a set of policies. Pure.

Emptiness is a finding: a policy without rules or a rule that judges no target proves nothing.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from monitor.model import Target
from monitor.text import LANGUAGES, Language, say
from policies.books import CONTROLS
from policies.cases import run_case
from policies.judge import Policy, Rule

Level = Literal["error", "warning"]
Assigned = Sequence[tuple[Target, Collection[str]]]
"""The inventory: each target with the names of its checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One doubt. An error makes `policy lint` fail; a warning is only shown."""

    level: Level
    policy: str
    rule: str
    """The id of a rule or of an objective; empty when the policy as a whole is meant."""
    code: str
    values: Mapping[str, str] = field(default_factory=dict)

    def sentence(self, lang: Language) -> str:
        """What is doubtful and what to do."""
        return say(f"policies.{self.code}", lang, **self.values)


def lint(
    policies: Sequence[Policy], targets: Assigned | None, defaults: Collection[str] = ()
) -> list[Finding]:
    """Every finding, in the order of the policies.

    `targets` None: no inventory is known, nothing is said of rules that match nothing.
    `defaults`: ids of the checks' own availability rules, which objectives may name.
    """
    findings = [finding for policy in policies for finding in _policy(policy)]
    findings += _doubles(policies)
    findings += [f for policy in policies for f in _measured(policy, policies, defaults)]
    if targets is not None:
        findings += [f for policy in policies for f in _unmatched(policy, targets)]
        findings += _rivals(policies, targets)
    return findings


def _policy(policy: Policy) -> Iterator[Finding]:
    if not policy.rules and not policy.controls:
        yield Finding(level="error", policy=policy.name, rule="", code="lint-no-rules")
    for control in policy.controls:
        for lang in LANGUAGES:
            if not control.title.get(lang, "").strip():
                code = f"lint-control-title-{lang}"
                values = {"control": control.id}
                yield Finding(
                    level="warning", policy=policy.name, rule="", code=code, values=values
                )
    for rule in policy.rules:
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[Finding]:
    for lang in LANGUAGES:
        if not rule.title.get(lang, "").strip():
            yield _of(rule, "warning", f"lint-no-title-{lang}")
    for control in rule.controls:
        book, _, name = control.partition(":")
        if book not in CONTROLS or not re.fullmatch(CONTROLS[book], name):
            yield _of(rule, "warning", "lint-control", control=control, books=", ".join(CONTROLS))
    if rule.cases:
        yield from _cases(rule)
    else:
        yield _of(rule, "warning", "lint-no-cases")


def _cases(rule: Rule) -> Iterator[Finding]:
    results = [run_case(rule, case, index) for index, case in enumerate(rule.cases)]
    for result in results:
        if not result.passed:
            values = {"expected": result.expected, "got": result.got, "detail": result.detail}
            yield _of(rule, "error", "lint-case-fails", number=str(result.index + 1), **values)
    expected = {result.expected for result in results}
    for word in ("compliant", "violated"):
        if word not in expected:
            yield _of(rule, "warning", f"lint-no-{word}-case")
    outcomes = {result.got for result in results}
    if len(results) > 1 and len(outcomes) == 1:
        yield _of(rule, "warning", "lint-always", outcome=outcomes.pop())


def _of(rule: Rule, level: Level, code: str, **values: str) -> Finding:
    return Finding(level=level, policy=rule.policy, rule=rule.id, code=code, values=values)


def _doubles(policies: Iterable[Policy]) -> Iterator[Finding]:
    names = [(p.name, rule.id) for p in policies for rule in p.rules]
    names += [(p.name, objective.id) for p in policies for objective in p.objectives]
    counts = Counter(name for _, name in names)
    seen: set[str] = set()
    for policy, name in names:
        if counts[name] > 1 and name in seen:
            yield Finding(
                level="error",
                policy=policy,
                rule=name,
                code="lint-double-id",
                values={"name": name},
            )
        seen.add(name)


def _measured(
    policy: Policy, policies: Iterable[Policy], defaults: Collection[str]
) -> Iterator[Finding]:
    checks = {rule.id: rule.check for p in policies for rule in p.rules}
    for objective in policy.objectives:
        known = [name for name in objective.source.measured_by if name in checks]
        for name in objective.source.measured_by:
            if name not in checks and name not in defaults:
                yield Finding(
                    level="error",
                    policy=policy.name,
                    rule=objective.id,
                    code="lint-measured-by",
                    values={"name": name},
                )
        different = sorted({checks[name] for name in known})
        if len(different) > 1:
            yield Finding(
                level="warning",
                policy=policy.name,
                rule=objective.id,
                code="lint-mixed-checks",
                values={"checks": ", ".join(different)},
            )


def _unmatched(policy: Policy, targets: Assigned) -> Iterator[Finding]:
    for rule in policy.rules:
        if not any(rule.check in checks and rule.applies(t.facts()) for t, checks in targets):
            yield Finding(level="warning", policy=policy.name, rule=rule.id, code="lint-no-target")
        for waiver in rule.waivers:
            if not any(target.key == waiver.target for target, _ in targets):
                yield Finding(
                    level="warning",
                    policy=policy.name,
                    rule=rule.id,
                    code="lint-waiver-target",
                    values={"target": waiver.target},
                )
    for objective in policy.objectives:
        if not any(objective.applies(target.facts()) for target, _ in targets):
            yield Finding(
                level="warning", policy=policy.name, rule=objective.id, code="lint-no-target"
            )


def _rivals(policies: Iterable[Policy], targets: Assigned) -> Iterator[Finding]:
    """Two availability rules on one target and check: only the first can say what it means."""
    own = sorted(
        (rule for policy in policies for rule in policy.rules if rule.availability),
        key=lambda rule: (rule.policy, rule.id),
    )
    for first, second in combinations(own, 2):
        if first.check != second.check:
            continue
        for target, checks in targets:
            facts = target.facts()
            if first.check in checks and first.applies(facts) and second.applies(facts):
                values = {"other": first.id, "target": target.key}
                yield Finding(
                    level="error",
                    policy=second.policy,
                    rule=second.id,
                    code="lint-rival",
                    values=values,
                )
                break
