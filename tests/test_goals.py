"""What a window comes to against a goal, where nobody looked."""

from decimal import Decimal
from fractions import Fraction

import pytest

from monitor.accounting import ObjectiveTerms
from monitor.goals import Judged, Outcome, judged
from monitor.model import State
from policies.availability import History, availability, pieces
from policies.debt import Span
from policies.outages import outage_times, outages

DAY = (0, 86_400_000_000)
HOUR_US = 3_600_000_000
RATIO = Decimal("0.99")
GOALS: dict[str, int] = {
    "outages": 3,
    "longest-outage": 48 * HOUR_US,
    "mttr": HOUR_US,
    "mtbf": HOUR_US,
}


def came(indicator: str, *track: Span) -> Judged:
    """A generous goal for the day, after these spans of its one series."""
    goal = GOALS.get(indicator)
    terms = ObjectiveTerms(
        policy="p",
        id="o",
        title={},
        indicator=indicator,
        measured_by=("r",),
        targets=("t",),
        calendar="month",
        timezone="Asia/Makassar",
        ratio=RATIO if goal is None else None,
        duration_us=None if indicator == "outages" else goal,
        unreachable_counts=False,
        loss=None,
        service_hours=(),
        restitution=None,
        count=goal if indicator == "outages" else None,
    )
    parts = list(pieces(History(series=[track]), DAY))
    sums = availability(parts)
    return judged(terms, sums, parts, outage_times(outages(parts), sums.available_us), None)


@pytest.mark.parametrize("indicator", GOALS)
def test_of_a_day_that_nobody_saw_no_goal_is_met_and_none_missed(indicator: str) -> None:
    """However generous the goal is: an agent that was off proves nothing."""
    found = came(indicator)
    assert found.outcome is Outcome.UNDECIDED


@pytest.mark.parametrize("indicator", GOALS)
def test_of_a_day_without_outage_that_was_seen_whole_each_goal_is_met(indicator: str) -> None:
    """The same goals, looked at."""
    assert came(indicator, Span(0, DAY[1], State.AVAILABLE)).outcome is Outcome.MET


@pytest.mark.parametrize(
    ("up", "down", "worst", "best", "outcome"),
    [
        (24, 0, Fraction(1), Fraction(1), Outcome.MET),
        (12, 0, Fraction(1, 2), Fraction(1), Outcome.UNDECIDED),
        (12, 3, Fraction(1, 2), Fraction(4, 5), Outcome.MISSED),
        (0, 0, Fraction(0), None, Outcome.UNDECIDED),
    ],
)
def test_availability_is_between_what_nobody_saw_and_what_was_seen(
    up: int, down: int, worst: Fraction, best: Fraction | None, outcome: Outcome
) -> None:
    """Unseen hours count as down at worst and not at all at best; of nothing seen, best is none."""
    ended = up * HOUR_US
    track = (
        Span(0, ended, State.AVAILABLE),
        Span(ended, ended + down * HOUR_US, State.UNAVAILABLE),
    )
    found = came("availability", *track)
    assert (found.worst, found.best, found.outcome) == (worst, best, outcome)
