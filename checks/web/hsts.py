"""Strict-Transport-Security as a browser understands it. Pure; source: RFC 6797, 6.1 and 8.1."""

import re
from dataclasses import dataclass
from typing import Final

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED: Final = r'"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*+)"'
# Possessive throughout: a field of 64 KiB must not be tried in more than one way.
_DIRECTIVE = re.compile(
    rf"[ \t]*+(?:({_WORD})(?:[ \t]*+=[ \t]*+(?:({_WORD})|{_QUOTED}))?+)?+[ \t]*+(?:;|$)"
)
_LONGEST_S: Final = 10**12
"""Thirty thousand years; more seconds say no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hsts:
    """What a host asks of browsers. Not valid: browsers ignore it, and `error` says why.

    `error`: absent, malformed, directive-twice, max-age-missing; empty when valid.
    """

    error: str = ""
    max_age_s: int = 0
    include_subdomains: bool = False
    preload: bool = False

    @property
    def valid(self) -> bool:
        """Browsers take it; a max-age of zero is valid, and makes them forget the host."""
        return not self.error


def hsts(values: list[str]) -> Hsts:
    """The policy of a reply: of several fields only the first counts (8.1)."""
    if not values:
        return Hsts(error="absent")
    directives = _directives(values[0])
    if isinstance(directives, str):
        return Hsts(error=directives)
    age = directives.get("max-age")
    if age is None and "max-age" not in directives:
        return Hsts(error="max-age-missing")
    if age is None or not re.fullmatch(r"[0-9]+", age):
        return Hsts(error="malformed")
    if directives.get("includesubdomains") is not None:
        return Hsts(error="malformed")  # 6.1.2: valueless
    return Hsts(
        max_age_s=min(int(age), _LONGEST_S) if len(age) < 20 else _LONGEST_S,
        include_subdomains="includesubdomains" in directives,
        preload="preload" in directives,
    )


def _directives(value: str) -> dict[str, str | None] | str:
    """Values by name in lower case (None: valueless), or why there is no policy."""
    found: dict[str, str | None] = {}
    at = 0
    while at < len(value):
        match = _DIRECTIVE.match(value, at)
        if match is None or match.end() == at:
            return "malformed"
        at = match.end()
        if match[1] is None:
            continue
        name = match[1].lower()
        if name in found:
            return "directive-twice"
        quoted = None if match[3] is None else re.sub(r"\\(.)", r"\1", match[3])
        found[name] = match[2] if quoted is None else quoted
    return found
