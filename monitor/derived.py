"""Rows derived from observations, as the tables hold them: tuples, since there are many. Pure."""

from typing import NamedTuple

HOUR_US = 3_600_000_000


class IntervalRow(NamedTuple):
    """A closed interval in which a series had one state: [started_us, ended_us)."""

    series: int
    started_us: int
    ended_us: int
    state: int


class RollupRow(NamedTuple):
    """One series in one hour (UTC): how often each state was seen, and its singletons.

    Delays are of the check's first measure, in µs, and undefined where nothing came back.
    """

    series: int
    hour: int
    available: int
    unavailable: int
    unobserved: int
    sent: int
    received: int
    delay_min_us: int | None
    delay_max_us: int | None
    delay_sum_us: int
