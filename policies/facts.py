"""Types of facts and their values: what checks declare, what CEL is given.

The notation is that of `checks.base.Evidence.FACTS`: int, double, string, bool, timestamp,
list<T>, map<string,T>.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Bounds of a timestamp: the runtime refuses what touches the ends of the calendar."""

SCALARS = frozenset({"int", "double", "string", "bool", "timestamp"})


@dataclass(frozen=True, slots=True)
class FactType:
    """A type: a scalar's name, or "list"/"map" with the type of its values."""

    name: str
    inner: "FactType | None" = None

    def __str__(self) -> str:
        if self.inner is None:
            return self.name
        return f"map<string,{self.inner}>" if self.name == "map" else f"list<{self.inner}>"


class WrongTypeError(ValueError):
    """A value that is not of its fact's type."""


@cache
def fact_type(notation: str) -> FactType:
    """The type of a notation; ValueError for anything else."""
    notation = notation.replace(" ", "")
    if notation in SCALARS:
        return FactType(notation)
    if match := re.fullmatch(r"list<(.+)>", notation):
        return FactType("list", fact_type(match[1]))
    if match := re.fullmatch(r"map<string,(.+)>", notation):
        return FactType("map", fact_type(match[1]))
    raise ValueError(f"{notation!r} is not the type of a fact")


def normal(value: object, kind: FactType) -> Any:
    """The value as CEL may have it; WrongTypeError when it is none of this type.

    Equal values give equal results (1 and 1.0 and True of an int fact are one), so that
    verdicts can be remembered by value. NUL and lone surrogates become U+FFFD: the runtime
    ends a text at NUL, and a peer's "trusted\\0anything" must not equal "trusted".
    """
    match kind.name, value:
        case "string", str():
            return _text(value)
        case "bool", bool():
            return value
        case "bool", int() | float() if value in (0, 1):
            return bool(value)
        case "double", int() | float():
            return _double(value)
        case "int", int() | float() if value == value and abs(value) < 2**63 and value % 1 == 0:
            return int(value)
        case "timestamp", _:
            return _timestamp(value)
        case "list", list() | tuple() if kind.inner:
            return [normal(item, kind.inner) for item in value]
        case "map", dict() if kind.inner:
            return {_text(str(key)): normal(item, kind.inner) for key, item in value.items()}
    raise WrongTypeError(str(kind))


def _text(value: str) -> str:
    if value.isascii() and "\0" not in value:
        return value
    clean = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return clean.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _double(value: float) -> float:
    try:
        return float(value) + 0.0
    except OverflowError:
        raise WrongTypeError("double") from None


def _timestamp(value: object) -> datetime:
    """From UTC µs, RFC 3339 text, a date (midnight UTC) or a datetime (without zone: UTC)."""
    match value:
        case int():
            try:
                moment = _EPOCH + timedelta(microseconds=value)
            except OverflowError:
                moment = _LAST if value > 0 else _FIRST
        case datetime():
            moment = value
        case date():
            moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
        case str():
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                raise WrongTypeError("timestamp") from None
        case _:
            raise WrongTypeError("timestamp")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment, _FIRST), _LAST)


def frozen(value: object) -> object:
    """A hashable stand-in: equal for equal values, lists and mappings included."""
    match value:
        case list() | tuple():
            return ("list", *(frozen(item) for item in value))
        case dict():
            return ("map", frozenset((str(key), frozen(item)) for key, item in value.items()))
    return value


def close_names(name: str, names: Mapping[str, str]) -> list[str]:
    """Up to four declared names that the writer of `name` may have meant."""
    inside = [other for other in names if other.startswith(f"{name}.")]
    last = name.rpartition(".")[2]
    same = [other for other in names if other.rpartition(".")[2] == last]
    root, dot, rest = name.partition(".")
    if root in {"evidence", "target"} and dot:
        tails = [other.removeprefix(f"{root}.") for other in names if other.startswith(f"{root}.")]
        near = [f"{root}.{tail}" for tail in get_close_matches(rest, tails, n=3, cutoff=0.6)]
    else:
        near = get_close_matches(name, list(names), n=3, cutoff=0.6)
    return list(dict.fromkeys([*inside, *near, *same]))[:4]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Something in nested evidence that does not fit the facts: `code`, where, and values."""

    path: tuple[str, ...]
    code: str
    values: Mapping[str, str]


def flatten(
    nested: Mapping[str, Any], facts: Mapping[str, str]
) -> tuple[dict[str, Any], list[Misfit]]:
    """Nested YAML as dotted facts with values of their types, and what did not fit."""
    flat: dict[str, Any] = {}
    misfits: list[Misfit] = []
    for path, value in _leaves(nested, facts, ()):
        name = ".".join(path)
        if name not in facts:
            near = ", ".join(close_names(name, facts)) or "–"
            misfits.append(
                Misfit(path=path, code="case-unknown-fact", values={"fact": name, "close": near})
            )
            continue
        try:
            flat[name] = normal(value, fact_type(facts[name]))
        except WrongTypeError:
            wrong = {"fact": name, "type": facts[name], "value": repr(value)[:60]}
            misfits.append(Misfit(path=path, code="case-type", values=wrong))
    return flat, misfits


def _leaves(
    nested: Mapping[str, Any], facts: Mapping[str, str], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in nested.items():
        here = (*path, *str(key).split("."))
        name = ".".join(here)
        groups = any(fact.startswith(f"{name}.") for fact in facts)
        if isinstance(value, Mapping) and name not in facts and groups:
            yield from _leaves(value, facts, here)
        else:
            yield here, value
