"""robots.txt and sitemaps: what they name is found in any bytes, in bounded time and number."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.page.sitemap import (
    NAMED_BOUND,
    SITEMAP_BOUND,
    URLS_BOUND,
    is_index,
    named_sitemaps,
    urls,
)

pieces = st.lists(
    st.sampled_from(
        [b"<loc>", b"</loc>", b"<urlset>", b"<sitemapindex>", b"http://a.example/", b"\n", b"&amp;",
         b"<![CDATA[", b"]]>", b"Sitemap:", b" ", b"\xff", b"<x:loc >", b"<!--", b"<!ENTITY"]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


def found(sitemap: bytes) -> list[str]:
    """The URLs of a sitemap."""
    return [url for url in urls(sitemap) if url]


def test_the_forms_of_sitemaps_are_read() -> None:
    """XML with prefixes, CDATA and references, and a text of lines."""
    xml = (
        b'<?xml version="1.0"?><urlset xmlns="x"><url><loc>\n http://a.example/?a=1&amp;b=2 </loc>'
        b"</url><url><s:loc><![CDATA[http://b.example/]]></s:loc></url></urlset>"
    )
    assert found(xml) == ["http://a.example/?a=1&b=2", "http://b.example/"]
    assert found(
        b"<loc>http://a.example/</loc><image:loc>http://cdn.example/x.png</image:loc>"
    ) == ["http://a.example/"]
    assert found(b"\xef\xbb\xbfhttp://a.example/\r\nx\nhttps://b.example/ \n") == [
        "http://a.example/",
        "https://b.example/",
    ]
    assert is_index(b"<?xml?><sm:sitemapindex xmlns='x'>")
    assert not is_index(xml)


def test_the_lines_of_robots_are_read() -> None:
    """In any case and place, each once; bounded in number."""
    robots = b"User-agent: *\nsitemap : http://a.example/1\r\n SITEMAP:http://a.example/2 # x\n"
    assert named_sitemaps(robots + robots) == ("http://a.example/1", "http://a.example/2")
    many = b"".join(b"Sitemap: http://a.example/%d\n" % n for n in range(100))
    assert len(named_sitemaps(many)) == NAMED_BOUND


def test_an_entity_is_not_expanded() -> None:
    """The text of the reference is all there is: a bomb has no fuse."""
    bomb = b'<!DOCTYPE x [<!ENTITY a "bbbb"><!ENTITY c "&a;&a;">]><urlset><loc>&c;</loc></urlset>'
    assert found(bomb) == ["&c;"]


@given(st.integers(0, 10_000), st.integers(1, 2_000))
def test_a_url_across_two_windows_is_read_once(shift: int, length: int) -> None:
    """Wherever the piece that is searched at a time ends."""
    url = "http://a.example/" + "x" * length
    around = b" " * (65_536 - 4_000 + shift)
    both = f"<loc>{url}</loc><loc>{url}</loc>".encode()
    assert found(b"<urlset>" + around + both) == [url, url]


def test_there_is_an_end_to_urls() -> None:
    """One more than the bound shows that there are more."""
    assert len(found(b"<loc>http://a.example/</loc>" * 60_000)) == URLS_BOUND + 1


@pytest.mark.parametrize(
    "piece",
    [b"<loc>", b"<loc ", b"<loc>\n", b" ", b"\n", b"http://", b"sitemap", b"sitemap ", b"<a:"],
)
def test_what_is_hostile_is_read_in_linear_time(
    piece: bytes, steps_of: Callable[[Callable[[], object]], float]
) -> None:
    """Twice as much takes no more than four times as long: no search starts over and over."""
    small, large = (
        piece * (size // len(piece)) for size in (SITEMAP_BOUND // 8, SITEMAP_BOUND // 4)
    )

    def read(content: bytes) -> Callable[[], object]:
        return lambda: (sum(1 for _ in urls(content)), named_sitemaps(content))

    assert steps_of(read(large)) < 4 * steps_of(read(small)) + 0.05


@pytest.fixture
def steps_of() -> Callable[[Callable[[], object]], float]:
    """The shortest of five processor times of a call, in seconds."""

    def measured(call: Callable[[], object]) -> float:
        spent = []
        for _ in range(5):
            before = time.process_time()
            call()
            spent.append(time.process_time() - before)
        return min(spent)

    return measured


@given(pieces, st.binary(max_size=100))
def test_any_bytes_are_read(content: bytes, rest: bytes) -> None:
    """Nothing raises, and every URL stands in what was read."""
    whole = content + rest
    for url in (*found(whole), *named_sitemaps(whole)):
        assert url
        assert len(url) <= 2_100
    assert is_index(whole) in (True, False)
