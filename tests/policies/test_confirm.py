"""N-of-M confirmation, as it is written; what it does is seen in tests/test_incident.py."""

import pytest

from policies.confirm import WIDEST, Quorum, parse_quorum


def test_a_quorum_reads_back() -> None:
    """As it is written beside a rule."""
    assert parse_quorum("2/3") == Quorum(2, 3)
    assert str(parse_quorum("60/60")) == "60/60"


@pytest.mark.parametrize("text", ["0/1", "3/2", "1", "1/61", "a/b", "-1/2", ""])
def test_bad_quorums(text: str) -> None:
    """A quorum that can never be reached, or always is, is refused."""
    with pytest.raises(ValueError, match=rf"N ≤ M ≤ {WIDEST}"):
        parse_quorum(text)
