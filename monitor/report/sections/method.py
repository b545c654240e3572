"""How the figures were computed, and how anybody checks the report. Pure."""

import hashlib
import io
from collections.abc import Iterator
from fractions import Fraction

import segno

from monitor.accounting import ObjectiveTerms
from monitor.report.blocks import Block, Facts, Heading, Paragraph, Plot, Table, Verbatim
from monitor.report.model import Report
from monitor.report.sections.common import heads, told, when
from monitor.spoken import length, number, percent, rounded
from monitor.text import Language, say

_SHORT = 16
"""Digits of a hash in a table; the whole one stands in report.json."""
MOST_CODED = 1_000
"""Bytes of a checkpoint that one code holds; more cosignatures than fit stand in the text."""


def method(report: Report, lang: Language) -> Iterator[Block]:
    """The rules, the terms in force and their hashes."""
    yield Heading(text=told("section-method", lang))
    yield Paragraph(text=told("method-intro", lang))
    yield Facts(
        pairs=[
            (told("fact-rules", lang), str(report.accounting.version)),
            (told("fact-terms", lang), report.accounting_sha256),
            (told("fact-rulebook", lang), report.rules_sha256),
        ]
    )
    if report.accounting.objectives:
        yield Table(
            heads=heads(("objective", "goal", "rules", "targets", "hours"), lang),
            rows=[_objective(report, one, lang) for one in report.accounting.objectives],
            widths=(28, 14, 28, 10, 20),
            numeric=frozenset({1, 3}),
        )
    if (at := report.boundary) is not None:
        values = {"count": number(at.entries, lang), "told": number(at.told, lang)}
        until = when(report, at.until_us, lang)
        yield Paragraph(text=told("pruned-note", lang, until=until, **values))
    yield Heading(text=told("section-configurations", lang), level=2)
    yield Table(
        heads=heads(("number", "since", "program", "terms", "rulebook"), lang),
        rows=[
            [
                number(one.entry, lang),
                when(report, one.at_us, lang),
                one.program,
                one.accounting_sha256[:_SHORT] or "–",
                one.rules_sha256[:_SHORT] or "–",
            ]
            for one in report.configurations
        ],
        widths=(10, 26, 20, 22, 22),
        numeric=frozenset({0}),
    )


def _objective(report: Report, one: ObjectiveTerms, lang: Language) -> list[str]:
    titles = {rule.id: rule.title.get(lang) or rule.id for rule in report.rules.values()}
    return [
        one.title.get(lang) or one.id,
        _goal(one, lang),
        "; ".join(titles.get(name) or _default(name, lang) for name in one.measured_by),
        number(len(one.targets), lang),
        ", ".join(one.service_hours) or told("always", lang),
    ]


def _goal(one: ObjectiveTerms, lang: Language) -> str:
    """What is to be reached, in the unit of the indicator."""
    if one.count is not None:
        return number(one.count, lang)
    if one.percentile is not None:
        share = percent(Fraction(one.percentile), lang)
        bound = number(rounded(Fraction(one.duration_us or 0, 1_000), 3).normalize(), lang)
        return say("sla.within", lang, share=share, bound=bound)
    if one.ratio is not None:
        return percent(Fraction(one.ratio), lang)
    return length(one.duration_us, lang)


def _default(name: str, lang: Language) -> str:
    """A check's own rule of availability, which no policy holds."""
    check = name.removesuffix("-available")
    return name if check == name else told("rule-available", lang, check=check)


def proof(report: Report, note: bytes, lang: Language) -> Iterator[Block]:
    """The checkpoint, its QR code, and what to do with it."""
    yield Heading(text=told("section-proof", lang))
    yield Paragraph(text=told("proof-intro", lang, size=number(report.size, lang)))
    text = note.decode("utf-8", errors="replace")
    yield Verbatim(text=text)
    alt = told("qr-alt", lang)
    yield Plot(svg=qr(_fitting(text)), alt=alt, caption=told("qr-caption", lang), share=38)
    yield Facts(pairs=[(told("fact-note", lang), hashlib.sha256(note).hexdigest())])
    yield Paragraph(text=told("proof-how", lang))
    yield Verbatim(text="sasando verify BUNDLE.zip --key log.vkey")
    yield Paragraph(text=told("proof-limits", lang), note=True)


def _fitting(note: str) -> str:
    """The checkpoint as far as a code on paper can be read: at least its log's own signature."""
    lines = note.split("\n")
    return note if len(note.encode()) <= MOST_CODED else "\n".join(lines[:5]) + "\n"


def qr(text: str) -> str:
    """A QR code of a text (ISO/IEC 18004), error correction M, as SVG."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=4, light="#ffffff"
    )
    return out.getvalue().decode()
