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
from monitor.spoken import length, number, percent
from monitor.text import Language

_SHORT = 16
"""Digits of a hash in a table; the whole one stands in report.json."""
UNCOMPUTED = ("loss", "delay")
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
            rows=[_objective(one, lang) for one in report.accounting.objectives],
            widths=(28, 14, 28, 10, 20),
            numeric=frozenset({1, 3}),
        )
    absent = [one for one in report.accounting.objectives if one.indicator in UNCOMPUTED]
    if absent:
        names = ", ".join(one.title.get(lang) or one.id for one in absent)
        yield Paragraph(text=told("not-computed", lang, names=names))
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


def _objective(one: ObjectiveTerms, lang: Language) -> list[str]:
    goal = percent(Fraction(one.ratio), lang) if one.ratio is not None else None
    return [
        one.title.get(lang) or one.id,
        goal or length(one.duration_us, lang),
        ", ".join(one.measured_by),
        number(len(one.targets), lang),
        ", ".join(one.service_hours) or told("always", lang),
    ]


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
