"""Evidence as lines that a person can read on a terminal of any width, without colours. Pure."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WIDTH = 100
_NAME = 22
_INDENT = 2
_LONGEST = 2_000
"""Characters of one fact that are shown; `--json` has the rest."""
_HIDDEN = frozenset({"sha256"})
"""Of a certificate: for comparing, not for reading."""


def lines_of(evidence: Mapping[str, Any]) -> Iterator[str]:
    """Each fact under its dotted name; what does not fit goes on below its first line."""
    for name, value in flat(evidence):
        start = f"{'':<{_INDENT}}{name:<{_NAME}} "
        shown = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
        for line in shown.split("\n"):
            wrapped = textwrap.wrap(
                line, WIDTH, initial_indent=start, subsequent_indent=" " * len(start),
                break_on_hyphens=False, break_long_words=False,
            )  # fmt: skip
            yield from wrapped or [start.rstrip()]
            start = " " * (_INDENT + _NAME + 1)


def flat(evidence: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Dotted names and texts; the items of a list of tables stand on lines of their own."""
    found: list[tuple[str, str]] = []
    for name, value in evidence.items():
        if isinstance(value, Mapping):
            found += flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            found.append((prefix + name, "\n".join(map(_told, value))))
        else:
            found.append((prefix + name, _joined(value) if isinstance(value, list) else str(value)))
    return found


def _told(table: Mapping[str, Any]) -> str:
    return " · ".join(f"{key} {value}" for key, value in table.items() if key not in _HIDDEN)


def _joined(values: Sequence[object]) -> str:
    """A list on one line; an empty item keeps its place, as a silent hop does."""
    return ", ".join(str(value) or "–" for value in values) or "–"
