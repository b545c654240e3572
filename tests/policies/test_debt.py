"""Redundancy debt, against an evaluator that asks for every single µs."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import State
from monitor.redundancy import Redundancy, leg_state, redundancy_of
from policies.debt import RedundancyTime, Span, leg_spans, redundancy_debt, unseen_while

UP, DOWN, UNSEEN = State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED
LONGEST = 40


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Spans of one leg in any order, without overlap, with holes, some beyond the window."""
    edges = sorted(draw(st.sets(st.integers(-5, LONGEST + 5), max_size=12)))
    made = [
        Span(started_us=a, ended_us=b, state=draw(st.sampled_from(State)))
        for a, b in pairwise(edges)
        if draw(st.booleans())
    ]
    return list(draw(st.permutations(made)))


legs_of = st.dictionaries(st.sampled_from("abcd"), spans(), min_size=1)
windows = st.tuples(st.integers(0, LONGEST), st.integers(0, LONGEST)).map(
    lambda pair: (min(pair), max(pair))
)


def at(track: Sequence[Span], moment: int) -> State:
    """The state at one moment, by looking at every span."""
    found = [s.state for s in track if s.started_us <= moment < s.ended_us]
    return found[0] if found else UNSEEN


def asked_each_moment(legs: Mapping[str, list[Span]], window: tuple[int, int]) -> RedundancyTime:
    """The same figures, one µs at a time."""
    seen = [tuple(at(track, t) for track in legs.values()) for t in range(*window)]
    count = {kind: sum(redundancy_of(one) is kind for one in seen) for kind in Redundancy}
    alone = [one for one in seen if len(one) > 1 and one.count(UP) == 1]
    return RedundancyTime(
        debt_us=count[Redundancy.DEBT],
        single_us=sum(one.count(DOWN) == len(one) - 1 for one in alone),
        whole_us=count[Redundancy.WHOLE],
        outage_us=count[Redundancy.OUTAGE],
        undecided_us=count[Redundancy.UNDECIDED],
    )


@given(legs=legs_of, window=windows)
def test_the_figures_are_those_of_every_single_moment(
    legs: dict[str, list[Span]], window: tuple[int, int]
) -> None:
    """Debt, whole, outage and undecided agree with brute force and add up to the window."""
    found = redundancy_debt(legs, window)
    assert found == asked_each_moment(legs, window)
    total = found.debt_us + found.whole_us + found.outage_us + found.undecided_us
    assert total == window[1] - window[0]
    assert 0 <= found.single_us <= found.debt_us


@given(legs=legs_of, window=windows, cut=st.integers(0, LONGEST))
def test_a_window_cut_in_two_gives_the_same_sums(
    legs: dict[str, list[Span]], window: tuple[int, int], cut: int
) -> None:
    """No time counts twice and none is lost where two windows meet."""
    middle = min(max(cut, window[0]), window[1])
    whole = redundancy_debt(legs, window)
    parts = [redundancy_debt(legs, part) for part in ((window[0], middle), (middle, window[1]))]
    for name in RedundancyTime.__slots__:
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts)


@given(series=st.lists(spans(), min_size=1, max_size=3), window=windows)
def test_a_leg_of_several_series_is_what_they_come_to_at_each_moment(
    series: list[list[Span]], window: tuple[int, int]
) -> None:
    """A leg's spans say at every moment what its series together say."""
    leg = leg_spans(series, window)
    for t in range(*window):
        assert at(leg, t) is leg_state([at(one, t) for one in series])


@given(leg=spans(), hidden=spans(), window=windows)
def test_what_was_hidden_is_unseen_where_it_looked_down(
    leg: list[Span], hidden: list[Span], window: tuple[int, int]
) -> None:
    """Only unavailable time is taken back, and only while the leg was hidden."""
    masked = unseen_while(leg, hidden, window)
    for t in range(*window):
        over = any(s.started_us <= t < s.ended_us for s in hidden)
        own = at(leg, t)
        assert at(masked, t) is (UNSEEN if over and own is DOWN else own)


def test_an_outage_is_no_debt() -> None:
    """Of an hour with the primary down for 20 min, 5 of them both, 15 are debt and 5 an outage."""
    minute = 60_000_000
    legs = {
        "fo": [_span(0, 10, UP), _span(10, 30, DOWN), _span(30, 60, UP)],
        "lte": [_span(0, 20, UP), _span(20, 25, DOWN), _span(25, 60, UP)],
    }
    assert redundancy_debt(legs, (0, 60 * minute)) == RedundancyTime(
        debt_us=15 * minute,
        single_us=15 * minute,
        whole_us=40 * minute,
        outage_us=5 * minute,
        undecided_us=0,
    )


def test_a_window_backwards_is_refused() -> None:
    """A window that ends before its start would give negative time."""
    with pytest.raises(ValueError, match="before its start"):
        redundancy_debt({}, (2, 1))


def _span(first_min: int, last_min: int, state: State) -> Span:
    return Span(started_us=first_min * 60_000_000, ended_us=last_min * 60_000_000, state=state)
