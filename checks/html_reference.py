"""Where a reference of a page leads: scheme and host, as a browser reads it. Pure.

Source: WHATWG URL, 3.5 and 4.4, as far as scheme and host go. Nothing raises, and no name is
resolved.
"""

import re
import unicodedata
from urllib.parse import unquote

HOST_BOUND = 255
_WEB = frozenset({"http", "https", "ws", "wss"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]{0,31}):")
_SLASHES = re.compile(r"[/\\]*")
_AUTHORITY = re.compile(r"[^/\\?#]*")
_LITERAL = re.compile(r"[0-9a-f:.]+")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#/:<>?@\[\\\]^|%\"'`{}()*,;!$&+=~]")
"""What no host has (URL, 3.3), and marks that only imitate text."""
_STOPS = str.maketrans("\u3002\uff0e\uff61", "...")
_EDGE = "".join(map(chr, range(33)))
_DROPPED = str.maketrans("", "", "\t\n\r")


def reference(written: str, scheme: str, host: str) -> tuple[str, str]:
    """Scheme and host of a reference on a page of `scheme` and `host`.

    The host is lower case and without its port, bounded, and empty for a scheme without one. Both
    are empty where a browser goes nowhere: a host with a space or a bracket is no host.
    """
    text = written.strip(_EDGE).translate(_DROPPED)
    match = _SCHEME.match(text)
    if match is None:
        return _led(scheme, _host(text, 0)) if _slashes(text, 0) >= 2 else (scheme, host)
    own = match[1].lower()
    if own not in _WEB:
        return own, ""
    if own == scheme and _slashes(text, match.end()) < 2:
        return scheme, host
    return _led(own, _host(text, match.end()))


def _led(scheme: str, host: str) -> tuple[str, str]:
    return (scheme, host) if host else ("", "")


def _slashes(text: str, at: int) -> int:
    """Browsers take a backslash for a slash."""
    match = _SLASHES.match(text, at)
    assert match is not None
    return len(match[0])


def _host(text: str, at: int) -> str:
    match = _AUTHORITY.match(text, at + _slashes(text, at))
    assert match is not None
    authority = match[0].rpartition("@")[2].lower()
    if authority.startswith("["):
        host = authority.partition("]")[0][1:][:HOST_BOUND]
        return host if _LITERAL.fullmatch(host) else ""
    host = authority.partition(":")[0][:HOST_BOUND]
    if "%" in host or not host.isascii():
        # A name may be written in any width and by its bytes; a browser asks for one.
        host = unicodedata.normalize("NFKC", unquote(host)).lower().translate(_STOPS)[:HOST_BOUND]
    return "" if _FORBIDDEN.search(host) or not host.isprintable() else host


def printable(text: str) -> str:
    """A text of a page that people and databases can bear: U+FFFD for whatever is not seen."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
