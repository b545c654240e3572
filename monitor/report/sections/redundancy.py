"""Redundancy debt of the sites, the drills in a table, and a part for each drill. Pure."""

from collections.abc import Iterator

from monitor.report.blocks import Block, Facts, Heading, Paragraph, Plot, Table
from monitor.report.drill_plot import drill_plot
from monitor.report.model import DrillLine, GapLine, Report
from monitor.report.sections.common import MOST_ROWS, heads, more, told, truth, when
from monitor.spoken import length, number, percent
from monitor.text import Language, say

OUTCOMES = ("interrupted", "stayed-up", "down", "not-measured")
ENDS = ("client", "stopping", "window", "withdrawn", "scope", "defect")
MOST_SHOWN = 12
"""Drills with a part of their own; the newest ones."""
_MOST_GAPS = 10
_MOST_LINKS = 4


def redundancy(report: Report, lang: Language) -> Iterator[Block]:
    """Debt of the sites, then the drills."""
    yield Heading(text=told("section-redundancy", lang))
    if report.sites:
        yield Paragraph(text=told("redundancy-intro", lang))
        yield _sites(report, lang)
        yield from more(len(report.sites), "report.json", lang)
        yield from _debts(report, lang)
    else:
        yield Paragraph(text=told("redundancy-none", lang))
    yield Heading(text=told("section-drills", lang), level=2)
    if not report.drills:
        yield Paragraph(text=told("drills-none", lang))
        return
    yield Paragraph(text=told("drills-intro", lang))
    names = ("number", "link", "since", "outcome", "gap", "allowed", "kept", "path", "author")
    yield Table(
        heads=heads(names, lang),
        rows=[_drill(report, one, lang) for one in report.drills[:MOST_ROWS]],
        widths=(8, 14, 15, 14, 14, 9, 9, 9, 11),
        numeric=frozenset({0, 4, 5}),
    )
    yield from more(len(report.drills), "report.json", lang)
    for one in report.drills[-MOST_SHOWN:]:
        yield from _page(report, one, lang)


def _sites(report: Report, lang: Language) -> Table:
    """The sites with most debt first."""
    lines = sorted(report.sites, key=lambda one: (-one.time.debt_us, one.site))
    rows = []
    for one in lines[:MOST_ROWS]:
        names = [report.name(key) for key in one.links[:_MOST_LINKS]]
        if len(one.links) > _MOST_LINKS:
            names.append("…")
        time = one.time
        lengths = (time.whole_us, time.debt_us, time.outage_us, time.undecided_us)
        rows.append(
            [report.name(one.site), ", ".join(names), *(length(us, lang) for us in lengths)]
        )
    return Table(
        heads=heads(("site", "links", "whole", "debt", "outage", "undecided"), lang),
        rows=rows,
        widths=(16, 28, 14, 14, 14, 14),
        numeric=frozenset({2, 3, 4, 5}),
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


def _outcome(one: DrillLine, lang: Language) -> str:
    return told(f"drill-{one.outcome}", lang) if one.outcome in OUTCOMES else one.outcome or "–"


def _between(least_us: int | None, most_us: int | None, lang: Language) -> str:
    """The bounds of a length; an upper one that there is none of is left open."""
    if least_us is None:
        return "–"
    return f"{length(least_us, lang)} – {'…' if most_us is None else length(most_us, lang)}"


def _drill(report: Report, one: DrillLine, lang: Language) -> list[str]:
    return [
        number(one.entry, lang),
        report.name(one.link),
        when(report, one.started_us, lang),
        _outcome(one, lang),
        _between(one.longest_least_us, one.longest_most_us, lang),
        length(one.allowed_us, lang),
        truth(one.kept, lang),
        truth(one.path_changed, lang),
        one.author,
    ]


def _page(report: Report, one: DrillLine, lang: Language) -> Iterator[Block]:
    """One drill: by whom and why, what answered, which paths, each gap."""
    name = report.name(one.link)
    moment = when(report, one.started_us, lang)
    yield Heading(text=told("drill-of", lang, link=name, moment=moment, entry=one.entry), level=2)
    yield Facts(pairs=list(_facts(one, lang)))
    if one.length_us:
        title = told("drill-alt", lang, link=name, outcome=_outcome(one, lang))
        svg = drill_plot(one, one.length_us, lang, title)
        yield Plot(svg=svg, alt=title, caption=told("drill-caption", lang))
    if one.gaps:
        longest = sorted(one.gaps, key=lambda gap: -gap.least_us)[:_MOST_GAPS]
        yield Table(
            heads=heads(("gap-since", "gap-length", "lost", "gap-after"), lang),
            rows=[_gap(gap, lang) for gap in sorted(longest, key=lambda gap: gap.since_us)],
            widths=(22, 30, 20, 28),
            numeric=frozenset({0, 1, 2}),
        )
        left = one.gap_count - len(longest)
        if left > 0:
            text = told("more-rows", lang, count=number(left, lang), file="report.json")
            yield Paragraph(text=text, note=True)


def _facts(one: DrillLine, lang: Language) -> Iterator[tuple[str, str]]:
    by = " · ".join(text for text in (one.authorised_by, one.letter) if text)
    yield told("fact-authority", lang), by or "–"
    yield told("fact-carried-out", lang), " · ".join(t for t in (one.author, one.reason) if t)
    yield told("fact-probed", lang), one.address or "–"
    yield told("head-outcome", lang), _outcome(one, lang)
    if one.ended in ENDS:
        yield told("fact-ended", lang), say(f"drill.ended-{one.ended}", lang)
    counts = (one.sent, one.answered, one.lost, one.unmeasured)
    if None not in counts:
        shown = (number(count, lang) for count in counts if count is not None)
        names = ("sent", "answered", "lost", "unmeasured")
        yield (
            told("fact-probes", lang),
            told("drill-counts", lang, **dict(zip(names, shown, strict=True))),
        )
    yield told("head-gap", lang), _between(one.longest_least_us, one.longest_most_us, lang)
    yield told("head-allowed", lang), length(one.allowed_us, lang)
    yield told("head-kept", lang), truth(one.kept, lang)
    for place, path in zip(("before", "during", "after"), one.paths, strict=True):
        yield told(f"fact-path-{place}", lang), _path(path, lang)
    yield told("head-path", lang), truth(one.path_changed, lang)
    yield told("fact-returned", lang), truth(one.path_returned, lang)


def _path(routers: tuple[str, ...] | None, lang: Language) -> str:
    return told("unmeasured", lang) if not routers else " → ".join(routers)


def _gap(gap: GapLine, lang: Language) -> list[str]:
    word = {True: "yes", False: "no", None: "unknown"}[gap.first_path]
    return [
        length(gap.since_us, lang),
        _between(gap.least_us, gap.most_us, lang),
        number(gap.lost, lang),
        say(f"drill.gap-path-{word}", lang),
    ]
