"""What a receipt may say."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.receipt import accepted, broken, failed


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Failed to send JSON POST notification: Forbidden, error=403.", "http-403"),
        ("Socket Exception: (451, b'try later')", "smtp-451"),
        ("Socket Exception: {'a@example.org': (550, b'no such user')}", "smtp-550"),
        ("Socket Exception: [Errno -2] Name or service not known", "name"),
        ("Socket Exception: certificate verify failed", "tls"),
        ("Socket Exception: Read timed out. (read timeout=4.0)", "no-answer"),
        ("Socket Exception: [Errno 111] Connection refused", "refused"),
        ("Socket Exception: [Errno 113] No route to host", "unreachable"),
        ("Socket Exception: Connection aborted", "connection"),
        ("something new", "failed"),
    ],
)
def test_a_library_s_words_become_a_code(words: str, code: str) -> None:
    """The symptom that people can act on."""
    assert failed([words]).code == code


@given(st.lists(st.text()))
def test_no_word_of_the_library_passes(words: list[str]) -> None:
    """Whatever was logged, the code is of the closed list."""
    code = failed(words).code
    closed = r"(http|smtp)-\d{3}|name|tls|no-answer|refused|unreachable|connection|failed"
    assert re.fullmatch(closed, code)


def test_an_exception_shows_by_its_type_only() -> None:
    """Its text may hold a URL."""
    assert broken(ValueError("json://user:hunter2@host")).code == "internal:ValueError"


def test_a_service_s_name_passes_only_when_it_is_a_name() -> None:
    """An address in its place is left out."""
    assert accepted("E-Mail").code == "accepted:E-Mail"
    assert accepted("json://token").code == "accepted"
