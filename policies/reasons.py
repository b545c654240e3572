"""Why a rule is violated: the parts that broke it, with their values, in no language.

`evidence.loss <= 0.05` with 0.4 gives `loss 0.40 > 0.05`. Of a conjunction only the failing
parts speak; of a disjunction all parts, joined by `&&`, because all of them failed. What has
no simple form is its own text, with the values of its facts behind it.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from monitor.model import Indeterminate
from policies.expression import Environment
from policies.facts import WrongTypeError, normal
from policies.show import cut, show, shown, telling
from policies.syntax import Node, named, tokens, tree

MOST = 16
"""Reasons of one verdict."""
NEGATED = {
    "<=": ">", "<": ">=", ">=": "<", ">": "<=", "==": "!=", "!=": "==", "in": "not in",
}  # fmt: skip
_MIRRORED = {"<=": ">=", "<": ">", ">=": "<=", ">": "<", "==": "==", "!=": "!="}
_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}

Values = Mapping[str, object]


def reasons(text: str, env: Environment, values: Values) -> tuple[str, ...]:
    """The reasons of an expression that is false on these values."""
    found = _failing(tree(text), env, values)
    return tuple(dict.fromkeys(cut(reason) for reason in found))[:MOST]


def _failing(node: Node, env: Environment, values: Values) -> list[str]:
    if node.kind == "and":
        failing = [c for c in node.children if env.part(c.text).evaluate(values) is False]
        return [reason for child in failing for reason in _failing(child, env, values)]
    if node.kind == "or":
        parts = [_failing(child, env, values) for child in node.children]
        return [" && ".join(reason for part in parts for reason in part)]
    if node.kind == "not":
        inner = node.children[0]
        return [f"{bare(inner.text)} true" if inner.kind == "name" else _general(node, env, values)]
    if node.kind == "name":
        return [f"{bare(node.text)} false"]
    special = _comparison if node.kind == "compare" else _universal
    return [special(node, env, values) or _general(node, env, values)]


def _comparison(node: Node, env: Environment, values: Values) -> str | None:
    """`loss 0.40 > 0.05`: the side with facts first, its value, the negated operator, the bound."""
    left, right = node.children
    op = node.op
    if not _facts(left, env) and _facts(right, env) and op in _MIRRORED:
        left, right, op = right, left, _MIRRORED[op]
    a, b = (env.part(side.text).evaluate(values) for side in (left, right))
    if isinstance(a, Indeterminate) or isinstance(b, Indeterminate):
        return None
    if not _facts(left, env):
        known = op == "in" and right.kind == "name"
        return f"{_bound(left)} not in {bare(right.text)} {show(b)}" if known else None
    negated = NEGATED[op]
    second = _bound(right) if not right.chains else show(b)
    holds = _HOLDS.get(negated, lambda *_: True)
    first = telling(a, b, _written_decimals(second), holds)
    if _facts(right, env):
        second = f"{bare(right.text)} {second}"
    behind = "".join(_behind(side, env, values) for side in (left, right))
    return f"{bare(left.text)} {first} {negated} {second}{behind}"


def _facts(node: Node, env: Environment) -> list[str]:
    """The facts a part speaks of, in their order."""
    return list(dict.fromkeys(name for c in node.chains if (name := named(c, env.types))))


def _universal(node: Node, env: Environment, values: Values) -> str | None:
    """`protocols TLSv1.0 not in [TLSv1.2, TLSv1.3]`: the elements that break an `all`."""
    if node.kind != "all":
        return None
    span, body = node.children
    name = named(span.chains[0], env.types) if span.kind == "name" else None
    kind = env.type_of(name) if name else None
    if not name or name != span.text or kind is None or kind.name != "list" or kind.inner is None:
        return None
    inside = env.with_variable(node.variable, kind.inner)
    part = inside.part(body.text)
    elements = normal(values[name], kind)
    broken = [e for e in elements if part.evaluate({**values, node.variable: e}) is False]
    listed = shown(list(dict.fromkeys(broken)) if kind.inner.inner is None else broken)
    unwanted = body.kind == "not"
    claim = body.children[0] if unwanted else body
    left, right = claim.children if claim.kind == "compare" else (claim, claim)
    if claim.kind == "compare" and left.text == node.variable and not right.chains:
        op = claim.op if unwanted else NEGATED[claim.op]
        return f"{bare(span.text)} {listed} {op} {_bound(right)}"
    return f"{bare(span.text)} {listed}: !({bare(body.text)})"


def _general(node: Node, env: Environment, values: Values) -> str:
    return f"{bare(node.text)} false{_behind(node, env, values, always=True)}"


def _behind(node: Node, env: Environment, values: Values, always: bool = False) -> str:
    """The values of a part's facts in brackets, unless the part is one fact and shown already."""
    names = _facts(node, env)
    if not names or (node.kind == "name" and not always):
        return ""
    pairs = [f"{bare(name)} {show(_value(name, env, values))}" for name in names if name in values]
    return f" ({', '.join(pairs)})" if pairs else ""


def _value(name: str, env: Environment, values: Values) -> Any:
    kind = env.type_of(name)
    try:
        return normal(values[name], kind) if kind else values[name]
    except WrongTypeError:
        return values[name]


def _bound(node: Node) -> str:
    """The text of a bound: plain strings without quotes, whole numbers without `.0`."""
    text = re.sub(r"""(["'])([\w.:/@+*%?&=#~-]+)\1""", r"\2", bare(node.text))
    return re.sub(r"(-?\d+)\.0+", r"\1", text) if re.fullmatch(r"-?\d+\.0+", text) else text


def _written_decimals(bound: str) -> int:
    match = re.fullmatch(r"-?\d+\.(\d+)", bound)
    return len(match[1].rstrip("0")) if match else 0


def bare(text: str) -> str:
    """A part's text on one line, its facts without `evidence.`."""
    pieces: list[str] = []
    toks, end, index = tokens(text), 0, 0
    while index < len(toks):
        token = toks[index]
        pieces.append(" " if pieces and token.start > end else "")
        if token.text == "evidence" and [t.text for t in toks[index + 1 : index + 2]] == ["."]:
            index += 1
        else:
            pieces.append(token.text)
        end = toks[index].end
        index += 1
    return "".join(pieces)
