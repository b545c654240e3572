"""What each control of the rule books came to, and which controls each aspect answers to. Pure."""

from collections.abc import Iterator

from monitor.report.blocks import Block, Heading, Paragraph, Table
from monitor.report.model import BookLine, Report
from monitor.report.sections.common import basis, heads, told
from monitor.spoken import number
from monitor.text import Language

BOOKS = {
    "iso27001": "ISO 27001:2022",
    "nist-800-53": "NIST 800-53 r5",
    "cis-8": "CIS v8",
    "bssn-4-2021": "BSSN 4/2021",
}
"""The books of the table of aspects, as heads."""


def mapping(report: Report, lang: Language) -> Iterator[Block]:
    """Verdicts by control of each book in the configuration, then the table of aspects."""
    yield Heading(text=told("section-controls", lang))
    if not report.books:
        yield Paragraph(text=told("books-none", lang))
    else:
        yield Paragraph(text=told("books-intro", lang))
    for book in report.books:
        yield from _book(book, lang)
    yield Heading(text=told("section-aspect-controls", lang), level=2)
    yield Paragraph(text=told("controls-intro", lang))
    rows = []
    for line in report.aspects:
        ids = [one.partition(":")[::2] for one in line.aspect.controls]
        books = [" ".join(name for own, name in ids if own == book) or "–" for book in BOOKS]
        rows.append([line.aspect.title[lang], *books])
    yield Table(
        heads=[told("head-aspect", lang), *BOOKS.values()],
        rows=rows,
        widths=(26, 24, 22, 16, 12),
    )


def _book(book: BookLine, lang: Language) -> Iterator[Block]:
    terms = book.terms
    title = terms.title.get(lang) or terms.policy
    yield Heading(text=title, level=2)
    unmeasured = sum(one.outcome == "not-measurable" for one in book.controls)
    yield Paragraph(
        text=told(
            "book-counts",
            lang,
            policy=terms.policy,
            version=terms.version,
            count=number(len(book.controls), lang),
            unmeasured=number(unmeasured, lang),
        )
    )
    yield Table(
        heads=heads(("control", "asks", "verdict", "by"), lang),
        rows=[
            [
                one.terms.id,
                one.terms.title.get(lang) or "–",
                told(f"verdict-{one.outcome}", lang),
                basis(
                    lang,
                    rules=len(one.rules),
                    targets=one.targets,
                    decided=one.decided,
                    objectives=one.objectives,
                    missed=one.missed,
                    standing=one.standing,
                    drills=one.drills,
                    attested=one.terms.attested,
                ),
            ]
            for one in book.controls
        ],
        widths=(9, 36, 19, 36),
    )
