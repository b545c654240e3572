"""Text as it is compared: one spelling for what people read as the same word. Pure.

Spam hides its words from lists: full-width letters, zero-width characters, letters of other
scripts that look alike, digits for letters. What is left of a word here are the letters a to z,
digits, and letters of other scripts.
"""

import re
import unicodedata
from collections.abc import Iterator

TEXT_BOUND = 262_144
"""Characters after normalisation: compatibility forms may be eighteen times as long."""

_PART = 512
"""Characters normalised at a time, so that no more are made than are kept."""
_DROPPED = frozenset({"Mn", "Me", "Cf"})
"""Categories of marks and of what is not seen."""
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"\d+")
_LOOKS_LIKE = str.maketrans(
    "\u0430\u0432\u0441\u0501\u0435\u04bb\u0456\u0458\u043a\u04cf"
    "\u043c\u043e\u0440\u0455\u0442\u0443\u0445\u0578\u0585\u057d"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "abcdehijklmopstyxnouaeikvoptux",
)
"""Cyrillic, Armenian and Greek letters in a word of Latin ones."""
_READS_AS = str.maketrans("0134578@$", "oieastbas")
_SINGLES = 3
"""So many letters one after another are a word written apart: s l o t."""
_LETTERS = 64
"""Letters put together, and of a word that is read again, at most."""


def plain(text: str) -> str:
    """Compatibility forms resolved, lower case, without marks and invisible characters."""
    return "".join(plain_parts(text))


def plain_parts(text: str) -> Iterator[str]:
    """As `plain`, a part at a time, so that nobody else is held up; bounded by `TEXT_BOUND`."""
    room = TEXT_BOUND
    for at in range(0, len(text), _PART):
        if room <= 0:
            return
        part = unicodedata.normalize("NFKD", text[at : at + _PART])[:room]
        room -= len(part)
        if not part.isascii():
            part = "".join(c for c in part if unicodedata.category(c) not in _DROPPED)
        yield part.casefold()


def words(text: str) -> Iterator[str]:
    """The words of a text as they are searched; see `searched`."""
    return searched(plain(text))


def searched(plained: str) -> Iterator[str]:
    """The words of what `plain` made; letters written apart are put together."""
    letters: list[str] = []
    for match in _WORD.finditer(plained):
        word = match[0] if match[0].isascii() else _latin(match[0])
        if len(word) == 1 and not word.isdigit() and len(letters) < _LETTERS:
            letters.append(word)
            continue
        yield from _together(letters)
        letters.clear()
        yield word
    yield from _together(letters)


def _together(letters: list[str]) -> list[str]:
    return ["".join(letters)] if len(letters) >= _SINGLES else list(letters)


def _latin(word: str) -> str:
    """A word with at least one Latin letter is read as Latin; any other is left as it is."""
    if any("a" <= character <= "z" for character in word):
        return word.translate(_LOOKS_LIKE)
    return word


def readings(word: str) -> tuple[str, ...]:
    """The word, and what it says when digits between or before letters are letters: sl0t, 5lot."""
    if word.isalpha() or word.isdigit() or len(word) > _LETTERS:
        return (word,)
    inside = _DIGITS.sub(_between_letters, word)
    return tuple(dict.fromkeys((word, inside, word.translate(_READS_AS))))


def _between_letters(match: re.Match[str]) -> str:
    after = match.string[match.end() : match.end() + 1]
    return match[0].translate(_READS_AS) if after else match[0]


def steady(text: str) -> Iterator[str]:
    """The words of a text as it is fingerprinted; see `steadied`."""
    return steadied(plain(text))


def steadied(plained: str) -> Iterator[str]:
    """The words of what `plain` made with every number a 0, so that dates do not count."""
    for match in _WORD.finditer(plained):
        yield "0" if match[0].isdigit() else _DIGITS.sub("0", match[0])
