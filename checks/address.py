"""From what a setting names to the one address that may be connected to."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address

from checks.base import Net
from monitor.model import Family, Fault, FaultKind

Located = Callable[[str | Fault | None], None]
"""Takes the admitted address, a fault, or None: the name has no address of any family."""


@lru_cache(maxsize=65_536)
def literal_family(host: str) -> Family:
    """The family of a literal address; NONE for a name."""
    try:
        return Family.IPV4 if ip_address(host).version == 4 else Family.IPV6
    except ValueError:
        return Family.NONE


def families_of(host: str) -> tuple[Family, ...]:
    """The families to observe: a literal's own, of a name both."""
    family = literal_family(host)
    return (family,) if family else (Family.IPV4, Family.IPV6)


def ascii_host(host: str) -> str:
    """A name or literal as it goes on the wire (IDNA 2003 for a name); ValueError if it cannot."""
    if literal_family(host):
        return host
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ValueError(f"{host!r} is not a host name or an address") from error
    if not name or not set(name) <= _NAME_CHARACTERS or name.startswith("."):
        raise ValueError(f"{host!r} is not a host name or an address")
    return name


_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def checked_port(port: int) -> int:
    """The port itself; ValueError outside 1 to 65535."""
    if not 1 <= port <= 65_535:
        raise ValueError(f"port {port} is not between 1 and 65535")
    return port


def locate(net: Net, host: str, family: Family, located: Located) -> None:
    """Find the first address of `host` in `family` and ask the scope about that very address.

    A name without an address of this family but with one of the other is ABSENT: there is
    nothing to observe. A name without any is told as None: that is evidence.
    """
    own = literal_family(host)
    if own:
        wanted = family in (Family.NONE, own)
        located(_admitted(net, host) if wanted else absent(host, family))
        return
    wish = family or Family.IPV4
    other = Family.IPV6 if wish is Family.IPV4 else Family.IPV4

    def first(found: Sequence[str] | Fault) -> None:
        if isinstance(found, Fault):
            located(found)
        elif found:
            located(_admitted(net, found[0]))
        else:
            net.resolver.lookup(host, other, second)

    def second(found: Sequence[str] | Fault) -> None:
        if isinstance(found, Fault):
            located(found)
        elif not found:
            located(None)
        else:
            located(_admitted(net, found[0]) if family is Family.NONE else absent(host, wish))

    net.resolver.lookup(host, wish, first)


def absent(host: str, family: Family) -> Fault:
    """There is nothing to observe in this family."""
    return Fault(kind=FaultKind.ABSENT, message=f"{host} has no IPv{family.value} address")


def _admitted(net: Net, address: str) -> str | Fault:
    return net.scope.refusal(address) or address
