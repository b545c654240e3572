"""What is looked at on an entry of the inventory: by which checks, at which URLs. Pure."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from monitor.config.inventory import AnyEntry, Item
from monitor.config.schema import CanaryEntry, HotspotEntry, LinkEntry, ServiceEntry

_BY_HOST = ("icmp", "tcp", "tls", "http", "web", "dns", "neighbour")
_PORTS = {"https": 443, "http": 80, "tls": 443, "dns": 53}


def default_looks(entry: AnyEntry) -> dict[str, tuple[str, ...]]:
    """The URLs by check that an entry is looked at without being told to."""
    match entry:
        case LinkEntry() | CanaryEntry():
            return {"icmp": tuple(f"icmp://{bracketed(host)}" for host in hosts(entry))}
        case HotspotEntry():
            looks: dict[str, tuple[str, ...]] = {}
            if entry.gateway:
                looks["icmp"] = (f"icmp://{bracketed(entry.gateway)}",)
            if entry.portal:
                looks["http"] = (entry.portal,)
            return looks
        case ServiceEntry():
            return _service_looks(entry)
    return {}


def _service_looks(entry: ServiceEntry) -> dict[str, tuple[str, ...]]:
    looks: dict[str, tuple[str, ...]] = {}
    if entry.url:
        scheme = urlsplit(entry.url).scheme
        looks["http" if scheme == "https" else scheme] = (entry.url,)
        if scheme == "https":
            looks["tls"] = (asked_look(entry, "tls", {}),)
        if scheme in ("http", "https"):
            looks["web"] = (entry.url,)
    if entry.dns:
        looks["dns"] = (f"dns:///{entry.dns}",)
    return looks


def named_settings(entry: AnyEntry, check: str) -> dict[str, str]:
    """The settings of a check that an entry names in fields of its own."""
    if isinstance(entry, ServiceEntry) and check == "web" and entry.login:
        return {"login": entry.login}
    return {}


def asked_looks(entry: AnyEntry, check: str, own: Mapping[str, object]) -> tuple[str, ...]:
    """The URLs of a check that an entry asks for by `checks:`; of a path one for each address."""
    if check == "path":
        return tuple(f"path://{bracketed(host)}" for host in hosts(entry)) or ("",)
    return (asked_look(entry, check, own),)


def asked_look(entry: AnyEntry, check: str, own: Mapping[str, object]) -> str:
    """The URL of a check that an entry asks for by `checks:`; empty when nothing suggests one.

    `own`: the settings that the entry gives the check; a `port` there is part of the URL.
    """
    if check == "page":
        return _page_url(entry)
    found = hosts(entry)
    if not found or check not in _BY_HOST:
        return ""
    host = bracketed(found[0])
    port = own.get("port") or _port(entry, check)
    if check in ("icmp", "neighbour"):
        return f"{check}://{host}"
    if check == "http":
        return f"http://{host}/"
    if check == "web":
        return f"https://{host}/"
    if check == "dns":
        name = own.get("name")
        return f"dns://{host}/{name}" if name else ""
    return f"{check}://{host}:{port}" if port else f"{check}://{host}"


def _page_url(entry: AnyEntry) -> str:
    """The page that a service or a hotspot's portal is; empty: it is none."""
    match entry:
        case ServiceEntry(url=str(url)) if urlsplit(url).scheme in ("http", "https"):
            return url
        case HotspotEntry(portal=str(portal)):
            return portal
    return ""


def _port(entry: AnyEntry, check: str) -> int | None:
    """The port of a service's URL, else the usual one."""
    if isinstance(entry, ServiceEntry) and entry.url:
        parts = urlsplit(entry.url)
        return parts.port or _PORTS.get(parts.scheme)
    return _PORTS.get(check)


def hosts(entry: AnyEntry) -> tuple[str, ...]:
    """The addresses and host names an entry stands at."""
    match entry:
        case CanaryEntry():
            return (entry.address,)
        case LinkEntry():
            return (entry.address,) if isinstance(entry.address, str) else tuple(entry.address)
        case HotspotEntry():
            if entry.gateway:
                return (entry.gateway,)
            return (urlsplit(entry.portal).hostname or "",) if entry.portal else ()
        case ServiceEntry():
            return (urlsplit(entry.url).hostname or "",) if entry.url else ()
    return ()


def bracketed(host: str) -> str:
    """A host as it stands in a URL (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def legs_of(items: Iterable[Item]) -> dict[str, list[str]]:
    """For each site its links that are enabled, in the order of the files."""
    found: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item.entry, LinkEntry) and item.entry.enabled:
            found.setdefault(item.entry.site, []).append(item.key)
    return found
