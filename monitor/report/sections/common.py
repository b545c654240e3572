"""What the sections share: words of their area, names of targets, bounds on tables. Pure."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from monitor.report.blocks import Block, Paragraph
from monitor.report.model import Report
from monitor.spoken import day, moment, number
from monitor.text import Language, say

MOST_ROWS = 100
"""Rows that a table of the document shows; every one stands in the CSV and the JSON."""

One = TypeVar("One")


def foremost(
    items: Sequence[One], key: Callable[[One], Any], most: int = MOST_ROWS
) -> Sequence[One]:
    """All of them in their order; of more than fit those that come first by the key (the worst)."""
    return items if len(items) <= most else sorted(items, key=key)[:most]


def told(name: str, lang: Language, **values: object) -> str:
    """A sentence of the area `report`."""
    return say(f"report.{name}", lang, **values)


def rule_title(report: Report, key: str, lang: Language) -> str:
    """A rule as people call it; of one that no configuration in force has, its key."""
    rule = report.rules.get(key)
    return (rule.title.get(lang) if rule else None) or key


def heads(names: Sequence[str], lang: Language) -> list[str]:
    """Heads of a table."""
    return [told(f"head-{name}", lang) for name in names]


def span(report: Report, lang: Language) -> str:
    """The first and the last day of the period, or its one day."""
    first, last = report.asked.period.first, report.asked.period.last
    if first == last:
        return day(first, lang)
    return told("span", lang, first=day(first, lang), last=day(last, lang))


def when(report: Report, at_us: int | None, lang: Language) -> str:
    """A moment in the period's zone, to the minute; "–": it did not happen."""
    if at_us is None:
        return "–"
    return moment(at_us, report.asked.period.zone, lang)[:-3]


def more(count: int, file: str, lang: Language, most: int = MOST_ROWS) -> list[Block]:
    """A note of the rows that a table leaves out; nothing where it has all."""
    if count <= most:
        return []
    text = told("more-rows", lang, count=number(count - most, lang), file=file)
    return [Paragraph(text=text, note=True)]


def days_left(days: int | None, lang: Language) -> str:
    """How many days are left, or have passed since the end; "–": undefined."""
    if days is None:
        return "–"
    return told("days" if days >= 0 else "days-over", lang, count=number(abs(days), lang))


def truth(value: bool | None, lang: Language) -> str:
    """Yes, no, or undefined."""
    if value is None:
        return "–"
    return told("yes" if value else "no", lang)


def basis(
    lang: Language,
    *,
    rules: int,
    targets: int,
    decided: int,
    objectives: int,
    missed: int,
    standing: int,
    drills: int,
    attested: bool,
) -> str:
    """By what a verdict was reached, or why there is none."""
    shown = {
        "by-rules": {"rules": rules, "targets": targets, "count": decided} if rules else {},
        "by-objectives": {"count": objectives, "missed": missed} if objectives else {},
        "by-incidents": {"count": standing} if standing else {},
        "by-drills": {"count": drills} if drills else {},
    }
    parts = [
        told(name, lang, **{key: number(count, lang) for key, count in counts.items()})
        for name, counts in shown.items()
        if counts
    ]
    return "; ".join(parts) or told("by-nothing-attested" if attested else "by-nothing", lang)
