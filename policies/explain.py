"""A verdict, value by value: every part of the expression with what it came to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.model import Indeterminate, Verdict
from policies.expression import Environment
from policies.facts import WrongTypeError, normal
from policies.judge import Rule
from policies.reasons import bare
from policies.show import cut, show
from policies.syntax import Node, named, tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One part. `outcome` is "true", "false" or "indeterminate"; empty for other values."""

    depth: int
    text: str
    value: str
    """As reasons show it; for Indeterminate the why and its detail."""
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a rule judged as it did; `applies` false: it does not judge this target at all."""

    rule: Rule
    applies: bool
    verdict: Verdict
    steps: tuple[Step, ...]
    facts: tuple[tuple[str, str], ...]
    """Each mentioned fact and its value, "" where it has none."""


def explain(rule: Rule, facts: Mapping[str, Any], target_facts: Mapping[str, Any]) -> Explanation:
    """The explanation of `rule.judge` on the same values."""
    values = rule.values(facts, target_facts)
    mentioned = sorted(rule.require.mentions)
    shown = [(bare(n), _fact(n, rule.environment, values)) for n in mentioned]
    return Explanation(
        rule=rule,
        applies=rule.applies(target_facts),
        verdict=rule.judge(facts, target_facts),
        steps=tuple(_steps(tree(rule.require.text), 0, rule.environment, values)),
        facts=tuple(shown),
    )


def _steps(
    node: Node, depth: int, environment: Environment, values: Mapping[str, object]
) -> Iterator[Step]:
    result = environment.part(node.text).evaluate(values)
    if isinstance(result, Indeterminate):
        value, outcome = f"{result.why} {result.detail}".strip(), "indeterminate"
    else:
        value, outcome = show(result), show(result) if isinstance(result, bool) else ""
    yield Step(depth=depth, text=cut(bare(node.text)), value=value, outcome=outcome)
    inner = node.children[:1] if node.kind == "all" else node.children
    for child in inner:
        if child.chains:
            yield from _steps(child, depth + 1, environment, values)
    if node.kind == "other":
        yield from _names(node, depth + 1, environment, values)


def _names(
    node: Node, depth: int, environment: Environment, values: Mapping[str, object]
) -> Iterator[Step]:
    names = dict.fromkeys(name for c in node.chains if (name := named(c, environment.types)))
    for name in names:
        if name != node.text:
            known = name in values
            value = _fact(name, environment, values) if known else f"undefined {bare(name)}"
            outcome = "" if known else "indeterminate"
            yield Step(depth=depth, text=bare(name), value=value, outcome=outcome)


def _fact(name: str, environment: Environment, values: Mapping[str, object]) -> str:
    if name not in values:
        return ""
    kind = environment.type_of(name)
    try:
        return show(normal(values[name], kind) if kind else values[name])
    except WrongTypeError:
        return show(values[name])
