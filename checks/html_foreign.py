"""SVG and MathML within a page: where they begin and end, and which text is not shown. Pure.

Source: WHATWG HTML, 13.2.6.5. No element in them has raw text, and a tag may close itself, so that
`<style/>` hides nothing behind it; most tags of HTML end them. It leaves out: HTML integration
points, in which no tag would end them; the reader then is back in HTML early.
"""

from collections.abc import Mapping
from typing import Final

_ROOTS: Final = frozenset({"svg", "math"})
_QUIET: Final = frozenset({"style", "script", "title", "desc", "metadata"})
_ENDING: Final = frozenset(
    {
        *("b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em"),
        *("embed", "h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "i", "img", "li", "listing"),
        *("menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span", "strong"),
        *("strike", "sub", "sup", "table", "tt", "u", "ul", "var"),
    }
)
_OF_FONT: Final = frozenset({"color", "face", "size"})


class Foreign:
    """Follows the tags of a page."""

    __slots__ = ("_depth", "_quiet")

    def __init__(self) -> None:
        self._depth = 0
        self._quiet = ""
        """The element whose text is not shown; empty: none."""

    def __bool__(self) -> bool:
        """Whether what follows is not HTML."""
        return self._depth > 0

    @property
    def inside(self) -> str:
        """Where text stands: empty where it is shown."""
        return "desc" if self._quiet else ""

    def take(
        self, name: str, attributes: Mapping[str, str], *, end: bool, closed: bool = False
    ) -> bool:
        """A tag; `closed`: it closes itself. False: what is called so in HTML is another thing."""
        if end:
            self._end(name)
        elif name in _ROOTS:
            self._depth += not closed
        elif self._depth:
            self._start(name, attributes, closed=closed)
        return not (self._depth and name == "template")

    def _start(self, name: str, attributes: Mapping[str, str], *, closed: bool) -> None:
        if name in _ENDING or (name == "font" and _OF_FONT & attributes.keys()):
            self._depth, self._quiet = 0, ""
        elif name in _QUIET and not closed:
            self._quiet = self._quiet or name

    def _end(self, name: str) -> None:
        if name in ("p", "br"):
            self._depth = 0
        elif name in _ROOTS:
            self._depth = max(0, self._depth - 1)
        elif name != self._quiet:
            return
        self._quiet = ""
