"""Letters that a document may hold: names and reasons come from people, and from the network. Pure.

Control characters, direction marks and code points that are no characters are replaced in every
medium: they could hide or reorder what stands there, and XML forbids some. What the fonts of the
PDF do not have is written by its code point, because PDF/A allows no missing glyph.
"""

import re
import unicodedata

ZERO_WIDTH_SPACE = "\u200b"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BANNED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_IN_PRINT = re.compile(
    "[^\n -~\xa0-\xac\xae-\u0180\u0391-\u03a1\u03a3-\u03a9\u03b1-\u03c9\u0410-\u044f"
    "\u1e00-\u1e99\u1ea0-\u1ef9\u2010-\u2015\u2018-\u201e\u2020-\u2022\u2026\u2030\u20ac"
    "\u2190-\u2193\u2248\u2260\u2264\u2265\ufffd]"
)
"""Everything but what Libertinus Serif and DejaVu Sans Mono both have."""


def plain(text: str) -> str:
    """The text in its composed form, every character to be seen."""
    composed = unicodedata.normalize("NFC", text)
    if composed.isascii() and composed.isprintable():
        return composed
    return "".join(_seen(letter) for letter in composed)


def in_print(text: str) -> str:
    """The text in letters that the PDF's fonts have; any other one as [U+6F22]."""
    return _IN_PRINT.sub(lambda found: f"[U+{ord(found[0]):04X}]", plain(text))


def breakable(text: str, longest: int) -> str:
    """The text with places to break its line in runs of more than so many letters.

    A name that cannot be broken would run over its neighbours in a table.
    """
    return re.sub(rf"\S{{{longest},}}", lambda run: _parted(run[0]), text)


def _parted(run: str) -> str:
    named = re.sub(r"([/._-])(?=.)", f"\\1{ZERO_WIDTH_SPACE}", run)
    return re.sub(
        rf"([^{ZERO_WIDTH_SPACE}]{{8}})(?=[^{ZERO_WIDTH_SPACE}])", rf"\1{ZERO_WIDTH_SPACE}", named
    )


def _seen(letter: str) -> str:
    if letter == "\n":
        return letter
    return REPLACEMENT if unicodedata.category(letter) in _BANNED else letter
