"""The daily digest of incidents: what a row carries, and the message of it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from alerts.message import Message, Urgency, finished, local_time, plain
from alerts.payload import VERSION, alert_id, canonical
from monitor.model import OutboxRow
from monitor.text import Language, say

MOST_NAMED = 15
"""Incidents that are named; the others are counted."""
_NAME, _RULE = 50, 80
"""Characters of a name and of a rule's title: the body stays below 4,096."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One incident of a digest; `ended_us` None while it stands."""

    name: str
    titles: Mapping[str, str]
    severity: str
    since_us: int
    ended_us: int | None
    acknowledged: bool


def digest_row(
    origin: str,
    route: str,
    span_us: tuple[int, int],
    noted: Sequence[Noted],
    *,
    standing: int,
    over: int,
) -> Callable[[int], OutboxRow]:
    """Makes the row of a digest, by the index of the entry that tells of its run.

    The standing incidents come first, the newest of each kind before the older ones. `standing`
    and `over`: how many there are, which may be more than are noted.
    """
    since_us, until_us = span_us
    named = sorted(noted, key=lambda one: one.ended_us is not None)[:MOST_NAMED]
    payload = canonical(
        {
            "version": VERSION,
            "digest": {
                "since_us": since_us,
                "until_us": until_us,
                "standing": standing,
                "over": over,
                "named": [_values(one) for one in named],
            },
        }
    )

    def row(index: int) -> OutboxRow:
        return OutboxRow(
            id=alert_id(origin, index, 0, route),
            incident=index,
            step=0,
            route=route,
            payload=payload,
            created_us=until_us,
        )

    return row


def _values(one: Noted) -> dict[str, object]:
    return {
        "name": one.name,
        "titles": dict(one.titles),
        "severity": one.severity,
        "since_us": one.since_us,
        "ended_us": one.ended_us,
        "acknowledged": one.acknowledged,
    }


def compose_digest(
    row: OutboxRow, told: Mapping[str, Any], lang: Language, timezone: tzinfo
) -> Message:
    """The message; KeyError, TypeError or ValueError for a payload that is none."""
    counts = {"standing": told["standing"], "over": told["over"]}
    since, until = (local_time(told[name], timezone) for name in ("since_us", "until_us"))
    lines = [say("alerts.digest-span", lang, since=since, until=until)]
    quiet = not any(counts.values())
    lines.append(say("alerts.digest-quiet" if quiet else "alerts.digest-counts", lang, **counts))
    lines += [_line(one, lang, timezone) for one in told["named"]]
    more = sum(counts.values()) - len(told["named"])
    if more > 0:
        lines.append(say("alerts.digest-more", lang, count=more))
    urgency: Urgency = "warning" if counts["standing"] else "info"
    return finished(say("alerts.title-digest", lang, **counts), lines, urgency, row.id, lang)


def _line(one: Mapping[str, Any], lang: Language, timezone: tzinfo) -> str:
    titles = one["titles"]
    key = "standing" if one["ended_us"] is None else "over"
    if key == "standing" and one["acknowledged"]:
        key = "acknowledged"
    return say(
        f"alerts.digest-{key}",
        lang,
        severity=say(f"alerts.severity-{one['severity']}", lang),
        target=plain(one["name"], _NAME),
        rule=plain(titles.get(lang) or next(iter(titles.values()), "–"), _RULE),
        since=local_time(one["since_us"], timezone),
        ended="" if one["ended_us"] is None else local_time(one["ended_us"], timezone),
    )
