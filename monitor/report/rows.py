"""The report's rows as CSV (RFC 4180, UTF-8): figures, outages, incidents. Pure.

Heads are those of the JSON and the same in every language; times are RFC 3339, lengths ms.
A cell that a spreadsheet would take for a formula is set behind an apostrophe.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from monitor.report.model import Report
from monitor.report.shown import shown

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(report: Report) -> dict[str, bytes]:
    """The files by their names."""
    plain = shown(report)
    figures = plain["figures"]
    return {
        "figures.csv": _file(_FIGURES, (_figure(one) for one in figures)),
        "outages.csv": _file(
            _OUTAGES,
            (
                [one["target"], one["objective"], *(outage[name] for name in _OUTAGES[2:])]
                for one in figures
                for outage in one["outages"]["list"]
            ),
        ),
        "incidents.csv": _file(
            _INCIDENTS, ([one[name] for name in _INCIDENTS] for one in plain["incidents"])
        ),
    }


_FIGURES = (
    "policy",
    "objective",
    "indicator",
    "target",
    "name",
    "provider",
    "outcome",
    "goal",
    "worst",
    "best",
    "unit",
    "window_ms",
    "base_ms",
    "available_ms",
    "unavailable_ms",
    "unobserved_ms",
    "maintenance_ms",
    "excluded_ms",
    "outages",
    "longest_ms",
    "mttr_ms",
    "mtbf_ms",
    "fee",
    "restitution",
    "restitution_worst",
)
_OUTAGES = ("target", "objective", "since", "until", "unavailable_ms")
_INCIDENTS = (
    "id",
    "target",
    "check",
    "rule",
    "severity",
    "reasons",
    "since",
    "opened",
    "told",
    "acknowledged",
    "acknowledged_by",
    "ended",
    "act",
)


def _figure(one: Mapping[str, Any]) -> list[Any]:
    sums, outages, owed = one["time_us"], one["outages"], one["restitution"] or {}
    names = ("window", "base", "available", "unavailable", "unobserved", "maintenance")
    return [
        *(one[name] for name in _FIGURES[:11]),
        *(sums[name] / 1_000 for name in names),
        sum(sums["excluded_by_cause"].values()) / 1_000,
        outages["count"],
        *(outages[name] for name in ("longest_ms", "mttr_ms", "mtbf_ms")),
        owed.get("fee"),
        owed.get("amount"),
        owed.get("worst_amount"),
    ]


def _file(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    """Undefined is an empty cell, never 0."""
    if value is None:
        return ""
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
