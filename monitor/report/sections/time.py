"""Availability, outages, what was not observed, and every figure in an appendix. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from monitor.figures import Figure
from monitor.figures_shown import goal_spoken, spoken
from monitor.report.blocks import Block, Heading, Paragraph, Plot, Table
from monitor.report.model import Coverage, Report
from monitor.report.plots import timeline
from monitor.report.sections.common import MOST_ROWS, foremost, heads, more, told, when
from monitor.spoken import length, number, percent
from monitor.text import Language
from policies.availability import Unseen
from policies.outages import Outage

KINDS = ("site", "link", "hotspot", "service")
MOST_BARS = 40
"""Bars of one picture: a page holds no more."""
MOST_PICTURES = 2
"""Timelines of one kind of target; with more targets those with most time lost come first."""
MOST_APPENDED = 3_000
"""Rows of the appendix, which holds every figure where the tables before it do not."""
FROM_BELOW = ("availability", "mtbf", "delay")
"""Indicators that must reach their goal; the others must not exceed it."""
_ORDER = {"missed": 0, "undecided": 1, "unmeasured": 2, "met": 3}


def availability(report: Report, lang: Language) -> Iterator[Block]:
    """Worst and best case of every objective by kind of target, then the outages on a time axis."""
    yield Heading(text=told("section-availability", lang), fresh=True)
    yield Paragraph(text=told("availability-intro", lang))
    for kind in KINDS:
        keys = [key for key, terms in report.accounting.targets.items() if terms.kind == kind]
        seen = {one.target for one in report.coverage}
        if seen & set(keys):
            yield Heading(text=told(f"kind-{kind}", lang), level=2)
            yield from _kind(report, frozenset(keys), lang)


def _kind(report: Report, keys: frozenset[str], lang: Language) -> Iterator[Block]:
    figures = [one for one in report.figures if one.target in keys]
    if figures:
        yield Paragraph(text=_counts(figures, lang))
        yield _figures(report, foremost(figures, _badness), lang)
        yield from more(len(figures), "figures.csv", lang)
    else:
        yield Paragraph(text=told("no-objective", lang))
    yield from _timelines(report, [one for one in report.coverage if one.target in keys], lang)
    failed = [(figure, one) for figure in figures for one in figure.outages]
    if failed:
        longest = foremost(failed, lambda pair: -pair[1].unavailable_us)
        yield Table(
            heads=heads(("target", "objective", "since", "until", "lasted"), lang),
            rows=[_outage(report, *pair, lang) for pair in longest],
            widths=(22, 22, 21, 21, 14),
            numeric=frozenset({4}),
        )
        yield from more(len(failed), "outages.csv", lang)


def _counts(figures: Sequence[Figure], lang: Language) -> str:
    """How many objectives came to what."""
    counts = Counter(one.outcome.value for one in figures)
    shown = {word: number(counts[word], lang) for word in _ORDER}
    return told("figure-counts", lang, count=number(len(figures), lang), **shown)


def _badness(one: Figure) -> tuple[int, Fraction, str]:
    """Missed first; of equals the one with the worst case."""
    worst = one.worst if one.worst is not None else Fraction(0)
    signed = worst if one.indicator in FROM_BELOW else -worst
    return _ORDER[one.outcome.value], signed, one.target


def _figures(report: Report, figures: Sequence[Figure], lang: Language) -> Table:
    names = ("target", "objective", "worst", "best", "goal", "outcome", "outages", "longest")
    titles = _titles(report, lang)
    return Table(
        heads=heads(names, lang),
        rows=[_figure(report, one, titles, lang) for one in figures],
        widths=(18, 16, 10, 10, 10, 18, 9, 9),
        numeric=frozenset({2, 3, 4, 6, 7}),
    )


def _timelines(report: Report, lines: Sequence[Coverage], lang: Language) -> Iterator[Block]:
    """A bar for each target, as many as some pictures hold."""
    most = MOST_BARS * MOST_PICTURES
    shown = foremost(lines, _lost_us, most)
    for place in range(0, len(shown), MOST_BARS):
        part = shown[place : place + MOST_BARS]
        title = told("timeline-alt", lang, count=len(part))
        rows = [(report.name(one.target), one.pieces) for one in part]
        svg = timeline(rows, report.asked.period, lang, title)
        yield Plot(svg=svg, alt=title, caption=told("timeline-caption", lang))
    if len(lines) > most:
        count = number(len(lines) - most, lang)
        yield Paragraph(text=told("timeline-more", lang, count=count), note=True)


def _lost_us(one: Coverage) -> tuple[int, int, str]:
    """Most unavailable time first, then most unobserved time."""
    return -one.sums.unavailable_us, -one.sums.unseen_us, one.target


def _outage(report: Report, figure: Figure, one: Outage, lang: Language) -> list[str]:
    ended = told("still", lang) if one.ended_us is None else when(report, one.ended_us, lang)
    return [
        report.name(figure.target),
        _title(report, figure, lang),
        when(report, one.started_us, lang),
        ended,
        length(one.unavailable_us, lang),
    ]


def _titles(report: Report, lang: Language) -> dict[tuple[str, str], str]:
    """The objectives as people call them."""
    objectives = report.accounting.objectives
    return {(one.policy, one.id): one.title.get(lang) or one.id for one in objectives}


def _title(report: Report, figure: Figure, lang: Language) -> str:
    return _titles(report, lang).get((figure.policy, figure.objective), figure.objective)


def _figure(
    report: Report, one: Figure, titles: Mapping[tuple[str, str], str], lang: Language
) -> list[str]:
    return [
        report.name(one.target),
        titles.get((one.policy, one.objective), one.objective),
        spoken(one.worst, one, lang),
        spoken(one.best, one, lang),
        goal_spoken(one, lang),
        told(f"outcome-{one.outcome}", lang),
        number(one.times.count, lang),
        length(one.times.longest_us, lang),
    ]


def appendix(report: Report, lang: Language) -> Iterator[Block]:
    """Every figure, where a table before it had to leave some out."""
    kinds = {key: terms.kind for key, terms in report.accounting.targets.items()}
    counts = Counter(kinds.get(one.target, "") for one in report.figures)
    if max(counts.values(), default=0) <= MOST_ROWS:
        return
    yield Heading(text=told("section-appendix", lang))
    yield Paragraph(text=told("appendix-intro", lang))
    order = {kind: place for place, kind in enumerate(KINDS)}
    by_kind = sorted(
        report.figures,
        key=lambda one: (order.get(kinds.get(one.target, ""), len(order)), *_badness(one)),
    )
    yield _figures(report, by_kind[:MOST_APPENDED], lang)
    yield from more(len(by_kind), "figures.csv", lang, MOST_APPENDED)


def unobserved(report: Report, lang: Language) -> Iterator[Block]:
    """What nobody saw, by target and cause."""
    yield Heading(text=told("section-unobserved", lang))
    yield Paragraph(text=told("unobserved-intro", lang))
    lines = [one for one in report.coverage if one.sums.unseen_us]
    shown = foremost(lines, lambda one: (-one.sums.unseen_us, one.target))
    if lines:
        causes = [told(f"unseen-{cause}", lang) for cause in Unseen]
        yield Table(
            heads=[told("head-target", lang), *causes, told("head-share", lang)],
            rows=[_unseen(report, one, lang) for one in shown],
            widths=(26, 16, 16, 16, 16, 14),
            numeric=frozenset(range(1, 6)),
        )
        yield from more(len(lines), "report.json", lang)
    else:
        yield Paragraph(text=told("unobserved-none", lang))
    never = [report.name(one.target) for one in report.coverage if not one.watched]
    if never:
        names = ", ".join(never[:MOST_ROWS]) + (", …" if len(never) > MOST_ROWS else "")
        yield Paragraph(
            text=told("never-watched", lang, count=number(len(never), lang), names=names)
        )
    if report.losses:
        yield Paragraph(text=told("losses-intro", lang))
        yield Table(
            heads=heads(("loss", "count"), lang),
            rows=[[_loss_kind(name, lang), number(n, lang)] for name, n in report.losses.items()],
            widths=(70, 30),
            numeric=frozenset({1}),
        )


LOSSES = (
    "skipped",
    "paused",
    "lost",
    "prober_errors",
    "doubled",
    "commits-delayed",
    "unwritten-observations",
)
"""What an agent counts as lost."""


def _loss_kind(name: str, lang: Language) -> str:
    """In words; a kind that another version counts keeps its name."""
    return told(f"loss-{name}", lang) if name in LOSSES else name


def _unseen(report: Report, one: Coverage, lang: Language) -> list[str]:
    by_cause = one.sums.unobserved_us
    base_us = one.sums.base_us
    share = percent(Fraction(one.sums.unseen_us, base_us) if base_us else None, lang)
    lengths = [length(by_cause[cause], lang) if cause in by_cause else "–" for cause in Unseen]
    return [report.name(one.target), *lengths, share]
