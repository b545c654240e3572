"""Who may connect to an address, and when."""

from hypothesis import given
from hypothesis import strategies as st

from checks.tls.turns import Door, Doors

SECOND = 1_000_000_000


class Crowd:
    """A visitor with questions; notes when it was let in."""

    def __init__(self, questions: int, at_once: int = 4, per_minute: int = 60) -> None:
        self.questions, self.at_once, self.per_minute = questions, at_once, per_minute
        self.turns: list[int] = []

    def eager(self) -> bool:
        return len(self.turns) < self.questions

    def proceed(self, now_ns: int) -> None:
        self.turns.append(now_ns)


@given(
    at_once=st.integers(1, 8),
    per_minute=st.integers(30, 300),
    steps=st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(0, 6)), max_size=60),
)
def test_a_door_keeps_its_bounds(
    at_once: int, per_minute: int, steps: list[tuple[int, int]]
) -> None:
    """Never more at once, and in no minute more than twice the bound: a burst, and the refill."""
    door, visitor = Door(), Crowd(10_000, at_once, per_minute)
    door.enter(visitor)
    now, ended = 0, 0
    for passed, over in steps:
        now += passed
        for _ in range(min(over, len(visitor.turns) - ended)):
            door.ended()
            ended += 1
        door.serve(now)
        assert len(visitor.turns) - ended <= at_once
        last_minute = [turn for turn in visitor.turns if turn > now - 60 * SECOND]
        assert len(last_minute) <= 2 * per_minute + 1


def test_a_burst_is_let_through_and_then_the_refill() -> None:
    """The whole bound at once when nobody came for a minute, then one each second."""
    door, visitor = Door(), Crowd(200, at_once=100, per_minute=60)
    door.enter(visitor)
    door.serve(0)
    assert len(visitor.turns) == 60
    door.serve(SECOND - 1)
    assert len(visitor.turns) == 60
    door.serve(SECOND)
    assert len(visitor.turns) == 61


def test_first_come_first_served() -> None:
    """A second visitor gets what the first leaves over."""
    door, one, two = Door(), Crowd(3), Crowd(3)
    door.enter(one)
    door.enter(two)
    door.serve(0)
    assert (len(one.turns), len(two.turns)) == (3, 1)


def test_a_server_that_minds_gets_half_as_many_until_a_calm_survey() -> None:
    """Failures of connections begun before the halving count once; one at least always passes."""
    door, visitor = Door(), Crowd(100, at_once=8, per_minute=6_000)
    door.enter(visitor)
    door.serve(0)
    assert len(visitor.turns) == 8
    for _ in range(8):
        door.ended()
    door.minds(0, SECOND)
    door.minds(0, SECOND)
    door.serve(2 * SECOND)
    assert len(visitor.turns) == 8 + 4
    for _ in range(10):
        door.minds(3 * SECOND, 3 * SECOND)
    for _ in range(4):
        door.ended()
    door.serve(4 * SECOND)
    assert len(visitor.turns) == 13
    door.ended()
    door.leave(visitor, calm=True)
    again = Crowd(100, at_once=8, per_minute=6_000)
    door.enter(again)
    door.serve(5 * SECOND)
    assert len(again.turns) == 1


def test_idle_doors_are_forgotten_and_busy_ones_kept() -> None:
    """However many addresses are seen, memory is bounded."""
    doors = Doors()
    kept = doors.of("192.0.2.1")
    kept.enter(Crowd(1))
    for number in range(6_000):
        doors.of(f"2001:db8::{number:x}")
    assert doors.of("192.0.2.1") is kept
    assert len(doors) < 6_000
