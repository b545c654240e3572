"""Plain values of a tree into typed ones; what pydantic objects to becomes problems with places.

Secrets never reach a problem: values of keys that can hold one are not shown.
"""

import json
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path as FilePath
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from checks.base import Microseconds
from monitor.config.problem import Problem, problem, shown
from monitor.config.yaml_tree import Path, Tree
from monitor.nearest import nearest

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid", strict=True)
_HIDDEN = frozenset({"secret", "passphrase", "password", "token", "key", "private"})
"""Keys whose values are never shown: a person may have written the secret itself."""

_KEY_OF_TYPE: Mapping[str, str] = {
    "string_type": "want-text",
    "int_type": "want-whole",
    "int_from_float": "want-whole",
    "float_type": "want-number",
    "bool_type": "want-bool",
    "list_type": "want-list",
    "tuple_type": "want-list",
    "dict_type": "want-table",
    "dataclass_type": "want-table",
    "dataclass_exact_type": "want-table",
    "date_type": "date-bad",
    "date_parsing": "date-bad",
    "date_from_datetime_parsing": "date-bad",
    "date_from_datetime_inexact": "date-bad",
    "string_too_short": "empty",
    "too_short": "empty",
    "missing": "missing",
    "extra_forbidden": "unknown",
    "unexpected_keyword_argument": "unknown",
    "literal_error": "one-of",
    "greater_than_equal": "at-least",
    "less_than_equal": "at-most",
    "greater_than": "above",
    "less_than": "below",
}


@cache
def _adapter(kind: Hashable) -> TypeAdapter[list[Any]]:
    """The validator of a list of `kind`: only around a list can strictness be handed down."""
    return TypeAdapter(list[kind], config=STRICT)  # type: ignore[valid-type]


def json_schema(kind: Any) -> dict[str, Any]:
    """JSON Schema of a list of `kind`."""
    return _adapter(kind).json_schema()


def validate(
    kind: type[T], plain: object, tree: Tree, path: Path, problems: list[Problem], base: FilePath
) -> T | None:
    """The typed value, or None and at least one problem more."""
    text = json.dumps([{} if plain is None else plain])
    try:
        return cast(
            "T", _adapter(cast("Hashable", kind)).validate_json(text, context={"base": base})[0]
        )
    except ValidationError as error:
        details = error.errors(include_url=False)
    found: dict[Path, Problem] = {}
    for detail in details:
        where, one = _translated(kind, detail, tree, path)
        # Of the branches of a union the one that fits the type has the better complaint.
        if where not in found or not detail["type"].endswith("_type"):
            found[where] = one
    problems.extend(found.values())
    return None


def _translated(kind: Any, detail: ErrorDetails, tree: Tree, path: Path) -> tuple[Path, Problem]:
    """One objection of pydantic: the path it is about, and the problem."""
    loc = detail["loc"][1:]
    name = _KEY_OF_TYPE.get(detail["type"], detail["type"])
    if name == "missing":
        around = _standing(tree, path, loc[:-1])
        return (*around, loc[-1]), problem(tree.of_key(around), name, name=shown(loc[-1]))
    where = _standing(tree, path, loc)
    if name == "unknown":
        near = nearest(str(loc[-1]), allowed_keys(kind, loc[:-1]))
        return where, unknown(tree, where, near)
    spot = tree.of_key(where) if loc and loc[-1] == "[key]" else tree.of_value(where)
    values = {key: value for key, value in detail.get("ctx", {}).items() if key != "error"}
    if name == "one-of":
        values = {"allowed": str(values["expected"]).replace(" or ", ", ").replace("'", "")}
    elif detail["type"] == "value_error" and is_duration(kind):
        name = "duration-bad"
    elif detail["type"] == "value_error":
        name, values = "refused", {"reason": detail["ctx"]["error"]}
    elif name not in KNOWN_SENTENCES:
        name, values = "refused", {"reason": detail["msg"]}
    values["value"] = offending(where, detail["input"])
    return where, problem(spot, name, field=field_name(where), **values)


def is_duration(kind: Any) -> bool:
    """Whether a type is the length of time of a check's settings."""
    return any(isinstance(mark, Microseconds) for mark in getattr(kind, "__metadata__", ()))


def unknown(tree: Tree, where: Path, near: str) -> Problem:
    """The problem of a key nobody reads, with the key that may have been meant."""
    name = shown(where[-1])
    if near:
        return problem(tree.of_key(where), "unknown-near", name=name, near=shown(near))
    return problem(tree.of_key(where), "unknown", name=name)


def offending(path: Path, value: object) -> str:
    """A value as a problem shows it: masked where its key can hold a secret."""
    if _HIDDEN & set(path):
        return "***"
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, list):
        return "[…]" if value else "[]"
    return shown(value)


def field_name(path: Path) -> str:
    """The name of the innermost key of a path."""
    return next((part for part in reversed(path) if isinstance(part, str)), "-")


def _standing(tree: Tree, path: Path, loc: tuple[int | str, ...]) -> Path:
    """The path of pydantic's location: without its notes on unions, keys and validators."""
    for part in loc:
        longer = (*path, part)
        if longer in tree.value_places or longer in tree.key_places:
            path = longer
    return path


def allowed_keys(kind: Any, loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys that the table at a location may have."""
    schema = json_schema(kind)
    node = _resolve(schema, schema["items"])
    for part in loc:
        properties = node.get("properties", {})
        if part in properties:
            node = _resolve(schema, properties[part])
        elif isinstance(part, int) and "items" in node:
            node = _resolve(schema, node["items"])
        elif tables := [
            *node.get("patternProperties", {}).values(),
            node.get("additionalProperties"),
        ]:
            node = _resolve(schema, tables[0]) if isinstance(tables[0], dict) else node
    return tuple(node.get("properties", {}))


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """A node with its reference followed; of alternatives the one that is a table."""
    for option in node.get("anyOf", []):
        if "$ref" in option or "properties" in option:
            node = option
            break
    reference = node.get("$ref", "")
    return (
        cast("dict[str, Any]", schema["$defs"][reference.rpartition("/")[2]]) if reference else node
    )


KNOWN_SENTENCES = frozenset(_KEY_OF_TYPE.values()) | {
    "key-form",
    "line",
    "host-bad",
    "address-bad",
    "network-bad",
    "network-host-bits",
    "url-bad",
    "url-password",
    "mac-bad",
    "timezone-bad",
    "origin-bad",
    "path-not-absolute",
    "duration-bad",
    "moment-bad",
    "secret-form",
    "vkey-bad",
    "witness-key-kind",
    "witness-url-bad",
    "authority-url-bad",
    "hour-bad",
    "log-key-kind",
    "listen-bad",
}
"""Error types that are, or become, names of texts."""
