"""The plot of one drill: when the service answered, and how long it may have been silent. Pure.

The certain part of a gap (from its first lost probe to the first that was answered again) is drawn
full; what is allowed stands below the longest gap, at the same scale.
"""

from collections.abc import Iterator

from monitor.report.axes import across, nice_ticks
from monitor.report.model import DrillLine
from monitor.report.plots import LEFT, RIGHT, WIDTH, rounded_tick
from monitor.report.svg import box, line, picture, words
from monitor.text import Language, say

_TOP, _BAR, _STEP = 4, 14, 22
_HEIGHT = _TOP + 2 * _STEP + 18
_GOOD, _BAD, _ALLOWED = "#b9d8c2", "#a01818", "#8fb3dd"
_THINNEST = 0.8


def drill_plot(drill: DrillLine, length_us: int, lang: Language, title: str) -> str:
    """The picture of a drill that lasted so long."""
    return picture(WIDTH, _HEIGHT, _shapes(drill, length_us, lang), title)


def _shapes(drill: DrillLine, length_us: int, lang: Language) -> Iterator[str]:
    window, width = (0, length_us), WIDTH - LEFT - RIGHT
    bottom = _TOP + 2 * _STEP
    for tick in nice_ticks(length_us / 1e6, 6):
        if tick * 1e6 > length_us:
            break
        x = across(int(tick * 1e6), window, LEFT, width)
        yield line(x, _TOP, x, bottom, "#dddddd")
        unit = say("report.drill-seconds", lang, count=rounded_tick(tick, lang))
        # The last one ends at the edge, so that no letter leaves the picture.
        yield words(x, bottom + 12, unit, "end" if x > LEFT + width - 30 else "middle")
    yield words(LEFT - 6, _TOP + 11, say("report.drill-answers", lang), "end")
    yield box(LEFT, _TOP + _BAR * 0.25, width, _BAR * 0.5, _GOOD)
    for gap in drill.gaps:
        x1 = across(gap.since_us, window, LEFT, width)
        x2 = across(length_us if gap.until_us is None else gap.until_us, window, LEFT, width)
        yield box(min(x1, WIDTH - RIGHT - _THINNEST), _TOP, max(x2 - x1, _THINNEST), _BAR, _BAD)
    longest = max(drill.gaps, key=lambda one: one.least_us, default=None)
    if longest is None or drill.allowed_us is None:
        return
    yield words(LEFT - 6, _TOP + _STEP + 11, say("report.head-allowed", lang), "end")
    x1 = across(longest.since_us, window, LEFT, width)
    x2 = across(longest.since_us + drill.allowed_us, window, LEFT, width)
    yield box(
        min(x1, WIDTH - RIGHT - _THINNEST), _TOP + _STEP, max(x2 - x1, _THINNEST), _BAR, _ALLOWED
    )
