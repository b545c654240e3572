"""A drill's figures as the detail of its entry, and as the JSON of the contract. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.daemon.show import rfc3339
from monitor.drill import (
    SPACING_US,
    TIMEOUT_US,
    Figures,
    Gap,
    Outcome,
    PathSeen,
    Singleton,
    figures_of,
    path_after,
    same_path,
)
from monitor.ledger.entry import OperatorAct

MOST_GAPS = 100
"""Gaps that the entry tells one by one, the longest ones; every one follows from the record."""


def detail_of(
    singletons: Sequence[Singleton], paths: Sequence[PathSeen], faults: Mapping[str, int]
) -> dict[str, Any]:
    """What the entry says of the measurement; times in µs since `started_us`."""
    figures = figures_of(singletons, paths)
    return {
        "spacing_us": SPACING_US,
        "timeout_us": TIMEOUT_US,
        "sent": figures.sent,
        "answered": figures.answered,
        "lost": figures.lost,
        "unmeasured": figures.unmeasured,
        "faults": dict(faults),
        "blind_us": figures.blind_us,
        "gaps": [_gap(gap, paths) for gap in _told(figures)],
        "gap_count": len(figures.gaps),
        "path_before": _routers(paths[:1]),
        "path_during": _routers(_others(paths)[:1]),
        "path_after": _routers(paths[-1:]),
        "path_changed": figures.path_changed,
        "path_returned": figures.path_returned,
        "outcome": figures.outcome.value,
    }


def _told(figures: Figures) -> list[Gap]:
    """The longest gaps, in the order of time."""
    longest = sorted(figures.gaps, key=lambda gap: (gap.least_us, gap.most_us or 0), reverse=True)
    return sorted(longest[:MOST_GAPS], key=lambda gap: gap.since_us)


def _gap(gap: Gap, paths: Sequence[PathSeen]) -> dict[str, Any]:
    return {
        "since_us": gap.since_us,
        "until_us": gap.until_us,
        "gap_us": gap.gap_us,
        "least_us": gap.least_us,
        "most_us": gap.most_us,
        "lost": gap.lost,
        "unmeasured": gap.unmeasured,
        "first_path": path_after(gap, paths),
    }


def _others(paths: Sequence[PathSeen]) -> list[PathSeen]:
    """The looks that found another path than the first one."""
    return [path for path in paths[1:] if same_path(paths[0], path) is False]


def _routers(paths: Sequence[PathSeen]) -> list[str] | None:
    return None if not paths or paths[0].routers is None else list(paths[0].routers)


def shown(act: OperatorAct, entry: int | None) -> dict[str, Any]:
    """A drill as `sasando drill --json` prints it, from its entry; undefined values are left out.

    `entry` is its index, None while it is not known to be committed.
    """
    detail = act.detail
    started_us = detail["started_us"]
    gaps = [_shown_gap(gap, started_us) for gap in detail["gaps"]]
    found = {
        "link": detail["link"],
        "address": detail["address"],
        "outcome": detail["outcome"],
        "ended": detail["ended"],
        "started_at": rfc3339(started_us) if started_us else None,
        "sent": detail["sent"],
        "answered": detail["answered"],
        "lost": detail["lost"],
        "unmeasured": detail["unmeasured"],
        "faults": detail["faults"],
        "blind_ms": detail["blind_us"] / 1_000,
        "longest": max(
            gaps, key=lambda gap: (gap["least_ms"], gap.get("most_ms", 0)), default=None
        ),
        "gaps": gaps,
        "gap_count": detail["gap_count"],
        "allowed_ms": _ms(detail["most_us"]),
        "path_before": detail["path_before"],
        "path_during": detail["path_during"],
        "path_after": detail["path_after"],
        "path_changed": detail["path_changed"],
        "path_returned": detail["path_returned"],
        "links_before": detail["links_before"],
        "links_after": detail["links_after"],
        "authorised_by": detail["authorised_by"],
        "letter": detail["letter"],
        "author": act.author,
        "reason": act.reason,
        "begun_entry": detail["begun"],
    }
    return {**_defined(found), "entry": entry}


def _shown_gap(gap: Mapping[str, Any], started_us: int) -> dict[str, Any]:
    until_us = gap["until_us"]
    return _defined(
        {
            "since": rfc3339(started_us + gap["since_us"]),
            "until": None if until_us is None else rfc3339(started_us + until_us),
            "gap_ms": _ms(gap["gap_us"]),
            "least_ms": _ms(gap["least_us"]),
            "most_ms": _ms(gap["most_us"]),
            "lost": gap["lost"],
            "unmeasured": gap["unmeasured"],
            "first_path": gap["first_path"],
        }
    )


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1_000


def _defined(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def exit_code(drill: Mapping[str, Any]) -> int:
    """3 nothing could be measured; 1 still down at the end, or a gap above the limit; else 0."""
    if drill["outcome"] == Outcome.NOT_MEASURED.value:
        return 3
    if drill["outcome"] == Outcome.DOWN.value:
        return 1
    allowed_ms = drill.get("allowed_ms")
    lengths = [gap.get("gap_ms", gap["least_ms"]) for gap in drill["gaps"]]
    return 1 if allowed_ms is not None and any(one > allowed_ms for one in lengths) else 0
