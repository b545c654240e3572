"""Delay and loss of each series by hour: plots of the worst, figures of the others. Pure."""

from collections.abc import Iterator
from fractions import Fraction

from monitor.report.blocks import Block, Heading, Paragraph, Plot, Table
from monitor.report.model import DelayTrack, Report
from monitor.report.plots import delay_plot
from monitor.report.sections.common import foremost, heads, more, told
from monitor.spoken import milliseconds, number, percent
from monitor.text import Language

MOST_PLOTS = 24
"""Delay plots of a document; those with the most loss come first."""


def delays(report: Report, lang: Language) -> Iterator[Block]:
    """Delay and loss of each series by hour."""
    yield Heading(text=told("section-delays", lang))
    if not report.delays:
        yield Paragraph(text=told("delays-none", lang))
        return
    hours = report.delays[0].bucket_us // 3_600_000_000
    yield Paragraph(text=told("delays-intro", lang, hours=hours))
    for track in foremost(report.delays, _loss, MOST_PLOTS):
        yield _plot(report, track, lang)
    if len(report.delays) > MOST_PLOTS:
        count = number(len(report.delays) - MOST_PLOTS, lang)
        yield Paragraph(text=told("delays-more", lang, count=count), note=True)
        yield Table(
            heads=heads(("target", "loss-share", "packets", "least", "mean", "most"), lang),
            rows=[_track(report, one, lang) for one in foremost(report.delays, _loss)],
            widths=(34, 14, 16, 12, 12, 12),
            numeric=frozenset(range(1, 6)),
        )
        yield from more(len(report.delays), "report.json", lang)


def _loss(one: DelayTrack) -> tuple[Fraction, int]:
    """Most loss first."""
    return -Fraction(one.lost, max(1, one.sent)), one.series


def _named(report: Report, track: DelayTrack) -> str:
    family = f" (IPv{track.family})" if track.family else ""
    return f"{report.name(track.target)}{family}"


def _lost(track: DelayTrack, lang: Language) -> str:
    return percent(Fraction(track.lost, track.sent) if track.sent else None, lang)


def _plot(report: Report, track: DelayTrack, lang: Language) -> Plot:
    name, loss = _named(report, track), _lost(track, lang)
    title = told("delay-alt", lang, target=name, loss=loss)
    caption = told(
        "delay-caption",
        lang,
        target=name,
        loss=loss,
        lost=number(track.lost, lang),
        sent=number(track.sent, lang),
    )
    svg = delay_plot(track, report.asked.period, lang, title)
    return Plot(svg=svg, alt=title, caption=caption)


def _track(report: Report, track: DelayTrack, lang: Language) -> list[str]:
    received = [one for one in track.buckets if one.mean_us is not None]
    came = sum(one.received for one in received)
    total_us = sum((one.mean_us or 0) * one.received for one in received)
    least_us = min((one.least_us for one in received if one.least_us is not None), default=None)
    most_us = max((one.most_us for one in received if one.most_us is not None), default=None)
    mean_us = Fraction(total_us, came) if came else None
    return [
        _named(report, track),
        _lost(track, lang),
        number(track.sent, lang),
        *(milliseconds(us, lang) for us in (least_us, mean_us, most_us)),
    ]
