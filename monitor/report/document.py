"""The report as a document in one language: every section in its order. Pure.

Both renderers (HTML and PDF) set this document, so that they cannot say different things.
"""

from monitor.report.blocks import Block, Document
from monitor.report.model import Report
from monitor.report.sections import (
    controls,
    cover,
    delay,
    events,
    method,
    redundancy,
    security,
    time,
)
from monitor.report.sections.common import span, told
from monitor.spoken import month
from monitor.text import Language
from policies.period import day_of


def document_of(report: Report, note: bytes, lang: Language) -> Document:
    """The document; `note` is the checkpoint that the report was made at."""
    blocks: list[Block] = [
        *cover.cover(report, lang),
        *time.availability(report, lang),
        *delay.delays(report, lang),
        *events.incidents(report, lang),
        *redundancy.redundancy(report, lang),
        *security.certificates(report, lang),
        *security.access(report, lang),
        *events.waivers(report, lang),
        *events.owed(report, lang),
        *time.unobserved(report, lang),
        *events.declarations(report, lang),
        *method.method(report, lang),
        *method.proof(report, note, lang),
        *controls.mapping(report, lang),
        *time.appendix(report, lang),
    ]
    return Document(
        lang=lang,
        title=told("title", lang),
        subtitle=_subtitle(report, lang),
        origin=report.origin,
        dated_us=report.asked.window[1],
        blocks=blocks,
    )


def _subtitle(report: Report, lang: Language) -> str:
    """The month's name where the period is one, else its first and last day."""
    first, last = report.asked.period.first, report.asked.period.last
    after = day_of(report.asked.period.window[1] + 1, report.asked.period.zone)
    if first.day == 1 and after.day == 1 and (first.year, first.month) == (last.year, last.month):
        return month(first, lang)
    return span(report, lang)
