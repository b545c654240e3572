"""The longest validity that the public web allows, by the day of issue."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.tls.lifetimes import limit_days

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("first_day", "before", "since"),
    [
        (datetime(2018, 3, 1, tzinfo=UTC), 1185, 825),
        (datetime(2020, 9, 1, tzinfo=UTC), 825, 398),
        (datetime(2026, 3, 15, tzinfo=UTC), 398, 200),
        (datetime(2027, 3, 15, tzinfo=UTC), 200, 100),
        (datetime(2029, 3, 15, tzinfo=UTC), 100, 47),
    ],
)
def test_each_step_begins_at_midnight_of_its_day(
    first_day: datetime, before: int, since: int
) -> None:
    """One second before the day the old limit holds, and the new one from midnight UTC on."""
    assert limit_days(first_day - SECOND) == before
    assert limit_days(first_day) == since


def test_months_are_counted_by_the_calendar_over_leap_days() -> None:
    """39 months from a 29 February end on a shorter month's last day; 60 months have a leap day."""
    leap = datetime(2016, 2, 29, tzinfo=UTC)
    assert limit_days(leap) == (datetime(2019, 5, 29, tzinfo=UTC) - leap).days
    thirtieth = datetime(2016, 11, 30, tzinfo=UTC)
    assert limit_days(thirtieth) == (datetime(2020, 2, 29, tzinfo=UTC) - thirtieth).days
    assert limit_days(datetime(2013, 1, 1, tzinfo=UTC)) == 1826
    assert limit_days(datetime(2015, 3, 31, 23, 59, 59, tzinfo=UTC)) == 1827
    assert limit_days(datetime(2015, 4, 1, tzinfo=UTC)) == 1187


def test_before_the_first_agreement_nothing_is_claimed() -> None:
    """A certificate of June 2012 has no limit."""
    assert limit_days(datetime(2012, 6, 30, 23, 59, 59, tzinfo=UTC)) is None
    assert limit_days(datetime(2012, 7, 1, tzinfo=UTC)) == 1826


@given(days=st.integers(-7_000, 2_500_000), seconds=st.integers(0, 86_399))
def test_any_moment_has_a_limit_or_none(days: int, seconds: int) -> None:
    """No date raises, and no limit is shorter or longer than the agreed ones."""
    limit = limit_days(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days, seconds=seconds))
    assert limit is None or 47 <= limit <= 1827
