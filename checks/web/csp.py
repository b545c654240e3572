"""Content-Security-Policy: what is enforced, and what it leaves open. Pure; source: W3C CSP 3.

It leaves out: nonces that repeat, hosts on which anybody may put scripts, and most directives.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from checks.web.fields import Fields, every

Policy = Mapping[str, tuple[str, ...]]
"""The sources of each directive, names in lower case."""

_POLICIES_BOUND: Final = 16
_DIRECTIVES_BOUND: Final = 64
_SOURCES_BOUND: Final = 128
_SPACE: Final = " \t\n\f\r"
_NONCE_OR_HASH = re.compile(r"'(?:nonce-|sha256-|sha384-|sha512-)", re.IGNORECASE)
_WIDE: Final = frozenset({"*", "http:", "https:", "data:"})
_EVERY_WEAKNESS: Final = frozenset({*_WIDE, "unsafe-inline", "unsafe-eval"})

FRAMERS: Final = ("nobody", "same-origin", "listed", "anyone")
"""Who may frame a page, the strictest first."""


def policies(values: Iterable[str]) -> list[Policy]:
    """The policies of header fields or meta elements (2.2.2); what is empty is none."""
    found: list[Policy] = []
    for value in values:
        for serialized in value.split(",", _POLICIES_BOUND)[:_POLICIES_BOUND]:
            policy = _policy(serialized)
            if policy and len(found) < _POLICIES_BOUND:
                found.append(policy)
    return found


def _policy(serialized: str) -> Policy:
    """One policy (2.2.1): of a directive that stands twice the first counts."""
    found: dict[str, tuple[str, ...]] = {}
    for written in serialized.split(";", _DIRECTIVES_BOUND)[:_DIRECTIVES_BOUND]:
        name, *sources = written.strip(_SPACE).split(None, _SOURCES_BOUND) or [""]
        if name:
            found.setdefault(name.lower(), tuple(sources[:_SOURCES_BOUND]))
    return found


def enforced(fields: Fields) -> list[Policy]:
    """The policies that the reply's head enforces."""
    return policies(every(fields, "content-security-policy"))


def script_weaknesses(found: Sequence[Policy]) -> tuple[str, ...]:
    """What lets foreign scripts in although policies are enforced, sorted.

    `unsafe-inline`, `unsafe-eval`, `*`, `http:`, `https:`, `data:`, or `no-script-src` alone: no
    policy speaks of scripts. A script must pass every policy, so a weakness is one of all.
    """
    limits = [weak for policy in found if (weak := _weak(policy)) is not None]
    if not limits:
        return ("no-script-src",)
    return tuple(sorted(_EVERY_WEAKNESS.intersection(*limits)))


def _weak(policy: Policy) -> frozenset[str] | None:
    """What one policy lets in; None: it does not speak of scripts.

    Elements and attributes may have lists of their own (6.8.3), eval has not.
    """
    every = policy.get("script-src", policy.get("default-src"))
    elements = policy.get("script-src-elem", every)
    attributes = policy.get("script-src-attr", every)
    if elements is None and attributes is None:
        return None
    return (
        (_weak_list(every) & {"unsafe-eval"})
        | (_weak_list(elements) - {"unsafe-eval"})
        | (_weak_list(attributes) & {"unsafe-inline"})
    )


def _weak_list(sources: Sequence[str] | None) -> frozenset[str]:
    """What a list of sources lets in; of no list everything."""
    if sources is None:
        return _EVERY_WEAKNESS
    words = frozenset(source.lower() for source in sources)
    weak = {"unsafe-eval"} if "'unsafe-eval'" in words else set()
    listed = any(_NONCE_OR_HASH.match(word) for word in words)
    # A nonce, a hash or strict-dynamic switches unsafe-inline off (6.7.3.2); strict-dynamic
    # switches hosts and schemes off as well (6.7.1.1).
    if "'unsafe-inline'" in words and not listed and "'strict-dynamic'" not in words:
        weak.add("unsafe-inline")
    if "'strict-dynamic'" not in words:
        weak |= words & _WIDE
    return frozenset(weak)


def upgrades(found: Sequence[Policy]) -> bool:
    """Browsers are told to load over https whatever the page names with http."""
    return any("upgrade-insecure-requests" in policy for policy in found)


def ancestors(found: Sequence[Policy]) -> str | None:
    """Who may frame the page by the policies of its head; None: none of them says so."""
    said = [_framers(p["frame-ancestors"]) for p in found if "frame-ancestors" in p]
    return min(said, key=FRAMERS.index) if said else None


def _framers(sources: Sequence[str]) -> str:
    words = {source.lower() for source in sources} - {"'none'"}
    if words & {"*", "http:", "https:"}:
        return "anyone"
    if not words:
        return "nobody"
    return "same-origin" if words == {"'self'"} else "listed"
