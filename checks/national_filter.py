"""The national filter (Internet Positif, Trustpositif): how its answer in a site's place is known.

Providers answer a name or a page that is on the national list with a landing page of their own:
by DNS (a CNAME to the landing host, or its address), by a redirect, or by a small page that takes
the visitor there. Pure. The list is the operator's: `filter_hosts` replaces the one below.
It leaves to others: a filter that only cuts the connection, which looks like an outage.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from checks.address import ascii_host, literal_family
from checks.http_reply import Reply
from checks.http_request import Place, redirected

FILTER_HOSTS = (
    "lamanlabuh.aduankonten.id",
    "trustpositif.komdigi.go.id",
    "trustpositif.kominfo.go.id",
    "internetpositif.id",
    "internetpositif.uzone.id",
    "mercusuar.uzone.id",
    "internet-positif.info",
    "internet-positif.org",
)
"""Landing hosts of the filter and of the providers that run it; those below them count too."""
TITLES = frozenset({"internet positif", "internetpositif", "laman labuh", "trustpositif"})
"""Titles of landing pages, lower case; they must be the whole title."""
_ENTRIES = 200
_SMALL = 16_384
"""Bytes of a page that may be nothing but a way to the landing page. A larger one has content of
its own: a frame in it may be the ministry's search, a script the answer to a button."""
_LEADS = re.compile(
    rb"(<i?frame\b[^>]{0,200}?\bsrc|<meta\b[^>]{0,200}?\burl|\blocation(?:\.href)?"
    rb"|\blocation\.(?:replace|assign))\s*[=(]\s*[\"']?\s*(?:https?:)?//([a-z0-9.-]{1,255})"
)
"""What takes a visitor elsewhere without being asked; a link does not."""
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{1,200})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The landing hosts and networks of a list, made ready to be compared with."""

    hosts: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]

    def __bool__(self) -> bool:
        return bool(self.hosts or self.networks)

    def of_host(self, host: str) -> str:
        """The entry that a name or literal falls under; empty: none."""
        if literal_family(host):
            return self.of_address(host)
        name = host.lower().rstrip(".")
        while name:
            if name in self.hosts:
                return name
            name = name.partition(".")[2]
        return ""

    def of_address(self, address: str) -> str:
        """The network of the list that holds an address; empty: none."""
        if not self.networks:
            return ""
        own = ip_address(address.partition("%")[0])
        return next((str(network) for network in self.networks if own in network), "")

    def of_names(self, names: Iterable[str]) -> str:
        """The entry that the first of these names falls under; empty: none."""
        return next((found for name in names if (found := self.of_host(name))), "")

    def of_reply(self, at: Place, reply: Reply, *, leads_on: bool) -> str:
        """What of the filter answered at a place: where it redirects to, or what it serves."""
        if leads_on:
            try:
                return self.of_host(redirected(at, reply.location).host)
            except ValueError:
                return ""
        readable = reply.end == "complete" and reply.encoding in ("", "identity")
        return self.of_page(reply.start, reply.size) if readable else ""

    def of_page(self, start: bytes, size: int = 0) -> str:
        """What in the first bytes of a page is the landing page's own; empty: nothing.

        `size`: bytes of the whole page.
        """
        if not self:
            return ""
        start = start.lower()
        for lead in _LEADS.finditer(start):
            found = self.of_host(lead[2].decode("ascii"))
            if found and (size <= _SMALL or lead[1].startswith(b"<meta")):
                return found
        title = _TITLE.search(start)
        text = b"" if title is None else b" ".join(title[1].split())
        return f"title: {text.decode()}" if text in _TITLES else ""


_TITLES = frozenset(title.encode() for title in TITLES)


NO_FILTER = Filter(hosts=frozenset(), networks=())
"""Nothing is looked for."""


@lru_cache(maxsize=64)
def filter_of(entries: tuple[str, ...]) -> Filter:
    """The filter of a list of host names, addresses and networks; ValueError names a wrong one."""
    if len(entries) > _ENTRIES:
        raise ValueError(f"filter_hosts has more than {_ENTRIES} entries")
    hosts: set[str] = set()
    networks: list[IPv4Network | IPv6Network] = []
    for entry in entries:
        try:
            networks.append(ip_network(entry))
        except ValueError:
            if "/" in entry or "." not in entry:
                raise ValueError(f"{entry!r} is not a host name, address or network") from None
            hosts.add(ascii_host(entry).rstrip("."))
    return Filter(hosts=frozenset(hosts), networks=tuple(networks))
