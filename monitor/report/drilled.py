"""A drill's line in the report, from its entry. Pure."""

from collections.abc import Mapping
from typing import Any

from monitor.ledger.entry import OperatorAct
from monitor.report.model import DrillLine


def drill_line(entry: int, act: OperatorAct) -> DrillLine:
    """What the entry says; of a detail that somebody else wrote only what has its type."""
    detail = act.detail
    gaps = [one for one in _list(detail.get("gaps")) if isinstance(one, Mapping)]
    longest = max(gaps, key=lambda one: _whole(one.get("least_us")) or 0, default={})
    changed = detail.get("path_changed")
    return DrillLine(
        entry=entry,
        link=str(detail.get("link", ""))[:200],
        started_us=_whole(detail.get("started_us")) or None,
        outcome=str(detail.get("outcome", ""))[:40],
        ended=str(detail.get("ended", ""))[:40],
        longest_least_us=_whole(longest.get("least_us")),
        longest_most_us=_whole(longest.get("most_us")),
        allowed_us=_whole(detail.get("most_us")),
        path_changed=changed if isinstance(changed, bool) else None,
        author=act.author,
        reason=act.reason,
    )


def _list(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
