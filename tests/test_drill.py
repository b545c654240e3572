"""The arithmetic of a drill: gaps and their bounds, paths, outcomes, the record."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.drill import (
    SPACING_US,
    Fate,
    Outcome,
    PathSeen,
    Singleton,
    figures_of,
    gaps_of,
    path_after,
    path_returned,
    same_path,
)
from monitor.drill_record import DrillRecordError, from_record, to_record
from monitor.ledger.wire import encode

S = SPACING_US


def spelled(fates: str) -> tuple[Singleton, ...]:
    """One singleton a letter, each sent when due: + answered, - lost, ? unmeasured."""
    kinds = {"+": Fate.ANSWERED, "-": Fate.LOST, "?": Fate.UNMEASURED}
    return tuple(
        Singleton(number=n, sent_us=n * S, fate=kinds[one], delay_us=1_000 if one == "+" else None)
        for n, one in enumerate(fates)
    )


@pytest.mark.parametrize(
    ("fates", "gaps"),
    [
        ("", []),
        ("+++", []),
        ("++--++", [(2, 4, 2, 0, 1, 3)]),
        ("+-+", [(1, 2, 1, 0, 0, 2)]),
        ("+-+-+", [(1, 2, 1, 0, 0, 2), (3, 4, 1, 0, 0, 2)]),
        ("--++", [(0, 2, 2, 0, 1, None)]),
        ("++--", [(2, None, 2, 0, 1, None)]),
        ("---", [(0, None, 3, 0, 2, None)]),
        ("+??+", []),
        ("+?-?-?+", [(2, 6, 2, 3, 2, 6)]),
        ("?-+", [(1, 2, 1, 1, 0, None)]),
    ],
)
def test_gaps_and_their_bounds(fates: str, gaps: list[tuple[int | None, ...]]) -> None:
    """First lost, first answered after, counts, and both bounds, in spacings."""
    found = [
        (g.since_us, g.until_us, g.lost, g.unmeasured, g.least_us, g.most_us)
        for g in gaps_of(spelled(fates))
    ]
    assert found == [
        (a * S, None if b is None else b * S, lost, unmeasured, c * S, None if d is None else d * S)
        for a, b, lost, unmeasured, c, d in gaps
    ]


@pytest.mark.parametrize(
    ("fates", "gap_us"),
    [("++--++", 2 * S), ("+-+", S), ("+?-?-?+", 4 * S), ("--++", None), ("++--", None)],
)
def test_the_headline_is_the_middle_of_the_bounds(fates: str, gap_us: int | None) -> None:
    """Neither the flattering bound nor the accusing one; without an upper bound there is none."""
    (gap,) = gaps_of(spelled(fates))
    assert gap.gap_us == gap_us


@dataclass(frozen=True)
class Cut:
    """A way that is cut at one spot for a while, and what ten probes a second see of it."""

    from_us: int
    length_us: int
    there_us: int
    """From the agent to the spot."""
    beyond_us: int
    """From the spot to the far end and back to the spot."""

    @property
    def round_trip_us(self) -> int:
        return 2 * self.there_us + self.beyond_us

    def lost(self, sent_us: int) -> bool:
        """Whether the request or its answer meets the cut."""
        crossings = (sent_us + self.there_us, sent_us + self.there_us + self.beyond_us)
        return any(self.from_us <= at < self.from_us + self.length_us for at in crossings)

    def seen(self, late: Sequence[int], unmeasured: set[int]) -> tuple[Singleton, ...]:
        found = []
        for number, late_us in enumerate(late):
            sent_us = number * S + late_us
            fate = Fate.LOST if self.lost(sent_us) else Fate.ANSWERED
            fate = Fate.UNMEASURED if number in unmeasured else fate
            delay_us = self.round_trip_us if fate is Fate.ANSWERED else None
            found.append(Singleton(number=number, sent_us=sent_us, fate=fate, delay_us=delay_us))
        return tuple(found)


cuts = st.builds(
    Cut,
    from_us=st.integers(10 * S, 20 * S),  # the first singleton is answered whatever the trip
    length_us=st.integers(0, 40 * S),
    there_us=st.integers(0, 300_000),
    beyond_us=st.integers(0, 300_000),
)
lates = st.lists(st.integers(0, S - 1), min_size=75, max_size=75)


@given(cuts, lates, st.sets(st.integers(1, 70), max_size=30))
def test_the_true_length_lies_within_the_bounds(
    cut: Cut, late: list[int], unmeasured: set[int]
) -> None:
    """Whatever was sent late or not at all: the cut, and the moments that found no answer.

    The moments are [from - there - beyond, from + length - there) where the cut outlasts the
    trip beyond it; a shorter one has a hole in the middle, and two gaps may be seen.
    """
    gaps = gaps_of(cut.seen(late, unmeasured))
    if cut.length_us <= cut.beyond_us + S:
        return
    assert len(gaps) <= 1
    for gap in gaps:
        assert gap.most_us is not None
        assert gap.least_us <= cut.length_us + cut.beyond_us <= gap.most_us
        assert gap.least_us - cut.round_trip_us <= cut.length_us <= gap.most_us


@given(cuts, lates)
def test_the_headline_is_right_to_a_spacing_and_a_round_trip(cut: Cut, late: list[int]) -> None:
    """Where every singleton was measured, the middle of the bounds is as good as promised.

    A singleton leaves up to a spacing late here, so two neighbours are up to two spacings apart.
    """
    for gap in gaps_of(cut.seen(late, set())):
        if cut.length_us > cut.beyond_us + S:
            assert gap.gap_us is not None
            assert abs(gap.gap_us - (cut.length_us + cut.beyond_us)) <= 2 * S


@given(st.text("+-?", max_size=60))
def test_every_singleton_counts_once(fates: str) -> None:
    """Sent, answered, lost and unmeasured add up; gaps do not overlap and hold every lost one."""
    figures = figures_of(spelled(fates), ())
    assert figures.sent + figures.unmeasured == len(fates)
    assert figures.answered + figures.lost == figures.sent
    assert sum(gap.lost for gap in figures.gaps) == figures.lost
    assert all(
        a.until_us is not None and a.until_us <= b.since_us for a, b in pairwise(figures.gaps)
    )
    for gap in figures.gaps:
        assert gap.most_us is None or gap.least_us < gap.most_us
    assert (figures.longest is None) == (figures.lost == 0)


@pytest.mark.parametrize(
    ("fates", "outcome"),
    [
        ("+" * 20, Outcome.STAYED_UP),
        ("+++---+++", Outcome.INTERRUPTED),
        ("--+++", Outcome.INTERRUPTED),
        ("+++---", Outcome.DOWN),
        ("+++-??", Outcome.DOWN),
        ("", Outcome.NOT_MEASURED),
        ("-----", Outcome.NOT_MEASURED),
        ("?????", Outcome.NOT_MEASURED),
        ("++" + "?" * 9 + "++", Outcome.STAYED_UP),
        ("++" + "?" * 10 + "++", Outcome.NOT_MEASURED),
        ("++" + "?" * 12 + "+-+", Outcome.NOT_MEASURED),
        ("++-" + "?" * 12 + "-+", Outcome.INTERRUPTED),
        ("?" * 12 + "+++", Outcome.NOT_MEASURED),
        ("+++" + "?" * 12, Outcome.NOT_MEASURED),
    ],
)
def test_outcomes(fates: str, outcome: Outcome) -> None:
    """What never answered, or was not looked at for a second, is not called up or down."""
    assert figures_of(spelled(fates), ()).outcome is outcome


def test_the_longest_gap_is_the_one_of_the_greatest_certain_length() -> None:
    """A short gap with wide bounds does not beat one that is certainly longer."""
    longest = figures_of(spelled("+-??????+---+"), ()).longest
    assert longest is not None
    assert longest.lost == 3


def _paths(*found: str | None) -> list[PathSeen]:
    return [
        PathSeen(at_us=n * 1_000_000, routers=None if one is None else tuple(one))
        for n, one in enumerate(found)
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ab", "ab", True),
        ("ab", "ba", True),
        ("ab", "ac", False),
        ("ab", "cd", False),
        ("ab", "a", None),
        ("a", "ab", None),
        ("ab", "", None),
        ("", "", None),
        ("ab", None, None),
    ],
)
def test_paths_differ_only_where_each_has_a_router_of_its_own(
    one: str, other: str | None, same: bool | None
) -> None:
    """A router that fell silent proves no other path; an unknown path proves nothing."""
    a, b = _paths(one, other)
    assert same_path(a, b) is same
    assert same_path(b, a) is same


@pytest.mark.parametrize(
    ("paths", "changed", "returned"),
    [
        ((), None, None),
        (("ab",), None, None),
        (("ab", "ab"), False, None),
        (("ab", None), None, None),
        (("ab", None, "ab"), False, None),
        (("ab", "ac"), True, False),
        (("ab", "ac", "ab"), True, True),
        (("ab", "ac", "ab", None), True, True),
        (("ab", "ac", "a"), True, None),
        ((None, "ab", "ac"), None, None),
    ],
)
def test_change_and_return_of_the_path(
    paths: tuple[str | None, ...], changed: bool | None, returned: bool | None
) -> None:
    """Changed and returned are true, false, or undefined: never guessed."""
    figures = figures_of(spelled("+++"), _paths(*paths))
    assert figures.path_changed is changed
    assert figures.path_returned is returned


def test_a_look_from_before_the_last_gap_ended_says_nothing_of_the_return() -> None:
    """It may have been on its way while the leg was cut: undefined, not another path."""
    gaps = gaps_of(spelled("++" + "-" * 15 + "++"))
    assert gaps[0].until_us is not None
    before = PathSeen(at_us=0, routers=("a", "b"))
    early = PathSeen(at_us=gaps[0].until_us - 1, routers=("a", "c"))
    late = PathSeen(at_us=gaps[0].until_us, routers=("a", "b"))
    assert path_returned([before, early], gaps) is None
    assert path_returned([before, early, late], gaps) is True


def test_the_path_after_a_gap_is_the_first_look_after_it() -> None:
    """A look during the gap is passed over."""
    gap = gaps_of(spelled("++" + "-" * 15 + "++"))[0]
    assert path_after(gap, _paths("ab", "a", "ac", "ab")) is False
    assert path_after(gap, _paths("ab", "ac")) is None
    assert path_after(gap, []) is None


routers = st.none() | st.lists(st.text(max_size=8), max_size=5).map(tuple)
paths = st.lists(
    st.builds(PathSeen, at_us=st.integers(0, 10**12), routers=routers, fault=st.text(max_size=9)),
    max_size=5,
)


@given(st.text("+-?", max_size=40), lates, paths)
def test_a_record_comes_back_as_it_was(fates: str, late: list[int], seen: list[PathSeen]) -> None:
    """The record alone gives the singletons and the paths, and so every figure."""
    singletons = tuple(
        Singleton(
            number=one.number,
            sent_us=one.sent_us + late[one.number],
            fate=one.fate,
            delay_us=one.delay_us,
        )
        for one in spelled(fates)
    )
    assert from_record(to_record(singletons, seen)) == (singletons, tuple(seen))


GOOD_PATHS = [{"at_us": 0, "routers": ["a"], "fault": ""}]
GOOD = {
    "drill": 1,
    "spacing_us": S,
    "timeout_us": 1_000_000,
    "late_us": [0, 5],
    "fates": [100, -1],
    "paths": GOOD_PATHS,
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"drill": 2},
        {"spacing_us": None},
        {"late_us": [0]},
        {"late_us": [True, 5]},
        {"fates": "x"},
        {"fates": [100, -3]},
        {"fates": [0] * 20_001, "late_us": [0] * 20_001},
        {"paths": None},
        {"paths": GOOD_PATHS * 1_001},
        {"paths": [7]},
        {"paths": [{"at_us": 0, "routers": ["a"]}]},
        {"paths": [{"at_us": "0", "routers": ["a"], "fault": ""}]},
        {"paths": [{"at_us": 0, "routers": [1], "fault": ""}]},
        {"paths": [{"at_us": 0, "routers": ["a"] * 65, "fault": ""}]},
    ],
)
def test_a_hostile_record_is_refused(wrong: dict[str, object]) -> None:
    """What is decoded may be anything: one typed error, never another exception."""
    assert from_record(encode(GOOD))
    with pytest.raises(DrillRecordError):
        from_record(encode({**GOOD, **wrong}))


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    """Bytes that are no record raise DrillRecordError and nothing else."""
    with pytest.raises(DrillRecordError):
        from_record(raw)
