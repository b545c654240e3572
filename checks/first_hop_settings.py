"""What the settings of vrrp and hsrp have in common: bounds, addresses, times. Pure."""

from collections.abc import Sequence
from ipaddress import ip_address

from checks.packets.messages import is_interface
from monitor.model import format_duration

_ROUTERS = 16


def checked_interface(interface: str) -> None:
    """ValueError unless it can name an interface of Linux."""
    if not is_interface(interface):
        raise ValueError(f"interface {interface!r} is no name of an interface, such as eth0")


def checked_addresses(name: str, addresses: Sequence[str], family: int, most: int) -> None:
    """ValueError unless these are canonical addresses of the family, none twice."""
    if len(addresses) > most:
        raise ValueError(f"{name}: more than {most} addresses")
    if len(set(addresses)) != len(addresses):
        raise ValueError(f"{name}: an address twice")
    for text in addresses:
        try:
            address = ip_address(text)
        except ValueError:
            raise ValueError(f"{name}: {text!r} is not an IP address") from None
        if str(address) != text:
            raise ValueError(f"{name}: write {text!r} as {str(address)!r}")
        if address.version != family:
            raise ValueError(f"{name}: {text} is not an IPv{family} address")


def checked_routers(routers: Sequence[str], family: int) -> None:
    """ValueError unless these can be configured routers; one that speaks twice is one."""
    checked_addresses("routers", routers, family, _ROUTERS)


def checked_family(family: int) -> None:
    """ValueError unless it is 4 or 6."""
    if family not in (4, 6):
        raise ValueError(f"family {family} is neither 4 nor 6")


def checked_window(window_us: int, timeout_us: int) -> None:
    """ValueError when a look would end before it has listened long enough."""
    if window_us >= timeout_us:
        raise ValueError(
            f"timeout {format_duration(timeout_us)} is not longer than the time to listen "
            f"({format_duration(window_us)}): raise timeout"
        )
