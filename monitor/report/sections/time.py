"""Availability, outages, what was not observed, and delay and loss. Pure."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from monitor.figures import Figure
from monitor.figures_shown import goal_spoken, spoken
from monitor.report.blocks import Block, Heading, Paragraph, Plot, Table
from monitor.report.model import Coverage, DelayTrack, Report
from monitor.report.plots import delay_plot, timeline
from monitor.report.sections.common import MOST_ROWS, heads, more, told, when
from monitor.spoken import length, number, percent
from monitor.text import Language
from policies.availability import Unseen

KINDS = ("site", "link", "hotspot", "service")
MOST_BARS = 40
"""Bars of one picture: a page holds no more."""
MOST_PLOTS = 60
"""Delay plots of a document; those with the most loss come first."""


def availability(report: Report, lang: Language) -> Iterator[Block]:
    """Worst and best case of every objective by kind of target, then the outages on a time axis."""
    yield Heading(text=told("section-availability", lang))
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
        names = ("target", "objective", "worst", "best", "goal", "outcome", "outages", "longest")
        yield Table(
            heads=heads(names, lang),
            rows=[_figure(report, one, lang) for one in figures[:MOST_ROWS]],
            widths=(18, 16, 10, 10, 10, 18, 9, 9),
            numeric=frozenset({2, 3, 4, 6, 7}),
        )
        yield from more(len(figures), "figures.csv", lang)
    else:
        yield Paragraph(text=told("no-objective", lang))
    lines = [one for one in report.coverage if one.target in keys]
    for place in range(0, len(lines), MOST_BARS):
        part = lines[place : place + MOST_BARS]
        title = told("timeline-alt", lang, count=len(part))
        rows = [(report.name(one.target), one.pieces) for one in part]
        svg = timeline(rows, report.asked.period, lang, title)
        yield Plot(svg=svg, alt=title, caption=told("timeline-caption", lang))
    failed = [(figure, one) for figure in figures for one in figure.outages]
    if failed:
        yield Table(
            heads=heads(("target", "objective", "since", "until", "lasted"), lang),
            rows=[
                [
                    report.name(figure.target),
                    objective_title(report, figure, lang),
                    when(report, one.started_us, lang),
                    told("still", lang)
                    if one.ended_us is None
                    else when(report, one.ended_us, lang),
                    length(one.unavailable_us, lang),
                ]
                for figure, one in failed[:MOST_ROWS]
            ],
            widths=(22, 22, 21, 21, 14),
            numeric=frozenset({4}),
        )
        yield from more(len(failed), "outages.csv", lang)


def objective_title(report: Report, figure: Figure, lang: Language) -> str:
    """The objective as people call it."""
    for one in report.accounting.objectives:
        if (one.policy, one.id) == (figure.policy, figure.objective):
            return one.title.get(lang) or one.id
    return figure.objective


def _figure(report: Report, one: Figure, lang: Language) -> list[str]:
    return [
        report.name(one.target),
        objective_title(report, one, lang),
        spoken(one.worst, one, lang),
        spoken(one.best, one, lang),
        goal_spoken(one, lang),
        told(f"outcome-{one.outcome}", lang),
        number(one.times.count, lang),
        length(one.times.longest_us, lang),
    ]


def delays(report: Report, lang: Language) -> Iterator[Block]:
    """Delay and loss of each series by hour."""
    yield Heading(text=told("section-delays", lang))
    if not report.delays:
        yield Paragraph(text=told("delays-none", lang))
        return
    hours = report.delays[0].bucket_us // 3_600_000_000
    yield Paragraph(text=told("delays-intro", lang, hours=hours))
    chosen = _chosen(report.delays)
    for track in chosen:
        name = report.name(track.target)
        family = f" (IPv{track.family})" if track.family else ""
        loss = percent(Fraction(track.lost, track.sent) if track.sent else None, lang)
        title = told("delay-alt", lang, target=f"{name}{family}", loss=loss)
        caption = told(
            "delay-caption",
            lang,
            target=f"{name}{family}",
            loss=loss,
            lost=number(track.lost, lang),
            sent=number(track.sent, lang),
        )
        svg = delay_plot(track, report.asked.period, lang, title)
        yield Plot(svg=svg, alt=title, caption=caption)
    left = len(report.delays) - len(chosen)
    if left:
        yield Paragraph(text=told("delays-more", lang, count=number(left, lang)), note=True)


def _chosen(tracks: Sequence[DelayTrack]) -> list[DelayTrack]:
    """All of them in their order, or those with the most loss."""
    if len(tracks) <= MOST_PLOTS:
        return list(tracks)
    return sorted(tracks, key=lambda one: (-Fraction(one.lost, max(1, one.sent)), one.series))[
        :MOST_PLOTS
    ]


def unobserved(report: Report, lang: Language) -> Iterator[Block]:
    """What nobody saw, by target and cause."""
    yield Heading(text=told("section-unobserved", lang))
    yield Paragraph(text=told("unobserved-intro", lang))
    lines = [one for one in report.coverage if one.sums.unseen_us]
    if lines:
        causes = [told(f"unseen-{cause}", lang) for cause in Unseen]
        yield Table(
            heads=[told("head-target", lang), *causes, told("head-share", lang)],
            rows=[_unseen(report, one, lang) for one in lines[:MOST_ROWS]],
            widths=(26, 16, 16, 16, 16, 14),
            numeric=frozenset(range(1, 6)),
        )
        yield from more(len(lines), "report.json", lang)
    else:
        yield Paragraph(text=told("unobserved-none", lang))
    never = [report.name(one.target) for one in report.coverage if not one.watched]
    if never:
        shown = ", ".join(never[:MOST_ROWS])
        yield Paragraph(
            text=told("never-watched", lang, count=number(len(never), lang), names=shown)
        )
    if report.losses:
        yield Paragraph(text=told("losses-intro", lang))
        yield Table(
            heads=heads(("loss", "count"), lang),
            rows=[[name, number(count, lang)] for name, count in report.losses.items()],
            widths=(70, 30),
            numeric=frozenset({1}),
        )


def _unseen(report: Report, one: Coverage, lang: Language) -> list[str]:
    by_cause = one.sums.unobserved_us
    base_us = one.sums.base_us
    share = percent(Fraction(one.sums.unseen_us, base_us) if base_us else None, lang)
    lengths = [length(by_cause[cause], lang) if cause in by_cause else "–" for cause in Unseen]
    return [report.name(one.target), *lengths, share]
