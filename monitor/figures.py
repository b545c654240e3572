"""The figures of a period, target by target: from histories and terms alone. Pure and exact.

A figure is an interval, from the worst case (what nobody saw was bad) to the best one (what nobody
saw is left out). An objective is met when the worst case meets it, missed when the best case
misses it, and undecided in between: nobody can say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from monitor.accounting import Accounting, ObjectiveTerms
from monitor.history import Histories
from monitor.ledger.entry import SeriesDefined
from policies.availability import Availability, History, Piece, Standing, pieces
from policies.budget import ErrorBudget, error_budget
from policies.outages import Outage, OutageTimes, counted_us, outage_times, outages
from policies.period import Moments, Period
from policies.reckoning import reckoned
from policies.restitution import Restitution, restitution


class Outcome(StrEnum):
    """What an objective's window came to."""

    MET = "met"
    MISSED = "missed"
    UNDECIDED = "undecided"
    UNMEASURED = "unmeasured"
    """No series of the target is judged by a rule that measures the objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Restitution for the time that was seen, and at worst; of the fee of the months together."""

    fee: Decimal
    seen: Restitution
    worst: Restitution


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One objective on one target in one period."""

    policy: str
    objective: str
    target: str
    indicator: str
    outcome: Outcome
    goal: Decimal
    """A ratio, or µs for a time to repair."""
    worst: Fraction | None
    best: Fraction | None
    """Both in the unit of `goal`; of what is bounded from above the worst is the larger one."""
    sums: Availability
    outages: tuple[Outage, ...]
    times: OutageTimes
    budget: ErrorBudget | None
    owed: Owed | None


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


COMPUTED = frozenset({"availability", "mttr"})
"""Indicators that are computed from intervals of state."""


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


def figures(
    accounting: Accounting, histories: Histories, asked: Asked, targets: frozenset[str] | None
) -> Iterator[Figure]:
    """Every objective of a kind that intervals decide, on every target or on these alone."""
    window, months = asked.window, months_of(asked.period)
    for objective in accounting.objectives:
        if objective.indicator not in COMPUTED:
            continue
        owed_time = objective.hours.inside(asked.period)
        agreed = Fraction(objective.ratio or 0)
        over = window == asked.period.window
        sought = _Sought(accounting, objective, histories, window, owed_time, months, over, agreed)
        for target in objective.targets:
            if targets is None or target in targets:
                yield _figure(sought, target)


def _figure(sought: _Sought, target: str) -> Figure:
    accounting, objective, histories = sought.accounting, sought.objective, sought.histories
    series = histories.series_of(target, objective.measured_by)
    terms = accounting.targets.get(target)
    history = histories.of(target, terms.site if terms else "", series)
    counts = objective.unreachable_counts
    sums, found = reckoned(history, sought.window, sought.owed_time, unreachable_counts=counts)
    failed = tuple(found)
    times = outage_times(failed, sums.available_us)
    if objective.indicator == "mttr":
        goal, worst = Decimal(objective.duration_us or 0), times.mttr_us
        best, outcome = worst, _repaired(times, goal, sums, measured=bool(series))
    else:
        goal, worst, best = objective.ratio or Decimal(0), sums.worst, sums.best
        outcome = _availability_outcome(worst, best, goal) if series else Outcome.UNMEASURED
    return Figure(
        policy=objective.policy,
        objective=objective.id,
        target=target,
        indicator=objective.indicator,
        outcome=outcome,
        goal=goal,
        worst=worst,
        best=best,
        sums=sums,
        outages=failed,
        times=times,
        budget=_budget(sought, sums),
        owed=_owed(sought, target, history, sums, failed) if series else None,
    )


def standings(
    accounting: Accounting,
    objective: ObjectiveTerms,
    target: str,
    histories: Histories,
    window: Moments,
    owed_time: Sequence[Moments],
    series: Sequence[SeriesDefined],
) -> list[Piece]:
    """How each moment of the window counts for this objective."""
    terms = accounting.targets.get(target)
    history = histories.of(target, terms.site if terms else "", series)
    return list(pieces(history, window, owed_time, unreachable_counts=objective.unreachable_counts))


def _availability_outcome(worst: Fraction | None, best: Fraction | None, goal: Decimal) -> Outcome:
    least, of = goal.as_integer_ratio()
    # Denominators are positive: comparing products compares the fractions.
    if worst is not None and worst.numerator * of >= least * worst.denominator:
        return Outcome.MET
    if best is not None and best.numerator * of < least * best.denominator:
        return Outcome.MISSED
    return Outcome.UNDECIDED


def _repaired(times: OutageTimes, goal: Decimal, sums: Availability, *, measured: bool) -> Outcome:
    """A mean time to repair above its most is missed; without any outage it is met where seen."""
    if not measured:
        return Outcome.UNMEASURED
    if times.mttr_us is not None:
        return Outcome.MISSED if times.mttr_us > goal else Outcome.MET
    seen = sums.available_us + sums.unavailable_us
    return Outcome.MET if seen and not times.count else Outcome.UNDECIDED


def _budget(sought: _Sought, sums: Availability) -> ErrorBudget | None:
    if sought.objective.indicator != "availability" or sought.objective.ratio is None:
        return None
    return error_budget(sought.agreed, sums.base_us, sums.unavailable_us, sums.unseen_us)


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
            missed_us = counted_us(outages(_at_worst(sought, history)), longer_than_us)
        else:  # however it is cut into outages, all of it counts
            missed_us += sums.unseen_us
        worst = restitution(objective.restitution, fee, ratio, missed_us, sums.base_us)
    if seen is None or worst is None:
        return None
    return Owed(fee=fee, seen=seen, worst=worst)


def _at_worst(sought: _Sought, history: History) -> Iterator[Piece]:
    """The same time, had the service been down whenever nobody saw it."""
    counts = sought.objective.unreachable_counts
    for piece in pieces(history, sought.window, sought.owed_time, unreachable_counts=counts):
        if piece.standing is Standing.UNOBSERVED:
            yield piece._replace(standing=Standing.UNAVAILABLE, cause="")
        else:
            yield piece


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
