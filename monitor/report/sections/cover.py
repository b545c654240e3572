"""The cover: whose report of which period, and every aspect with its verdict and class. Pure."""

from collections.abc import Iterator

from monitor.report.blocks import Block, Facts, Heading, Paragraph, Table
from monitor.report.model import AspectLine, Report
from monitor.report.sections.common import heads, told, when
from monitor.spoken import day, number
from monitor.text import Language
from policies.aspects import EvidenceClass

BOOKS = ("iso27001", "nist-800-53", "cis-8", "bssn-4-2021")


def cover(report: Report, lang: Language) -> Iterator[Block]:
    """Facts and verdicts."""
    period, asked = report.asked.period, report.asked
    span = told("span", lang, first=day(period.first, lang), last=day(period.last, lang))
    pairs = [
        (told("fact-origin", lang), report.origin),
        (told("fact-vantage", lang), report.vantage),
        (told("fact-period", lang), f"{span} ({period.zone.key})"),
        (told("fact-entries", lang), number(report.size, lang)),
        (told("fact-rules", lang), str(report.accounting.version)),
    ]
    yield Facts(pairs=pairs)
    if asked.window[1] < period.window[1]:
        yield Paragraph(text=told("so-far", lang, moment=when(report, asked.window[1], lang)))
    if report.changed_terms:
        yield Paragraph(text=told("terms-changed", lang))
    yield Heading(text=told("section-aspects", lang))
    yield Paragraph(text=told("aspects-intro", lang))
    yield Table(
        heads=heads(("aspect", "class", "verdict", "by"), lang),
        rows=[_aspect(one, lang) for one in report.aspects],
        widths=(26, 18, 20, 36),
    )
    yield Paragraph(text=told("aspects-legend", lang), note=True)


def _aspect(line: AspectLine, lang: Language) -> list[str]:
    name = told(f"class-{line.aspect.evidence}", lang)
    if line.aspect.also_attested:
        name = f"{name}, {told('class-attested', lang)}"
    return [line.aspect.title[lang], name, told(f"verdict-{line.outcome}", lang), _by(line, lang)]


def _by(line: AspectLine, lang: Language) -> str:
    """By what the verdict was reached, or why there is none."""
    parts = []
    if line.sums:
        parts.append(
            told(
                "by-rules",
                lang,
                rules=number(len({(one.policy, one.rule) for one in line.sums}), lang),
                targets=number(len({one.target for one in line.sums}), lang),
                count=number(sum(one.decided for one in line.sums), lang),
            )
        )
    missed = sum(one.outcome == "missed" for one in line.objectives)
    if line.objectives:
        parts.append(
            told(
                "by-objectives",
                lang,
                count=number(len(line.objectives), lang),
                missed=number(missed, lang),
            )
        )
    spoken = (*line.sums, *line.against)
    standing = sum(one.incidents - one.waived for one in spoken if not one.by_objective)
    if standing:
        parts.append(told("by-incidents", lang, count=number(standing, lang)))
    if line.drills:
        parts.append(told("by-drills", lang, count=number(line.drills, lang)))
    if parts:
        return "; ".join(parts)
    attested = line.aspect.evidence is EvidenceClass.ATTESTED
    return told("by-nothing-attested" if attested else "by-nothing", lang)


def mapping(report: Report, lang: Language) -> Iterator[Block]:
    """Aspects and the controls of each rule book."""
    yield Heading(text=told("section-controls", lang))
    yield Paragraph(text=told("controls-intro", lang))
    rows = []
    for line in report.aspects:
        ids = [one.partition(":")[::2] for one in line.aspect.controls]
        books = [" ".join(name for own, name in ids if own == book) or "–" for book in BOOKS]
        rows.append([line.aspect.title[lang], *books])
    yield Table(
        heads=[
            told("head-aspect", lang),
            "ISO 27001:2022",
            "NIST 800-53 r5",
            "CIS v8",
            "BSSN 4/2021",
        ],
        rows=rows,
        widths=(26, 24, 22, 16, 12),
    )
