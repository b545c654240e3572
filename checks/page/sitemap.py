"""robots.txt and sitemaps, read from bytes that cannot be trusted. Pure.

Sources: RFC 9309, section 2.2 (lines of robots.txt), and sitemaps.org (the line `Sitemap`, the
elements `loc`, the bound of 50,000 URLs). A sitemap is searched for `loc`, not parsed as XML:
nothing is expanded, nested or fetched because of what stands in it. Packed ones (.gz) are left
out: to unpack is to trust the size that a stranger says.
"""

import html
import re
from collections.abc import Iterator

ROBOTS_BOUND = 512_000
"""Bytes of robots.txt that are read; RFC 9309, 2.5 asks for 500 KiB at least."""
SITEMAP_BOUND = 4_194_304
URLS_BOUND = 50_000
NAMED_BOUND = 16
"""Sitemaps that one robots.txt or one index may name."""
_URL_BOUND = 2_048
_WINDOW = 65_536
"""Bytes searched between two turns of the caller."""

_NAMED = re.compile(rb"^[ \t]*sitemap[ \t]*:[ \t]*(\S{1,2048})", re.IGNORECASE | re.MULTILINE)
_INDEX = re.compile(rb"<(?:[a-z0-9]{1,20}:)?sitemapindex[\s>]", re.IGNORECASE)
_SET = re.compile(rb"<(?:[a-z0-9]{1,20}:)?urlset[\s>]", re.IGNORECASE)
# image:loc and video:content_loc name files of a page that has its own.
_LOC = re.compile(
    rb"<(?:(?!image:|video:)[a-z0-9]{1,20}:)?loc(?:\s[^<>]{0,200})?>\s{0,100}(?:<!\[CDATA\[)?([^<>\]]{1,2100})",
    re.IGNORECASE,
)
_PLAIN_URL = re.compile(rb"^\xef?\xbb?\xbf?(https?://\S{1,2041})\s*$", re.MULTILINE)


def named_sitemaps(robots: bytes) -> tuple[str, ...]:
    """The URLs of the lines `Sitemap:`, each once, in their order."""
    found = (_text(match[1]) for match in _NAMED.finditer(robots[:ROBOTS_BOUND]))
    return tuple(dict.fromkeys(filter(None, found)))[:NAMED_BOUND]


def is_index(sitemap: bytes) -> bool:
    """Whether it names other sitemaps, not pages."""
    return _INDEX.search(sitemap[:4_096]) is not None


def is_set(sitemap: bytes) -> bool:
    """Whether it says that it names pages, be it none; any page may be served in its place."""
    return _SET.search(sitemap[:4_096]) is not None


def urls(sitemap: bytes) -> Iterator[str]:
    """The URLs of a sitemap of XML or of lines, as written, at most one above `URLS_BOUND`.

    An empty text among them is none: so much was searched without finding one.
    """
    pattern = _LOC if b"<" in sitemap[:4_096] else _PLAIN_URL
    count = at = 0
    while at < len(sitemap):
        window = at + _WINDOW
        for match in pattern.finditer(sitemap, at, window + _URL_BOUND * 2):
            if match.start() >= window:
                break
            at = match.end()
            if url := _text(match[1]):
                yield url
                count += 1
                if count > URLS_BOUND:
                    return
        at = max(at, window)
        yield ""


def _text(written: bytes) -> str:
    text = written.strip().decode("utf-8", "replace")
    return (html.unescape(text) if "&" in text else text)[:_URL_BOUND]
