"""What a person may write in place of a target's name."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checks.table import KINDS
from monitor.daemon.answers import bare_items
from monitor.daemon.control import ControlError
from monitor.daemon.plan import Item

SCHEMES = sorted(name for name, kind in KINDS.items() if kind.from_url)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(rest=st.text(max_size=30) | st.from_regex(r"[\[\]:/?#@%0-9a-f.]{0,20}", fullmatch=True))
@example(rest="[::1")
@example(rest="%1b[31m")
@example(rest="[x]")
@example(rest="127.0.0.1:99999")
def test_any_bare_target_is_a_series_or_a_sentence(scheme: str, rest: str) -> None:
    """Whatever follows the scheme is probed or refused in words; nothing else comes of it."""
    found: list[Item] = []
    with suppress(ControlError):
        found = bare_items(f"{scheme}://{rest}", None)
    assert all(one.kind.name == scheme for one in found)
