"""When a calendar's jobs are due, in a city's zone. Pure: time comes in as an argument.

A run is over once the log says so; what is due is what lies between the last one and now. After
downtime every missed month of a job that has one run a month for itself (`each`) is made up for;
of any other job only the newest missed run is, once. Times of day that a change of the clocks
leaves out are taken as long after midnight as they are written (PEP 495, fold 0), so that each
day has exactly one moment.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MOST_EACH = 36
"""Missed runs that are made up for; older ones are left to people."""
LATEST_DAY = 28
"""Of a month: every month has it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DAILY = re.compile(r"daily +(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is done at a time of day, daily or on one day of each month."""

    name: str
    at: int
    """Minutes after midnight."""
    day: int = 0
    """Of the month, at most `LATEST_DAY`; 0: every day."""
    each: bool = False
    """Whether every missed month is made up for, not only the newest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a job."""

    job: str
    due_us: int
    month: str
    """The calendar month before the one in which it was due: 2026-10."""


def due(job: Job, zone: ZoneInfo, last_us: int, now_us: int) -> tuple[Run, ...]:
    """The runs after `last_us` and not after `now_us`, in their order."""
    found: list[Run] = []
    for day in _days_before(job, day_of(now_us, zone)):
        at_us = _moment_us(job, day, zone)
        if at_us <= last_us:
            break
        if at_us <= now_us:
            month = (day.replace(day=1) - timedelta(days=1)).isoformat()[:7]
            found.append(Run(job=job.name, due_us=at_us, month=month))
            if len(found) >= (MOST_EACH if job.each else 1):
                break
    return tuple(found[::-1])


def next_us(job: Job, zone: ZoneInfo, now_us: int) -> int:
    """The first moment after now at which the job is due."""
    day = day_of(now_us, zone) - timedelta(days=1)
    while True:
        day += timedelta(days=1)
        if job.day in (0, day.day):
            at_us = _moment_us(job, day, zone)
            if at_us > now_us:
                return at_us


def day_of(at_us: int, zone: ZoneInfo) -> date:
    """The day in which a moment lies."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone).date()


def _days_before(job: Job, today: date) -> Iterator[date]:
    """The days on which the job is due, from today backwards."""
    day = today.replace(day=job.day) if job.day else today
    while True:
        yield day
        if job.day:
            day = (day.replace(day=1) - timedelta(days=1)).replace(day=job.day)
        else:
            day -= timedelta(days=1)


def _moment_us(job: Job, day: date, zone: ZoneInfo) -> int:
    moment = datetime.combine(day, time(job.at // 60, job.at % 60), zone)
    return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND


def minutes_of(text: str) -> int | None:
    """Minutes after midnight of "07:30"; None for anything else."""
    found = _HOUR.fullmatch(text)
    return None if found is None else 60 * int(found[1]) + int(found[2])


def daily_of(text: str) -> int | None:
    """Minutes after midnight of "daily 07:30"; None for anything else."""
    found = _DAILY.fullmatch(text.strip())
    return None if found is None else minutes_of(found[1])
