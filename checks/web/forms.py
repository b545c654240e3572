"""What pages ask for in the clear: passwords, and what they load over http. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from checks.html import ACTIVE, Outline

_LISTED_BOUND: Final = 16
_WEB: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A page that was read."""

    url: str
    """Without query."""
    tls: bool
    outline: Outline
    whole: bool
    """Nothing is missing: neither bytes of the reply nor anything of the outline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where passwords are asked for, and what is wrong with it; each sorted, and bounded."""

    pages: tuple[str, ...]
    insecure: tuple[str, ...]
    """`page URL` (it came without TLS), `action URL` (it is sent without TLS)."""
    in_url: tuple[str, ...]
    """Where a password is sent as a part of the URL, which is written into logs, unless a script
    prevents it."""


def login(pages: Iterable[Seen]) -> Login:
    """Passwords on all these pages together."""
    asking: set[str] = set()
    wrong: set[str] = set()
    in_url: set[str] = set()
    for page in pages:
        forms = [form for form in page.outline.forms if form.has_password]
        if not forms:
            continue
        asking.add(page.url)
        if not page.tls:
            wrong.add(f"page {page.url}")
        for form in forms:
            # Without an action a script sends it: where to is not seen.
            if form.action is not None and form.scheme != "https":
                wrong.add(f"action {form.action}" if form.scheme == "http" else "action unknown")
            if form.action is not None and form.method == "get" and form.scheme in _WEB:
                in_url.add(form.action)
    return Login(pages=_bounded(asking), insecure=_bounded(wrong), in_url=_bounded(in_url))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """What a page that came over TLS names with http."""

    active: int
    """Resources that can change or read the page; browsers block them."""
    passive: int
    """Resources that are shown."""
    forms: int
    """Forms that send without TLS."""
    hosts: tuple[str, ...]
    """Sorted, bounded."""


def mixed(outline: Outline) -> Mixed:
    """Mixed content (W3C Mixed Content, 3) as far as the page's own text names it."""
    plain = [one for one in outline.resources if one.scheme in ("http", "ws")]
    return Mixed(
        active=sum(one.count for one in plain if one.kind in ACTIVE),
        passive=sum(one.count for one in plain if one.kind not in ACTIVE),
        forms=sum(form.scheme == "http" for form in outline.forms),
        hosts=_bounded({one.host for one in plain}),
    )


def _bounded(texts: set[str]) -> tuple[str, ...]:
    return tuple(text[:255] for text in sorted(texts)[:_LISTED_BOUND])
