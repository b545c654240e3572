"""What the live table says of a series."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monitor.demo.processes import environment
from monitor.demo.screen import printable, rows


def _series(**values: Any) -> dict[str, Any]:
    return {
        "target": "t",
        "name": "T",
        "check": "tcp",
        "state": "available",
        "reasons": [],
        "fault": None,
        **values,
    }


def test_a_target_behind_a_failed_one_is_not_called_unavailable() -> None:
    """Its label wins over what was seen of it, and no reason is held against it."""
    down = _series(state="unavailable", reasons=["outcome refused != connected"])
    assert rows([down], {("unreachable", "t")}, "en") == [("T", "tcp", "unreachable", "")]
    assert rows([down], set(), "en")[0][2:] == ("unavailable", "outcome refused != connected")


def test_a_target_that_answers_and_breaks_a_rule_is_violating() -> None:
    """Available is not the same as in order."""
    slow = _series(reasons=["total_ms 900 > 600"])
    assert rows([slow], set(), "en")[0][2:] == ("violating", "total_ms 900 > 600")


def test_what_could_not_be_measured_says_why() -> None:
    """A fault shows its sentence in the asked language."""
    refused = _series(state="unobserved", fault="permission")
    english, indonesian = (rows([refused], set(), lang)[0] for lang in ("en", "id"))
    assert english[2] == indonesian[2] == "unobserved"
    assert english[3] != indonesian[3] != ""


@given(st.text())
def test_no_text_steers_the_terminal(text: str) -> None:
    """Control characters never reach the terminal, and nothing else is lost."""
    shown = printable(text)
    assert len(shown) == len(text)
    assert shown.isprintable()


def test_the_agent_is_alone_with_its_city() -> None:
    """Proxies and our own supervisor's socket are not handed on; the rest is."""
    given_ = {"HTTPS_PROXY": "x", "no_proxy": "x", "NOTIFY_SOCKET": "x", "PATH": "/bin"}
    assert environment(given_) == {"PATH": "/bin", "PYTHONUNBUFFERED": "1"}
