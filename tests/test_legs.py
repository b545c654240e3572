"""The legs of a site as their newest observations show them."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.legs import LegPlan, Legs
from monitor.model import State
from monitor.sight import Look, Way

UP, DOWN, UNSEEN = State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED
S = 1_000_000_000


def legs_of(interval_s: int = 10) -> Legs:
    """A site with a link of one series and one of two."""
    plans = (
        LegPlan(link="fo", role="primary", series=(0,)),
        LegPlan(link="lte", role="backup", series=(1, 2)),
    )
    return Legs(plans={"office": plans}, intervals_ns=dict.fromkeys(range(3), interval_s * S))


def clear(link: str, since_ns: int) -> Look:
    """Every way works."""
    del link, since_ns
    return Look(way=Way.CLEAR)


def blocked(link: str, since_ns: int) -> Look:
    """No way works."""
    del link, since_ns
    return Look(way=Way.BLOCKED)


def unknown(link: str, since_ns: int) -> Look:
    """Nobody looked at the parent yet."""
    del link, since_ns
    return Look(way=Way.UNKNOWN, ask=("core",))


def test_a_turn_is_told_once() -> None:
    """Only the first of several equal observations has the site looked at."""
    legs = legs_of()
    told = [legs.note(0, state, at * S) for at, state in enumerate([UP, UP, DOWN, DOWN, UP])]
    assert told == ["office", None, "office", None, "office"]
    assert legs.note(7, UP, S) is None


def test_an_observation_holds_for_one_and_a_half_intervals() -> None:
    """After that the leg is unobserved, and being seen again is a turn."""
    legs = legs_of()
    legs.note(0, UP, 0)
    assert legs.look("office", 15 * S, clear).states[0] is UP
    assert legs.look("office", 15 * S + 1, clear).states[0] is UNSEEN
    assert legs.note(0, UP, 16 * S) == "office"
    assert legs.look("office", 16 * S, clear).legs[0].since_ns == 16 * S


def test_an_older_observation_changes_nothing() -> None:
    """What comes late is not the newest."""
    legs = legs_of()
    legs.note(0, DOWN, 5 * S)
    assert legs.note(0, UP, 5 * S) is None
    assert legs.look("office", 6 * S, clear).states[0] is DOWN


def test_a_leg_is_alive_when_any_series_is_and_down_when_all_are() -> None:
    """One family that answers is enough; one that nobody saw yet leaves it open."""
    legs = legs_of()
    legs.note(1, DOWN, S)
    assert legs.look("office", 2 * S, clear).states[1] is UNSEEN
    legs.note(2, DOWN, 2 * S)
    assert legs.look("office", 2 * S, clear).legs[1].since_ns == 2 * S
    assert legs.look("office", 2 * S, clear).states[1] is DOWN
    legs.note(1, UP, 3 * S)
    assert legs.look("office", 3 * S, clear).states[1] is UP


def test_a_family_without_an_address_says_nothing() -> None:
    """A link whose name has no address of one family is judged by the other, until it has."""
    legs = legs_of()
    legs.note(1, DOWN, S)
    legs.note_absent(2)
    assert legs.look("office", 2 * S, clear).states[1] is DOWN
    legs.note(2, UP, 3 * S)
    assert legs.look("office", 3 * S, clear).states[1] is UP


def test_unreachable_is_not_down() -> None:
    """While no way to a leg is known to work it is unseen, and whom to ask is said."""
    legs = legs_of()
    legs.note(0, DOWN, S)
    first = legs.look("office", 2 * S, unknown)
    assert (first.states[0], first.ask) == (UNSEEN, ("core",))
    assert legs.look("office", 3 * S, clear).legs[0].since_ns == S


def test_a_pending_site_is_due_when_its_way_is_known() -> None:
    """It is named when the legs stand otherwise, until it was observed; looking alone is none."""
    legs = legs_of()
    legs.note(0, DOWN, S)
    legs.observed("office", legs.look("office", 2 * S, unknown))
    assert list(legs.due(3 * S, unknown)) == []
    legs.look("office", 4 * S, clear)
    assert list(legs.due(4 * S, clear)) == ["office"]
    legs.observed("office", legs.look("office", 5 * S, clear))
    assert list(legs.due(5 * S, clear)) == []


def test_behind_a_dead_parent_only_a_later_observation_accuses() -> None:
    """After its ways were blocked a leg must be seen down once they are clear, and is down then."""
    legs = legs_of()
    legs.note(0, DOWN, S)
    assert legs.look("office", 2 * S, blocked).states[0] is UNSEEN
    legs.note(0, DOWN, 3 * S)  # the parent was still down then
    assert legs.look("office", 4 * S, clear).states[0] is UNSEEN
    legs.note(0, DOWN, 5 * S)
    found = legs.look("office", 6 * S, clear).legs[0]
    assert (found.state, found.since_ns) == (DOWN, 4 * S)
    assert legs.look("office", 7 * S, blocked).states[0] is UNSEEN
    legs.note(0, UP, 8 * S)
    legs.note(0, DOWN, 9 * S)
    assert legs.look("office", 9 * S, clear).states[0] is UNSEEN
    legs.note(0, UP, 10 * S)
    assert legs.look("office", 10 * S, clear).states[0] is UP
    legs.note(0, DOWN, 11 * S)
    assert legs.look("office", 11 * S, clear).states[0] is DOWN


def test_a_site_nobody_planned_has_no_legs() -> None:
    """Empty, and nothing is asked."""
    assert legs_of().look("square", S, unknown).legs == ()


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(State), st.integers(1, 4)), max_size=30),
    st.integers(0, 40),
)
def test_the_state_is_that_of_the_newest_observations_that_hold(
    history: list[tuple[int, State, int]], later_s: int
) -> None:
    """Whatever came, a leg says what its series' newest observations say, while they hold."""
    legs, newest, at = legs_of(), dict[int, tuple[State, int]](), 0
    for number, state, step in history:
        at += step
        legs.note(number, state, at * S)
        newest[number] = (state, at)
    now = at + later_s
    held = {n: state if now <= t + 15 else UNSEEN for n, (state, t) in newest.items()}
    pair = [held.get(1, UNSEEN), held.get(2, UNSEEN)]
    both = UP if UP in pair else (DOWN if pair == [DOWN, DOWN] else UNSEEN)
    assert legs.look("office", now * S, clear).states == (held.get(0, UNSEEN), both)
