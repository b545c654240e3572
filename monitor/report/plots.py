"""The plots of a report: outage timelines, and delay and loss by hour. Pure.

Each panel has its own axis with its unit. What was not observed is drawn as such, never as good.
Standings differ by height and tone, not by colour alone.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from monitor.report.axes import across, day_ticks, nice_ticks
from monitor.report.model import Bucket, DelayTrack
from monitor.report.svg import box, line, path, picture, shortened, words
from monitor.spoken import number, rounded
from monitor.text import Language, say
from policies.availability import Piece, Standing
from policies.period import Period

WIDTH, LEFT, RIGHT = 680, 170, 8
ROW, BAR = 16, 10
DELAY_TOP, DELAY_HEIGHT, LOSS_HEIGHT = 16, 96, 44
SPACE = 14
_LOOK: dict[Standing, tuple[str, float, float]] = {
    Standing.AVAILABLE: ("#b9d8c2", 0.25, 0.5),
    Standing.UNOBSERVED: ("#bdbdbd", 0.0, 1.0),
    Standing.MAINTENANCE: ("#8fb3dd", 0.25, 0.5),
    Standing.EXCLUDED: ("#c9b3dd", 0.25, 0.5),
    Standing.OUTSIDE: ("#ffffff", 0.25, 0.5),
    Standing.UNAVAILABLE: ("#a01818", 0.0, 1.0),
}
"""Colour, and from where to where of the bar's height: outages and unseen time are full height."""
THINNEST = 0.8
"""An outage of a minute would be thinner than paper shows; it is drawn at least so wide."""

Row = tuple[str, Sequence[Piece]]


def timeline(rows: Sequence[Row], period: Period, lang: Language, title: str) -> str:
    """One bar for each target."""
    height = SPACE + ROW * len(rows) + 26
    return picture(WIDTH, height, _timeline(rows, period, lang), title)


def _timeline(rows: Sequence[Row], period: Period, lang: Language) -> Iterator[str]:
    window, width = period.window, WIDTH - LEFT - RIGHT
    bottom = SPACE + ROW * len(rows)
    for at_us, name in day_ticks(period, lang):
        x = across(at_us, window, LEFT, width)
        yield line(x, SPACE - 2, x, bottom, "#dddddd")
        yield words(x, SPACE - 4, name)
    for place, (name, pieces) in enumerate(rows):
        top = SPACE + ROW * place + (ROW - BAR) / 2
        yield words(LEFT - 6, top + BAR - 1.5, shortened(name, 30), "end")
        yield from _bars(pieces, period, top)
    x = float(LEFT)
    for standing in (
        Standing.AVAILABLE,
        Standing.UNAVAILABLE,
        Standing.UNOBSERVED,
        Standing.MAINTENANCE,
        Standing.EXCLUDED,
    ):
        fill, since, share = _LOOK[standing]
        yield box(x, bottom + 12 + BAR * since, 12, BAR * share, fill, "#999999")
        name = say(f"report.standing-{standing}", lang)
        yield words(x + 16, bottom + 12 + BAR - 1.5, name)
        x += 26 + 5.2 * len(name)


def _bars(pieces: Sequence[Piece], period: Period, top: float) -> Iterator[str]:
    """Every stretch; outages last, so that nothing hides them."""
    window, width = period.window, WIDTH - LEFT - RIGHT
    for standing, (fill, since, share) in _LOOK.items():
        joined: tuple[float, float] | None = None
        for piece in pieces:
            if piece.standing is not standing:
                continue
            x1 = across(piece.started_us, window, LEFT, width)
            x2 = max(across(piece.ended_us, window, LEFT, width), x1 + THINNEST)
            if joined is not None and x1 <= joined[1] + 0.05:
                joined = joined[0], max(x2, joined[1])
                continue
            if joined is not None:
                yield box(joined[0], top + BAR * since, joined[1] - joined[0], BAR * share, fill)
            joined = x1, x2
        if joined is not None:
            yield box(joined[0], top + BAR * since, joined[1] - joined[0], BAR * share, fill)


def delay_plot(track: DelayTrack, period: Period, lang: Language, title: str) -> str:
    """Delay (least to most, and the mean) above loss, each on its own axis."""
    height = DELAY_TOP + DELAY_HEIGHT + SPACE + LOSS_HEIGHT + 16
    return picture(WIDTH, height, _delay(track, period, lang), title)


def _delay(track: DelayTrack, period: Period, lang: Language) -> Iterator[str]:
    left = 60
    width, window = WIDTH - left - RIGHT, period.window
    most = max((b.most_us for b in track.buckets if b.most_us is not None), default=0) / 1_000
    loss = max((_lost(b) for b in track.buckets), default=0.0) * 100
    panels = (
        (DELAY_TOP, DELAY_HEIGHT, nice_ticks(most), "ms"),
        (DELAY_TOP + DELAY_HEIGHT + SPACE, LOSS_HEIGHT, nice_ticks(max(loss, 1.0), 2), "%"),
    )
    for top, height, ticks, unit in panels:
        yield from _axis(left, width, top, height, ticks, unit, lang)
    bottom = panels[1][0] + LOSS_HEIGHT
    for at_us, name in day_ticks(period, lang):
        x = across(at_us, window, left, width)
        yield line(x, DELAY_TOP, x, bottom, "#e6e6e6")
        yield words(x, bottom + 13, name)
    bar = width * track.bucket_us / (window[1] - window[0])
    run: list[tuple[float, float]] = []
    last_us = None
    for bucket in track.buckets:
        x = across(bucket.started_us, window, left, width)
        fraction = _lost(bucket) * 100 / panels[1][2][-1]
        if fraction:
            yield box(
                x, bottom - LOSS_HEIGHT * fraction, max(bar, 0.6), LOSS_HEIGHT * fraction, "#a01818"
            )
        gap = last_us is not None and bucket.started_us != last_us + track.bucket_us
        if (gap or bucket.mean_us is None) and run:
            yield _mean(run, bar)
            run = []
        last_us = bucket.started_us
        if bucket.mean_us is None or bucket.least_us is None or bucket.most_us is None:
            continue
        low, mean, high = (
            _height(us / 1_000, panels[0][2][-1])
            for us in (bucket.least_us, bucket.mean_us, bucket.most_us)
        )
        yield box(x, high, max(bar, 0.6), max(low - high, 0.5), "#c6d6ea")
        run.append((x + bar / 2, mean))
    if run:
        yield _mean(run, bar)


def _mean(run: Sequence[tuple[float, float]], bar: float) -> str:
    """A line through the middles of the hours; of one hour alone across all of it."""
    if len(run) == 1:
        ((x, y),) = run
        run = [(x - bar / 2, y), (x + bar / 2, y)]
    return path(run, "#1d4f91")


def _height(ms: float, top_ms: float) -> float:
    return DELAY_TOP + DELAY_HEIGHT * (1 - ms / top_ms)


def _lost(bucket: Bucket) -> float:
    return (bucket.sent - bucket.received) / bucket.sent if bucket.sent else 0.0


def _axis(
    left: float,
    width: float,
    top: float,
    height: float,
    ticks: Sequence[float],
    unit: str,
    lang: Language,
) -> Iterator[str]:
    for tick in ticks:
        y = top + height * (1 - tick / ticks[-1])
        yield line(left, y, left + width, y, "#cccccc")
        shown = rounded_tick(tick, lang)
        at_top = tick == ticks[-1]
        yield words(left - 5, y + 3.5, f"{shown} {unit}" if at_top else shown, "end")


def rounded_tick(tick: float, lang: Language) -> str:
    """A tick's number without needless zeros."""
    value = rounded(Fraction(tick).limit_denominator(1_000_000), 4).normalize()
    return number(int(value) if value == value.to_integral_value() else value, lang)
