"""N-of-M confirmation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.confirm import WIDEST, Confirm, Confirmation, Quorum, Transition, parse_quorum

USUAL = Confirm(open=Quorum(2, 3), close=Quorum(2, 2))


def run(outcomes: str, confirm: Confirm = USUAL) -> list[Transition]:
    """The transitions of a sequence of V(iolated), C(ompliant); time is the position."""
    value, moved = Confirmation(), []
    for at_us, outcome in enumerate(outcomes):
        value, transition = value.step(outcome == "V", at_us, confirm)
        moved += [transition] if transition else []
    return moved


@pytest.mark.parametrize(
    ("outcomes", "moves"),
    [
        ("V", []),
        ("VV", [(True, 0, 1)]),
        ("VCV", [(True, 0, 2)]),
        ("VCCV", []),
        ("VCCVV", [(True, 3, 4)]),
        ("VVC", [(True, 0, 1)]),
        ("VVCC", [(True, 0, 1), (False, 2, 3)]),
        ("VVCVCC", [(True, 0, 1), (False, 4, 5)]),
        ("VVCCV", [(True, 0, 1), (False, 2, 3)]),
    ],
)
def test_sequences(outcomes: str, moves: list[tuple[bool, int, int]]) -> None:
    """An incident opens on 2 of 3 violated and closes on 2 of 2 compliant observations."""
    assert [(m.opened, m.since_us, m.at_us) for m in run(outcomes)] == moves


def test_compliance_costs_nothing() -> None:
    """While all is well the value stays the very same."""
    quiet = Confirmation()
    assert quiet.step(False, 1, USUAL) == (quiet, None)
    assert quiet.step(False, 1, USUAL)[0] is quiet


QUORUMS = st.integers(1, 6).flatmap(
    lambda of: st.integers(1, of).map(lambda need: Quorum(need, of))
)


@given(st.lists(st.booleans(), max_size=40), QUORUMS, QUORUMS)
def test_agrees_with_counting(outcomes: list[bool], opening: Quorum, closing: Quorum) -> None:
    """The window gives what counting the last M observations since the last move gives."""
    value, standing, since = Confirmation(), False, 0
    for index, violated in enumerate(outcomes):
        value, moved = value.step(violated, index, Confirm(open=opening, close=closing))
        quorum = closing if standing else opening
        seen = outcomes[max(since, index + 1 - quorum.of) : index + 1]
        expected = sum(outcome != standing for outcome in seen) >= quorum.need
        assert (moved is not None) == expected
        if expected:
            standing, since = not standing, index + 1
        assert value.standing == standing
        assert len(value.recent) <= max(opening.of, closing.of)


@pytest.mark.parametrize("text", ["0/1", "3/2", "1", "1/61", "a/b", "-1/2", ""])
def test_bad_quorums(text: str) -> None:
    """A quorum that can never be reached, or always is, is refused."""
    with pytest.raises(ValueError, match=rf"N ≤ M ≤ {WIDEST}"):
        parse_quorum(text)
