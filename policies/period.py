"""Periods of accounting: calendar months, quarters, years and ranges of days, and service hours.

Days are cut in the zone of the contract and counted in UTC µs; a day is as long as that zone
makes it. Pure but for the zone database.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Moments = tuple[int, int]
"""[start, end) in UTC µs."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_DAYS = 3_660
_FIRST_YEAR, _LAST_YEAR = 1970, 9_000
"""Moments of these years are numbers of µs in every zone; calendars end in 9999."""
_RANGE = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
_QUARTER = re.compile(r"(\d{4})-[Qq]([1-4])")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_YEAR = re.compile(r"(\d{4})")
_HOURS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d{2}:\d{2})-(\d{2}:\d{2})")


class PeriodError(ValueError):
    """No period, or no service hours, can be read from the text; it says how to write one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days from `first` to `last`, both included, in a zone."""

    text: str
    """As it was asked for, in its shortest form: 2026-10, 2026-Q4, 2026, or first..last."""
    first: date
    last: date
    zone: ZoneInfo

    @property
    def window(self) -> Moments:
        """From midnight of the first day to midnight after the last, in UTC µs."""
        return midnight_us(self.first, self.zone), midnight_us(_next(self.last), self.zone)

    def days(self) -> Iterator[tuple[date, Moments]]:
        """Each day with its own window."""
        start, day = midnight_us(self.first, self.zone), self.first
        while day <= self.last:
            after = _next(day)
            end = midnight_us(after, self.zone)
            yield day, (start, end)
            start, day = end, after


def parse_period(text: str, zone: ZoneInfo) -> Period:
    """The period of "2026-10", "2026-Q4", "2026" or "2026-10-01..2026-10-15"; PeriodError."""
    try:
        first, last = _ends(text.strip())
    except ValueError as error:
        raise PeriodError(
            f"{text!r} is no period: write 2026-10, 2026-Q4, 2026 or 2026-10-01..2026-10-15"
        ) from error
    if last < first:
        raise PeriodError(f"{text!r} ends before it begins")
    if (last - first).days >= _LONGEST_DAYS:
        raise PeriodError(f"{text!r} is longer than {_LONGEST_DAYS} days")
    if not _FIRST_YEAR <= first.year <= last.year <= _LAST_YEAR:
        raise PeriodError(f"{text!r} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return Period(text=text.strip().upper(), first=first, last=last, zone=zone)


def calendar_period(calendar: str, day: date, zone: ZoneInfo) -> Period:
    """The month, quarter or year of the calendar that a day lies in."""
    match calendar:
        case "month":
            text = f"{day.year:04}-{day.month:02}"
        case "quarter":
            text = f"{day.year:04}-Q{(day.month + 2) // 3}"
        case "year":
            text = f"{day.year:04}"
        case _:
            raise PeriodError(f"{calendar!r} is none of month, quarter, year")
    return parse_period(text, zone)


def _ends(text: str) -> tuple[date, date]:
    if match := _RANGE.fullmatch(text):
        return date.fromisoformat(match[1]), date.fromisoformat(match[2])
    if match := _QUARTER.fullmatch(text):
        first_month = 3 * int(match[2]) - 2
        return date(int(match[1]), first_month, 1), _end_of(int(match[1]), first_month + 2)
    if match := _MONTH.fullmatch(text):
        return date(int(match[1]), int(match[2]), 1), _end_of(int(match[1]), int(match[2]))
    if match := _YEAR.fullmatch(text):
        return date(int(match[1]), 1, 1), date(int(match[1]), 12, 31)
    raise ValueError(text)


def _end_of(year: int, month: int) -> date:
    """The last day of a month; ValueError in the last month that a calendar here has."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1)


def _next(day: date) -> date:
    return day + timedelta(days=1)


def midnight_us(day: date, zone: ZoneInfo) -> int:
    """The beginning of a day, in UTC µs."""
    return _utc_us(datetime.combine(day, time(0), zone))


def day_of(at_us: int, zone: ZoneInfo) -> date:
    """The day in which a moment lies."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone).date()


def _utc_us(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class ServiceHours:
    """When the service is owed: for each day of the week (Monday first) its hours.

    Without any line it is owed always. Hours that end at 00:00 go on to midnight.
    """

    week: tuple[tuple[tuple[time, time], ...], ...] = ()

    def inside(self, period: Period) -> list[Moments]:
        """The owed time of a period, ascending, joined where it touches."""
        if not self.week:
            return [period.window]
        owed: list[Moments] = []
        for day, (_, end) in period.days():
            for since, until in self.week[day.weekday()]:
                started = _utc_us(datetime.combine(day, since, period.zone))
                ended = end
                if until != time(0):
                    ended = _utc_us(datetime.combine(day, until, period.zone))
                if owed and owed[-1][1] >= started:
                    owed[-1] = owed[-1][0], max(owed[-1][1], ended)
                elif started < ended:
                    owed.append((started, ended))
        return owed


def parse_service_hours(lines: Sequence[str]) -> ServiceHours:
    """Hours of "mon-fri 07:30-16:00", "sat 08:00-12:00"; PeriodError names the wrong line."""
    week: list[list[tuple[time, time]]] = [[] for _ in DAYS]
    for line in lines:
        first, last, since, until = _read_hours(line)
        day = first
        while True:
            week[day].append((since, until))
            if day == last:
                break
            day = (day + 1) % len(DAYS)
    if not lines:
        return ServiceHours()
    return ServiceHours(tuple(tuple(sorted(hours)) for hours in week))


def _read_hours(line: str) -> tuple[int, int, time, time]:
    match = _HOURS.fullmatch(line.strip().lower())
    try:
        if match is None:
            raise ValueError(line)
        first = DAYS.index(match[1])
        last = DAYS.index(match[2]) if match[2] else first
        since, until = time.fromisoformat(match[3]), time.fromisoformat(match[4])
    except ValueError as error:
        raise PeriodError(
            f"{line!r} are no service hours: write mon-fri 07:30-16:00, or sat 00:00-00:00"
        ) from error
    if until <= since and until != time(0):
        raise PeriodError(f"{line!r}: hours that cross midnight are written as two lines")
    return first, last, since, until
