"""Does a path that must be closed show anything to somebody without a name? Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from checks.html import Outline

Standing = Literal["open", "closed", "undecided"]
NEIGHBOURS = 2
"""Neighbours asked for at most; the second one only where the first shows something else."""
_BUSY = frozenset({408, 425, 429})
"""The server did not want to answer now: that says nothing of the path."""
_SHORTEST_PART = 3
_VARYING = re.compile(r"[0-9a-fA-F-]{6,}|\d+")
"""What differs from reply to reply: numbers, times, identifiers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of asking for one path."""

    path: str
    status: int
    size: int
    """Bytes of content that were read."""
    shown: str | None
    """What is compared (`shown`); None: the content could not be read."""
    has_password: bool = False

    @property
    def successful(self) -> bool:
        """The server says that it is there."""
        return 200 <= self.status <= 299

    @property
    def telling(self) -> bool:
        """The server said anything of the path."""
        return self.status not in _BUSY and self.status < 500


def shown(body: bytes, outline: Outline | None) -> str:
    """What of a page is compared: of HTML title and visible text, else all of it."""
    if outline is None:
        return body.decode("latin-1")
    return f"{outline.title}\n{outline.text}"


def alike(one: Answer, other: Answer) -> bool | None:
    """Whether two replies show the same page; None: one of them could not be read.

    Numbers and identifiers do not count, nor does what either path is called: it is cut out of
    both pages, for a word of one path may stand in the text of every page.
    """
    if one.shown is None or other.shown is None:
        return None
    names = _names((one.path, other.path))
    return _without(one.shown, names) == _without(other.shown, names)


def _names(paths: Iterable[str]) -> list[str]:
    """What a page may call these paths, the longest first; short parts are words."""
    forms = {form for path in paths for form in (path, unquote(path), quote(path))}
    forms |= {form.rstrip("/") for form in forms} | {part for f in forms for part in f.split("/")}
    named = {form for form in forms if len(form) >= _SHORTEST_PART or form.startswith("/")}
    return sorted(named, key=lambda form: (-len(form), form))


def _without(text: str, names: Iterable[str]) -> str:
    for name in names:
        text = text.replace(name, "")
    return _VARYING.sub("", text)


def neighbour(path: str, name: str) -> str:
    """A path beside this one, with the same ending, that is called `name`."""
    slash = "/" if path.endswith("/") else ""
    parent, _, last = path.rstrip("/").partition("?")[0].rpartition("/")
    _, dot, ending = last[1:].rpartition(".")
    return f"{parent}/{name}{dot}{ending if dot else ''}{slash}"


def shows(answer: Answer, logins: Collection[Answer]) -> bool:
    """Success with content that is no login page; `logins`: known ones."""
    return (
        answer.successful
        and answer.size > 0
        and not answer.has_password
        and not any(alike(answer, login) for login in logins)
    )


def standing(
    answer: Answer | None, beside: Sequence[Answer | None], logins: Collection[Answer]
) -> Standing | None:
    """Whether a path is open: it shows something, and not what its neighbours show as well.

    `beside`: what the server answers to neighbours that cannot exist, as far as they were asked;
    None is returned where one more decides. An answer that is None is no whole reply; a redirect
    that was not followed is no content.
    """
    if answer is None or not answer.telling:
        return "undecided"
    if not shows(answer, logins):
        return "closed"
    nowhere = [one for one in beside if one is not None and one.telling]
    if len(nowhere) < len(beside):
        return "undecided"
    if not nowhere:
        return None
    return _beside(answer, nowhere)


def _beside(answer: Answer, nowhere: Sequence[Answer]) -> Standing | None:
    if not any(one.successful for one in nowhere):
        return "open"
    same = [alike(answer, one) for one in nowhere]
    if True in same:
        return "closed"
    if None in same:
        return "undecided"
    if len(nowhere) < NEIGHBOURS:
        return None
    # Where two places that do not exist show different pages, a difference tells nothing.
    return "open" if alike(nowhere[0], nowhere[1]) else "undecided"
