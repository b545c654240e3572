"""Incidents, waivers, restitution, declarations. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date

from monitor.declared import DeclarationRow
from monitor.holds import SILENCE
from monitor.model import Severity
from monitor.report.blocks import Block, Heading, Paragraph, Table
from monitor.report.gather import Incident
from monitor.report.model import Report
from monitor.report.sections.common import (
    MOST_ROWS,
    days_left,
    foremost,
    heads,
    more,
    rule_title,
    told,
    when,
)
from monitor.spoken import day, length, number, rupiah
from monitor.text import Language


def incidents(report: Report, lang: Language) -> Iterator[Block]:
    """Each incident that stood, why, and how fast people answered."""
    yield Heading(text=told("section-incidents", lang))
    if not report.incidents:
        yield Paragraph(text=told("incidents-none", lang))
        return
    yield Paragraph(text=told("incidents-intro", lang))
    yield Paragraph(text=_counts(report.incidents, lang))
    names = ("number", "target", "cause", "since", "opened", "told", "answered", "lasted")
    yield Table(
        heads=heads(names, lang),
        rows=[_incident(report, one, lang) for one in foremost(report.incidents, _gravest)],
        widths=(6, 15, 24, 14, 11, 11, 13, 10),
        numeric=frozenset({0, 4, 5, 6, 7}),
    )
    yield from more(len(report.incidents), "incidents.csv", lang)
    yield from _silences(report, lang)


def _silences(report: Report, lang: Language) -> Iterator[Block]:
    """Who wanted no messages, about what, for how long, and how many were held back."""
    if not report.silences:
        return
    yield Heading(text=told("section-silences", lang), level=2)
    yield Paragraph(text=told("silences-intro", lang))
    held = [one.held.hold for one in report.incidents if one.held is not None]
    yield Table(
        heads=heads(("number", "about", "since", "until", "held", "author", "reason"), lang),
        rows=[
            [
                number(row.id, lang),
                " & ".join(", ".join(part) for part in (row.targets, row.tags, row.rules) if part),
                when(report, row.at_us, lang),
                when(report, row.until_us if row.ended_us is None else row.ended_us, lang),
                number(held.count((SILENCE, row.id)), lang),
                " → ".join(name for name in (row.author, row.ended_by) if name),
                row.reason,
            ]
            for row in report.silences[:MOST_ROWS]
        ],
        widths=(8, 22, 14, 14, 8, 14, 20),
        numeric=frozenset({0, 4}),
    )
    yield from more(len(report.silences), "report.json", lang)


def _counts(incidents: Sequence[Incident], lang: Language) -> str:
    counts = {
        "count": len(incidents),
        "critical": sum(one.row.severity == Severity.CRITICAL for one in incidents),
        "untold": sum(one.told_us is None for one in incidents),
        "unanswered": sum(one.acknowledged_us is None for one in incidents),
        "open": sum(one.row.ended_us is None for one in incidents),
    }
    shown = {name: number(count, lang) for name, count in counts.items()}
    return told("incident-counts", lang, **shown)


def _gravest(one: Incident) -> tuple[int, int, int]:
    """The most severe first; of equals the ones that took longest, or have not ended."""
    row = one.row
    if row.ended_us is None or row.ended_since_us is None:
        return -row.severity, 0, row.id
    return -row.severity, 1, row.since_us - row.ended_since_us


def _incident(report: Report, one: Incident, lang: Language) -> list[str]:
    row = one.row
    title = rule_title(report, f"{row.policy}/{row.rule}", lang)
    severity = told(f"severity-{row.severity}", lang)
    reasons = "; ".join(row.reasons[:3])
    ended_us = row.ended_since_us if row.ended_us is not None else None

    def after(at_us: int | None) -> str:
        return "–" if at_us is None else length(max(0, at_us - row.since_us), lang)

    return [
        number(row.id, lang),
        report.name(row.target),
        f"{title} ({severity}){': ' if reasons else ''}{reasons}",
        when(report, row.since_us, lang),
        after(row.opened_us),
        after(one.told_us),
        after(one.acknowledged_us),
        told("still", lang) if ended_us is None else after(ended_us),
    ]


def waivers(report: Report, lang: Language) -> Iterator[Block]:
    """Violations that somebody accepts, and until when."""
    yield Heading(text=told("section-waivers", lang))
    if not report.waivers:
        yield Paragraph(text=told("waivers-none", lang))
        return
    yield Paragraph(text=told("waivers-intro", lang))
    yield Table(
        heads=heads(("rule", "target", "until", "left", "author", "reason"), lang),
        rows=[
            [
                rule_title(report, f"{w.policy}/{w.rule}", lang),
                report.name(w.target),
                day(date.fromisoformat(w.until), lang),
                days_left((date.fromisoformat(w.until) - report.asked.period.last).days, lang),
                w.author,
                w.justification,
            ]
            for w in report.waivers[:MOST_ROWS]
        ],
        widths=(24, 17, 14, 11, 10, 24),
    )
    yield from more(len(report.waivers), "report.json", lang)


def owed(report: Report, lang: Language) -> Iterator[Block]:
    """Restitution by contract."""
    yield Heading(text=told("section-restitution", lang))
    found = [(one, one.owed) for one in report.figures if one.owed is not None]
    if not found:
        yield Paragraph(text=told("restitution-none", lang))
        return
    yield Paragraph(text=told("restitution-intro", lang))
    formulas = {
        (o.policy, o.id): told(f"formula-{o.restitution.formula}", lang)
        for o in report.accounting.objectives
        if o.restitution is not None
    }
    rows = []
    for figure, money in foremost(found, lambda pair: -pair[1].worst.amount):
        terms = report.accounting.targets.get(figure.target)
        rows.append(
            [
                report.name(figure.target),
                (terms.provider if terms else "") or "–",
                formulas.get((figure.policy, figure.objective), "–"),
                rupiah(money.fee, lang),
                rupiah(money.seen.amount, lang),
                rupiah(money.worst.amount, lang),
            ]
        )
    yield Table(
        heads=heads(("target", "provider", "formula", "fee", "amount", "amount-worst"), lang),
        rows=rows,
        widths=(18, 13, 23, 15, 15, 16),
        numeric=frozenset({3, 4, 5}),
    )
    yield from more(len(found), "figures.csv", lang)
    used = {o.restitution.formula for o in report.accounting.objectives if o.restitution}
    rules = " ".join(told(f"formula-{name}-rule", lang) for name in sorted(used))
    yield Paragraph(text=rules, note=True)


def declarations(report: Report, lang: Language) -> Iterator[Block]:
    """Maintenance and exclusions, with their authors."""
    yield Heading(text=told("section-declarations", lang))
    if not report.declarations:
        yield Paragraph(text=told("declarations-none", lang))
        return
    yield Paragraph(text=told("declarations-intro", lang))
    yield Table(
        heads=heads(
            ("number", "target", "what", "since", "until", "standing", "author", "reason"), lang
        ),
        rows=[_declaration(report, row, lang) for row in report.declarations[:MOST_ROWS]],
        widths=(8, 13, 15, 14, 14, 12, 12, 16),
        numeric=frozenset({0}),
    )
    yield from more(len(report.declarations), "report.json", lang)


def _declaration(report: Report, row: DeclarationRow, lang: Language) -> list[str]:
    what = told(f"declared-{row.kind}", lang)
    cause = told(f"cause-{row.cause}", lang) if row.cause else ""
    return [
        number(row.id, lang),
        report.name(row.target),
        f"{what}: {cause}" if cause else what,
        when(report, row.since_us, lang),
        when(report, row.until_us, lang),
        told(
            f"standing-of-{row.standing}"
            if row.counts or row.standing != "stands"
            else "called-off",
            lang,
        ),
        " → ".join(name for name in (row.author, row.decided_by) if name),
        row.reason,
    ]
