"""The city as data: nodes, the cables between them, addresses, and the routes of both kinds. Pure.

    internet ── internet-1 ── core1 ──┬── dukcapil-fo ─────── dukcapil ── dukcapil-lan ── its server
        └────── internet-2 ── core2 ──┼── dukcapil-4g ─────────┘
                                      ├── … kesehatan, pendidikan alike
                     (trunk between)  ├── lan:  operations (the agent); 192.0.2.1 by VRRP
                                      ├── dmz:  web and name server;    192.0.2.65 by VRRP
                                      ├── tirosa-4g ── tirosa ── tirosa-wifi ── its client
                                      └── kelurahan-fo ── kelurahan: children behind one router

Addresses are documentation ranges (RFC 5737) and RFC 2544's, and live inside namespaces only.
"""

from dataclasses import dataclass, field

OFFICES = ("dukcapil", "kesehatan", "pendidikan")
CORES = ("core1", "core2")
CANARY = "198.51.100.129"
"""On the internet's own node."""
GATEWAY, DMZ_GATEWAY = "192.0.2.1", "192.0.2.65"
AGENT, WEB = "192.0.2.10", "192.0.2.70"
LAN_VRID, DMZ_VRID = 51, 52
CHILDREN = "198.18.64.0/24"
HOTSPOT = "198.18.10.0/24"
PRIMARY_COST, BACKUP_COST, BACKUP_COST_AT_OFFICE, LAN_COST, TRUNK_COST = 10, 100, 200, 10, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Where a cable meets a node; the interface there is named as the cable."""

    node: str
    address: str = ""
    """IPv4 with prefix length."""
    cost: int = LAN_COST
    """Of this interface in OSPF."""

    @property
    def host(self) -> str:
        """The bare address."""
        return self.address.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """A segment with two ends or more; impairments sit on it."""

    name: str
    ends: tuple[End, ...]
    shaped: bool = False
    """Frames run through a forwarder that can delay, double and reorder them."""

    def end(self, node: str) -> End:
        """This node's end; KeyError where it has none."""
        for end in self.ends:
            if end.node == node:
                return end
        raise KeyError(f"{node} is not on {self.name}")

    def other(self, node: str) -> End:
        """The end across, of a cable with two."""
        (found,) = (end for end in self.ends if end.node != node)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One of the ways from a core to a site: what an inventory calls a link."""

    name: str
    site: str
    role: str
    core: str
    cables: tuple[str, ...]
    """From the core outward."""
    address: str
    """The site's own, on the last cable: an answer from it came over this leg."""
    gateway: str
    """The router before the site on this leg, in the site's eyes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place behind one or two legs, its own network, and the server in it."""

    name: str
    network: str
    router: str
    """Address of the site's router in its own network."""
    server: str
    host: str
    """The node that has the server's address."""
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole city."""

    nodes: tuple[str, ...]
    cables: dict[str, Cable]
    sites: dict[str, Site]
    legs: dict[str, Leg] = field(default_factory=dict)
    aggregated: str = ""
    """The site whose two legs share the router `agg`."""
    children: int = 0

    def cables_of(self, node: str) -> list[Cable]:
        """Every cable that ends at a node."""
        return [c for c in self.cables.values() if any(end.node == node for end in c.ends)]

    @property
    def routers(self) -> tuple[str, ...]:
        """The nodes that forward and, where routing is dynamic, speak OSPF."""
        return (*CORES, *(("agg",) if self.aggregated else ()), *OFFICES, "tirosa", "kelurahan")


def city(*, shaped: frozenset[str] = frozenset(), shared: str = "", children: int = 60) -> Plan:
    """The plan of a city.

    `shaped`: cables that get a forwarder. `shared`: an office whose legs meet in one router.
    `children`: how many addresses answer in the kelurahan network (0 to 254).
    """
    if shared and shared not in OFFICES:
        raise ValueError(f"{shared} is no office: one of {', '.join(OFFICES)}")
    if not 0 <= children <= 254:
        raise ValueError("between 0 and 254 children")
    cables = _backbone()
    sites = {}
    for number, name in enumerate(OFFICES, 1):
        sites[name] = _office(name, number, cables, aggregated=name == shared)
    sites["tirosa"] = _hotspot(cables)
    sites["kelurahan"] = _kelurahan(cables)
    unknown = shaped - {cable.name for cable in cables}
    if unknown:
        raise ValueError(f"no such cables: {', '.join(sorted(unknown))}")
    kept = {c.name: Cable(name=c.name, ends=c.ends, shaped=c.name in shaped) for c in cables}
    return Plan(
        nodes=tuple(dict.fromkeys(end.node for cable in cables for end in cable.ends)),
        cables=kept,
        sites=sites,
        legs={leg.name: leg for site in sites.values() for leg in site.legs},
        aggregated=shared,
        children=children,
    )


def _cable(name: str, *ends: tuple[str, str, int] | tuple[str, str]) -> Cable:
    made = (End(node=e[0], address=e[1], cost=e[2] if len(e) > 2 else LAN_COST) for e in ends)
    return Cable(name=name, ends=tuple(made))


def _backbone() -> list[Cable]:
    return [
        _cable("internet-1", ("internet", "198.51.100.1/30"), ("core1", "198.51.100.2/30")),
        _cable("internet-2", ("internet", "198.51.100.5/30"), ("core2", "198.51.100.6/30")),
        _cable(
            "trunk",
            ("core1", "198.18.0.1/30", TRUNK_COST),
            ("core2", "198.18.0.2/30", TRUNK_COST),
        ),
        _cable(
            "lan",
            ("core1", "192.0.2.2/26"),
            ("core2", "192.0.2.3/26"),
            ("operations", f"{AGENT}/26"),
        ),
        _cable("dmz", ("core1", "192.0.2.66/26"), ("core2", "192.0.2.67/26"), ("web", f"{WEB}/26")),
    ]


def _office(name: str, number: int, cables: list[Cable], *, aggregated: bool) -> Site:
    legs = []
    ways = (("core1", "fo", "primary", PRIMARY_COST), ("core2", "4g", "backup", BACKUP_COST))
    for position, (core, medium, role, cost) in enumerate(ways):
        base = 16 * number + 4 * position
        near, far = f"198.51.100.{base + 1}", f"198.51.100.{base + 2}"
        # The office's cost of its backup is higher, so that the cores reach each leg's address
        # over that leg and never through the office.
        back = BACKUP_COST_AT_OFFICE if role == "backup" else cost
        link = f"{name}-{medium}"
        before, crossed = core, [link]
        if aggregated:
            first = f"agg-{medium}"
            up, down = f"198.51.100.{base + 9}/30", f"198.51.100.{base + 10}/30"
            cables.append(_cable(first, (core, up, cost), ("agg", down, cost)))
            before, crossed = "agg", [first, link]
        cables.append(_cable(link, (before, f"{near}/30", cost), (name, f"{far}/30", back)))
        legs.append(
            Leg(
                name=link,
                site=name,
                role=role,
                core=core,
                cables=tuple(crossed),
                address=far,
                gateway=near,
            )
        )
    base = 32 * number
    router, server = f"203.0.113.{base + 1}", f"203.0.113.{base + 10}"
    cables.append(_cable(f"{name}-lan", (name, f"{router}/27"), (f"{name}-srv", f"{server}/27")))
    return Site(name=name, network=f"203.0.113.{base}/27", router=router, server=server,
                host=f"{name}-srv", legs=tuple(legs))  # fmt: skip


def _hotspot(cables: list[Cable]) -> Site:
    cables.append(
        _cable("tirosa-4g", ("core1", "198.51.100.97/30"), ("tirosa", "198.51.100.98/30"))
    )
    cables.append(
        _cable("tirosa-wifi", ("tirosa", "198.18.10.1/24"), ("client", "198.18.10.50/24"))
    )
    leg = Leg(name="tirosa-4g", site="tirosa", role="primary", core="core1", cables=("tirosa-4g",),
              address="198.51.100.98", gateway="198.51.100.97")  # fmt: skip
    return Site(name="tirosa", network=HOTSPOT, router="198.18.10.1", server="198.18.10.50",
                host="client", legs=(leg,))  # fmt: skip


def _kelurahan(cables: list[Cable]) -> Site:
    name = "kelurahan-fo"
    cables.append(_cable(name, ("core1", "198.51.100.101/30"), ("kelurahan", "198.51.100.102/30")))
    leg = Leg(name=name, site="kelurahan", role="primary", core="core1", cables=(name,),
              address="198.51.100.102", gateway="198.51.100.101")  # fmt: skip
    return Site(name="kelurahan", network=CHILDREN, router="198.18.64.1", server="198.18.64.1",
                host="kelurahan", legs=(leg,))  # fmt: skip


def child(number: int) -> str:
    """The address of child `number`, from 1."""
    return f"198.18.64.{number}"
