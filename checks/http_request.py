"""Where an HTTP probe goes and what it says there. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urljoin, urlsplit

from checks.address import ascii_host, checked_port, literal_family
from checks.shown_url import shown_url
from monitor.model import Family

URL_BOUND = 2_048
_SAFE = "!#$%&'()*+,/:;=?@[]~"
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One URL, ready to be asked for."""

    url: str
    tls: bool
    host: str
    """As given to the resolver and to TLS: ASCII, without brackets."""
    port: int
    _authority: str
    _path: str

    def request(
        self, method: str, first_bytes: int = 0, *, agent: str = "sasando", referer: str = ""
    ) -> bytes:
        """The whole request; one a connection, no coding asked for.

        `first_bytes`: ask for so many bytes of the content (RFC 9110, 14.2); 0: all of it.
        `agent` and `referer`: as whose visit it shall look; ASCII without control characters.
        """
        if referer:
            agent = f"{agent}\r\nReferer: {referer}"
        part = f"Range: bytes=0-{first_bytes - 1}\r\n" if first_bytes else ""
        return (
            f"{method} {self._path} HTTP/1.1\r\nHost: {self._authority}\r\n"
            f"User-Agent: {agent}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
            f"{part}Connection: close\r\n\r\n"
        ).encode("ascii")

    def post(self, content: bytes, kind: str = "text/plain") -> bytes:
        """A whole POST request with this content; one a connection, no coding asked for."""
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: {self._authority}\r\n"
            f"User-Agent: sasando\r\nAccept-Encoding: identity\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode("ascii") + content

    @property
    def path(self) -> str:
        """The path without its query."""
        return self._path.partition("?")[0]

    @property
    def shown(self) -> str:
        """The URL as it is kept: without what may carry a session or a token."""
        return shown_url(self.url)


@lru_cache(maxsize=16_384)
def place(url: str) -> Place:
    """The place of an absolute http or https URL; ValueError says what is wrong with it."""
    if len(url) > URL_BOUND:
        raise ValueError(f"the URL is longer than {URL_BOUND} characters")
    if _CONTROL.search(url):
        raise ValueError("the URL has a space or a control character")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http:// or https:// URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("leave user name and password out of the URL")
    tls = parts.scheme == "https"
    usual = 443 if tls else 80
    port = usual if parts.port is None else checked_port(parts.port)
    host = ascii_host(unquote(parts.hostname))
    authority = host.partition("%")[0]
    if literal_family(host) is Family.IPV6:
        authority = f"[{authority}]"
    if port != usual:
        authority = f"{authority}:{port}"
    path = quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        path = f"{path}?{quote(parts.query, safe=_SAFE)}"
    return Place(
        url=f"{parts.scheme}://{authority}{path}",
        tls=tls,
        host=host,
        port=port,
        _authority=authority,
        _path=path,
    )


def redirected(base: Place, location: str) -> Place:
    """The place a Location field points to (RFC 9110, 10.2.2).

    ValueError without a word of the peer's: what it wrote may hold a session or a token.
    """
    if len(location) > URL_BOUND:
        raise ValueError(f"the URL is longer than {URL_BOUND} characters")
    reference = quote(location.strip().encode("latin-1", "replace"), safe=_SAFE)
    try:
        return place(urljoin(base.url, reference))
    except ValueError:
        raise ValueError("it leads to no http:// or https:// URL to be asked for") from None


@lru_cache(maxsize=1_024)
def status_ranges(expected: tuple[int | str, ...]) -> tuple[tuple[int, int], ...]:
    """Bounds of codes and ranges such as 200 or "200-299"; ValueError for anything else."""
    ranges = []
    for item in expected:
        match = re.fullmatch(r"([1-9]\d\d)(?:-([1-9]\d\d))?", str(item))
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(f'{item!r} is not an HTTP status such as 200 or "200-299"')
        ranges.append((int(match[1]), int(match[2] or match[1])))
    if not ranges:
        raise ValueError("expect_status is empty: no reply could ever be as expected")
    return tuple(ranges)
