"""What is kept of a page for comparison, and the comparison of what several visitors got. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from checks.html import Outline, Outliner
from checks.html_reference import reference
from checks.page.fingerprint import (
    WORDS_BOUND,
    distance,
    shingles,
    sketch,
    title_hash,
)
from checks.page.normal import plain_parts, searched, steadied, words
from checks.page.words import FOUND, Lists, Search, found_in_host

HOSTS = 100
"""Hosts kept of a page, of each kind."""
_TURN = 128
"""Words between two turns of the loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One visitor's page: its structure, the hashes of its text, and what was found in it."""

    title_hash: str
    fingerprint: str
    shingles: frozenset[int]
    words: int
    link_hosts: tuple[str, ...]
    script_hosts: tuple[str, ...]
    form_hosts: tuple[str, ...]
    password_hosts: tuple[str, ...]
    forms: int
    refresh_host: str
    """Host of a `meta` refresh."""
    spam: tuple[str, ...]
    cut: bool
    """There is more of the page than was looked at."""

    @property
    def spam_words(self) -> tuple[str, ...] | None:
        """Found words; none only where all of the page was looked at, else undefined."""
        return self.spam if self.spam or not self.cut else None


def viewing(html: bytes, charset: str, url: str, lists: Lists) -> Iterator[View | None]:
    """The view of a page, in short steps: None while there is more to do, the view at last."""
    outliner = Outliner(html, charset, url)
    while not outliner.step():
        yield None
    outline = outliner.outline()
    parts: list[str] = []
    for part in plain_parts(outline.text):
        parts.append(part)
        yield None
    plained = "".join(parts)
    text = [*words(outline.title)]
    yield from _filled(text, searched(plained))
    search = Search(lists)
    for at in range(0, len(text), _TURN):
        search.look(text, range(at, min(at + _TURN, len(text))))
        yield None
    hashes: set[int] = set()
    steady: list[str] = []
    yield from _filled(steady, steadied(plained))
    for at, one in enumerate(shingles(steady[:WORDS_BOUND])):
        hashes.add(one)
        if at % _TURN == 0:
            yield None
    yield _view(outline, lists, search, frozenset(hashes), len(steady))


def _filled(into: list[str], words_of: Iterator[str]) -> Iterator[None]:
    """Fill a list with words, in short steps."""
    while part := list(islice(words_of, _TURN)):
        into += part
        yield None


def _view(
    outline: Outline, lists: Lists, search: Search, hashes: frozenset[int], count: int
) -> View:
    actions = [(_host(form.action), form.has_password) for form in outline.forms if form.action]
    spam = set(search.found)
    for host in outline.link_hosts[:HOSTS]:
        spam.update(found_in_host(host, lists))
    return View(
        title_hash=title_hash(outline.title),
        fingerprint=sketch(hashes),
        shingles=hashes,
        words=count,
        link_hosts=_hosts(outline.link_hosts),
        script_hosts=_hosts(outline.script_hosts),
        form_hosts=_hosts(host for host, _ in actions),
        password_hosts=_hosts(host for host, password in actions if password),
        forms=len(outline.forms),
        refresh_host=_host(outline.refresh or ""),
        spam=tuple(sorted(spam)[:FOUND]),
        cut=outline.cut or count > WORDS_BOUND or len(outline.link_hosts) > HOSTS,
    )


def _host(url: str) -> str:
    return reference(url, "", "")[1][:253]


def _hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order of the alphabet: the order in the page may change without meaning."""
    return tuple(sorted({host[:253] for host in hosts if host})[:HOSTS])


def differs(one: View, other: View) -> float:
    """How much of the text two visitors got differs: 0 the same, 1 nothing in common."""
    return distance(one.shingles, other.shingles)


def hidden(browser: View, others: Iterable[View]) -> bool | None:
    """Whether spam is shown to others and not to a browser; None where it cannot be excluded."""
    seen = list(others)
    if any(set(one.spam) - set(browser.spam) for one in seen) and not browser.cut:
        return True
    return False if seen and not browser.cut and not any(one.cut for one in seen) else None


def new_hosts(now: Iterable[str], before: Iterable[str]) -> tuple[str, ...]:
    """Hosts that were not there before."""
    return tuple(sorted(set(now) - {host.lower() for host in before}))
