"""The sitemaps of a host, as far as they are read: how many URLs, which hosts, which spam."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import unquote, urljoin, urlsplit

from checks.html_reference import reference
from checks.http_request import Place, place
from checks.page.fetch import Fetcher, Got, Visitor
from checks.page.sitemap import (
    ROBOTS_BOUND,
    SITEMAP_BOUND,
    URLS_BOUND,
    is_index,
    is_set,
    named_sitemaps,
    urls,
)
from checks.page.words import FOUND, Lists, found_in
from monitor.model import Fault

FETCHES = 8
"""Sitemaps and indexes fetched of one host in one observation."""
HOSTS = 100
_TURN = 1_024
"""Characters of URLs between two turns of the loop; one URL more may follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searching:
    """What pages and sitemaps are searched for, one after another."""

    lists: Lists
    reading: asyncio.Lock
    """Held while one is read: many together take no longer turns of the loop than one."""


@dataclass(slots=True)
class Sitemaps:
    """What was read so far."""

    host: str
    read: int = 0
    """Sitemaps read to their end."""
    missed: int = 0
    """Sitemaps that were not: unreadable, elsewhere, or too many."""
    urls: int = 0
    hosts: set[str] = field(default_factory=set)
    """Hosts of URLs and of sitemaps that are not the page's own."""
    spam_urls: int = 0
    spam: set[str] = field(default_factory=set)

    @property
    def word(self) -> str:
        """none, whole or partial."""
        if self.missed:
            return "partial"
        return "whole" if self.read else "none"

    @property
    def whole(self) -> bool:
        """All that is named was read: only then a count is one."""
        return self.word == "whole"

    @property
    def spam_words(self) -> tuple[str, ...] | None:
        """Found words; none only where everything was read, else undefined."""
        return tuple(sorted(self.spam)[:FOUND]) if self.spam or self.whole else None

    def note(self, host: str) -> None:
        """A host that is not the page's own; bounded."""
        if host and host != self.host and len(self.hosts) < HOSTS:
            self.hosts.add(host[:253])


async def read_sitemaps(
    fetcher: Fetcher, at: Place, visitor: Visitor, search: Searching, into: Sitemaps
) -> None:
    """Read robots.txt and what it names, else /sitemap.xml; `into` holds what was read so far."""
    robots = await fetcher.get(urljoin(at.url, "/robots.txt"), visitor, ROBOTS_BOUND)
    into.missed += not (_absent(robots) or (isinstance(robots, Got) and robots.status == 200))
    found = named_sitemaps(_body(robots))
    guessed = urljoin(at.url, "/sitemap.xml")
    waiting = deque(found or (guessed,))
    asked: set[str] = set()
    while waiting:
        url = waiting.popleft()
        if url in asked:
            continue
        if len(asked) >= FETCHES or not _own(url, into):
            into.missed += 1
            continue
        asked.add(url)
        got = await fetcher.get(url, visitor, SITEMAP_BOUND)
        body = _body(got)
        into.missed += isinstance(got, Got) and got.outcome == "too-large"
        usual = url == guessed and not found
        if not body:
            # Nobody promised the usual place: it may simply not be there.
            into.missed += not (usual and _absent(got))
        elif is_index(body):
            waiting.extend(urls_of_index(body))
        else:
            async with search.reading:
                # Many servers answer everything with a page.
                into.missed += not (await _count(body, search.lists, into) or usual)


def urls_of_index(body: bytes) -> list[str]:
    """The sitemaps that an index names; one above what is fetched, to show that there are more."""
    return list(islice(filter(None, urls(body)), FETCHES + 1))


def _body(got: Got | Fault) -> bytes:
    """The content of a success, as far as it was read; empty for anything else."""
    return got.body if isinstance(got, Got) and got.status == 200 else b""


def _absent(got: Got | Fault) -> bool:
    return isinstance(got, Got) and got.readable and got.status in (404, 410)


def _own(url: str, into: Sitemaps) -> bool:
    """Whether it lies on the page's host; another one's is not the page's to be asked for."""
    try:
        host = place(url).host
    except ValueError:
        return False
    into.note(host)
    return host == into.host


async def _count(body: bytes, lists: Lists, into: Sitemaps) -> bool:
    """Take in the URLs; False: what was served is no sitemap."""
    count = work = 0
    for url in urls(body):
        if url:
            count += 1
            work += len(url)
            _look(url, lists, into)
        if not url or work >= _TURN:
            work = 0
            await asyncio.sleep(0)
    if not count and not is_set(body):
        return False
    into.urls += min(count, URLS_BOUND)
    into.read += count <= URLS_BOUND
    into.missed += count > URLS_BOUND
    return True


def _look(url: str, lists: Lists, into: Sitemaps) -> None:
    try:
        pieces = urlsplit(url)
    except ValueError:
        return
    into.note(reference(url, "", "")[1])
    found = found_in(unquote(f"{pieces.path} {pieces.query}"), lists)
    into.spam_urls += bool(found)
    into.spam.update(found)
