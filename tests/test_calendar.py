"""When jobs are due, held against a clock that is looked at minute by minute."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.calendar import MOST_EACH, Job, daily_of, due, minutes_of, next_us

ZONES = [ZoneInfo(name) for name in ("Asia/Makassar", "Europe/Berlin", "Australia/Lord_Howe")]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000
MINUTE_US = 60_000_000


def us(text: str, zone: str = "Asia/Makassar") -> int:
    """UTC µs of a local time."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return (moment.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


REPORTS = Job(name="reports", at=120, day=1, each=True)
PRUNING = Job(name="pruning", at=240, day=2)
DIGEST = Job(name="digest/noc", at=450)
WITA = ZoneInfo("Asia/Makassar")


def test_downtime_over_two_ends_of_months_is_made_up_for_once() -> None:
    """Both monthly reports, each once and in order; one digest; one pruning, the newest."""
    last, now = us("2026-10-25T12:00"), us("2026-12-03T12:00")
    reports = due(REPORTS, WITA, last, now)
    assert [run.month for run in reports] == ["2026-10", "2026-11"]
    assert [run.due_us for run in reports] == [us("2026-11-01T02:00"), us("2026-12-01T02:00")]
    assert [run.due_us for run in due(DIGEST, WITA, last, now)] == [us("2026-12-03T07:30")]
    assert [run.due_us for run in due(PRUNING, WITA, last, now)] == [us("2026-12-02T04:00")]


def test_a_run_that_is_over_is_not_due_again() -> None:
    """Up to the moment that the log names; the next one is due at its own moment, not before."""
    at = us("2026-12-03T07:30")
    assert due(DIGEST, WITA, at, at) == due(DIGEST, WITA, at, at + DAY_US - 1) == ()
    assert [run.due_us for run in due(DIGEST, WITA, at, at + DAY_US)] == [at + DAY_US]
    assert [run.due_us for run in due(DIGEST, WITA, at - 1, at)] == [at]


def test_a_clock_that_was_set_back_makes_nothing_due() -> None:
    """What ran stays run, whatever the clock says now."""
    assert due(REPORTS, WITA, us("2027-01-02T00:00"), us("2026-12-03T12:00")) == ()


def test_a_log_of_a_century_is_not_made_up_for_whole() -> None:
    """The newest months only."""
    runs = due(REPORTS, WITA, us("1990-01-01T00:00"), us("2026-12-03T12:00"))
    assert len(runs) == MOST_EACH
    assert runs[-1].month == "2026-11"


JOBS = st.builds(
    Job,
    name=st.just("x"),
    at=st.integers(0, 1_439),
    day=st.sampled_from([0, 0, 1, 15, 28]),
    each=st.booleans(),
)


@settings(max_examples=60)
@given(
    JOBS,
    st.sampled_from(ZONES),
    st.integers(0, 700).map(lambda days: us("2025-01-01T00:00") + days * DAY_US),
    st.integers(0, 90 * 24),
)
def test_what_is_due_is_what_a_clock_on_the_wall_showed(
    job: Job, zone: ZoneInfo, last_us: int, hours: int
) -> None:
    """Each day's first minute that shows the time of day or a later one, a quarter at a time."""
    now_us = last_us + hours * 3_600_000_000
    moments: list[int] = []
    day = (EPOCH + timedelta(microseconds=last_us)).astimezone(zone).date() - timedelta(days=1)
    while not moments or moments[-1] <= now_us + 40 * DAY_US:
        day += timedelta(days=1)
        if job.day in (0, day.day):
            naive = datetime(day.year, day.month, day.day) + timedelta(minutes=job.at)  # noqa: DTZ001
            utc = naive.replace(tzinfo=zone).astimezone(UTC)
            moments.append((utc - EPOCH) // timedelta(microseconds=1))
    expected = [at for at in moments if last_us < at <= now_us]
    runs = [run.due_us for run in due(job, zone, last_us, now_us)]
    assert runs == expected[-MOST_EACH if job.each else -1 :]
    assert next_us(job, zone, now_us) == next(at for at in moments if at > now_us)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_every_day_has_one_moment_also_where_the_clocks_change(zone: str) -> None:
    """A year of days, a job at half past two: 365 runs, none twice, none left out."""
    job, at = Job(name="x", at=150), us("2026-01-01T00:00", zone)
    seen = []
    for _ in range(365):
        at = next_us(job, ZoneInfo(zone), at)
        seen.append(at)
        assert [run.due_us for run in due(job, ZoneInfo(zone), at - 1, at)] == [at]
    gaps = {after - before for before, after in pairwise(seen)}
    assert all(22 * 3_600_000_000 <= gap <= 26 * 3_600_000_000 for gap in gaps)
    assert seen[-1] < us("2027-01-01T00:00", zone)


@given(st.text(max_size=8))
def test_a_time_of_day_is_read_or_refused(text: str) -> None:
    """Hours and minutes, two digits each, of one day."""
    found = minutes_of(text)
    assert found is None or f"{found // 60:02}:{found % 60:02}" == text


def test_a_digest_is_daily() -> None:
    """The one form there is."""
    assert daily_of("daily 07:30") == 450
    assert daily_of("daily 24:00") is daily_of("weekly 07:30") is daily_of("07:30") is None
