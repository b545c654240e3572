"""JSON Schema of every file of the configuration, one stable document with $defs, for editors."""

import ast
import inspect
import sys
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any

from alerts.routing import AlertsSource
from checks.base import Settings
from checks.table import KINDS
from monitor.config import schema as own
from monitor.config.validation import json_schema
from monitor.model import format_duration
from policies import source as policies

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def document() -> dict[str, Any]:
    """The document: `#/$defs/Agent`, `Inventory`, `Policy`, `Alerts`; keys sorted."""
    found: dict[str, Any] = {}
    agent = _top(own.AgentEntry, found)
    policy = _top(policies.PolicySource, found)
    alerts = _top(AlertsSource, found)
    access = {"type": "array", "items": _top(own.AccessEntry, found)}
    sections = {
        section: {"type": ["object", "null"], "additionalProperties": _top(kind, found)}
        for section, kind in own.SECTIONS.items()
    }
    found["Checks"] = _checks(found)
    found["Inventory"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {**sections, "access": access},
    }
    found |= {"Agent": agent, "Policy": policy, "Alerts": alerts}
    _refer_to_checks(found)
    _write_durations(found)
    names = ("Agent", "Inventory", "Policy", "Alerts")
    return {
        "$schema": _DIALECT,
        "title": "Sasando",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in names],
        "$defs": dict(sorted(found.items())),
    }


def _top(kind: Any, found: dict[str, Any]) -> dict[str, Any]:
    """A reference to a type's definition, collected with all it rests on."""
    made = json_schema(kind)
    found.update(made.get("$defs", {}))
    _describe(kind, found)
    items: dict[str, Any] = made["items"]
    return items


def _checks(found: dict[str, Any]) -> dict[str, Any]:
    """Settings by check. What is looked at comes from the target, so nothing is required."""
    properties: dict[str, Any] = {}
    for name, kind in KINDS.items():
        made = json_schema(kind.settings)
        found.update(made.get("$defs", {}))
        table = found[kind.settings.__name__]
        table.pop("required", None)
        _explain(kind.settings, table)
        properties[name] = {
            "anyOf": [
                {"$ref": f"#/$defs/{kind.settings.__name__}"},
                {"const": False},
                {"type": "null"},
            ]
        }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _refer_to_checks(found: dict[str, Any]) -> None:
    """pydantic knows no definition that it did not make, so the marked places are set here."""
    for node in found.values():
        for name, one in node.get("properties", {}).items():
            if one.get("x-checks"):
                reference: dict[str, Any] = {"$ref": "#/$defs/Checks"}
                if "description" in one:
                    reference["description"] = one["description"]
                node["properties"][name] = reference


def _write_durations(found: dict[str, Any]) -> None:
    """Defaults of lengths of time as a person writes them, not as microseconds."""
    for node in found.values():
        for one in node.get("properties", {}).values():
            if "(us|ms|" in one.get("pattern", "") and isinstance(one.get("default"), int):
                one["default"] = format_duration(one["default"])


def _explain(kind: type[Settings], table: dict[str, Any]) -> None:
    """The sentence of each setting; those that no user writes are left out."""
    for one in fields(kind):
        if one.metadata.get("derived"):
            del table["properties"][one.name]
            continue
        doc = one.metadata.get("doc")
        if doc:
            table["properties"][one.name].setdefault("description", doc)


def _describe(kind: Any, found: dict[str, Any]) -> None:
    """The docstrings of the fields of every dataclass of the type's module, where there are any."""
    module = sys.modules[kind.__module__]
    for name, node in list(found.items()):
        described = getattr(module, name, None)
        if not (isinstance(described, type) and is_dataclass(described)):
            continue
        for base in described.__mro__[:-1]:
            for field_name, doc in _field_docs(base).items():
                written = field_name.rstrip("_")
                if written in node.get("properties", {}):
                    node["properties"][written].setdefault("description", doc)


def _field_docs(kind: type) -> dict[str, str]:
    """The docstring below each annotated field in the source; empty without the source."""
    try:
        body = ast.parse(inspect.getsource(kind)).body
    except (OSError, SyntaxError, TypeError):
        return {}
    lines = body[0].body if body and isinstance(body[0], ast.ClassDef) else []
    docs: dict[str, str] = {}
    for line, below in pairwise(lines):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            text = below.value if isinstance(below, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                docs[line.target.id] = " ".join(text.value.split())
    return docs
