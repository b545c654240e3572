"""Set-Cookie as a browser takes it; values are read past and never kept. Pure.

Source: RFC 6265bis (draft-ietf-httpbis-rfc6265bis), 5.6 and 5.7.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_NAME_BOUND: Final = 64
"""Characters of a name that are kept."""
COOKIES_BOUND: Final = 64
_PAIR_BOUND: Final = 4_096
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NO_TOKEN = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
"""What no name has (RFC 9110, 5.6.2), though browsers take it."""
_DIGITS = re.compile(r"-?[0-9]+")
_YEAR = re.compile(r"[A-Za-z]{3}[ -]([0-9]{4}|[0-9]{2})(?![0-9])")
_YEAR_OVER: Final = 2_020
_SPACE: Final = " \t"
_REPEATED_BOUND: Final = 32
"""Attributes of one cookie that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One cookie, without its value."""

    name: str
    secure: bool
    http_only: bool
    same_site: str
    """strict, lax, none; empty: not said, or not in a word that browsers know."""
    refused: bool
    """Browsers do not store it: a prefix without what it promises, SameSite=None without Secure,
    or Secure over plain HTTP."""


def cookies(values: Iterable[str], *, over_tls: bool) -> list[Cookie]:
    """The cookies that a reply sets, in order; those it deletes are left out.

    `over_tls`: the reply came over TLS.
    """
    found: list[Cookie] = []
    for value in values:
        cookie = _cookie(value, over_tls=over_tls)
        if cookie is not None and len(found) < COOKIES_BOUND:
            found.append(cookie)
    return found


def _cookie(written: str, *, over_tls: bool) -> Cookie | None:
    if _CONTROL.search(written):
        return None
    pair, *rest = written.split(";", _REPEATED_BOUND)
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    name, value = name.strip(_SPACE), value.strip(_SPACE)
    attributes = _attributes(rest[:_REPEATED_BOUND])
    if not (name or value) or len(name) + len(value) > _PAIR_BOUND or _deletes(attributes):
        return None
    secure, same_site = "secure" in attributes, attributes.get("samesite", "").lower()
    refused = (
        _breaks_promise(name, value, attributes)
        or (same_site == "none" and not secure)
        or (secure and not over_tls)
    )
    return Cookie(
        name=_NO_TOKEN.sub("\ufffd", name[:_NAME_BOUND]),
        secure=secure,
        http_only="httponly" in attributes,
        same_site=same_site if same_site in ("strict", "lax", "none") else "",
        refused=refused,
    )


def _attributes(written: Iterable[str]) -> dict[str, str]:
    """Of an attribute that stands twice the last counts."""
    found: dict[str, str] = {}
    for item in written:
        name, _, value = item.partition("=")
        found[name.strip(_SPACE).lower()] = value.strip(_SPACE)
    return found


def _deletes(attributes: dict[str, str]) -> bool:
    """A lifetime that is over; Max-Age comes before Expires.

    No clock is read here: of Expires only a year counts that is over whatever the clock says, as
    servers write it to delete.
    """
    age = attributes.get("max-age", "")
    if _DIGITS.fullmatch(age):
        return age.startswith("-") or not age.strip("0")
    found = _YEAR.search(attributes.get("expires", ""))
    if found is None:
        return False
    year = int(found[1])
    return (year + (1_900 if year >= 70 else 2_000) if year < 100 else year) < _YEAR_OVER


def _breaks_promise(name: str, value: str, attributes: dict[str, str]) -> bool:
    """Prefixes (5.7, steps 20 to 22), whatever their case; a nameless one may not imitate them."""
    lower, secure = name.lower(), "secure" in attributes
    if not name:
        return value.lower().startswith(("__secure-", "__host-"))
    if lower.startswith("__host-"):
        return not secure or attributes.get("path") != "/" or bool(attributes.get("domain"))
    return lower.startswith("__secure-") and not secure
