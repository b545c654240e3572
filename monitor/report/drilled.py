"""A drill's line in the report, from its entry. Pure.

Of a detail that somebody else wrote only what has its type is told, and only so much of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from monitor.ledger.entry import OperatorAct
from monitor.report.model import DrillLine, GapLine

_GAPS, _ROUTERS = 100, 64
_NAME, _WORD, _SENTENCE = 200, 40, 400


def drill_line(entry: int, act: OperatorAct) -> DrillLine:
    """What the entry says."""
    detail = act.detail
    gaps = tuple(_gaps(detail.get("gaps")))
    longest = max(gaps, key=lambda one: (one.least_us, one.most_us or 0), default=None)
    return DrillLine(
        entry=entry,
        link=_text(detail, "link", _NAME),
        address=_text(detail, "address", _NAME),
        started_us=_whole(detail.get("started_us")) or None,
        outcome=_text(detail, "outcome", _WORD),
        ended=_text(detail, "ended", _WORD),
        length_us=_length_us(detail),
        sent=_whole(detail.get("sent")),
        answered=_whole(detail.get("answered")),
        lost=_whole(detail.get("lost")),
        unmeasured=_whole(detail.get("unmeasured")),
        gaps=gaps,
        gap_count=_whole(detail.get("gap_count")) or len(gaps),
        longest_least_us=longest.least_us if longest else None,
        longest_most_us=longest.most_us if longest else None,
        allowed_us=_whole(detail.get("most_us")),
        paths=tuple(_path(detail.get(f"path_{when}")) for when in ("before", "during", "after")),
        path_changed=_truth(detail.get("path_changed")),
        path_returned=_truth(detail.get("path_returned")),
        authorised_by=_text(detail, "authorised_by", _NAME),
        letter=_text(detail, "letter", _NAME),
        author=act.author,
        reason=act.reason[:_SENTENCE],
    )


def _gaps(value: Any) -> Iterator[GapLine]:
    for one in _list(value)[:_GAPS]:
        if not isinstance(one, Mapping):
            continue
        since_us, least_us = _whole(one.get("since_us")), _whole(one.get("least_us"))
        if since_us is not None and least_us is not None:
            yield GapLine(
                since_us=since_us,
                until_us=_whole(one.get("until_us")),
                least_us=least_us,
                most_us=_whole(one.get("most_us")),
                lost=_whole(one.get("lost")) or 0,
                first_path=_truth(one.get("first_path")),
            )


def _length_us(detail: Mapping[str, Any]) -> int | None:
    """How long probes were sent; None where the entry does not say it."""
    spacing_us, sent = _whole(detail.get("spacing_us")), _whole(detail.get("sent"))
    unsent = _whole(detail.get("unmeasured")) or 0
    return None if spacing_us is None or sent is None else spacing_us * (sent + unsent)


def _path(value: Any) -> tuple[str, ...] | None:
    return None if value is None else tuple(str(one)[:_NAME] for one in _list(value)[:_ROUTERS])


def _list(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()


def _text(detail: Mapping[str, Any], name: str, most: int) -> str:
    return str(detail.get(name) or "")[:most]


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
