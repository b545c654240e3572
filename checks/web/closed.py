"""Does a path that must be closed show anything to somebody without a name? Pure."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from checks.html import Outline

Standing = Literal["open", "closed", "undecided"]
_BUSY = frozenset({408, 425, 429})
"""The server did not want to answer now: that says nothing of the path."""
_SHORTEST_PART = 3
_VARYING = re.compile(r"[0-9a-fA-F-]{6,}|\d+")
"""What differs from reply to reply: numbers, times, identifiers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of asking for one path."""

    status: int
    size: int
    """Bytes of content that were read."""
    likeness: str
    """Equal for two replies that show the same page; empty: the content could not be read."""
    has_password: bool = False


def likeness(path: str, body: bytes, outline: Outline | None) -> str:
    """The page without what differs each time: the path itself, numbers, identifiers.

    Of HTML title and visible text count, of anything else every byte.
    """
    if outline is None:
        return hashlib.sha256(body).hexdigest()
    text = f"{outline.title}\n{outline.text}"
    forms = {path, unquote(path), quote(path)}
    forms |= {form.rstrip("/") for form in forms} | {part for f in forms for part in f.split("/")}
    # The longest first, so that what is cut does not depend on their order; short parts are words.
    for written in sorted(forms, key=lambda form: (-len(form), form)):
        if len(written) >= _SHORTEST_PART or written.startswith("/"):
            text = text.replace(written, "")
    return hashlib.sha256(_VARYING.sub("", text).encode("utf-8", "replace")).hexdigest()


def neighbour(path: str, name: str) -> str:
    """A path beside this one, with the same ending, that is called `name`."""
    slash = "/" if path.endswith("/") else ""
    parent, _, last = path.rstrip("/").partition("?")[0].rpartition("/")
    _, dot, ending = last[1:].rpartition(".")
    return f"{parent}/{name}{dot}{ending if dot else ''}{slash}"


def shows(answer: Answer | None, logins: Collection[str]) -> bool:
    """Success with content that is no login page; `logins`: likenesses of known ones."""
    return (
        answer is not None
        and 200 <= answer.status <= 299
        and answer.size > 0
        and not answer.has_password
        and answer.likeness not in logins
    )


def standing(answer: Answer | None, nowhere: Answer | None, logins: Collection[str]) -> Standing:
    """Whether a path is open: it shows something, and not what its neighbour shows as well.

    `nowhere`: what the server answers to a neighbour that cannot exist; needed where the path
    `shows` something. A redirect that was not followed is no content. None: no whole reply.
    """
    if answer is None or answer.status in _BUSY or answer.status >= 500:
        return "undecided"
    if not shows(answer, logins):
        return "closed"
    if nowhere is None or nowhere.status in _BUSY or nowhere.status >= 500:
        return "undecided"
    if not 200 <= nowhere.status <= 299:
        return "open"
    if not (answer.likeness and nowhere.likeness):
        return "undecided"
    return "closed" if answer.likeness == nowhere.likeness else "open"
