"""Two files of the host: /etc/hosts and /etc/resolv.conf, bounded and never required."""

from pathlib import Path

from checks.address import literal_family
from monitor.model import Family

_BOUND = 1_048_576
_NAMESERVERS = 3
"""As many as the C library uses (resolv.conf(5))."""


class HostsFile:
    """Names with addresses of their own, read again when the file changes.

    A name that stands there, in any family, is not asked for elsewhere. `localhost` and what
    ends in it are loopback (RFC 6761, 6.3).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._names: dict[str, dict[Family, tuple[str, ...]]] = {}

    def addresses(self, name: str, family: Family) -> tuple[str, ...] | None:
        """The addresses of this family; None when the file does not know the name."""
        self._refresh()
        if name in self._names:
            return self._names[name].get(family, ())
        if name == "localhost" or name.endswith(".localhost"):
            return ("127.0.0.1",) if family is Family.IPV4 else ("::1",)
        return None

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
        except OSError:
            return
        seen = (found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._seen = seen
            self._names = parsed(_read(self._path))


def parsed(text: str) -> dict[str, dict[Family, tuple[str, ...]]]:
    """Names in lower case, with their addresses in the order of the lines."""
    names: dict[str, dict[Family, tuple[str, ...]]] = {}
    for line in text.splitlines():
        address, *aliases = line.partition("#")[0].split() or [""]
        family = literal_family(address)
        if family:
            for alias in aliases:
                own = names.setdefault(alias.lower().rstrip("."), {})
                own[family] = (*own.get(family, ()), address)
    return names


def nameservers_of(path: Path) -> tuple[str, ...]:
    """The literal addresses of `nameserver` lines; none where the file cannot be read."""
    lines = (line.split() for line in _read(path).splitlines())
    servers = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    return tuple(server for server in servers if literal_family(server))[:_NAMESERVERS]


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_BOUND).decode("utf-8", "replace")
    except OSError:
        return ""
