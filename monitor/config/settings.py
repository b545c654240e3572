"""Settings of a check on a target: the check's own, then the agent's defaults, then the target's.

The dataclass of a check is its schema: each field is validated by its own annotation, so that a
target may say one setting and leave the others.
"""

from collections.abc import Hashable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache
from pathlib import Path as FilePath
from typing import Any, cast, get_type_hints
from urllib.parse import urlsplit

from checks.base import Settings
from checks.table import KINDS
from monitor.config.problem import Problem, problem, shown
from monitor.config.validation import offending, unknown, validate
from monitor.config.yaml_tree import Path, Tree
from monitor.model import format_duration
from monitor.nearest import nearest

SHORTEST_US = 100_000
LONGEST_US = 86_400_000_000
"""Bounds of an interval: 100 ms, one day."""

Table = Mapping[str, object]
_FROM_TARGET = frozenset({"address", "host", "url"})
"""Settings that a target's own address stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTables:
    """A `checks:` or `defaults:` table: typed settings by check, and the checks switched off."""

    tree: Tree
    path: Path
    tables: Mapping[str, Table]
    off: frozenset[str]
    refused: frozenset[str] = frozenset()
    """Checks with a mistake among their settings: told already, and not to be told again."""

    def place_of(self, check: str, name: str = "") -> Path:
        """The path of a check's table or of one setting in it."""
        return (*self.path, check, name) if name else (*self.path, check)


@cache
def hints(kind: Hashable) -> dict[str, Any]:
    """The annotated types of a check's settings, of those that a user may write."""
    assert isinstance(kind, type)
    own = {one.name for one in fields(kind) if not one.metadata.get("derived")}
    every = get_type_hints(kind, include_extras=True)
    return {name: annotation for name, annotation in every.items() if name in own}


def read_tables(
    plain: Table, tree: Tree, path: Path, base: FilePath, problems: list[Problem]
) -> CheckTables:
    """The settings by check that stand at `path`, each value of its type."""
    tables: dict[str, Table] = {}
    off: set[str] = set()
    refused: set[str] = set()
    for check, content in plain.items():
        where = (*path, check)
        if check not in KINDS:
            near = nearest(check, tuple(KINDS))
            problems.append(unknown_check(tree, where, near))
        elif content is False:
            off.add(check)
        elif content is None or isinstance(content, dict):
            before = len(problems)
            tables[check] = _read_table(KINDS[check].settings, content or {}, tree, where, base,
                                        problems)  # fmt: skip
            if len(problems) > before:
                refused.add(check)
        else:
            value = offending(where, content)
            place = tree.of_value(where)
            problems.append(problem(place, "want-check-table", check=shown(check), value=value))
    return CheckTables(
        tree=tree, path=path, tables=tables, off=frozenset(off), refused=frozenset(refused)
    )


def unknown_check(tree: Tree, where: Path, near: str) -> Problem:
    """The problem of a check that does not exist."""
    known = ", ".join(KINDS)
    if near:
        place = tree.of_key(where)
        return problem(place, "check-unknown-near", name=shown(where[-1]), near=shown(near))
    return problem(tree.of_key(where), "check-unknown", name=shown(where[-1]), known=known)


def _read_table(
    kind: type[Settings],
    content: Table,
    tree: Tree,
    path: Path,
    base: FilePath,
    problems: list[Problem],
) -> Table:
    typed: dict[str, object] = {}
    known = hints(cast("Hashable", kind))
    for name, plain in content.items():
        where = (*path, name)
        if name not in known:
            problems.append(unknown(tree, where, nearest(name, tuple(known))))
            continue
        before = len(problems)
        value = validate(known[name], plain, tree, where, problems, base)
        if len(problems) == before:
            typed[name] = value
    interval = typed.get("interval")
    if isinstance(interval, int) and not SHORTEST_US <= interval <= LONGEST_US:
        place = tree.of_value((*path, "interval"))
        bounds = {"low": format_duration(SHORTEST_US), "high": format_duration(LONGEST_US)}
        problems.append(
            problem(place, "interval-bounds", value=format_duration(interval), **bounds)
        )
    if typed.get("timeout") == 0:
        problems.append(problem(tree.of_value((*path, "timeout")), "timeout-zero"))
    return typed


def settle(
    check: str, url: str, defaults: Table, own: Table, place: Any, problems: list[Problem]
) -> Settings | None:
    """The settings in force, or None and a problem more.

    `url` says what is looked at; a setting that the target names itself wins.
    """
    kind = KINDS[check]
    merged: dict[str, Any] = {**defaults, **own}
    missing = _required(kind.settings) - set(merged)
    try:
        if kind.from_url is not None and url:
            return replace(kind.from_url(urlsplit(url)), **merged)
        if not missing:
            return kind.settings(**merged)
    except ValueError as error:
        missing -= _FROM_TARGET
        if not missing:
            problems.append(problem(place, "check-refused", check=shown(check), reason=error))
            return None
    names = ", ".join(sorted(missing))
    problems.append(problem(place, "check-needs", check=shown(check), names=names))
    return None


def _required(kind: type[Settings]) -> set[str]:
    return {
        one.name
        for one in fields(kind)
        if one.default is MISSING and one.default_factory is MISSING
    }
