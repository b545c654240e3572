"""Where ticks stand on an axis. Pure and exact but for the places on paper."""

from collections.abc import Iterator
from datetime import date, timedelta
from math import floor, log10

from monitor.spoken import day
from monitor.text import Language
from policies.period import Moments, Period, midnight_us


def nice_ticks(most: float, count: int = 4) -> list[float]:
    """0 and round steps (1, 2 or 5 times a power of ten) up to at least `most`."""
    if most <= 0:
        return [0.0, 1.0]
    power = 10.0 ** floor(log10(most / count))
    step = next(power * n for n in (1, 2, 5, 10, 20) if power * n * count >= most)
    return [step * n for n in range(count + 1) if step * (n - 1) < most]


def day_ticks(period: Period, lang: Language, most: int = 8) -> Iterator[tuple[int, str]]:
    """Midnights of the period with their dates in short, at most about so many."""
    days = (period.last - period.first).days + 1
    step = max(1, -(-days // most))
    for place in range(0, days, step):
        current: date = period.first + timedelta(days=place)
        number, month, *_ = day(current, lang).split()
        yield midnight_us(current, period.zone), f"{number} {month[:3]}"


def across(at_us: int, window: Moments, left: float, width: float) -> float:
    """Where a moment stands on the time axis."""
    start, end = window
    return left + width * (min(max(at_us, start), end) - start) / max(1, end - start)
