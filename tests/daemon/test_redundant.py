"""What `now` says of redundant sites, from intervals that a test lays down."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitor.daemon.redundant import Month, Site, month_of, site_shown, stored_legs, stored_of
from monitor.derive import Fold, IntervalRow, LabelRow
from monitor.ledger.entry import LabelSet
from monitor.legs import LegPlan
from monitor.model import State

UP, DOWN, UNSEEN = State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED
S = 1_000_000
PLANS = (
    LegPlan(link="fo", role="primary", series=(0,)),
    LegPlan(link="lte", role="backup", series=(1, 2)),
)
MONTH = Month(name="2026-11", started_us=0, now_us=100 * S)


def shown(
    fold: Fold, closed: Sequence[IntervalRow] = (), labels: Sequence[LabelRow] = ()
) -> dict[str, float]:
    """The month of a site with two legs, in seconds."""
    legs = [leg for leg, _ in stored_legs(PLANS, fold, MONTH.now_us)]
    site = Site(
        key="office", name="Office", plans=PLANS, legs=legs, legs_since=[0, 0], shared_hops=None
    )
    told = site_shown(site, {}, fold, stored_of(closed, labels), MONTH)["month"]
    return {name: value / 1_000 for name, value in told.items() if name != "period" and value}


def interval(series: int, start_s: int, end_s: int, state: State) -> IntervalRow:
    """A closed interval."""
    return IntervalRow(series=series, started_us=start_s * S, ended_us=end_s * S, state=int(state))


def fold_of(*now: tuple[State, int, int] | None) -> Fold:
    """A fold whose series have a state since then and until then; None: never seen."""
    fold = Fold()
    fold.count = len(now)
    rows = [(int(one[0]), one[1] * S, one[1] * S, one[2] * S) if one else None for one in now]
    never = (0, 0, -(1 << 62), -(1 << 62))
    columns = np.array([row or never for row in rows], np.int64)
    names = ("state", "since_us", "last_us", "until_us")
    fold.columns = {name: columns[:, at] for at, name in enumerate(names)}
    return fold


def test_debt_comes_from_closed_and_open_intervals() -> None:
    """The primary was down from 20 to 30 and is down since 90; the backup was always up."""
    fold = fold_of((DOWN, 90, 120), (UP, 0, 120), None)
    closed = [interval(0, 0, 20, UP), interval(0, 20, 30, DOWN), interval(0, 30, 90, UP)]
    assert shown(fold, closed) == {"debt_ms": 20, "single_leg_ms": 20, "whole_ms": 80}


def test_what_the_fold_does_not_know_yet_counts_once() -> None:
    """Intervals that were closed after the fold was taken lie within its open one."""
    fold = fold_of((UP, 30, 120), (UP, 0, 120), None)
    closed = [interval(0, 0, 30, DOWN), interval(0, 30, 80, UP), interval(0, 80, 95, DOWN)]
    assert shown(fold, closed) == {"debt_ms": 30, "single_leg_ms": 30, "whole_ms": 70}


def test_unreachable_time_is_no_debt() -> None:
    """While every way to the primary was down nobody knows whether it was."""
    fold = fold_of((DOWN, 10, 120), (UP, 0, 120), None)
    labels = [
        LabelRow(id=1, label="unreachable", target="fo", cause="core", since_us=since * S,
                 until_us=until and until * S)
        for since, until in ((10, 30), (20, 40), (90, None))
    ]  # fmt: skip
    closed = [interval(0, 0, 10, UP)]
    told = shown(fold, closed, labels)
    assert told == {
        "debt_ms": 50,
        "single_leg_ms": 50,
        "whole_ms": 10,
        "undecided_ms": 40,
    }


def test_what_was_not_observed_is_undecided_and_an_outage_is_none() -> None:
    """The agent began at 50; from 70 both legs are down; from 90 nothing is covered."""
    fold = fold_of((DOWN, 60, 90), (DOWN, 70, 90), None)
    closed = [interval(0, 50, 60, UP), interval(1, 50, 70, UP)]
    assert shown(fold, closed) == {
        "undecided_ms": 60,
        "whole_ms": 10,
        "debt_ms": 10,
        "single_leg_ms": 10,
        "outage_ms": 20,
    }


def test_a_family_that_was_never_seen_says_nothing() -> None:
    """A link is judged by the family that its name has an address of; with both by both."""
    closed = [interval(0, 0, 50, UP)]
    one = fold_of((UP, 50, 120), (DOWN, 0, 120), None)
    assert shown(one, closed) == {"debt_ms": 100, "single_leg_ms": 100}
    both = fold_of((UP, 50, 120), (DOWN, 0, 120), (UP, 0, 120))
    assert shown(both, closed) == {"whole_ms": 100}


def test_the_states_of_the_store_hold_as_long_as_they_were_covered() -> None:
    """An older observation is no state of now."""
    fold = fold_of((DOWN, 60, 90), (UP, 70, 120), None)
    legs = stored_legs(PLANS, fold, 100 * S)
    assert [(leg.state, since) for leg, since in legs] == [(UNSEEN, 0), (UP, 70 * S)]


def test_a_site_shows_its_legs_and_its_label() -> None:
    """The label says since when it is on one leg; a month that could not be read is null."""
    fold = fold_of((DOWN, 60, 120), (UP, 70, 120), None)
    found = stored_legs(PLANS, fold, 100 * S)
    site = Site(
        key="office",
        name="Office",
        plans=PLANS,
        legs=[leg for leg, _ in found],
        legs_since=[since for _, since in found],
        shared_hops=("198.51.100.9",),
    )
    label = LabelSet(
        label="single-leg", target="office", cause="fo", since_us=60 * S, until_us=None
    )
    told = site_shown(site, {("single-leg", "office"): label}, fold, None, MONTH)
    assert (told["configured"], told["alive"], told["month"]) == (2, 1, None)
    assert told["single_leg_since"] == told["legs"][0]["since"] == "1970-01-01T00:01:00.000000Z"
    assert told["shared_hops"] == ["198.51.100.9"]


@pytest.mark.parametrize(
    ("now", "name", "started"),
    [
        # 2026-11-30 16:00 UTC is midnight of December 1 in Kupang (UTC+8).
        (1_796_054_400, "2026-12", 1_796_054_400),
        (1_796_054_399, "2026-11", 1_793_462_400),
    ],
)
def test_a_month_begins_in_the_citys_zone(now: int, name: str, started: int) -> None:
    """The zone cuts it, not UTC."""
    month = month_of(now * S, ZoneInfo("Asia/Makassar"))
    assert (month.name, month.started_us) == (name, started * S)
