"""From the bytes of a page to its characters. Pure; source: WHATWG Encoding and HTML, 13.2.3."""

import codecs
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

_PRESCAN: Final = 1_024
_META = re.compile(
    rb"<meta[^>]{0,512}?charset[ \t\r\n]*=[ \t\r\n]*[\"']?([A-Za-z0-9_:.\-]{1,40})",
    re.IGNORECASE,
)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_LATIN: Final = "cp1252"
# Python knows codecs that are no character sets of pages, some of them slow without bound
# (punycode): only these are used.
_KNOWN: Final = {
    **dict.fromkeys(("utf-8", "utf8"), "utf-8"),
    **dict.fromkeys(("ascii", "us-ascii", "iso-8859-1", "latin1", "windows-1252"), _LATIN),
    **{f"iso-8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"windows-{n}": f"cp{n}" for n in (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258)},
    **dict.fromkeys(("utf-16", "utf-16le"), "utf-16-le"),
    "utf-16be": "utf-16-be",
    "koi8-r": "koi8-r",
    **dict.fromkeys(("gbk", "gb2312", "gb18030"), "gb18030"),
    "big5": "big5",
    "euc-jp": "euc_jp",
    **dict.fromkeys(("shift_jis", "shift-jis"), "shift_jis"),
    "euc-kr": "euc_kr",
}


_PIECE: Final = 32_768
"""Bytes decoded at once: a few milliseconds for the slowest set."""
_WIDE: Final = frozenset(
    {"utf-8", "utf-16-le", "utf-16-be", "gb18030", "big5", "euc_jp", "shift_jis", "euc_kr"}
)
"""Sets of more than one byte a character."""


def decoded(html: bytes, charset: str) -> str:
    """The page as text; what cannot be read, and NUL, is U+FFFD. Never raises.

    A byte order mark comes first, then what the reply said, then what the page says of itself,
    then UTF-8 if all of it is that, then Windows-1252.
    """
    return "".join(pieces(html, charset))


def pieces(html: bytes, charset: str) -> Iterator[str]:
    """The same text, piece by piece."""
    codec, start = _codec(html, charset)
    decoder = codecs.getincrementaldecoder(codec)("replace") if codec in _WIDE else None
    for at in range(start, len(html), _PIECE):
        piece = html[at : at + _PIECE]
        if decoder is not None:
            text = decoder.decode(piece, final=at + _PIECE >= len(html))
        else:
            text = codecs.charmap_decode(piece, "strict", _table(codec))[0]
        yield text.replace("\0", "\ufffd")


@cache
def _table(codec: str) -> str:
    """The character of each byte. Python's own tables have holes, and each hole costs a call."""
    return "".join(bytes([value]).decode(codec, "replace") for value in range(256))


def _codec(html: bytes, charset: str) -> tuple[str, int]:
    """Python's name of the character set, and where the text begins."""
    for mark, codec in _MARKS:
        if html.startswith(mark):
            return codec, len(mark)
    codec = _KNOWN.get(charset.strip(" \t\"'").lower(), "") or _declared(html[:_PRESCAN])
    if codec:
        return codec, 0
    try:
        html.decode()
    except UnicodeDecodeError as error:
        # A page that was cut may end inside a character.
        return ("utf-8" if error.reason == "unexpected end of data" else _LATIN), 0
    return "utf-8", 0


def _declared(start: bytes) -> str:
    """A page that could be searched for its own declaration is not UTF-16."""
    found = _META.search(start)
    codec = _KNOWN.get(found[1].decode("ascii").lower(), "") if found else ""
    return "utf-8" if codec.startswith("utf-16") else codec
