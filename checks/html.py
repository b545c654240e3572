"""What a page of HTML asks a browser to do, without doing it. Pure; bounded in work and memory.

It leaves out: what scripts and style sheets would load, and whether a text can really be seen.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from checks.html_charset import pieces
from checks.html_form import Form, FormReader
from checks.html_reference import reference
from checks.html_refresh import refresh_target
from checks.html_tokens import Tag, Text, Token, tokens, unescaped
from checks.shown_url import shown_url

TEXT_BOUND: Final = 65_536
"""Characters of visible text."""
HOSTS_BOUND: Final = 512
"""Distinct hosts of links, of scripts, and distinct resources."""
TITLE_BOUND: Final = 255
_POLICIES_BOUND: Final = 8
_CANDIDATES_BOUND: Final = 32
_SLICE: Final = 64
"""Tokens of one step: a millisecond, a few for the most hostile page that was found."""

ACTIVE: Final = frozenset({"script", "style", "frame", "object", "preload", "manifest"})
"""Kinds of resources that can change the page or read it (W3C Mixed Content: blockable)."""
PASSIVE: Final = frozenset({"image", "media", "icon"})
"""Kinds that a browser merely shows (upgradable)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What a browser loads along with the page."""

    kind: str
    """One of ACTIVE or PASSIVE."""
    scheme: str
    host: str
    """Lower case, without port; empty for a scheme without host, such as data."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One page. Hosts stand once each, in the order in which they were met."""

    title: str
    text: str
    """Visible text with single spaces, at most TEXT_BOUND characters; the title is apart."""
    link_hosts: tuple[str, ...]
    """Hosts of `a` and `area`, the page's own included."""
    script_hosts: tuple[str, ...]
    inline_scripts: int
    forms: tuple[Form, ...]
    resources: tuple[Resource, ...]
    refresh: str | None
    """Absolute URL of the first `meta` refresh, without query; the page's own if it names none."""
    csp: tuple[str, ...]
    """Contents of each `meta` Content-Security-Policy."""
    referrer: str
    """Content of the last `meta` referrer."""
    generator: str
    """Content of the first `meta` generator."""
    cut: bool
    """A bound was met: there is more of something than is told here."""


def outline(html: bytes, charset: str, base_url: str) -> Outline:
    """The outline of a page; `charset` as the reply says it, or empty; never raises.

    A page of a mebibyte takes a second: inside a loop use `Outliner`, a step at a time.
    """
    outliner = Outliner(html, charset, base_url)
    while not outliner.step():
        pass
    return outliner.outline()


class Outliner:
    """Makes an outline in short steps, so that a hostile page holds up nobody else."""

    def __init__(self, html: bytes, charset: str, base_url: str) -> None:
        self._undecoded: Iterator[str] | None = pieces(html, charset)
        self._page: list[str] = []
        self._tokens: Iterator[Token] = iter(())
        self._base = base_url
        self._scheme, self._host = reference(base_url, "", "")
        self._own = self._absolute(""), self._scheme
        self._title: str | None = None
        self._text: list[str] = []
        self._room = TEXT_BOUND
        self._links: dict[str, None] = {}
        self._scripts: dict[str, None] = {}
        self._inline = 0
        self._forms = FormReader(self._target)
        self._resources: Counter[tuple[str, str, str]] = Counter()
        self._refresh: str | None = None
        self._csp: list[str] = []
        self._referrer = self._generator = ""
        self._based = self._cut = False
        self._templates: list[tuple[bool, Callable[[], None]]] = []
        """Of each open template whether it is hidden, and the way back to the forms outside."""
        self._silent = 0
        """Open templates that are hidden."""
        self._noscript: tuple[int, Callable[[], None]] | None = None
        """Of an open noscript how many templates were open, and the way back."""
        self._over = False

    def step(self) -> bool:
        """Read on a little; True: the page is at its end."""
        if self._undecoded is not None:
            self._decode(self._undecoded)
            return False
        for _ in range(_SLICE):
            try:
                token = next(self._tokens)
            except StopIteration:
                self._over = True
                break
            if isinstance(token, Text):
                self._read_text(token)
            elif token is not None:
                self._read_tag(token)
        return self._over

    def _decode(self, undecoded: Iterator[str]) -> None:
        piece = next(undecoded, None)
        if piece is not None:
            self._page.append(piece)
            return
        self._undecoded = None
        self._tokens = tokens("".join(self._page))
        self._page.clear()

    def outline(self) -> Outline:
        """What was read so far."""
        return Outline(
            title=self._title or "",
            text=" ".join("".join(self._text).split()),
            link_hosts=tuple(self._links),
            script_hosts=tuple(self._scripts),
            inline_scripts=self._inline,
            forms=self._forms.forms(),
            resources=tuple(
                Resource(kind=kind, scheme=scheme, host=host, count=count)
                for (kind, scheme, host), count in self._resources.items()
            ),
            refresh=self._refresh,
            csp=tuple(self._csp),
            referrer=self._referrer,
            generator=self._generator,
            cut=self._cut or self._forms.cut or not self._over,
        )

    def _read_text(self, text: Text) -> None:
        if text.inside == "title":
            if self._title is None:
                self._title = " ".join(unescaped(text.written[:4_096]).split())[:TITLE_BOUND]
        elif text.inside in _SHOWN and not self._silent:
            self._show(text.written)

    def _show(self, written: str) -> None:
        if self._room <= 0:
            self._cut = self._cut or not written.isspace()
            return
        piece = unescaped(written[: self._room])
        self._cut = self._cut or len(written) > self._room
        self._room -= len(piece)
        self._text.append(piece)

    def _read_tag(self, tag: Tag) -> None:
        if tag.name not in _INLINE and self._text and self._text[-1] != " ":
            self._text.append(" ")
        if tag.name == "template":
            self._read_template(tag)
        elif tag.name == "noscript":
            self._read_noscript(tag)
        if tag.end:
            self._forms.end(tag.name)
            return
        self._forms.start(tag.name, tag.attributes)
        read = _READERS.get(tag.name)
        # A browser with scripts takes none of these from where it does not look.
        ignored = tag.name in ("base", "meta") and (self._silent or self._noscript)
        if read is not None and not ignored:
            read(self, tag.attributes)

    def _read_template(self, tag: Tag) -> None:
        """What stands in a template is not shown, save in a shadow root's (4.12.3)."""
        if not tag.end:
            root = tag.attributes.get("shadowrootmode", "").lower() in ("open", "closed")
            self._templates.append((not root, self._forms.aside()))
            self._silent += not root
        elif self._templates:
            hidden, back = self._templates.pop()
            self._silent -= hidden
            back()

    def _read_noscript(self, tag: Tag) -> None:
        """What is left open in it ends with it."""
        if not tag.end:
            self._noscript = self._noscript or (len(self._templates), self._forms.aside())
        elif self._noscript is not None:
            count, back = self._noscript
            while len(self._templates) > count:
                self._silent -= self._templates.pop()[0]
            self._noscript = None
            back()

    def _absolute(self, written: str) -> str:
        """The URL as it is kept (`shown_url`); of what is no URL a bounded piece."""
        try:
            whole = urljoin(self._base, written.strip())
        except ValueError:
            whole = written[:TITLE_BOUND]
        return shown_url(whole)

    def _target(self, written: str) -> tuple[str, str]:
        """An empty action is the page itself, wherever `base` moves the rest (4.10.22.3)."""
        if not written:
            return self._own
        return self._absolute(written), self._where(written)[0]

    def _where(self, written: str) -> tuple[str, str]:
        return reference(written, self._scheme, self._host)

    def _load(self, kind: str, written: str) -> None:
        if not written.strip():
            return
        key = (kind, *self._where(written))
        if key in self._resources or len(self._resources) < HOSTS_BOUND:
            self._resources[key] += 1
        else:
            self._cut = True

    def _note(self, into: dict[str, None], host: str) -> None:
        if len(into) < HOSTS_BOUND:
            into[host] = None
        elif host not in into:
            self._cut = True

    def _read_link(self, attributes: Mapping[str, str]) -> None:
        written = attributes.get("href", attributes.get("xlink:href"))
        if written is not None:
            scheme, host = self._where(written)
            if scheme in ("http", "https"):
                self._note(self._links, host)

    def _read_script(self, attributes: Mapping[str, str]) -> None:
        # In SVG a script's source stands in href.
        written = next((attributes[n] for n in _SCRIPT_SOURCES if n in attributes), None)
        if written is None:
            self._inline += 1
            return
        self._load("script", written)
        scheme, host = self._where(written)
        if scheme in ("http", "https"):
            self._note(self._scripts, host)

    def _read_linked(self, attributes: Mapping[str, str]) -> None:
        relations = frozenset(attributes.get("rel", "").lower().split())
        if "preload" in relations and attributes.get("as", "").lower() == "image":
            self._load("image", attributes.get("href", ""))
            return
        for relation, kind in _RELATIONS.items():
            if relation in relations:
                self._load(kind, attributes.get("href", ""))
                return

    def _read_image(self, attributes: Mapping[str, str]) -> None:
        self._load("image", attributes.get("src", ""))
        candidates = attributes.get("srcset", "").split(",", _CANDIDATES_BOUND)
        for candidate in candidates[:_CANDIDATES_BOUND]:
            self._load("image", candidate.strip().partition(" ")[0])

    def _read_media(self, attributes: Mapping[str, str]) -> None:
        self._load("media", attributes.get("src", ""))
        self._load("image", attributes.get("poster", ""))

    def _read_source(self, attributes: Mapping[str, str]) -> None:
        self._load("media", attributes.get("src", ""))
        self._read_image({"srcset": attributes.get("srcset", "")})

    def _read_frame(self, attributes: Mapping[str, str]) -> None:
        self._load("frame", attributes.get("src", ""))
        written = attributes.get("srcdoc", "")
        if written and not self._silent:  # a page within the page; of it the text alone is read
            self._show(f" {_TAGS.sub(' ', written)} ")

    def _read_object(self, attributes: Mapping[str, str]) -> None:
        self._load("object", attributes.get("data", "") or attributes.get("src", ""))

    def _read_input(self, attributes: Mapping[str, str]) -> None:
        if attributes.get("type", "").strip().lower() == "image":
            self._load("image", attributes.get("src", ""))

    def _read_base(self, attributes: Mapping[str, str]) -> None:
        """The first one with an address moves all later references (4.2.3)."""
        if "href" in attributes and not self._based:
            self._based = True
            scheme, host = self._where(attributes["href"])
            if scheme in ("http", "https"):
                self._base = self._absolute(attributes["href"])
                self._scheme, self._host = scheme, host

    def _read_meta(self, attributes: Mapping[str, str]) -> None:
        content = attributes.get("content", "")
        match attributes.get("http-equiv", "").strip().lower():
            case "refresh" if self._refresh is None:
                found = refresh_target(content)
                if found is not None:
                    self._refresh = self._absolute(found) if found else self._own[0]
            case "content-security-policy":
                if len(self._csp) < _POLICIES_BOUND:
                    self._csp.append(content)
                else:
                    self._cut = True
        match attributes.get("name", "").strip().lower():
            case "referrer":
                self._referrer = content[:TITLE_BOUND]
            case "generator":
                self._generator = self._generator or content[:TITLE_BOUND]


_TAGS = re.compile(r"<[^<>]*>")
_SHOWN = frozenset({"", "textarea", "xmp", "plaintext"})
"""Where text stands that is seen; empty: in no element of raw text."""
_SCRIPT_SOURCES = ("src", "href", "xlink:href")
_RELATIONS: Mapping[str, str] = {
    "stylesheet": "style",
    "preload": "preload",
    "modulepreload": "script",
    "manifest": "manifest",
    "icon": "icon",
}
_INLINE = frozenset(
    {
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn"),
        *("em", "font", "i", "ins", "kbd", "label", "mark", "q", "ruby", "s", "samp", "small"),
        *("span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    }
)
"""Elements inside a line: between two letters they make no space."""
_READERS: Mapping[str, Callable[[Outliner, Mapping[str, str]], None]] = {
    "a": Outliner._read_link,
    "area": Outliner._read_link,
    "script": Outliner._read_script,
    "link": Outliner._read_linked,
    "img": Outliner._read_image,
    "audio": Outliner._read_media,
    "video": Outliner._read_media,
    "source": Outliner._read_source,
    "iframe": Outliner._read_frame,
    "frame": Outliner._read_frame,
    "object": Outliner._read_object,
    "embed": Outliner._read_object,
    "input": Outliner._read_input,
    "base": Outliner._read_base,
    "meta": Outliner._read_meta,
}
