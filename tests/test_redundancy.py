"""What the states of a site's legs come to, tried for every combination of up to four legs."""

from itertools import product

import pytest

from monitor.model import State
from monitor.redundancy import Redundancy, leg_state, redundancy_of, single_leg, up

UP, DOWN, UNSEEN = State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED
EVERY = [legs for count in range(1, 5) for legs in product(State, repeat=count)]


def worlds(legs: tuple[State, ...]) -> list[tuple[State, ...]]:
    """Every way in which the unseen legs may really be."""
    return list(product(*((UP, DOWN) if leg is UNSEEN else (leg,) for leg in legs)))


def agreed(answers: set[bool]) -> bool | None:
    """What holds in every world, or nothing."""
    return answers.pop() if len(answers) == 1 else None


@pytest.mark.parametrize("legs", EVERY, ids=lambda legs: "".join(str(int(leg)) for leg in legs))
def test_it_says_just_what_holds_however_the_unseen_legs_are(legs: tuple[State, ...]) -> None:
    """Up, single leg and redundancy are decided exactly when every possible world agrees."""
    possible = worlds(legs)
    assert up(legs) is agreed({UP in world for world in possible})
    if len(legs) > 1:
        assert single_leg(legs) is agreed({world.count(UP) == 1 for world in possible})
    answers = {
        Redundancy.WHOLE
        if DOWN not in world
        else (Redundancy.DEBT if UP in world else Redundancy.OUTAGE)
        for world in possible
    }
    expected = answers.pop() if len(answers) == 1 else Redundancy.UNDECIDED
    assert redundancy_of(legs) is expected


def test_a_site_without_legs_is_undecided() -> None:
    """Empty is neither whole nor out."""
    assert redundancy_of(()) is Redundancy.UNDECIDED
    assert up(()) is None


def test_one_leg_alone_is_never_a_single_leg() -> None:
    """Who has only one leg has lost none."""
    assert single_leg((UP,)) is False


@pytest.mark.parametrize(
    ("series", "state"),
    [
        ((UP, DOWN), UP),
        ((DOWN, DOWN), DOWN),
        ((DOWN, UNSEEN), UNSEEN),
        ((UNSEEN, UP), UP),
        ((), UNSEEN),
    ],
)
def test_a_leg_is_down_only_when_all_of_its_series_are(
    series: tuple[State, ...], state: State
) -> None:
    """One family that works is enough; one that nobody saw leaves it open."""
    assert leg_state(series) is state
