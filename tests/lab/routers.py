"""Routers in network namespaces: a network of any shape that a test owns and can break.

    with Routers([("agent", "r1"), ("r1", "far")]) as net:
        with net["agent"].inside():              # this thread's new sockets are the agent's
            probe(net.v4("far", "r1"))
        net.filter("r1", "icmp type time-exceeded drop")

A link is a veth; each end is named after the host it leads to. Every host routes, knows the
shortest way to every link, and answers with ICMP as often as it is asked (no rate limit).
Towards the links of `balanced` all shortest ways are used, by a hash over the 5-tuple.
Nothing routes out of these namespaces.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.netns import Namespace

_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.icmp_ratelimit": "0",
    "net.ipv6.icmp.ratelimit": "0",
    "net.ipv4.icmp_msgs_per_sec": "100000",
    "net.ipv4.icmp_msgs_burst": "10000",
    # By addresses, protocol, ports and flow label as the packet has them. Policy 1 would take the
    # hash that a veth hands on from the sender's socket, and no cable carries that.
    "net.ipv4.fib_multipath_hash_policy": "3",
    "net.ipv6.fib_multipath_hash_policy": "3",
    "net.ipv4.fib_multipath_hash_fields": "55",
    "net.ipv6.fib_multipath_hash_fields": "63",
    "net.ipv4.ping_group_range": "0 2147483647",
}


class Routers:
    """See the module. Link n is 198.18.n.0/24 and 2001:db8:c:(n+1)::/64; its first end is .1."""

    def __init__(
        self, links: Sequence[tuple[str, str]], *, balanced: Sequence[str] = ("far",)
    ) -> None:
        self._links = list(links)
        self._balanced = frozenset(balanced)
        self.names = tuple(dict.fromkeys(name for link in links for name in link))
        self._hosts: dict[str, Namespace] = {}

    def __enter__(self) -> Self:
        """Make the namespaces and their links, addresses and routes."""
        with ExitStack() as stack:
            for name in self.names:
                self._hosts[name] = host = Namespace(v4="", v6="", link="")
                stack.callback(host.close)
                self._set_up(host)
            for name in self.names:
                self.batch(name, *self._cables(name))
            for name in self.names:
                self.batch(name, *self._addresses(name))
            for name in self.names:
                self.batch(name, *self._routes(name))
            self._ends = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every process started in the network, and the namespaces."""
        self._ends.close()

    def __getitem__(self, name: str) -> Namespace:
        return self._hosts[name]

    def v4(self, name: str, towards: str) -> str:
        """The address of a host on its link to another."""
        number, end = self._place(name, towards)
        return f"198.18.{number}.{end}"

    def v6(self, name: str, towards: str) -> str:
        """The address of a host on its link to another."""
        number, end = self._place(name, towards)
        return f"2001:db8:c:{number + 1}::{end}"

    def address(self, name: str, towards: str, *, v6: bool) -> str:
        """In the family asked for."""
        return self.v6(name, towards) if v6 else self.v4(name, towards)

    def batch(self, name: str, *lines: str) -> None:
        """Run `ip` commands on a host, one a line."""
        self[name].run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def route(self, name: str, prefix: str, what: str) -> None:
        """Replace a route of a host: `what` is `via ADDRESS`, `blackhole`, `prohibit`, …."""
        family = "-6" if ":" in prefix else "-4"
        kinds = ("blackhole", "prohibit", "unreachable")
        route = f"{what} {prefix}" if what in kinds else f"{prefix} {what}"
        self[name].run("ip", family, "route", "flush", "exact", prefix, check=False)
        self[name].run("ip", family, "route", "add", *route.split())

    def filter(self, name: str, *rules: str, hook: str = "output") -> None:
        """Set the nft rules of a host at a hook; none: take them away."""
        table = f"lab_{hook}"
        body = "\n".join(rules)
        self[name].run(
            *("nft", "-f", "-"),
            stdin=f"""
                table inet {table} {{}}
                delete table inet {table}
                table inet {table} {{
                    chain rules {{
                        type filter hook {hook} priority 0; policy accept;
                        {body}
                    }}
                }}""",
        )

    def silence(self, name: str, *, except_mark: int = 0) -> None:
        """A host that sends no ICMP error any more, but for packets with this mark."""
        self.filter(
            name,
            f"meta mark {except_mark} accept" if except_mark else "",
            "icmp type { time-exceeded, destination-unreachable } drop",
            "icmpv6 type { time-exceeded, destination-unreachable, packet-too-big } drop",
        )

    def set_mtu(self, one: str, two: str, mtu: int) -> None:
        """The MTU of both ends of a link."""
        self[one].run("ip", "link", "set", two, "mtu", str(mtu))
        self[two].run("ip", "link", "set", one, "mtu", str(mtu))

    def _place(self, name: str, towards: str) -> tuple[int, int]:
        for number, link in enumerate(self._links):
            if set(link) == {name, towards}:
                return number, link.index(name) + 1
        raise KeyError(f"no link between {name} and {towards}")

    def _set_up(self, host: Namespace) -> None:
        with host.inside():  # /proc/sys/net shows the namespace of the thread that opens it
            for key, value in _SYSCTLS.items():
                Path("/proc/sys", *key.split(".")).write_text(value, encoding="ascii")

    def _neighbours(self, name: str) -> Iterator[str]:
        for link in self._links:
            if name in link:
                yield link[1 - link.index(name)]

    def _cables(self, name: str) -> Iterator[str]:
        yield "link set lo up"
        for one, two in self._links:
            if one == name:
                peer = f"peer name {one} netns {self[two].pid}"
                yield f"link add name {two} type veth {peer}"

    def _addresses(self, name: str) -> Iterator[str]:
        for peer in self._neighbours(name):
            yield f"link set {peer} up"
            yield f"address add {self.v4(name, peer)}/24 dev {peer}"
            yield f"address add {self.v6(name, peer)}/64 dev {peer} nodad"

    def _routes(self, name: str) -> Iterator[str]:
        for number, link in enumerate(self._links):
            if name in link:
                continue
            vias = self._next_hops(name, link)
            if not self._balanced & set(link):
                vias = vias[:1]
            for prefix, v6 in (
                (f"198.18.{number}.0/24", False),
                (f"2001:db8:c:{number + 1}::/64", True),
            ):
                hops = " ".join(f"nexthop via {self.address(via, name, v6=v6)}" for via in vias)
                yield f"route add {prefix} {hops}"

    def _next_hops(self, name: str, link: tuple[str, str]) -> list[str]:
        """The neighbours that are nearest to either end of a link, in order."""
        away = self._distances(link)
        nearest = min(away[peer] for peer in self._neighbours(name))
        return [peer for peer in self._neighbours(name) if away[peer] == nearest]

    def _distances(self, link: tuple[str, str]) -> dict[str, int]:
        away = dict.fromkeys(link, 0)
        waiting = deque(link)
        while waiting:
            at = waiting.popleft()
            for peer in self._neighbours(at):
                if peer not in away:
                    away[peer] = away[at] + 1
                    waiting.append(peer)
        return away
