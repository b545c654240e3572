"""Hosts of one Ethernet: network namespaces on a bridge in a namespace of its own.

    with Lan("agent", "one", "two") as lan:
        lan["one"].run("ip", "address", "add", "192.0.2.9/24", "dev", "eth0")
        lan.cut("one")                           # its cable is pulled: the others stay

Addresses: 192.0.2.1 and 2001:db8::1 for the first host, .2 and ::2 for the second…; interface
`eth0`. Everything ends with the `with` (see `tests.lab.netns`).
"""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from tests.lab.netns import Namespace


class Lan:
    """Hosts by name."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._hosts: dict[str, Namespace] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._switch = Namespace(v4="", v6="", link="bridge")
            stack.callback(self._switch.close)
            self._switch.run("ip", "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
            self._switch.run("ip", "link", "set", "bridge", "up")
            for number, name in enumerate(self._names, start=1):
                host = Namespace(v4=f"192.0.2.{number}", v6=f"2001:db8::{number}", link="eth0")
                stack.callback(host.close)
                self._hosts[name] = host
                self._plug(name, host)
            self._ends = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.close()

    def __getitem__(self, name: str) -> Namespace:
        return self._hosts[name]

    def cut(self, name: str) -> None:
        """Pull a host's cable at the switch."""
        self._switch.run("ip", "link", "set", name, "down")

    def join(self, name: str) -> None:
        """Put it back."""
        self._switch.run("ip", "link", "set", name, "up")

    def _plug(self, name: str, host: Namespace) -> None:
        host.sysctl("net.ipv6.conf.default.accept_dad", "0")
        host.run("ip", "link", "set", "lo", "up")
        peer = ("peer", "name", "eth0", "netns", str(host.pid))
        self._switch.run("ip", "link", "add", name, "type", "veth", *peer)
        self._switch.run("ip", "link", "set", name, "master", "bridge", "up")
        host.run("ip", "link", "set", "eth0", "up")
        host.add_addresses(f"{host.v4}/24", f"{host.v6}/64")
