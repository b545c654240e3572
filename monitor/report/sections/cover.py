"""The cover: whose report of which period, and every aspect with its verdict and class. Pure."""

from collections.abc import Iterator

from monitor.report.blocks import Block, Facts, Heading, Paragraph, Table
from monitor.report.model import AspectLine, Report
from monitor.report.sections.common import basis, heads, span, told, when
from monitor.spoken import number
from monitor.text import Language
from policies.aspects import EvidenceClass


def cover(report: Report, lang: Language) -> Iterator[Block]:
    """Facts and verdicts."""
    period, asked = report.asked.period, report.asked
    pairs = [
        (told("fact-origin", lang), report.origin),
        (told("fact-vantage", lang), report.vantage),
        (told("fact-period", lang), f"{span(report, lang)} ({period.zone.key})"),
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
    spoken = (*line.sums, *line.against)
    return basis(
        lang,
        rules=len({one.key for one in line.sums}),
        targets=len({one.target for one in line.sums}),
        decided=sum(one.decided for one in line.sums),
        objectives=len(line.objectives),
        missed=sum(one.outcome == "missed" for one in line.objectives),
        standing=sum(one.incidents - one.waived for one in spoken if not one.by_objective),
        drills=line.drills,
        attested=line.aspect.evidence is EvidenceClass.ATTESTED,
    )
