"""What is kept of a URL: where it leads, and nothing that opens a door."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.http_request import place, redirected
from checks.shown_url import shown_url


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://www.example/a/b", "https://www.example/a/b"),
        ("/a?token=1", "/a"),
        ("https://www.example/a#access_token=1", "https://www.example/a"),
        ("https://siti:word@www.example/a", "https://www.example/a"),
        ("//siti@www.example", "//www.example"),
        ("https:\\\\siti@www.example\\a", "https:\\\\www.example\\a"),
        ("/in;jsessionid=1;v=2/x;y", "/in/x"),
        ("/(S(lit3py55t21z5v55vlm25s55))/page.aspx", "/page.aspx"),
        ("/(A(x)S(y))", ""),
        ("/Fungsi_(matematika)", "/Fungsi_(matematika)"),
        ("/siti@www.example", "/siti@www.example"),
        ("/a\x9b1mb\u202e", "/a\ufffd1mb\ufffd"),
    ],
)
def test_what_may_be_a_secret_is_not_kept(written: str, kept: str) -> None:
    """Query, fragment, credentials and sessions in a path go; the rest stays as it is."""
    assert shown_url(written) == kept


@given(st.text(st.sampled_from("ab:/\\@;?#()S."), max_size=40))
def test_what_is_kept_is_kept_again(written: str) -> None:
    """A second time changes nothing but what the first has brought together, and adds nothing."""
    kept = shown_url(written)
    assert len(kept) <= len(written)
    assert not set("?#;") & set(kept)


def test_a_place_is_shown_without_its_session() -> None:
    """What an observation says of where it went holds neither query nor session."""
    at = redirected(place("https://www.example/"), "/in;jsessionid=1?x=2")
    assert at.path == "/in;jsessionid=1"
    assert at.shown == "https://www.example/in"


@pytest.mark.parametrize(
    "location",
    ["app://back?token=SECRET", "https://SECRET@www.example/", "http://a:SECRET/", "//[SECRET",
     "http://SECRET_é..example/"],
)  # fmt: skip
def test_a_bad_redirect_is_told_without_its_words(location: str) -> None:
    """The error of a redirect that cannot be followed names nothing that the peer wrote."""
    with pytest.raises(ValueError) as caught:
        redirected(place("https://www.example/"), location)
    assert "secret" not in str(caught.value).lower()
