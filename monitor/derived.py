"""The rows that are derived from the entries, as the tables hold them. Pure.

Those that there are many of are tuples, in the order of their columns.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from monitor.declared import DeclarationRow
from monitor.ledger.entry import AlertSettled, SeriesDefined

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


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """Where an incident stands. `id` is the index of its opening entry."""

    id: int
    target: str
    check: str
    family: int
    policy: str
    rule: str
    severity: int
    reasons: tuple[str, ...]
    since_us: int
    opened_us: int
    step: int
    act: str
    ended_since_us: int | None
    ended_us: int | None
    acknowledged_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """A label on a target's time; open while `until_us` is None. `id`: its first entry."""

    id: int
    label: str
    target: str
    cause: str
    since_us: int
    until_us: int | None


@dataclass(slots=True)
class Changes:
    """Rows to insert or replace, by their primary keys."""

    series: list[SeriesDefined] = field(default_factory=list)
    intervals: list[IntervalRow] = field(default_factory=list)
    rollups: list[RollupRow] = field(default_factory=list)
    incidents: dict[int, IncidentRow] = field(default_factory=dict)
    labels: dict[int, LabelRow] = field(default_factory=dict)
    declarations: dict[tuple[int, str], DeclarationRow] = field(default_factory=dict)
    settled: list[AlertSettled] = field(default_factory=list)
    """Receipts of alerts: what the outbox says of them must agree."""
