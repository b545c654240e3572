"""Where ticks stand on an axis. Pure and exact but for the places on paper."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import floor, log10

from monitor.spoken import day
from monitor.text import Language
from policies.period import Moments, Period, midnight_us

FEW_DAYS = 2
"""Periods of so many days have hours on their axis."""
HOUR_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nice_ticks(most: float, count: int = 4) -> list[float]:
    """0 and round steps (1, 2 or 5 times a power of ten) up to at least `most`."""
    if most <= 0:
        return [0.0, 1.0]
    power = 10.0 ** floor(log10(most / count))
    step = next(power * n for n in (1, 2, 5, 10, 20) if power * n * count >= most)
    return [step * n for n in range(count + 1) if step * (n - 1) < most]


def day_ticks(period: Period, lang: Language, most: int = 8) -> Iterator[tuple[int, str]]:
    """Midnights of the period with their dates in short, at most about so many; of a few days also
    the hours between them."""
    days = (period.last - period.first).days + 1
    if days <= FEW_DAYS:
        yield from _hour_ticks(period, lang, 24 * days // most)
        return
    step = max(1, -(-days // most))
    for place in range(0, days, step):
        current: date = period.first + timedelta(days=place)
        number, month, *_ = day(current, lang).split()
        yield midnight_us(current, period.zone), f"{number} {month[:3]}"


def _hour_ticks(period: Period, lang: Language, step: int) -> Iterator[tuple[int, str]]:
    """Every so many hours by the clock of elapsed time, named by the clock on the wall."""
    start_us, end_us = period.window
    for at_us in range(start_us, end_us, step * HOUR_US):
        local = (_EPOCH + timedelta(microseconds=at_us)).astimezone(period.zone)
        number, month, *_ = day(local.date(), lang).split()
        at_midnight = (local.hour, local.minute) == (0, 0)
        yield at_us, f"{number} {month[:3]}" if at_midnight else f"{local:%H:%M}"


def across(at_us: int, window: Moments, left: float, width: float) -> float:
    """Where a moment stands on the time axis."""
    start, end = window
    return left + width * (min(max(at_us, start), end) - start) / max(1, end - start)
