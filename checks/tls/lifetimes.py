"""How long a certificate of the public web may live, by the day it was issued. Pure data.

CA/Browser Forum, Baseline Requirements, 6.3.2 and Appendix "relevant dates"; the three last
steps are those of ballot SC-081. A day is 86,400 s and both ends count: a validity from
00:00:00 to 00:00:00 N days later is longer than N days.
"""

from calendar import monthrange
from datetime import UTC, datetime


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


_DAYS = (
    (_day(2029, 3, 15), 47),
    (_day(2027, 3, 15), 100),
    (_day(2026, 3, 15), 200),
    (_day(2020, 9, 1), 398),
    (_day(2018, 3, 1), 825),
)
_MONTHS = ((_day(2015, 4, 1), 39), (_day(2012, 7, 1), 60))


def limit_days(issued: datetime) -> int | None:
    """Most days of validity for a certificate valid since `issued`; None: none was agreed yet."""
    for since, days in _DAYS:
        if issued >= since:
            return days
    for since, months in _MONTHS:
        if issued >= since:
            return (_later(issued, months) - issued).days
    return None


def _later(moment: datetime, months: int) -> datetime:
    """The same day so many months later; the last one of a month that is shorter."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    return moment.replace(
        year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1])
    )
