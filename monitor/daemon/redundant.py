"""What `now` says of redundant sites: their legs, and the redundancy debt of the month. Pure.

Debt comes from the links' intervals of state, closed ones of the store and open ones of the fold;
the time in which a link was labelled unreachable is unseen time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from checks.base import Leg
from monitor.daemon.show import rfc3339
from monitor.derive import Fold, IntervalRow, LabelRow
from monitor.labels import UNREACHABLE
from monitor.ledger.entry import LabelSet
from monitor.legs import LegPlan
from monitor.model import State
from monitor.redundancy import leg_state
from monitor.single_leg import SINGLE_LEG
from policies.debt import Span, Spans, leg_spans, redundancy_debt, unseen_while


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The month that a moment lies in, as far as it has gone."""

    name: str
    started_us: int
    now_us: int

    @property
    def window(self) -> tuple[int, int]:
        """From its first moment to now."""
        return self.started_us, self.now_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the store holds of a month: closed intervals by series, the unreachable time by link."""

    intervals: Mapping[int, Sequence[IntervalRow]]
    unreachable: Mapping[str, Sequence[LabelRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A redundant site as it stands."""

    key: str
    name: str
    plans: Sequence[LegPlan]
    legs: Sequence[Leg]
    legs_since: Sequence[int]
    """UTC µs since when each leg has its state; 0 where it is unobserved."""
    shared_hops: Sequence[str] | None


def month_of(now_us: int, zone: tzinfo) -> Month:
    """The calendar month in a zone."""
    at = datetime.fromtimestamp(now_us // 1_000_000, zone)
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    started_us = int(first.timestamp()) * 1_000_000
    return Month(name=f"{at:%Y-%m}", started_us=min(started_us, now_us), now_us=now_us)


def stored_of(intervals: Iterable[IntervalRow], labels: Iterable[LabelRow]) -> Stored:
    """What was read, in order by whom it is about."""
    by_series: dict[int, list[IntervalRow]] = {}
    for row in intervals:
        by_series.setdefault(row.series, []).append(row)
    by_link: dict[str, list[LabelRow]] = {}
    for label in labels:
        if label.label == UNREACHABLE:
            by_link.setdefault(label.target, []).append(label)
    return Stored(intervals=by_series, unreachable=by_link)


def series_of(plans: Iterable[Sequence[LegPlan]]) -> tuple[int, ...]:
    """Every series whose intervals the debt of these sites is made of."""
    return tuple(n for legs in plans for leg in legs for n in leg.series)


def site_shown(
    site: Site,
    labels: Mapping[tuple[str, str], LabelSet],
    fold: Fold,
    stored: Stored | None,
    month: Month,
) -> dict[str, Any]:
    """One object of `redundancy` in `sasando now --json`; `stored` None: it could not be read."""
    label = labels.get((SINGLE_LEG, site.key))
    return {
        "site": site.key,
        "name": site.name,
        "configured": len(site.legs),
        "alive": sum(leg.state is State.AVAILABLE for leg in site.legs),
        "legs": [
            {
                "link": leg.link,
                "role": leg.role,
                "state": leg.state.word,
                "since": rfc3339(since_us) if since_us else None,
            }
            for leg, since_us in zip(site.legs, site.legs_since, strict=True)
        ],
        "single_leg_since": None if label is None else rfc3339(label.since_us),
        "shared_hops": None if site.shared_hops is None else list(site.shared_hops),
        "month": None if stored is None else _month_shown(site.plans, fold, stored, month),
    }


def _month_shown(
    plans: Sequence[LegPlan], fold: Fold, stored: Stored, month: Month
) -> dict[str, Any]:
    legs = {plan.link: _leg(plan, fold, stored, month) for plan in plans}
    time = redundancy_debt(legs, month.window)
    return {
        "period": month.name,
        "debt_ms": time.debt_us / 1_000,
        "single_leg_ms": time.single_us / 1_000,
        "whole_ms": time.whole_us / 1_000,
        "outage_ms": time.outage_us / 1_000,
        "undecided_ms": time.undecided_us / 1_000,
    }


def _leg(plan: LegPlan, fold: Fold, stored: Stored, month: Month) -> Spans:
    """One link's month; a family that was never seen, because it has no address, says nothing."""
    tracks = [_track(n, fold, stored, month) for n in plan.series if fold.until_us(n)]
    hidden = [
        Span(
            started_us=row.since_us,
            ended_us=month.now_us if row.until_us is None else row.until_us,
            state=State.AVAILABLE,
        )
        for row in stored.unreachable.get(plan.link, ())
    ]
    return unseen_while(leg_spans(tracks, month.window), _joined(hidden), month.window)


def _track(number: int, fold: Fold, stored: Stored, month: Month) -> list[Span]:
    """Closed intervals up to the open one: the fold may be older than what was read."""
    state, since_us, _ = fold.current(number)
    spans = [
        Span(started_us=row.started_us, ended_us=row.ended_us, state=State(row.state))
        for row in stored.intervals.get(number, ())
        if row.ended_us <= since_us
    ]
    until_us = min(fold.until_us(number), month.now_us)
    return [*spans, Span(started_us=since_us, ended_us=until_us, state=state)]


def _joined(spans: Sequence[Span]) -> list[Span]:
    """The same time without overlap: after a clock was set back labels may overlap."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda one: one.started_us):
        if joined and span.started_us <= joined[-1].ended_us:
            last = joined.pop()
            ended_us = max(last.ended_us, span.ended_us)
            span = Span(started_us=last.started_us, ended_us=ended_us, state=span.state)
        joined.append(span)
    return joined


def stored_legs(plans: Sequence[LegPlan], fold: Fold, now_us: int) -> list[tuple[Leg, int]]:
    """(leg, since when in UTC µs) as the newest stored observations show them."""
    return [_stored_leg(plan, fold, now_us) for plan in plans]


def _stored_leg(plan: LegPlan, fold: Fold, now_us: int) -> tuple[Leg, int]:
    seen = [(fold.current(n), fold.until_us(n)) for n in plan.series if fold.until_us(n)]
    states = [s if now_us <= until_us else State.UNOBSERVED for (s, _, _), until_us in seen]
    state = leg_state(states)
    since = [since_us for (own, since_us, _), _ in seen if own is state]
    leg = Leg(link=plan.link, role=plan.role, state=state, since_ns=0)
    return leg, max(since, default=0) if state is not State.UNOBSERVED else 0
