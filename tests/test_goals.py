"""What a window comes to against a goal, where nobody looked."""

import pytest

from monitor.accounting import ObjectiveTerms
from monitor.goals import Judged, Outcome, judged
from monitor.model import State
from policies.availability import History, availability, pieces
from policies.debt import Span
from policies.outages import outage_times, outages

DAY = (0, 86_400_000_000)
HOUR_US = 3_600_000_000
GOALS: dict[str, int] = {
    "outages": 3,
    "longest-outage": 48 * HOUR_US,
    "mttr": HOUR_US,
    "mtbf": HOUR_US,
}


def came(indicator: str, *track: Span) -> Judged:
    """A generous goal for the day, after these spans of its one series."""
    goal = GOALS[indicator]
    terms = ObjectiveTerms(
        policy="p",
        id="o",
        title={},
        indicator=indicator,
        measured_by=("r",),
        targets=("t",),
        calendar="month",
        timezone="Asia/Makassar",
        ratio=None,
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
