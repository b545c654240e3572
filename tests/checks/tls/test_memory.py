"""A bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from checks.tls.memory import Memory


@given(keys=st.lists(st.integers(0, 9), max_size=60), bound=st.integers(1, 5))
def test_the_newest_are_kept_and_no_more(keys: list[int], bound: int) -> None:
    """What was asked for last is kept, up to the bound; a value is always the one for its key."""
    memory: Memory[int, str] = Memory(bound)
    for key in keys:
        assert memory.of(key, lambda key=key: str(key)) == str(key)  # type: ignore[misc]
    newest = list(dict.fromkeys(reversed(keys)))
    assert [key for key in range(10) if memory.get(key)] == sorted(newest[:bound])
    assert len(memory) == min(bound, len(newest))


def test_what_is_kept_is_not_made_again() -> None:
    """A second question for the same key makes nothing."""
    memory: Memory[str, list[int]] = Memory(2)
    assert memory.of("a", lambda: [1]) is memory.of("a", lambda: [2])
