"""The smaller header fields of a page, as browsers take them. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from checks.web.csp import Policy, ancestors
from checks.web.fields import Fields, every, listed

_POLICIES: Final = frozenset(
    {
        "no-referrer",
        "no-referrer-when-downgrade",
        "same-origin",
        "origin",
        "strict-origin",
        "origin-when-cross-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    }
)
_OLD_WORDS: Final = {
    "never": "no-referrer",
    "always": "unsafe-url",
    "origin-when-crossorigin": "origin-when-cross-origin",
}
_BANNERS: Final = ("server", "x-powered-by", "x-generator")
_VERSIONS: Final = ("x-aspnet-version", "x-aspnetmvc-version")
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9._+-]{0,63}")
_VERSION = re.compile(r"[0-9]\.[0-9]|/[vV]?[0-9]")
_VERSION_END = re.compile(r"[-_]?[vV]?[0-9]+\.[0-9].*")
_COMMENT = re.compile(r"\([^()]*\)")
_PRODUCTS_BOUND: Final = 16
_BANNER_BOUND: Final = 512


def nosniff(fields: Fields) -> bool:
    """X-Content-Type-Options: the first member counts (Fetch, 3.6)."""
    return [word.lower() for word in listed(fields, "x-content-type-options")[:1]] == ["nosniff"]


def framing(fields: Fields, policies: Sequence[Policy]) -> str:
    """Who may put the page into a frame: nobody, same-origin, listed, anyone.

    `frame-ancestors` of the head's policies comes before X-Frame-Options (CSP 3, 6.4.2.2; HTML,
    7.6): two different words of which browsers know one forbid every frame, ALLOW-FROM is none.
    """
    said = ancestors(policies)
    if said is not None:
        return said
    words = {word.lower() for word in listed(fields, "x-frame-options")}
    if len(words) > 1:
        return "nobody" if words & {"deny", "sameorigin", "allowall"} else "anyone"
    return {"deny": "nobody", "sameorigin": "same-origin"}.get("".join(words), "anyone")


def referrer_policy(fields: Fields, of_page: str = "") -> str:
    """The policy in force; empty: none is set, and the browser's own holds.

    The last word that is a policy counts (Referrer Policy, 8.1); `of_page`, from a meta element,
    comes after the head.
    """
    known = [w.lower() for w in listed(fields, "referrer-policy") if w.lower() in _POLICIES]
    word = of_page.strip().lower()
    word = _OLD_WORDS.get(word, word)
    return word if word in _POLICIES else (known[-1] if known else "")


def products(fields: Fields, generator: str = "") -> tuple[str, ...]:
    """The words by which server and page say what they are made of, without versions, sorted."""
    words: set[str] = set()
    for banner in _banners(fields, generator):
        # "nginx/1.22.1 (Debian) PHP/8.1", "WordPress 6.4": each product begins with a letter.
        for part in _COMMENT.sub(" ", banner).replace(",", " ").split():
            match = _PRODUCT.match(part)
            word = _VERSION_END.sub("", match[0]) if match else ""
            if word:
                words.add(word)
    return tuple(sorted(words)[:_PRODUCTS_BOUND])


def shows_version(fields: Fields, generator: str = "") -> bool:
    """Whether any of them carries a number of a version, in a comment too."""
    if any(every(fields, name) for name in _VERSIONS):
        return True
    return any(_VERSION.search(banner) for banner in _banners(fields, generator))


def _banners(fields: Fields, generator: str) -> list[str]:
    values = [value for name in _BANNERS for value in every(fields, name)]
    return [value[:_BANNER_BOUND] for value in (*values, generator)]
