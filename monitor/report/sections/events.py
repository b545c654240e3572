"""Incidents, redundancy and drills, certificates, waivers, restitution, declarations. Pure."""

from collections.abc import Iterator
from datetime import date

from monitor.declared import DeclarationRow
from monitor.holds import SILENCE
from monitor.report.blocks import Block, Heading, Paragraph, Table
from monitor.report.gather import Incident
from monitor.report.model import CertificateLine, DrillLine, Report
from monitor.report.sections.common import MOST_ROWS, heads, more, told, truth, when
from monitor.spoken import day, length, number, percent, rupiah
from monitor.text import Language


def incidents(report: Report, lang: Language) -> Iterator[Block]:
    """Each incident that stood, why, and how fast people answered."""
    yield Heading(text=told("section-incidents", lang))
    if not report.incidents:
        yield Paragraph(text=told("incidents-none", lang))
        return
    yield Paragraph(text=told("incidents-intro", lang))
    names = ("number", "target", "cause", "since", "opened", "told", "answered", "lasted")
    yield Table(
        heads=heads(names, lang),
        rows=[_incident(report, one, lang) for one in report.incidents[:MOST_ROWS]],
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


def _incident(report: Report, one: Incident, lang: Language) -> list[str]:
    row = one.row
    rule = report.rules.get(f"{row.policy}/{row.rule}")
    title = (rule.title.get(lang) if rule else None) or row.rule
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


def redundancy(report: Report, lang: Language) -> Iterator[Block]:
    """Debt of the sites, then the drills."""
    yield Heading(text=told("section-redundancy", lang))
    if report.sites:
        yield Paragraph(text=told("redundancy-intro", lang))
        yield Table(
            heads=heads(("site", "links", "whole", "debt", "outage", "undecided"), lang),
            rows=[
                [
                    one.site,
                    ", ".join(one.links),
                    length(one.time.whole_us, lang),
                    length(one.time.debt_us, lang),
                    length(one.time.outage_us, lang),
                    length(one.time.undecided_us, lang),
                ]
                for one in report.sites[:MOST_ROWS]
            ],
            widths=(16, 28, 14, 14, 14, 14),
            numeric=frozenset({2, 3, 4, 5}),
        )
        yield from more(len(report.sites), "report.json", lang)
        yield from _debts(report, lang)
    else:
        yield Paragraph(text=told("redundancy-none", lang))
    yield Heading(text=told("section-drills", lang), level=2)
    if not report.drills:
        yield Paragraph(text=told("drills-none", lang))
        return
    yield Table(
        heads=heads(
            ("number", "link", "since", "outcome", "gap", "allowed", "path", "author"), lang
        ),
        rows=[_drill(report, one, lang) for one in report.drills[:MOST_ROWS]],
        widths=(8, 14, 16, 14, 16, 10, 10, 12),
        numeric=frozenset({0, 4, 5}),
    )


def _debts(report: Report, lang: Language) -> Iterator[Block]:
    """Which share of its time a site may be in debt, and was."""
    if not report.debts:
        return
    titles = {(one.policy, one.id): one.title for one in report.accounting.objectives}
    rows = []
    for one in report.debts[:MOST_ROWS]:
        title = titles.get((one.policy, one.objective), {}).get(lang) or one.objective
        shares = [percent(share, lang, one.goal) for share in (one.least, one.most, one.goal)]
        rows.append([report.name(one.site), title, *shares, told(f"outcome-{one.outcome}", lang)])
    yield Table(
        heads=heads(("site", "objective", "debt-least", "debt-most", "goal-most", "outcome"), lang),
        rows=rows,
        widths=(18, 26, 13, 13, 12, 18),
        numeric=frozenset({2, 3, 4}),
    )
    yield from more(len(report.debts), "report.json", lang)


def _drill(report: Report, one: DrillLine, lang: Language) -> list[str]:
    gap = "–"
    if one.longest_least_us is not None:
        most = "…" if one.longest_most_us is None else length(one.longest_most_us, lang)
        gap = f"{length(one.longest_least_us, lang)} – {most}"
    known = one.outcome in ("interrupted", "stayed-up", "down", "not-measured")
    return [
        number(one.entry, lang),
        report.name(one.link),
        when(report, one.started_us, lang),
        told(f"drill-{one.outcome}", lang) if known else one.outcome,
        gap,
        length(one.allowed_us, lang),
        truth(one.path_changed, lang),
        one.author,
    ]


def certificates(report: Report, lang: Language) -> Iterator[Block]:
    """Certificates as they were last seen."""
    yield Heading(text=told("section-tls", lang))
    if not report.certificates:
        yield Paragraph(text=told("tls-none", lang))
        return
    yield Paragraph(text=told("tls-intro", lang))
    yield Table(
        heads=heads(("target", "protocol", "trusted", "named", "key", "expires", "left"), lang),
        rows=[_certificate(report, one, lang) for one in report.certificates[:MOST_ROWS]],
        widths=(20, 11, 11, 12, 12, 20, 14),
        numeric=frozenset({6}),
    )


def _certificate(report: Report, one: CertificateLine, lang: Language) -> list[str]:
    left = "–"
    if one.not_after_us is not None:
        days = (one.not_after_us - report.asked.window[1]) // 86_400_000_000
        left = told("days", lang, count=number(days, lang))
    return [
        report.name(one.target),
        one.protocol or one.outcome or "–",
        truth(one.trusted, lang),
        truth(one.hostname_matches, lang),
        one.key or "–",
        when(report, one.not_after_us, lang),
        left,
    ]


def waivers(report: Report, lang: Language) -> Iterator[Block]:
    """Violations that somebody accepts, and until when."""
    yield Heading(text=told("section-waivers", lang))
    if not report.waivers:
        yield Paragraph(text=told("waivers-none", lang))
        return
    yield Paragraph(text=told("waivers-intro", lang))
    yield Table(
        heads=heads(("rule", "target", "until", "author", "reason"), lang),
        rows=[
            [
                f"{w.policy}/{w.rule}",
                report.name(w.target),
                day(date.fromisoformat(w.until), lang),
                w.author,
                w.justification,
            ]
            for w in report.waivers[:MOST_ROWS]
        ],
        widths=(24, 18, 14, 14, 30),
    )


def owed(report: Report, lang: Language) -> Iterator[Block]:
    """Restitution by contract."""
    yield Heading(text=told("section-restitution", lang))
    found = [(one, one.owed) for one in report.figures if one.owed is not None]
    if not found:
        yield Paragraph(text=told("restitution-none", lang))
        return
    yield Paragraph(text=told("restitution-intro", lang))
    formulas = {
        (o.policy, o.id): o.restitution.formula
        for o in report.accounting.objectives
        if o.restitution is not None
    }
    rows = []
    for figure, money in found[:MOST_ROWS]:
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
        widths=(18, 16, 20, 16, 15, 15),
        numeric=frozenset({3, 4, 5}),
    )
    yield from more(len(found), "figures.csv", lang)


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
