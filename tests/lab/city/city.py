"""The city: raised in a fraction of a second, broken while something watches it, gone at once.

    with City() as city:                                # static routes
        city.cables["dukcapil-fo"].lose(40)
        city.operations.run("ping", "-c", "5", "198.51.100.18")
        city.heal()
    with City(routing="ospf", shaped={"dukcapil-fo"}) as city:   # bird: OSPF and BFD
        city.router("core1", dead=True)

See `plan` for the map, `cable` for what can be done to a cable, `eventlog` and `truth` for what
was really the case. Needs root; everything is in namespaces of the city's own (`session`).
"""

import json
import signal
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Literal, Self

from tests.lab.city import plan as plans
from tests.lab.city import routing, servers
from tests.lab.city.cable import Line
from tests.lab.city.eventlog import EventLog
from tests.lab.city.node import Node
from tests.lab.city.plan import CORES, DMZ_GATEWAY, GATEWAY, OFFICES, WEB
from tests.lab.city.servers import Server
from tests.lab.city.session import Session
from tests.lab.parts import command

Routing = Literal["static", "ospf"]
_INNER = Path("/run/city")
"""The city's folder as its programs see it."""
_SETTLE_S = 60.0
"""Only guards against hanging."""


class City:
    """One city in namespaces of its own; two of them do not meet.

    Rules: the constructor raises nothing, entering does; `heal` undoes everything that was done;
    whatever is done is in `log`.
    """

    def __init__(
        self,
        *,
        routing: Routing = "static",
        shaped: Collection[str] = (),
        shared: str = "",
        children: int = 60,
        vrrp: bool = True,
    ) -> None:
        """Say which city it is to be.

        `vrrp`: keepalived holds the gateways' addresses; else core1 has them for good.
        """
        self.plan = plans.city(shaped=frozenset(shaped), shared=shared, children=children)
        self.routing, self._with_vrrp = routing, vrrp
        self.nodes: dict[str, Node] = {}
        self.cables: dict[str, Line] = {}
        self._routers: dict[str, Server] = {}
        self._vrrp: dict[str, Server] = {}
        self._servers: dict[str, Server] = {}
        self._bent: set[str] = set()
        self._dead: set[str] = set()
        self._whole_since = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.session = stack.enter_context(Session())
            self.folder = Path(f"{self.session.root}{_INNER}")
            """What the programs print; in the session's own /run, and gone with it."""
            self.folder.mkdir()
            self._raise(stack)
            self._ends = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.close()

    @property
    def operations(self) -> Node:
        """Where the agent sits."""
        return self.nodes["operations"]

    # Raising

    def _raise(self, stack: ExitStack) -> None:
        self.log = EventLog()
        self._make_nodes(stack)
        self._lay_cables(stack)
        for name in self.plan.nodes:
            self._furnish(self.nodes[name])
        self._start_programs()
        self.settle()
        self.log.started_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def _make_nodes(self, stack: ExitStack) -> None:
        names = ["panel", *self.plan.nodes]
        self.session.run("ip", "-batch", "-", stdin="".join(f"netns add {n}\n" for n in names))
        for name in names:
            self.nodes[name] = Node(name, self.session, self.folder)
            stack.callback(self.nodes[name].close)

    def _lay_cables(self, stack: ExitStack) -> None:
        panel = self.nodes["panel"]
        ends = {name: node for name, node in self.nodes.items() if name != "panel"}
        for number, cable in enumerate(self.plan.cables.values()):
            line = Line(cable, number, ends, panel, self.log)
            self.cables[cable.name] = line
            stack.callback(line.close)
        lines = [text for line in self.cables.values() for text in line.made_by()]
        self.session.run("ip", "-batch", "-", stdin="".join(f"{text}\n" for text in lines))
        panel.sysctl(ipv6__conf__all__disable_ipv6="1")
        panel.ip([text for line in self.cables.values() for text in line.joined_by()])
        for line in self.cables.values():
            line.begin_shaping()

    def _furnish(self, node: Node) -> None:
        node.sysctl(
            ipv6__conf__all__disable_ipv6="1",
            ipv4__ip_forward="1" if node.name in (*self.plan.routers, "internet") else "0",
            ipv4__conf__all__ignore_routes_with_linkdown="1",
            ipv4__conf__all__rp_filter="0",
            ipv4__conf__all__send_redirects="0",
            ipv4__conf__default__send_redirects="0",
            ipv4__conf__all__accept_redirects="0",
            ipv4__icmp_ratelimit="0",
            ipv4__ping_group_range="0 2147483647",
        )
        cables = self.plan.cables_of(node.name)
        lines = ["link set lo up"]
        for cable in cables:
            # Segments as large as the cable's frames: what is seen on it is what went over it.
            lines.append(f"link set {cable.name} gso_max_segs 1 up")
            lines.append(f"address add {cable.end(node.name).address} dev {cable.name}")
        if node.name == "core1" and not self._with_vrrp:
            lines += [f"address add {GATEWAY}/26 dev lan", f"address add {DMZ_GATEWAY}/26 dev dmz"]
        lines += routing.always(self.plan, node.name)
        if self.routing == "static":
            lines += routing.static(self.plan, node.name)
        node.ip(lines)

    def _start_programs(self) -> None:
        if self.routing == "ospf":
            for name in self.plan.routers:
                self._routers[name] = Server(partial(self._start_bird, name))
        if self._with_vrrp:
            for name in CORES:
                self._vrrp[name] = Server(partial(self._start_keepalived, name))
        web = self.nodes["web"]
        self._servers["web"] = Server(partial(servers.web, web, WEB, _INNER))
        self._servers["dns"] = Server(partial(servers.names, web, self.plan))
        for name in OFFICES:
            site = self.plan.sites[name]
            begin = partial(servers.web, self.nodes[site.host], site.server, _INNER)
            self._servers[name] = Server(begin)

    def _start_bird(self, name: str) -> Popen[bytes]:
        file = f"bird-{name}.conf"
        (self.folder / file).write_text(routing.bird(self.plan, name), encoding="utf-8")
        control = f"/run/bird-{name}.ctl"  # the session's own /run
        return self.nodes[name].start(
            command("bird"), "-f", "-c", f"{_INNER}/{file}", "-s", control
        )

    def _start_keepalived(self, name: str) -> Popen[bytes]:
        file = f"keepalived-{name}.conf"
        (self.folder / file).write_text(routing.keepalived(self.plan, name), encoding="utf-8")
        for pid in (
            "keepalived",
            "vrrp",
            "bfd",
        ):  # of one that was killed; it would count as running
            (self.session.root / f"run/{pid}-{name}.pid").unlink(missing_ok=True)
        return self.nodes[name].start(
            *(command("keepalived"), "--dont-fork", "--log-console", "--vrrp"),
            *("--use-file", f"{_INNER}/{file}", "--pid", f"/run/keepalived-{name}.pid"),
            *("--vrrp_pid", f"/run/vrrp-{name}.pid", "--bfd_pid", f"/run/bfd-{name}.pid"),
        )

    # Waiting

    def settle(self) -> None:
        """Until the gateways are held, routing has converged and the servers listen."""
        if self._with_vrrp:
            self.await_active("core1")
        if self.routing == "ospf":
            self.await_routes()
        self.await_that("the servers listen", self._listening)

    def await_that(
        self, what: str, look: Callable[[], bool], timeout_s: float = _SETTLE_S
    ) -> float:
        """Until `look` says so; how many seconds that took. TimeoutError names what was awaited."""
        begun = time.monotonic()
        while not look():
            if time.monotonic() - begun > timeout_s:
                raise TimeoutError(f"awaited in vain: {what}\n{self.told()}")
            time.sleep(0.02)
        return time.monotonic() - begun

    def told(self, each: int = 1_000) -> str:
        """The end of what every program printed, and which of them have ended."""
        groups = (self._routers, self._vrrp, self._servers)
        ended = [n for group in groups for n, one in group.items() if one.ended]
        logs = sorted(self.folder.glob("*.log"))
        tails = "".join(f"--- {path.name}\n{path.read_text()[-each:]}\n" for path in logs)
        return f"ended: {', '.join(ended) or 'none'}\n{tails}"

    def await_active(self, core: str) -> float:
        """Until this core alone holds both gateways' addresses."""
        return self.await_that(f"{core} is Active", lambda: self.active() == {core})

    def await_routes(self) -> float:
        """Until every router knows, by OSPF, every network that it should."""
        return self.await_that("OSPF has converged", lambda: not self.missing_routes())

    def active(self) -> set[str]:
        """The cores that hold the gateway of the agent's network; two of them: a split brain."""
        return {core for core in CORES if core not in self._dead and self._holds(core)}

    def _holds(self, core: str) -> bool:
        held = {"lan": GATEWAY, "dmz": DMZ_GATEWAY}
        shown = json.loads(self.nodes[core].run("ip", "-json", "address", "show").stdout)
        found = {
            one["ifname"]: {each.get("local") for each in one["addr_info"]}
            for one in shown
            if one.get("operstate") == "UP"
        }
        return all(address in found.get(cable, set()) for cable, address in held.items())

    def missing_routes(self) -> list[tuple[str, str]]:
        """(router, network) of what is not known yet."""
        return [
            (name, network)
            for name in self.plan.routers
            if name not in self._dead
            for network, wanted in routing.expected(self.plan, name)
            if self.route(name, network) != wanted
        ]

    def route(self, node: str, network: str) -> str:
        """The interface that a node's main table names for exactly this network; "" for none."""
        argv = ("ip", "-json", "route", "show", "exact", network)
        shown = json.loads(self.nodes[node].run(*argv).stdout or "[]")
        return str(shown[0].get("dev", "")) if shown else ""

    def _listening(self, only: str = "") -> bool:
        """Whether this server, or each of them, has its socket."""
        wanted = {"web": ("web", f"{WEB}:80"), "dns": ("web", f"{WEB}:53")}
        for name in OFFICES:
            site = self.plan.sites[name]
            wanted[name] = (site.host, f"{site.server}:80")
        return all(
            socket in self.nodes[node].run("ss", "-Htuln").stdout.split()
            for node, socket in ([wanted[only]] if only else wanted.values())
        )

    # What can be done to it, beside what can be done to its cables

    def router(self, name: str, *, dead: bool = True) -> None:
        """Take a router's power away: its programs are killed, its cables lose their carrier."""
        if dead == (name in self._dead):
            return
        with self.log.switch("router", name, dead):
            if dead:
                self._dead.add(name)
                for server in self._programs(name):
                    server.kill()
                self._plug(name, up=False)
                return
            self._dead.remove(name)
            self._forget_gateway(name)
            self._plug(name, up=True)
            for server in self._programs(name):
                server.begin()

    def _plug(self, name: str, *, up: bool) -> None:
        lines = [
            t for c in self.plan.cables_of(name) for t in self.cables[c.name].plugs(name, up=up)
        ]
        for other in self._dead:  # a cable to another dead router stays dark
            for cable in self.plan.cables_of(other):
                lines += self.cables[cable.name].plugs(other, up=False)
        self.nodes["panel"].ip(lines)

    def vrrp(self, core: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End a core's VRRP: SIGTERM leaves in order, SIGKILL leaves its address behind."""
        with self.log.switch("vrrp", core, signal.Signals(number).name):
            self._vrrp[core].kill(number)

    def dns(self, *, down: bool = True) -> None:
        """End the city's name server, or begin it again."""
        self._server("dns", down=down)

    def service(self, name: str, *, down: bool = True) -> None:
        """End the web server of the DMZ (`web`) or of an office, or begin it again."""
        self._server(name, down=down)

    def uplink(self, *, down: bool = True) -> None:
        """Pull the agent's own plug."""
        self.cables["lan"].carrier(not down, "operations")

    def asymmetric(self, leg: str) -> None:
        """Answers that should come back over a leg take the site's other one."""
        if leg not in self._bent:
            with self.log.switch("asymmetric", leg, True):
                self._bent.add(leg)
                self._bend(leg, add=True)

    def heal(self) -> None:
        """Undo everything, and wait until the city is whole again; nothing where nothing was."""
        if len(self.log.events) == self._whole_since:
            return
        for leg in sorted(self._bent):
            with self.log.switch("asymmetric", leg, False):
                self._bent.remove(leg)
                self._bend(leg, add=False)
        for line in self.cables.values():
            if not line.whole:
                line.heal()
        for name in sorted(self._dead):
            self.router(name, dead=False)
        for core, server in self._vrrp.items():
            if server.ended:
                with self.log.switch("vrrp", core, ""):
                    self._forget_gateway(core)
                    server.begin()
        for name, server in self._servers.items():
            if server.ended:
                self._server(name, down=False)
        with self.log.switch("settled", ""):
            self.settle()
        self._whole_since = len(self.log.events)

    def _server(self, name: str, *, down: bool) -> None:
        with self.log.switch("server", name, down):
            server = self._servers[name]
            if down:
                server.kill()
                return
            server.begin()  # others may have ended as well, and begin after it
            self.await_that(f"{name} listens", partial(self._listening, name))

    def _bend(self, leg: str, *, add: bool) -> None:
        one = self.plan.legs[leg]
        self.nodes[one.site].ip(routing.return_over(self.plan, one, add=add))

    def _programs(self, name: str) -> list[Server]:
        return [group[name] for group in (self._routers, self._vrrp) if name in group]

    def _forget_gateway(self, core: str) -> None:
        """What a killed keepalived left behind; a machine that boots has no such address."""
        if core in self._vrrp:
            for cable, address in (("lan", GATEWAY), ("dmz", DMZ_GATEWAY)):
                argv = ("ip", "address", "del", f"{address}/26", "dev", cable)
                self.nodes[core].run(*argv, check=False)
