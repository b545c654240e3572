"""Tags and texts of an HTML page that cannot be trusted. Pure; source: WHATWG HTML, 13.2.5.

One pass: whatever stands in the page, no character is looked at more than a few times, because
what is not closed reaches to the end, as the standard says. (`html.parser` starts anew instead:
32 KiB of `<a b ` take it four seconds.) It leaves out: the "escaped" states of scripts,
foreign content (SVG and MathML are read as HTML), and what scripts would write.
"""

import html
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

ATTRIBUTES_BOUND = 64
"""Attributes kept of one tag; more are read and forgotten."""
VALUE_BOUND = 2_048
"""Characters kept of an attribute's value."""
_TURNS = 16
"""Loops of one step that are made before the caller gets its turn."""

_NAME = re.compile(r"[^\t\n\f\r />]*")
_GAP = re.compile(r"[\t\n\f\r /]*")
_ATTRIBUTE = re.compile(r"=?[^\t\n\f\r />=]*")
_EQUALS = re.compile(r"[\t\n\f\r ]*=[\t\n\f\r ]*")
_UNQUOTED = re.compile(r"[^\t\n\f\r >]*")
_COMMENT_END = re.compile(r"--!?>")
_LONG_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
_RAW = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes", "title", "textarea"})
_AFTER_NAME = frozenset("\t\n\f\r />")


@dataclass(frozen=True, slots=True)
class Tag:
    """A start or end tag. Names are lower case; an end tag has no attributes."""

    name: str
    end: bool
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Text:
    """Characters between tags, as written; `inside`: the element whose raw text it is, or empty."""

    written: str
    inside: str = ""


Token = Tag | Text | None
"""None: some work was done and there is nothing to tell yet."""


def unescaped(written: str) -> str:
    """Character references resolved. A number of more than eight digits is no character."""
    if "&" not in written:
        return written
    # html.unescape hands any number to int(), which refuses one of thousands of digits.
    return html.unescape(_LONG_NUMBER.sub("\ufffd", written))


def tokens(page: str) -> Iterator[Token]:
    """Every tag and text in order. Between two yields lies a bounded number of steps."""
    at = 0
    while at < len(page):
        opening = page.find("<", at)
        if opening < 0:
            yield Text(page[at:])
            return
        if opening > at:
            yield Text(page[at:opening])
        at = opening
        follows = page[at + 1 : at + 3]
        if _is_letter(follows[:1]):
            tag, at = yield from _tag(page, at + 1, end=False)
            if tag is not None:
                yield tag
                at = yield from _raw(page, at, tag.name)
        elif follows[:1] == "/" and _is_letter(follows[1:]):
            tag, at = yield from _tag(page, at + 2, end=True)
            yield tag
        elif follows[:1] in ("!", "?", "/"):
            at = _skipped(page, at)
            yield None
        else:
            yield Text("<")
            at += 1


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _skipped(page: str, at: int) -> int:
    """The place after a comment, a document type or what is to be read as a comment."""
    if page.startswith("<!--", at):
        if page.startswith("<!-->", at):
            return at + 5
        found = _COMMENT_END.search(page, at + 3 if page.startswith("<!--->", at) else at + 4)
        return found.end() if found else len(page)
    closing = page.find(">", at)
    return closing + 1 if closing >= 0 else len(page)


def _tag(page: str, at: int, *, end: bool) -> Generator[None, None, tuple[Tag | None, int]]:
    """The tag whose name starts here, and the place after it; no tag when it is never closed."""
    match = _NAME.match(page, at)
    assert match is not None
    name, at = match[0][:VALUE_BOUND].lower(), match.end()
    attributes: dict[str, str] = {}
    turns = 0
    while True:
        match = _GAP.match(page, at)
        assert match is not None
        at = match.end()
        if at >= len(page):
            return None, at
        if page[at] == ">":
            return Tag(name, end, attributes), at + 1
        attribute, value, at = _attribute(page, at)
        if not end and len(attributes) < ATTRIBUTES_BOUND:
            attributes.setdefault(attribute, value)
        turns += 1
        if turns % _TURNS == 0:
            yield None


def _attribute(page: str, at: int) -> tuple[str, str, int]:
    """Name, value, and the place after it: the end of the page when its quote is never closed."""
    match = _ATTRIBUTE.match(page, at)
    assert match is not None
    name, at = match[0][:VALUE_BOUND].lower(), match.end()
    match = _EQUALS.match(page, at)
    if match is None:
        return name, "", at
    at = match.end()
    quote = page[at : at + 1]
    if quote in ('"', "'"):
        last = page.find(quote, at + 1)
        if last < 0:
            return name, "", len(page)
        return name, unescaped(page[at + 1 : min(last, at + 1 + VALUE_BOUND)]), last + 1
    match = _UNQUOTED.match(page, at)
    assert match is not None
    return name, unescaped(match[0][:VALUE_BOUND]), match.end()


def _raw(page: str, at: int, name: str) -> Generator[Token, None, int]:
    """The text of an element that has no tags inside; returns the place of its end tag."""
    if name == "plaintext":
        yield Text(page[at:], name)
        return len(page)
    if name not in _RAW:
        return at
    start, turns = at, 0
    while True:
        closing = page.find("</", at)
        if closing < 0:
            closing = len(page)
        at = closing + 2 + len(name)
        ends = page[closing + 2 : at].lower() == name and page[at : at + 1] in _AFTER_NAME
        if ends or closing == len(page):
            if closing > start:
                yield Text(page[start:closing], name)
            return closing
        at = closing + 2
        turns += 1
        if turns % _TURNS == 0:
            yield None
