"""The histogram of lateness."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.lateness import MINUTE_NS, Histogram, LatenessLog


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99])
)
def test_quantiles_are_told_at_most_five_percent_high(values: list[int], fraction: float) -> None:
    """A quantile is never below the true one, and at most a bucket's width above it."""
    histogram = Histogram()
    histogram.add(np.array(values, np.int64))
    true_ns = sorted(values)[max(1, int(np.ceil(fraction * len(values)))) - 1]
    told_ms = histogram.quantile_ms(fraction)
    assert told_ms >= true_ns / 1e6 * (1 - 1e-9)
    assert told_ms <= max(true_ns, 1_000) / 1e6 * 1.0443


def test_nothing_counted_is_zero() -> None:
    """An empty histogram says zero, not an error."""
    assert Histogram().lateness().count == 0
    assert Histogram().quantile_ms(0.99) == 0.0


def test_the_last_full_minute_is_kept_apart() -> None:
    """A minute's figures appear when it is over and give way to an empty minute's."""
    log = LatenessLog()
    log.add(np.array([2_000_000]), 0)
    assert log.last_minute.count == 0
    log.add(np.array([], np.int64), MINUTE_NS)
    assert (log.last_minute.count, log.last_minute.max_ms) == (1, 2.0)
    log.add(np.array([], np.int64), 3 * MINUTE_NS)
    assert (log.last_minute.count, log.total().count) == (0, 1)
