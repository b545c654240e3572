"""What an objective's window came to against its goal. Pure and exact.

A figure is an interval, from the worst case (what nobody saw was bad) to the best one (what nobody
saw is left out). An objective is met when the worst case meets it, missed when the best case
misses it, and undecided in between: nobody can say.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from monitor.accounting import ObjectiveTerms
from policies.availability import Availability, Piece
from policies.outages import OutageTimes, at_worst, outage_times, outages
from policies.probes import Probes


class Outcome(StrEnum):
    """What an objective's window came to."""

    MET = "met"
    MISSED = "missed"
    UNDECIDED = "undecided"
    UNMEASURED = "unmeasured"
    """Nothing of the target measures the objective."""


UNITS = {
    "mttr": "ms",
    "mtbf": "ms",
    "longest-outage": "ms",
    "outages": "count",
}
"""Units of goals, worst and best cases in JSON; of all other indicators: ratio."""


class Judged(NamedTuple):
    """Goal, worst and best case in one unit (a ratio, µs or a count), and what they come to.

    Of what is bounded from above the worst is the larger one.
    """

    goal: Decimal
    worst: Fraction | None
    best: Fraction | None
    outcome: Outcome


def unmeasured(objective: ObjectiveTerms) -> Judged:
    """Nothing of the target measures it."""
    return Judged(goal=goal_of(objective), worst=None, best=None, outcome=Outcome.UNMEASURED)


def goal_of(objective: ObjectiveTerms) -> Decimal:
    """What is to be reached, in the unit of the indicator."""
    if objective.indicator == "delay":
        return objective.percentile or Decimal(0)
    if objective.count is not None:
        return Decimal(objective.count)
    if objective.duration_us is not None:
        return Decimal(objective.duration_us)
    return objective.ratio or Decimal(0)


def judged(
    objective: ObjectiveTerms,
    sums: Availability,
    parts: Iterable[Piece],
    times: OutageTimes,
    probes: Probes | None,
) -> Judged:
    """What was seen, against the goal; `times` are the outages of `parts`."""
    goal = goal_of(objective)
    if objective.indicator in ("loss", "delay"):
        if probes is None:
            return unmeasured(objective)
        of = _lost if objective.indicator == "loss" else _timely
        return of(goal, sums, probes)
    if objective.indicator == "availability":
        worst = sums.worst
        return _at_least(goal, worst, sums.best if sums.unobserved_us else worst)
    seen = bool(sums.available_us + sums.unavailable_us)
    if objective.indicator == "mttr":
        return _repaired(goal, times, seen=seen)
    hidden = outages(at_worst(parts))
    least = outage_times(hidden, sums.available_us)
    if objective.indicator == "mtbf":
        return _between(goal, least.mtbf_us, times.mtbf_us, whole=seen and not least.count)
    if objective.indicator == "outages":
        return _at_most(goal, Fraction(least.count), Fraction(times.count), seen=seen)
    worst, best = _exact(least.longest_us), _exact(times.longest_us)
    return _at_most(goal, worst, best, seen=seen)


def _exact(us: int | None) -> Fraction | None:
    return None if us is None else Fraction(us)


def _between(
    goal: Decimal, worst: Fraction | None, best: Fraction | None, *, whole: bool
) -> Judged:
    """Time between failures, undefined without any; `whole`: none was seen and none can hide."""
    found = _at_least(goal, worst, best)
    return found._replace(outcome=Outcome.MET) if whole else found


def _at_least(goal: Decimal, worst: Fraction | None, best: Fraction | None) -> Judged:
    """A figure that must reach its goal."""
    least, of = goal.as_integer_ratio()
    outcome = Outcome.UNDECIDED
    # Denominators are positive: comparing products compares the fractions.
    if best is not None and best.numerator * of < least * best.denominator:
        outcome = Outcome.MISSED
    elif worst is not None and worst.numerator * of >= least * worst.denominator:
        outcome = Outcome.MET
    return Judged(goal=goal, worst=worst, best=best, outcome=outcome)


def _at_most(goal: Decimal, worst: Fraction | None, best: Fraction | None, *, seen: bool) -> Judged:
    """A figure that must not exceed its goal."""
    most = Fraction(goal)
    outcome = Outcome.UNDECIDED
    if best is not None and best > most:
        outcome = Outcome.MISSED
    elif seen and (worst is None or worst <= most):
        outcome = Outcome.MET
    return Judged(goal=goal, worst=worst, best=best, outcome=outcome)


def _repaired(goal: Decimal, times: OutageTimes, *, seen: bool) -> Judged:
    """A mean time to repair above its most is missed; without any outage it is met where seen."""
    mean = times.mttr_us
    if mean is not None:
        outcome = Outcome.MISSED if mean > goal else Outcome.MET
    else:
        outcome = Outcome.MET if seen and not times.count else Outcome.UNDECIDED
    return Judged(goal=goal, worst=mean, best=mean, outcome=outcome)


def _unseen(sums: Availability) -> Fraction:
    """In which part of the base no probe was sent."""
    silent_us = sums.base_us - sums.available_us
    return Fraction(silent_us, sums.base_us) if sums.base_us else Fraction(0)


def _lost(goal: Decimal, sums: Availability, probes: Probes) -> Judged:
    """Round-trip loss; at worst everything was lost while nobody looked."""
    best = Fraction(probes.sent - probes.received, probes.sent) if probes.sent else None
    unseen = _unseen(sums)
    worst = None
    if sums.base_us:
        worst = Fraction(1) if best is None else best * (1 - unseen) + unseen
    return _at_most(goal, worst, best, seen=best is not None)


def _timely(goal: Decimal, sums: Availability, probes: Probes) -> Judged:
    """The part of the probes that came back in time.

    A lost one has no delay: at best it is left out, at worst it came too late, as did all that
    nobody sent while nobody looked.
    """
    best = Fraction(probes.within, probes.received) if probes.received else None
    worst = None
    if sums.base_us:
        seen = Fraction(probes.within, probes.sent) if probes.sent else Fraction(0)
        worst = seen * (1 - _unseen(sums))
    return _at_least(goal, worst, best)
