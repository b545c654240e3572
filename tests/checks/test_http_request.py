"""What an http probe may be told, and what it asks."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import http
from checks.http_evidence import HttpSettings
from checks.http_request import place, redirected, status_ranges


@pytest.mark.parametrize(
    "wishes",
    [
        {"url": "ftp://example/"},
        {"url": "http://"},
        {"url": "/relative"},
        {"url": "http://a b/"},
        {"url": "http://user:secret@example/"},
        {"url": "http://example:99999/"},
        {"url": "http://exa_mple..example/" + "x" * 3_000},
        {"url": "http://e/", "expect_status": ()},
        {"url": "http://e/", "expect_status": ("abc",)},
        {"url": "http://e/", "expect_status": ("300-200",)},
        {"url": "http://e/", "max_redirects": 99},
        {"url": "http://e/", "max_body": -1},
        {"url": "http://e/", "method": "HEAD", "body": "x"},
    ],
)
def test_bad_settings_are_refused(wishes: dict[str, Any]) -> None:
    """What could never be asked for, or never be met, is a ValueError when it is configured."""
    with pytest.raises(ValueError):
        HttpSettings(**wishes)


def test_a_request_is_one_line_of_the_url_and_asks_for_nothing_else() -> None:
    """Host, path and query are as written, encoded where they must be; the fragment stays here."""
    asked = place("https://Exämple.example:8443/a%20b/ü?q=1#part")
    assert (asked.host, asked.port, asked.tls) == ("xn--exmple-cua.example", 8443, True)
    assert asked.request("GET").startswith(
        b"GET /a%20b/%C3%BC?q=1 HTTP/1.1\r\nHost: xn--exmple-cua.example:8443\r\n"
    )


@given(location=st.text(max_size=80))
def test_any_location_gives_a_place_or_a_value_error(location: str) -> None:
    """Whatever a Location field says, nothing but a sound request can come of it."""
    try:
        request = redirected(place("http://web.example/a/b"), location).request("GET")
    except ValueError:
        return
    head = request.split(b"\r\n")
    assert len(head) == 8
    assert len(head[0].split(b" ")) == 3


def test_ranges_of_status_codes_are_read() -> None:
    """Numbers and ranges are the bounds they say."""
    assert status_ranges((200, "301", "400-499")) == ((200, 200), (301, 301), (400, 499))


def test_a_url_becomes_settings() -> None:
    """A bare URL of `sasando check` keeps its query."""
    assert http.KIND.from_url is not None
    url = "https://web.example/a?b=c"
    assert http.KIND.from_url(urlsplit(url)) == HttpSettings(url=url)
