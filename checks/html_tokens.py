"""Tags and texts of an HTML page that cannot be trusted. Pure; source: WHATWG HTML, 13.2.5.

One pass: whatever stands in the page, no character is looked at more than a few times, because
what is not closed reaches to the end, as the standard says. (`html.parser` starts anew instead:
32 KiB of `<a b ` take it four seconds.) It leaves out: the "escaped" states of scripts, integration
points of foreign content (`html_foreign`), and what scripts would write.
"""

import html
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from checks.html_foreign import Foreign

ATTRIBUTES_BOUND = 64
"""Attributes kept of one tag; more are read and forgotten."""
VALUE_BOUND = 2_048
"""Characters kept of an attribute's value."""
_TURNS = 16
"""Loops of one step that are made before the caller gets its turn."""
_PIECE = 4_096
"""Characters of one text; a longer one is told in pieces."""
_REFERENCE = 34
"""Characters of the longest reference by name: a text is not cut so near behind an ampersand."""
_TURN_CHARACTERS = 128
"""Characters with references in them that cost as much as a token."""

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
    closed: bool = False
    """A slash stands before its end: in SVG and MathML it has no content."""


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


def tokens(page: str, *, within: str = "") -> Iterator[Token]:
    """Every tag and text in order. Between two yields lies a bounded number of steps.

    `within`: the element whose content this is; `noscript` has none within it.
    """
    at, foreign = 0, Foreign()
    while at < len(page):
        opening = page.find("<", at)
        if opening < 0:
            opening = len(page)
        yield from _text(page, at, opening, foreign.inside)
        at = opening
        if at == len(page):
            return
        follows = page[at + 1 : at + 3]
        end = follows[:1] == "/"
        if _is_letter(follows[end : end + 1]):
            tag, at = yield from _tag(page, at + 1 + end, end=end)
            if tag is None:
                return
            if foreign.take(tag.name, tag.attributes, end=end, closed=tag.closed):
                yield tag
            if not (end or foreign or tag.name == within):
                at = yield from _raw(page, at, tag.name)
        elif follows[:1] in ("!", "?", "/"):
            at = _skipped(page, at)
            yield None
        else:
            yield Text("<")
            at += 1


def _text(page: str, at: int, end: int, inside: str = "") -> Generator[Token, None, None]:
    """A text in pieces, none of which ends within a reference by name."""
    while at < end:
        cut = min(end, at + _PIECE)
        if cut < end:
            reference = page.rfind("&", cut - _REFERENCE, cut)
            cut = reference if reference > at else cut
        written = page[at:cut]
        yield Text(written, inside)
        yield from _worked(written)
        at = cut


def _worked(written: str) -> Iterator[None]:
    """Turns for the references that whoever reads this will resolve."""
    if "&" in written:
        for _ in range(len(written) // _TURN_CHARACTERS):
            yield None


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
            return Tag(name, end, attributes, closed=match[0].endswith("/")), at + 1
        attribute, value, at = _attribute(page, at)
        if not end and len(attributes) < ATTRIBUTES_BOUND and attribute not in attributes:
            attributes[attribute] = unescaped(value)
            yield from _worked(value)
        turns += 1
        if turns % _TURNS == 0:
            yield None


def _attribute(page: str, at: int) -> tuple[str, str, int]:
    """Name, value as written, and the place after it: of an open quote the end of the page."""
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
        return name, page[at + 1 : min(last, at + 1 + VALUE_BOUND)], last + 1
    match = _UNQUOTED.match(page, at)
    assert match is not None
    return name, match[0][:VALUE_BOUND], match.end()


def _raw(page: str, at: int, name: str) -> Generator[Token, None, int]:
    """The text of an element that has no tags inside; returns the place of its end tag."""
    if name == "plaintext":
        yield from _text(page, at, len(page), name)
        return len(page)
    if name != "noscript" and name not in _RAW:
        return at
    closing = yield from _end_of(page, at, name)
    if name == "noscript":
        # Raw for a browser with scripts, so that nothing within reaches beyond it; read by others.
        yield from tokens(page[at:closing], within=name)
    else:
        yield from _text(page, at, closing, name)
    return closing


def _end_of(page: str, at: int, name: str) -> Generator[None, None, int]:
    """The place of the end tag of raw text, or of the end of the page."""
    turns = 0
    while True:
        closing = page.find("</", at)
        if closing < 0:
            closing = len(page)
        at = closing + 2 + len(name)
        ends = page[closing + 2 : at].lower() == name and page[at : at + 1] in _AFTER_NAME
        if ends or closing == len(page):
            return closing
        at = closing + 2
        turns += 1
        if turns % _TURNS == 0:
            yield None
