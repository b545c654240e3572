"""Restitution, error budgets and loss-based availability."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import State
from policies.budget import BURN_ALARMS, DAY_US, HOUR_US, ErrorBudget, burn_rate
from policies.debt import Span
from policies.loss_time import loss_spans
from policies.restitution import Formula, Rounding, Terms, restitution, rounded

MODES: dict[Rounding, str] = {
    "half-up": ROUND_HALF_UP,
    "half-even": ROUND_HALF_EVEN,
    "down": ROUND_DOWN,
    "up": ROUND_UP,
}


@pytest.mark.parametrize(
    ("formula", "amount"),
    [
        ("downtime-over-target", "111669.46"),
        ("shortfall", "61111.11"),
        ("pro-rata", "111111.11"),
    ],
)
def test_the_worked_example_is_right_to_the_cent(formula: Formula, amount: str) -> None:
    """Rp10,000,000, 720 h, 8 h unavailable, 99.5 %: the three sums of the contract practice."""
    owed = restitution(
        Terms(formula=formula), Decimal(10_000_000), Decimal("0.995"), 8 * HOUR_US, 720 * HOUR_US
    )
    assert owed is not None
    assert owed.amount == Decimal(amount)
    assert not owed.capped


def amount(terms: Terms, target: str, missed: int) -> Decimal:
    """What is owed of 1,000 for so much of 100."""
    owed = restitution(terms, Decimal(1_000), Decimal(target), missed, 100)
    assert owed is not None
    return owed.amount


def test_nothing_is_owed_at_the_target_and_no_more_than_the_cap() -> None:
    """At the target exactly nothing is owed; below it the cap bounds what is."""
    plain = Terms(formula="pro-rata")
    assert (amount(plain, "0.9", 10), amount(plain, "0.9", 11)) == (0, 110)
    assert amount(Terms(formula="pro-rata", only_below_target=False), "0.9", 10) == 100
    capped = restitution(Terms(cap=Decimal("0.3")), Decimal(1_000), Decimal("0.5"), 90, 100)
    assert capped is not None
    assert (capped.amount, capped.capped) == (300, True)
    assert restitution(plain, Decimal(1_000), Decimal("0.9"), 0, 0) is None


def test_more_unavailable_time_than_there_was_is_refused() -> None:
    """Such a figure is an error of the caller, not a larger debt; and so are impossible terms."""
    for missed, target, fee in ((-1, 1, 1), (101, 1, 1), (1, 0, 1), (1, 2, 1), (1, 1, -1)):
        with pytest.raises(ValueError, match=r"unavailable|is none"):
            restitution(Terms(), Decimal(fee), Decimal(target), missed, 100)
    for bad in ({"step": Decimal(0)}, {"cap": Decimal(-1)}):
        with pytest.raises(ValueError, match="step"):
            Terms(**bad)


SHARES = st.decimals("0.001", 1, places=3)


@given(
    st.builds(
        Terms,
        formula=st.sampled_from(["downtime-over-target", "shortfall", "pro-rata"]),
        only_below_target=st.booleans(),
        cap=st.decimals(0, 1, places=2),
    ),
    st.decimals(0, 10**9, places=2),
    SHARES,
    st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)),
)
def test_restitution_is_the_formula_in_fractions(
    terms: Terms, fee: Decimal, target: Decimal, times: tuple[int, int]
) -> None:
    """X·Y / (Z·S), (S - (1 - Y/Z))·X and X·Y / Z, bounded by nothing and by the cap."""
    missed_us, base_us = min(times), max(times)
    x, s, y = Fraction(fee), Fraction(target), Fraction(missed_us, base_us)
    owed = {
        "downtime-over-target": x * y / s,
        "shortfall": max(Fraction(0), (s - (1 - y)) * x),
        "pro-rata": x * y,
    }[terms.formula]
    if terms.only_below_target and 1 - y >= s:
        owed = Fraction(0)
    most = x * Fraction(terms.cap)
    found = restitution(terms, fee, target, missed_us, base_us)
    assert found is not None
    assert (found.exact, found.capped) == (min(owed, most), owed > most)
    assert found.amount == rounded(found.exact, terms.step, terms.rounding)


@given(
    st.fractions(min_value=0, max_value=10**12, max_denominator=10**6),
    st.sampled_from(["0.01", "1", "100", "0.05"]),
    st.sampled_from(list(MODES)),
)
def test_rounding_is_that_of_long_decimals(exact: Fraction, step: str, mode: Rounding) -> None:
    """Rounding from the exact fraction agrees with a division of 60 digits."""
    with localcontext() as context:
        context.prec = 60
        steps = Decimal(exact.numerator) / Decimal(exact.denominator) / Decimal(step)
        near = steps.quantize(Decimal(1), rounding=MODES[mode])
        expected = near * Decimal(step)
        assert rounded(exact, Decimal(step), mode) == expected


def test_a_budget_counts_what_was_seen_and_what_was_not() -> None:
    """30 days at 99.5 % allow 3.6 h; unobserved time may have spent some of what is left."""
    budget = ErrorBudget(
        agreed=Fraction(995, 1000), base_us=30 * DAY_US, spent_us=HOUR_US, unseen_us=2 * HOUR_US
    )
    assert budget.allowed_us == Fraction(36, 10) * HOUR_US
    assert budget.spent == Fraction(10, 36)
    assert budget.left_us == Fraction(26, 10) * HOUR_US
    assert budget.left_at_worst_us == Fraction(6, 10) * HOUR_US
    none = ErrorBudget(agreed=Fraction(1), base_us=DAY_US, spent_us=1, unseen_us=0)
    assert none.spent is None


def test_burn_alarms_have_the_published_rates() -> None:
    """2 % in 1 h, 5 % in 6 h, 10 % in 1 d and in 3 d are 14.4, 6, 3 and 1 times too fast."""
    assert [alarm.rate for alarm in BURN_ALARMS] == [Fraction(72, 5), 6, 3, 1]
    target = Fraction(999, 1000)
    burning = burn_rate(target, HOUR_US - HOUR_US // 50, HOUR_US // 50)
    assert burning == 20
    assert BURN_ALARMS[0].tells(burning, burning)
    assert not BURN_ALARMS[0].tells(burning, Fraction(14))
    assert not BURN_ALARMS[0].tells(burning, None)
    assert burn_rate(target, 0, 0) is None
    assert burn_rate(Fraction(1), 1, 1) is None


seen = st.lists(
    st.tuples(st.integers(-10, 70), st.integers(0, 5), st.integers(0, 5)).map(
        lambda s: (s[0], s[1], min(s[1], s[2]))
    ),
    max_size=30,
)


@given(seen, st.integers(0, 60), st.integers(1, 25), st.fractions(0, 1, max_denominator=20))
def test_loss_is_judged_block_by_block(
    observed: list[tuple[int, int, int]], end: int, block: int, most: Fraction
) -> None:
    """Each block's state is that of its own singletons: more lost than c1, or not, or none sent."""
    columns = [np.array([row[n] for row in observed], np.int64) for n in range(3)]
    found = loss_spans(*columns, (0, end), block, most)

    def at(moment: int) -> State:
        of_block = [row for row in observed if row[0] // block == moment // block and row[0] < end]
        of_block = [row for row in of_block if row[0] >= 0]
        sent = sum(row[1] for row in of_block)
        if not sent:
            return State.UNOBSERVED
        lost = sent - sum(row[2] for row in of_block)
        return State.UNAVAILABLE if Fraction(lost, sent) > most else State.AVAILABLE

    told = [span.state for span in found for _ in range(span.ended_us - span.started_us)]
    assert told == [at(moment) for moment in range(end)]
    assert all(isinstance(span, Span) and span.started_us < span.ended_us for span in found)
