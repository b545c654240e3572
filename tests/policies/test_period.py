"""Periods of accounting, cut in the city's zone."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.period import (
    Moments,
    Period,
    PeriodError,
    calendar_period,
    day_of,
    parse_period,
    parse_service_hours,
)

KUPANG = ZoneInfo("Asia/Makassar")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR_US = 3_600_000_000
days = st.dates(date(1980, 1, 1), date(2100, 12, 31))


def utc(text: str) -> int:
    """UTC µs of a moment."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-10", "2026-09-30T16:00", "2026-10-31T16:00"),
        ("2024-02", "2024-01-31T16:00", "2024-02-29T16:00"),
        ("2023-02", "2023-01-31T16:00", "2023-02-28T16:00"),
        ("2026-12", "2026-11-30T16:00", "2026-12-31T16:00"),
        ("2026-q4", "2026-09-30T16:00", "2026-12-31T16:00"),
        ("2026", "2025-12-31T16:00", "2026-12-31T16:00"),
        ("2026-10-03..2026-10-03", "2026-10-02T16:00", "2026-10-03T16:00"),
    ],
)
def test_a_period_is_cut_at_the_citys_midnight(text: str, start: str, end: str) -> None:
    """Months, quarters, years and days begin at 16:00 UTC of the day before."""
    assert parse_period(text, KUPANG).window == (utc(start), utc(end))


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026-Q5", "october", "2026-10-32..2026-11-01", "9999-12", "0000"]
)
def test_what_is_no_period_says_how_to_write_one(text: str) -> None:
    """The error shows what was written and the forms there are."""
    with pytest.raises(PeriodError, match="write 2026-10"):
        parse_period(text, KUPANG)


@pytest.mark.parametrize("text", ["9999", "9999-Q4", "0001", "0001-01", "1969-12"])
def test_a_period_without_moments_is_refused(text: str) -> None:
    """A year whose midnights no calendar has in every zone is an error and no defect."""
    with pytest.raises(PeriodError):
        parse_period(text, KUPANG)


def test_a_range_backwards_or_without_end_is_refused() -> None:
    """Neither a range that ends before it begins nor one of centuries is a period."""
    with pytest.raises(PeriodError, match="before it begins"):
        parse_period("2026-10-02..2026-10-01", KUPANG)
    with pytest.raises(PeriodError, match="longer than"):
        parse_period("1900-01-01..2100-01-01", KUPANG)


@given(days, st.sampled_from(["month", "quarter", "year"]), st.sampled_from([KUPANG, BERLIN]))
def test_calendar_periods_tile_the_time(day: date, calendar: str, zone: ZoneInfo) -> None:
    """Each day lies in one period, whose end is the beginning of the next one."""
    period = calendar_period(calendar, day, zone)
    assert period.first <= day <= period.last
    assert parse_period(period.text, zone) == period
    following = calendar_period(calendar, period.last + timedelta(days=1), zone)
    assert following.window[0] == period.window[1]
    cut = [window for _, window in period.days()]
    assert cut[0][0] == period.window[0]
    assert cut[-1][1] == period.window[1]
    assert all(one[1] == other[0] for one, other in pairwise(cut))


@given(st.integers(0, 4_000_000_000_000_000), st.sampled_from([KUPANG, BERLIN]))
def test_a_moment_lies_in_the_day_that_says_so(at_us: int, zone: ZoneInfo) -> None:
    """The day of a moment is the one whose window holds it."""
    day = day_of(at_us, zone)
    start, end = Period(text="", first=day, last=day, zone=zone).window
    assert start <= at_us < end


def hours(window: Moments) -> float:
    """Its length in hours."""
    return (window[1] - window[0]) / HOUR_US


def test_days_are_as_long_as_the_zone_makes_them() -> None:
    """Where clocks are turned, a month has an hour less or more."""
    assert hours(parse_period("2026-03", BERLIN).window) == 31 * 24 - 1
    assert hours(parse_period("2026-10", BERLIN).window) == 31 * 24 + 1
    assert hours(parse_period("2026-10", KUPANG).window) == 31 * 24


def test_service_hours_cut_each_day_of_the_week() -> None:
    """A week of office hours has its forty hours and a half, in the zone of the contract."""
    week = parse_period("2026-11-23..2026-11-29", KUPANG)
    owed = parse_service_hours(["mon-thu 07:30-16:00", "fri 07:30-14:00"]).inside(week)
    assert sum(map(hours, owed)) == 4 * 8.5 + 6.5
    assert owed[0] == (utc("2026-11-22T23:30"), utc("2026-11-23T08:00"))


def test_hours_to_midnight_join_the_next_day() -> None:
    """Whole days touch, and hours that overlap are owed once."""
    week = parse_period("2026-11-23..2026-11-29", KUPANG)
    assert parse_service_hours(["mon-sun 00:00-00:00"]).inside(week) == [week.window]
    assert parse_service_hours([]).inside(week) == [week.window]
    twice = parse_service_hours(["mon 08:00-12:00", "mon 10:00-14:00", "sat-mon 08:00-09:00"])
    assert [hours(cut) for cut in twice.inside(week)] == [6, 1, 1]


@pytest.mark.parametrize(
    "line", ["mon", "mon 8-16", "mon 16:00-08:00", "xyz 08:00-09:00", "mon 25:00-26:00"]
)
def test_wrong_service_hours_are_named(line: str) -> None:
    """The error shows the line."""
    with pytest.raises(PeriodError, match=line[:3]):
        parse_service_hours([line])
