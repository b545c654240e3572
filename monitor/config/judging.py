"""policies/*.yaml and alerts.yaml, compiled; mistakes inside expressions get their place."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path as FilePath

from alerts.routing import RouteSource
from checks.base import Assignment, Settings
from checks.table import KINDS
from monitor.calendar import daily_of
from monitor.config.configuration import RoutePlan
from monitor.config.inventory import is_key
from monitor.config.problem import Place, Problem, problem, shown
from monitor.config.reading import table
from monitor.config.validation import offending, unknown, validate
from monitor.config.yaml_tree import Path, Tree
from monitor.ledger.batch import MOST_VERDICTS
from monitor.model import TARGET_FACTS, Target
from monitor.nearest import nearest
from monitor.secret import Secret, mask
from policies.compiling import compile_policy
from policies.errors import ExpressionError, PolicyErrors
from policies.expression import Environment
from policies.rule import Policy, Rule
from policies.selection import applicable
from policies.source import PolicySource

_MAP = r"""\bevidence\.{name}\b(?:\s*\[\s*(["'])([^"']*)\1\s*\])?"""
"""A map in an expression, and its key where that is written out."""


def facts_of_checks() -> dict[str, Mapping[str, str]]:
    """What each check's evidence has, by check."""
    return {name: kind.evidence.FACTS for name, kind in KINDS.items()}


def read_policies(
    trees: Iterable[Tree], base: FilePath, raw: Mapping[str, bytes], problems: list[Problem]
) -> list[tuple[Policy, Tree]]:
    """Every policy that compiles. `raw`: the bytes of each file, by its tree's file."""
    policies: list[tuple[Policy, Tree]] = []
    names: dict[str, Place] = {}
    for tree in trees:
        source = validate(PolicySource, table(tree, problems), tree, (), problems, base)
        if source is None:
            continue
        place = tree.of_value(("policy",))
        if source.policy in names:
            other = names[source.policy]
            problems.append(problem(place, "policy-twice", name=shown(source.policy), other=other))
            continue
        names[source.policy] = place
        try:
            policies.append((compile_policy(source, facts_of_checks()), tree))
        except PolicyErrors as errors:
            text = lines_of(raw.get(tree.file, b""))
            for error in errors.errors:
                path: Path = tuple(error.path)
                spot = inside(tree, path, text, error.line, error.column)
                problems.append(of_policies(spot, error.code, error.values))
    return policies


def of_policies(place: Place, code: str, values: Mapping[str, str]) -> Problem:
    """A problem whose sentence is one of `policies.toml`."""
    return Problem(place.file, place.line, place.column, f"policies.{code}", dict(values))


def lines_of(raw: bytes) -> list[str]:
    """The lines of a file that has been read."""
    return raw.decode("utf-8-sig", "replace").split("\n")


def inside(tree: Tree, path: Path, text: list[str], line: int, column: int) -> Place:
    """The spot inside a scalar of the file; line and column count in the scalar, 0: as a whole."""
    start = tree.of_value(path)
    if line == 0 or path not in tree.value_places or start.line > len(text):
        return start if path in tree.value_places else tree.of_key(path)
    first = text[start.line - 1][start.column - 1 : start.column]
    if first in ("|", ">"):
        number = min(start.line + line, len(text))
        written = text[number - 1]
        indent = len(written) - len(written.lstrip(" "))
        return Place(start.file, number, indent + column)
    if line > 1:
        return start
    return Place(start.file, start.line, start.column + column - 1 + (first in ("'", '"')))


def check_rule_names(policies: list[tuple[Policy, Tree]], problems: list[Problem]) -> None:
    """Ids of rules are unique over all policies; what measures an objective must be one.

    Each check brings a rule `<check>-available` of its own along.
    """
    known: dict[str, Place] = {}
    for policy, tree in policies:
        for position, rule in enumerate(policy.rules):
            place = tree.of_value(("rules", position, "id"))
            if rule.id in known:
                other = known[rule.id]
                problems.append(problem(place, "rule-twice", name=shown(rule.id), other=other))
            known.setdefault(rule.id, place)
    names = (*known, *(f"{check}-available" for check in KINDS))
    for policy, tree in policies:
        for position, objective in enumerate(policy.objectives):
            for index, name in enumerate(objective.source.measured_by):
                if name not in names:
                    place = tree.of_value(("objectives", position, "measured_by", index))
                    near = nearest(name, names)
                    text = "measured-by-unknown-near" if near else "measured-by-unknown"
                    problems.append(problem(place, text, name=shown(name), near=shown(near)))


def check_rule_counts(
    policies: Sequence[tuple[Policy, Tree]],
    targets: Mapping[str, Target],
    looked: Iterable[tuple[str, str]],
    problems: list[Problem],
) -> None:
    """A judgement has room for `MOST_VERDICTS`: the first rule too many is told, once a check."""
    told: set[str] = set()
    every = [policy for policy, _ in policies]
    places = {
        (rule.policy, rule.id): tree.of_value(("rules", position))
        for policy, tree in policies
        for position, rule in enumerate(policy.rules)
    }
    for key, check in sorted(looked):
        kind = KINDS[check]
        facts = targets[key].facts()
        rules = applicable(every, facts, check, kind.available, kind.evidence.FACTS)
        if len(rules) <= MOST_VERDICTS or check in told:
            continue
        told.add(check)
        extra = rules[MOST_VERDICTS]
        if extra is not None:
            names = {"check": shown(check), "target": shown(key)}
            counts = {"count": len(rules), "most": MOST_VERDICTS}
            place = places[extra.policy, extra.id]
            problems.append(problem(place, "rules-too-many", **names, **counts))


def needed(
    assignments: Iterable[Assignment],
    policies: Sequence[Policy],
    targets: Mapping[str, Target],
) -> tuple[Assignment, ...]:
    """The assignments, each told which facts the rules of its series speak of."""
    return tuple(
        one
        if KINDS[one.check].needing is None
        else replace(
            one, settings=needs_told(one.check, one.settings, policies, targets[one.target])
        )
        for one in assignments
    )


def needs_told(
    check: str, settings: Settings, policies: Sequence[Policy], target: Target
) -> Settings:
    """The settings of one series; see `CheckKind.needing`."""
    kind = KINDS[check]
    if kind.needing is None:
        return settings
    rules = applicable(policies, target.facts(), check, kind.available, kind.evidence.FACTS)
    spoken = (name for rule in rules if rule for name in (*rule.mentions, *keys_of(rule)))
    return kind.needing(settings, frozenset(spoken))


def keys_of(rule: Rule) -> Iterator[str]:
    """Of each map that a rule speaks of: its keys as `outside[rfc9325]`, or `outside[]` for all."""
    for name in rule.mentions:
        if rule.environment.types[f"evidence.{name}"].startswith("map<"):
            for match in re.finditer(_MAP.format(name=re.escape(name)), rule.require.text):
                yield f"{name}[{match[2] or ''}]"


def unmatched(
    policies: Iterable[tuple[Policy, Tree]],
    targets: Mapping[str, Target],
    looked: set[tuple[str, str]],
) -> Iterable[Problem]:
    """A warning for each rule that judges nothing. `looked`: (target, check) assigned."""
    for policy, tree in policies:
        for position, rule in enumerate(policy.rules):
            seen = (targets[key] for key, check in looked if check == rule.check)
            if not any(rule.applies(target.facts()) for target in seen):
                place = tree.of_value(("rules", position))
                yield problem(place, "rule-unmatched", rule=shown(rule.id))


@dataclass(slots=True, kw_only=True)
class RouteReading:
    """Reads the routes of alerts.yaml; one use. `text`: the lines of the file."""

    tree: Tree
    base: FilePath
    text: list[str]
    problems: list[Problem]
    warnings: list[Problem]

    def routes(self) -> dict[str, RoutePlan]:
        """Every route that is in order."""
        plans: dict[str, RoutePlan] = {}
        for section, routes in table(self.tree, self.problems).items():
            if section != "routes":
                near = nearest(section, ("routes",))
                self.problems.append(unknown(self.tree, (section,), near))
            elif isinstance(routes, dict):
                plans.update((name, plan) for name in routes if (plan := self._route(name, routes)))
            elif routes is not None:
                place = self.tree.of_value((section,))
                value = offending((section,), routes)
                self.problems.append(problem(place, "want-table", field=section, value=value))
        return plans

    def _route(self, name: str, routes: Mapping[str, object]) -> RoutePlan | None:
        path: Path = ("routes", name)
        if not is_key(name):
            place = self.tree.of_key(path)
            self.problems.append(problem(place, "key-form", value=shown(name)))
            return None
        source = validate(RouteSource, routes[name], self.tree, path, self.problems, self.base)
        if source is None or not self._url(source, (*path, "url")):
            return None
        if source.digest and daily_of(source.digest) is None:
            place = self.tree.of_value((*path, "digest"))
            self.problems.append(problem(place, "digest-bad", value=shown(source.digest)))
            return None
        where = (*path, "applies_to")
        applies = _applies(source.applies_to, self.tree, where, self.text, self.problems)
        return RoutePlan(name=name, source=source, applies=applies) if applies else None

    def _url(self, source: RouteSource, path: Path) -> bool:
        """Whether a URL written out can be one; it is a warning all the same."""
        if isinstance(source.url, Secret):
            return True
        place = self.tree.of_value(path)
        if "://" not in source.url:
            self.problems.append(problem(place, "route-url"))
            return False
        self.warnings.append(problem(place, "plain-secret", url=mask(source.url)))
        return True


def _applies(
    expression: str, tree: Tree, path: Path, text: list[str], problems: list[Problem]
) -> Callable[[Target], bool] | None:
    try:
        compiled = _targets_only().compile(expression)
    except ExpressionError as error:
        spot = inside(tree, path, text, error.line, error.column)
        problems.append(of_policies(spot, error.code, error.values))
        return None

    def applies(target: Target) -> bool:
        values = {f"target.{name}": value for name, value in target.facts().items()}
        return compiled.evaluate(values) is True

    return applies


@cache
def _targets_only() -> Environment:
    return Environment({f"target.{name}": kind for name, kind in TARGET_FACTS.items()})
