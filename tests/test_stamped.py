"""What tokens say of the times of entries, held against the definition."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.entry import AgentStopped, LossCounted
from monitor.stamped import TOLERANCE_US, Brackets, Stamps, moment, stated_us

TOKENS = st.lists(st.tuples(st.integers(1, 20), st.integers(-50, 50)), max_size=8)


@given(TOKENS, st.integers(0, 25))
def test_brackets_are_those_of_the_definition(tokens: list[tuple[int, int]], index: int) -> None:
    """After every token over checkpoints that lack the entry, before every one that has it."""
    after = [at for size, at in tokens if size <= index]
    before = [at for size, at in tokens if size > index]
    found = Brackets(tokens).of(index)
    assert found == (max(after, default=-(1 << 62)), min(before, default=1 << 62))


def test_only_what_says_a_time_has_one() -> None:
    """An end has a time of its own; a count of losses tells of a span."""
    assert stated_us(AgentStopped(at_us=7, why="signal")) == 7
    assert stated_us(LossCounted(since_us=1, until_us=2, counts={})) is None


@given(TOKENS, st.lists(st.integers(-60, 60), max_size=25))
def test_an_entry_is_found_exactly_where_it_leaves_its_bracket(
    tokens: list[tuple[int, int]], times: list[int]
) -> None:
    """In units of the tolerance; of a run of entries alike the first one is named."""
    unit = TOLERANCE_US
    stamps = Stamps(tokens=len(tokens), proved=len(tokens))
    stamps._brackets = Brackets((size, at * unit) for size, at in tokens)
    before = ""
    for index, time in enumerate(times):
        after_us, before_us = stamps._brackets.of(index)
        wrong = ""
        if tokens and time * unit > before_us + unit:
            wrong = "verify.stamp-before"
        elif tokens and time * unit < after_us - unit:
            wrong = "verify.stamp-after"
        found = stamps.judge(index, AgentStopped(at_us=time * unit, why="signal"))
        told = "" if found is None else found.what
        assert told == ("" if wrong == before else wrong)
        before = wrong if tokens else before


def test_the_tolerance_is_just_five_minutes() -> None:
    """On its edge an entry is believed, a microsecond beyond it not."""
    stamps = Stamps(tokens=1, proved=1)
    stamps._brackets = Brackets([(5, 0)])
    for index, stated, wrong in (
        (4, TOLERANCE_US, False),
        (4, TOLERANCE_US + 1, True),
        (5, -TOLERANCE_US, False),
        (5, -TOLERANCE_US - 1, True),
    ):
        found = stamps.judge(index, AgentStopped(at_us=stated, why="signal"))
        assert (found is not None) is wrong


def test_a_time_that_no_calendar_has_is_told_as_a_number() -> None:
    """Entries may be anybody's."""
    assert moment(1_795_600_000_000_000) == "2026-11-25T09:46:40Z"
    assert moment(1 << 60).endswith(" µs")
