"""What makes packets find their way: lines for `ip`, files for bird and keepalived. Pure.

Static routing follows the carrier: a route whose cable has none is passed over
(`ignore_routes_with_linkdown`), so that the next metric holds. It does not see a cable that
swallows packets in silence; OSPF with BFD does.
"""

from collections.abc import Iterator

from tests.lab.city.plan import (
    CANARY,
    CHILDREN,
    CORES,
    DMZ_GATEWAY,
    DMZ_VRID,
    GATEWAY,
    LAN_VRID,
    Leg,
    Plan,
)

INTERNET = {"core1": "internet-1", "core2": "internet-2"}
_OTHER = {"core1": "core2", "core2": "core1"}
_EVERYTHING = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")
_OWN = ("198.51.100.0/25", "203.0.113.0/24", "198.18.0.0/15")
_FIRST_TABLE = 101
"""Tables of a site's legs; 100 and 99 are the cores' for what comes over the trunk."""

BFD_MS, BFD_MULTIPLIER = 150, 5
"""A neighbour that is silent for 750 ms is dead; a lab's two busy cores allow no less."""
ADVERT_S = 0.2
"""VRRP advertisement interval (RFC 9568, 5.2.7, counts in centiseconds)."""


def always(plan: Plan, node: str) -> list[str]:
    """What `ip -batch` is told in either kind of routing: hosts, and answers over their own leg."""
    lines = [f"route add default via {gateway}" for gateway in _hosts(plan, node)]
    if node == "internet":
        lines += [f"address add {CANARY}/32 dev lo"]
        for network in _EVERYTHING:
            for metric, core in ((10, "core1"), (100, "core2")):
                via = plan.cables[INTERNET[core]].end(core).host
                lines.append(f"route add {network} via {via} metric {metric}")
    if node in CORES:  # what no leg reaches must not run to the internet and back
        lines += [f"route add unreachable {network} metric 4000" for network in _OWN]
    if node == "kelurahan":
        lines.append(f"route add local {CHILDREN} dev lo")
    if node in plan.sites:
        for table, leg in enumerate(plan.sites[node].legs, _FIRST_TABLE):
            lines.append(f"rule add pref 90 from {leg.address} lookup {table}")
            lines.append(f"route add default via {leg.gateway} table {table}")
    return lines


def return_over(plan: Plan, leg: Leg, *, add: bool) -> list[str]:
    """Answers from a leg's address, and of the site's network, take the site's other leg."""
    site = plan.sites[leg.site]
    (other,) = (table for table, one in enumerate(site.legs, _FIRST_TABLE) if one is not leg)
    word = "add" if add else "del"
    return [
        f"rule {word} pref 80 from {what} lookup {other}" for what in (leg.address, site.network)
    ]


def static(plan: Plan, node: str) -> list[str]:
    """The routes of a router that speaks no OSPF."""
    if node in CORES:
        return [*_core(plan, node), *_from_trunk(plan, node)]
    if node == "agg":
        return list(_aggregator(plan))
    site = plan.sites.get(node)
    if site is None:
        return []
    return [
        f"route add default via {leg.gateway} metric {metric}"
        for metric, leg in zip((10, 100), site.legs, strict=False)
    ]


def _hosts(plan: Plan, node: str) -> Iterator[str]:
    if node == "operations":
        yield GATEWAY
    if node == "web":
        yield DMZ_GATEWAY
    for site in plan.sites.values():
        if site.host == node != site.name:
            yield site.router


def _core(plan: Plan, core: str) -> Iterator[str]:
    peer = plan.cables["trunk"].other(core).host
    yield f"route add default via {plan.cables[INTERNET[core]].other(core).host} metric 10"
    yield f"route add default via {peer} metric 100"
    for lan in ("192.0.2.0/26", "192.0.2.64/26"):
        yield f"route add {lan} via {peer} metric 100"
    for site in plan.sites.values():
        for leg in site.legs:
            if leg.core == core:
                via = plan.cables[leg.cables[0]].other(core).host
                yield f"route add {site.network} via {via} metric 10"
                if len(leg.cables) > 1:
                    yield f"route add {_prefix(leg)} via {via} metric 10"
            else:
                yield f"route add {_prefix(leg)} via {peer} metric 10"
                yield f"route add {site.network} via {peer} metric 100"


def _from_trunk(plan: Plan, core: str) -> Iterator[str]:
    """What the other core sends over goes out here or is refused: it never goes back."""
    yield "rule add pref 40 iif trunk lookup 100"
    yield "rule add pref 41 iif trunk lookup main suppress_prefixlength 0"
    yield "rule add pref 42 iif trunk lookup 99"
    yield f"route add default via {plan.cables[INTERNET[core]].other(core).host} metric 10 table 99"
    yield "route add unreachable default metric 4000 table 99"
    for site in plan.sites.values():
        yield f"route add unreachable {site.network} metric 4000 table 100"
        for leg in site.legs:
            if leg.core == core:
                via = plan.cables[leg.cables[0]].other(core).host
                yield f"route add {site.network} via {via} metric 10 table 100"


def _aggregator(plan: Plan) -> Iterator[str]:
    site = plan.sites[plan.aggregated]
    for table, (metric, leg) in enumerate(zip((10, 100), site.legs, strict=True), _FIRST_TABLE):
        core = plan.cables[leg.cables[0]].end(leg.core).host
        yield f"route add default via {core} metric {metric}"
        yield f"route add {site.network} via {leg.address} metric {metric}"
        yield f"rule add pref 90 from {leg.address} lookup {table}"
        yield f"route add default via {core} table {table}"


def _prefix(leg: Leg) -> str:
    """The /30 of a leg's last cable: its far end is the second address."""
    head, _, last = leg.address.rpartition(".")
    return f"{head}.{int(last) - 2}/30"


def bird(plan: Plan, node: str) -> str:
    """bird.conf: OSPF on every cable between routers, BFD on all of them."""
    default = ""
    if node in CORES:
        via = plan.cables[INTERNET[node]].other(node).host
        default = f"protocol static uplink {{ ipv4; check link; route 0.0.0.0/0 via {via}; }}"
    if node == "kelurahan":
        default = f"protocol static children {{ ipv4; route {CHILDREN} blackhole; }}"
    lines = "".join(_ospf_interface(plan, node, cable.name) for cable in plan.cables_of(node))
    return f"""
log stderr all;
router id {_router_id(plan, node)};
protocol device {{ scan time 1; }}
{default}
protocol kernel {{
  ipv4 {{
    import none;
    export filter {{
      if dest = RTD_BLACKHOLE then reject;
      if gw = 0.0.0.0 then reject;  # the kernel knows its own networks
      # The address of an interface without carrier (RFC 2328, 9.1, "Loopback"): a leg that is
      # cut must not be reached over the other one.
      if net.len = 32 then reject;
      accept;
    }};
  }};
  metric 32;
}}
protocol bfd {{
  interface "*" {{ interval {BFD_MS} ms; multiplier {BFD_MULTIPLIER}; }};
}}
protocol ospf v2 city {{
  debug {{ states, events }};
  ipv4 {{
    import all;
    export filter {{
      if source = RTS_STATIC then {{ ospf_metric1 = 10; accept; }}
      reject;
    }};
  }};
  area 0 {{
{lines}  }};
}}
"""


def _ospf_interface(plan: Plan, node: str, name: str) -> str:
    cable = plan.cables[name]
    cost = cable.end(node).cost
    if name in INTERNET.values():
        return ""
    if not all(end.node in plan.routers for end in cable.ends) or len(cable.ends) > 2:
        return f'    interface "{name}" {{ stub yes; cost {cost}; check link yes; }};\n'
    return (
        f'    interface "{name}" {{ type ptp; cost {cost}; hello 1; dead 4; bfd yes;'
        " check link yes; };\n"
    )


def _router_id(plan: Plan, node: str) -> str:
    return f"10.255.0.{plan.nodes.index(node) + 1}"


def keepalived(plan: Plan, core: str) -> str:
    """keepalived.conf: VRRPv3 (RFC 9568) for both networks in which hosts need a gateway."""
    priority, state = (150, "MASTER") if core == "core1" else (100, "BACKUP")
    parts = [
        f"""
global_defs {{
  router_id {core}
  vrrp_version 3
  vrrp_garp_master_delay 1
}}
"""
    ]
    for cable, vrid, address in (("lan", LAN_VRID, GATEWAY), ("dmz", DMZ_VRID, DMZ_GATEWAY)):
        parts.append(
            f"""
vrrp_instance {cable} {{
  state {state}
  interface {cable}
  virtual_router_id {vrid}
  priority {priority}
  advert_int {ADVERT_S}
  virtual_ipaddress {{ {address}/26 }}
}}
"""
        )
    return "".join(parts)


def expected(plan: Plan, node: str) -> list[tuple[str, str]]:
    """(network, interface) that `node` must know by OSPF before the city counts as converged.

    That is the cheapest way of each, so that a city which was healed is as it was raised.
    """
    if node not in CORES:
        legs = plan.sites[plan.aggregated if node == "agg" else node].legs
        up = legs[0].cables[0 if node == "agg" else -1]
        return [("default", up), ("192.0.2.0/26", up)]
    known = []
    for site in plan.sites.values():
        primary = site.legs[0]
        known.append((site.network, primary.cables[0] if primary.core == node else "trunk"))
    # Each leg's own address is reached over that leg, never through the office.
    return known + [
        (_prefix(leg), "trunk")
        for leg in plan.legs.values()
        if leg.core != node and leg.site != plan.aggregated
    ]
