"""The figures of a period, target by target: from histories and terms alone. Pure and exact.

What singletons decide is counted by another pass over the entries (`monitor.probed`): `wanted`
says of what, and without it such objectives are unmeasured, never judged by something else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from monitor.accounting import Accounting, ObjectiveTerms
from monitor.goals import Outcome, judged, unmeasured
from monitor.history import Histories
from monitor.ledger.entry import SeriesDefined
from monitor.probed import ROUND_TRIP, Key
from policies.availability import IN_BASE, Availability, History, Piece, pieces
from policies.budget import ErrorBudget
from policies.outages import Outage, OutageTimes, at_worst, counted_us, outage_times, outages
from policies.period import Moments, Period
from policies.probes import Probes, Wanted
from policies.reckoning import reckoned
from policies.restitution import Restitution, restitution


class Owed(NamedTuple):
    """Restitution for the time that was seen, and at worst; of the fee of the months together."""

    fee: Decimal
    seen: Restitution
    worst: Restitution


class Figure(NamedTuple):
    """One objective on one target in one period."""

    policy: str
    objective: str
    target: str
    indicator: str
    outcome: Outcome
    goal: Decimal
    """A ratio, µs or a count; see `monitor.goals.UNITS`."""
    worst: Fraction | None
    best: Fraction | None
    """Both in the unit of `goal`; of what is bounded from above the worst is the larger one."""
    sums: Availability
    outages: tuple[Outage, ...]
    times: OutageTimes
    budget: ErrorBudget | None
    owed: Owed | None
    probes: Probes | None = None
    """Where singletons decide."""
    bound_us: int | None = None
    """Of delay: in which time a probe has to come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is computed: the period, and up to which moment anything is known."""

    period: Period
    until_us: int

    @property
    def window(self) -> Moments:
        """The period, as far as it has gone."""
        start, end = self.period.window
        return start, max(start, min(end, self.until_us))


COMPUTED = frozenset({"availability", "mttr", "mtbf", "outages", "longest-outage", "loss", "delay"})
"""Indicators that are computed target by target."""
SINCE_VERSION = 2
"""From which version of the accounting rules on singletons decide anything."""
Probed = Mapping[Key, Probes]


def wanted(
    accounting: Accounting, histories: Histories, asked: Asked, targets: frozenset[str] | None
) -> dict[Key, Wanted]:
    """What has to be counted of singletons before the figures can be; empty: nothing."""
    found: dict[Key, Wanted] = {}
    if accounting.version < SINCE_VERSION:
        return found
    for objective in accounting.objectives:
        if not objective.by_probes or objective.indicator not in COMPUTED:
            continue
        owed_time = objective.hours.inside(asked.period)
        for target in objective.targets:
            if targets is not None and target not in targets:
                continue
            series = _probing(objective, target, histories)
            if series:
                base = _base(accounting, target, histories, asked.window, owed_time)
                found[objective.policy, objective.id, target] = Wanted(
                    series={one.number: one.withdrawn for one in series},
                    window=asked.window,
                    base=base,
                    bound_us=objective.duration_us if objective.indicator == "delay" else None,
                    block_us=objective.loss[1] if objective.loss else 0,
                    most_lost=objective.most_lost,
                )
    return found


def _probing(objective: ObjectiveTerms, target: str, histories: Histories) -> list[SeriesDefined]:
    """The series whose singletons decide: those of a rule that measures the objective."""
    series = histories.series_of(target, objective.measured_by, deciding=objective.loss is not None)
    return [one for one in series if one.check in ROUND_TRIP]


def _base(
    accounting: Accounting,
    target: str,
    histories: Histories,
    window: Moments,
    owed_time: Sequence[Moments],
) -> tuple[Moments, ...]:
    terms = accounting.targets.get(target)
    unseen = histories.of(target, terms.site if terms else "", ())
    found = pieces(unseen, window, owed_time)
    cuts = [(one.started_us, one.ended_us) for one in found if one.standing in IN_BASE]
    joined: list[Moments] = []
    for since, until in cuts:
        if joined and joined[-1][1] == since:
            since = joined.pop()[0]
        joined.append((since, until))
    return tuple(joined)


@dataclass(frozen=True, slots=True)
class _Sought:
    """An objective and what is the same for each of its targets."""

    accounting: Accounting
    objective: ObjectiveTerms
    histories: Histories
    window: Moments
    owed_time: Sequence[Moments]
    months: int
    over: bool
    """Whether the whole period is known."""
    agreed: Fraction
    """Its ratio; 0 where it has none."""

    def parts(self, history: History) -> Iterator[Piece]:
        """How each moment of the window counts; nothing is computed before it is asked for."""
        counts = self.objective.unreachable_counts
        yield from pieces(history, self.window, self.owed_time, unreachable_counts=counts)


def figures(
    accounting: Accounting,
    histories: Histories,
    asked: Asked,
    targets: frozenset[str] | None,
    probed: Probed | None = None,
) -> Iterator[Figure]:
    """Every objective that is computed target by target, on every target or on these alone.

    `probed`: what was counted of what is `wanted`.
    """
    window, months, counted = asked.window, months_of(asked.period), probed or {}
    over = window == asked.period.window
    for objective in accounting.objectives:
        if objective.indicator not in COMPUTED:
            continue
        owed_time = objective.hours.inside(asked.period)
        agreed = Fraction(objective.ratio or 0)
        sought = _Sought(accounting, objective, histories, window, owed_time, months, over, agreed)
        for target in objective.targets:
            if targets is None or target in targets:
                probes = counted.get((objective.policy, objective.id, target))
                yield _figure(sought, target, probes)


def _figure(sought: _Sought, target: str, probes: Probes | None) -> Figure:
    objective = sought.objective
    series = sought.histories.series_of(target, objective.measured_by)
    measured = bool(series) if not objective.by_probes else probes is not None
    history = _history(sought.accounting, objective, target, sought.histories, series, probes)
    counts = objective.unreachable_counts
    sums, found = reckoned(history, sought.window, sought.owed_time, unreachable_counts=counts)
    by_time = objective.indicator not in ("loss", "delay")
    failed = tuple(found) if by_time else ()
    times = outage_times(failed, sums.available_us)
    told = measured or not objective.by_probes
    parts = sought.parts(history)
    came = judged(objective, sums, parts, times, probes) if told else unmeasured(objective)
    return Figure(
        policy=objective.policy,
        objective=objective.id,
        target=target,
        indicator=objective.indicator,
        outcome=came.outcome if measured else Outcome.UNMEASURED,
        goal=came.goal,
        worst=came.worst,
        best=came.best,
        sums=sums,
        outages=failed,
        times=times,
        budget=_budget(sought, sums) if told else None,
        owed=_owed(sought, target, history, sums, found) if measured else None,
        probes=probes,
        bound_us=objective.duration_us if objective.indicator == "delay" else None,
    )


def standings(
    accounting: Accounting,
    objective: ObjectiveTerms,
    target: str,
    histories: Histories,
    window: Moments,
    owed_time: Sequence[Moments],
    series: Sequence[SeriesDefined],
    probes: Probes | None = None,
) -> list[Piece]:
    """How each moment of the window counts for this objective.

    Where singletons decide and nobody counted them, nothing was observed.
    """
    history = _history(accounting, objective, target, histories, series, probes)
    return list(pieces(history, window, owed_time, unreachable_counts=objective.unreachable_counts))


def _history(
    accounting: Accounting,
    objective: ObjectiveTerms,
    target: str,
    histories: Histories,
    series: Sequence[SeriesDefined],
    probes: Probes | None,
) -> History:
    terms = accounting.targets.get(target)
    by_probes = objective.by_probes
    history = histories.of(target, terms.site if terms else "", () if by_probes else series)
    if by_probes and probes is not None:
        history = history._replace(series=probes.tracks)
    return history


def _budget(sought: _Sought, sums: Availability) -> ErrorBudget | None:
    if sought.objective.indicator != "availability" or sought.objective.ratio is None:
        return None
    return ErrorBudget(
        agreed=sought.agreed,
        base_us=sums.base_us,
        spent_us=sums.unavailable_us,
        unseen_us=sums.unseen_us,
    )


def _owed(
    sought: _Sought, target: str, history: History, sums: Availability, failed: Sequence[Outage]
) -> Owed | None:
    """What the provider of a link owes; None without terms, fee or whole months that are over."""
    objective, months = sought.objective, sought.months
    terms = sought.accounting.targets.get(target)
    if objective.restitution is None or objective.ratio is None or not months:
        return None
    if terms is None or terms.fee is None or not sought.over:
        return None
    fee = Decimal(terms.fee * months)
    ratio, longer_than_us = objective.ratio, objective.restitution.longer_than_us
    missed_us = counted_us(failed, longer_than_us)
    seen = restitution(objective.restitution, fee, ratio, missed_us, sums.base_us)
    worst = seen
    if sums.unseen_us:
        if longer_than_us:
            missed_us = counted_us(outages(at_worst(sought.parts(history))), longer_than_us)
        else:  # however it is cut into outages, all of it counts
            missed_us += sums.unseen_us
        worst = restitution(objective.restitution, fee, ratio, missed_us, sums.base_us)
    if seen is None or worst is None:
        return None
    return Owed(fee=fee, seen=seen, worst=worst)


def months_of(period: Period) -> int:
    """How many whole calendar months a period is; 0 where it is none."""
    after = period.last.toordinal() + 1
    first_of_next = type(period.last).fromordinal(after)
    if period.first.day != 1 or first_of_next.day != 1:
        return 0
    years = first_of_next.year - period.first.year
    return 12 * years + first_of_next.month - period.first.month


def by_target(found: Sequence[Figure]) -> Mapping[str, list[Figure]]:
    """The figures of each target, in their order."""
    grouped: dict[str, list[Figure]] = {}
    for figure in found:
        grouped.setdefault(figure.target, []).append(figure)
    return grouped
