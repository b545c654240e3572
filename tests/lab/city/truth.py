"""What was really the case: from the lab's own events, when could what be reached. Pure.

`truth(plan, events, …)` gives for one subject (a leg, a site's server, the canary, a name) the
intervals in which a packet of the agent's and its answer could make their way (UP), could not
(DOWN), or in which nothing can be claimed (UNSURE): while a switch was being thrown, while
packets were lost by chance, and while routing or VRRP moved a way to another cable.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tests.lab.city.eventlog import Event
from tests.lab.city.plan import CORES, Leg, Plan, Site
from tests.lab.city.routing import INTERNET


class Reach(Enum):
    """Whether the agent could reach a subject."""

    UP = "up"
    DOWN = "down"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A subject's reach in [started_ns, ended_ns) of the boot clock."""

    started_ns: int
    ended_ns: int
    reach: Reach

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.ended_ns - self.started_ns) / 1e9


@dataclass(slots=True)
class Faults:
    """What stands broken at a moment."""

    unplugged: set[tuple[str, str]] = field(default_factory=set)
    """(cable, node); an empty node: all its ends."""
    swallowed: set[tuple[str, str]] = field(default_factory=set)
    """(cable, node that hears nothing)."""
    lossy: dict[tuple[str, str], float] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    """Servers: dns, web or an office's."""
    vrrp: dict[str, str] = field(default_factory=dict)
    """Core → the signal that ended its VRRP."""
    bent: set[str] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Apply one switch; words that change no way (delay, mtu) change nothing."""
        place = (event.subject, event.toward)
        match event.what:
            case "carrier":
                self._set(self.unplugged, place, present=not event.value)
            case "blackhole":
                self.swallowed.add(place)
            case "loss":
                self._lose(place, event.value)
            case "heal":
                self._heal(event.subject)
            case "router":
                self._power(event.subject, on=not event.value)
            case "server":
                self._set(self.ended, event.subject, present=event.value)
            case "asymmetric":
                self._set(self.bent, event.subject, present=event.value)
            case "vrrp" if event.value:
                self.vrrp[event.subject] = event.value
            case "vrrp":
                self.vrrp.pop(event.subject, None)

    @staticmethod
    def _set(group: set, what: object, *, present: bool) -> None:  # type: ignore[type-arg]
        (group.add if present else group.discard)(what)

    def _power(self, router: str, *, on: bool) -> None:
        self._set(self.dead, router, present=not on)
        if on:  # it boots, and its VRRP begins with it, whatever had ended it before
            self.vrrp.pop(router, None)

    def _lose(self, place: tuple[str, str], percent: float) -> None:
        self.swallowed.discard(place)
        self.lossy.pop(place, None)
        if percent >= 100:
            self.swallowed.add(place)
        elif percent > 0:
            self.lossy[place] = percent

    def _heal(self, cable: str) -> None:
        for group in (self.unplugged, self.swallowed):
            group.difference_update([place for place in group if place[0] == cable])
        for place in [place for place in self.lossy if place[0] == cable]:
            del self.lossy[place]

    def carries(self, cable: str, *ends: str) -> bool:
        """Whether packets pass between these two ends, in both directions."""
        cut = any((cable, end) in self.unplugged for end in ("", *ends))
        deaf = any((cable, end) in self.swallowed for end in ("", *ends))
        return not (cut or deaf or any(end in self.dead for end in ends))

    def plugged(self, cable: str, *ends: str) -> bool:
        """Whether both ends see a carrier: all that static routes and VRRP's faults look at."""
        cut = any((cable, end) in self.unplugged for end in ("", *ends))
        return not (cut or any(end in self.dead for end in ends))

    def chancy(self, cables: Iterable[str]) -> bool:
        """Whether any of them loses packets by chance."""
        return any(place[0] in cables for place in self.lossy)


def standing(events: Iterable[Event]) -> Faults:
    """What stands broken after these events, by their log; equal to `Faults()`: nothing does."""
    faults = Faults()
    for event in events:
        faults.take(event)
    return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How packets go out and come back; `sure` is false where the plan alone does not tell."""

    cables: tuple[str, ...]
    gateway: str = ""
    sure: bool = True


_NOBODY_KNOWS = Way(cables=(), sure=False)


def truth(
    plan: Plan,
    events: Sequence[Event],
    subject: str,
    *,
    since_ns: int,
    until_ns: int,
    dynamic: bool,
    settle_ns: int = 12_000_000_000,
    failover_ns: int = 5_000_000_000,
) -> list[Span]:
    """The subject's spans from `since_ns` to `until_ns`, adjacent and each of another reach.

    `subject`: a leg's name, a site's (its server), `canary`, `dns` or `web`. `dynamic`: OSPF finds
    another way; else the carrier alone counts. `settle_ns`: how long a way moved by OSPF stays
    unsure (it originates a changed LSA at most every 5 s: RFC 2328, MinLSInterval).
    `failover_ns`: the same where VRRP alone moves it (three advertisements and the skew are 0.7 s
    here: RFC 9568, 6.1; then neighbours learn it, and a program takes a moment to start).
    """
    faults = Faults()
    way = way_of(plan, faults, subject, dynamic=dynamic)
    marks = [(since_ns, _reach(faults, way))]
    held_ns = since_ns
    for event in events:
        before, gateways = (_reach(faults, way), way), _gateways(faults)
        faults.take(event)
        way = way_of(plan, faults, subject, dynamic=dynamic)
        if (_reach(faults, way), way) == before:
            continue
        # A carrier that goes takes the network with it, but for some seconds other routers still
        # announce it: the address of a leg that is cut may answer over the other one meanwhile.
        routed = subject in plan.legs or subject in plan.sites
        announced = dynamic and routed and event.what in ("carrier", "router")
        slow = announced or (way is not None and (dynamic or gateways != _gateways(faults)))
        longest_ns = settle_ns if dynamic else failover_ns
        held_ns = max(event.after_ns + longest_ns * slow, held_ns if way else 0)
        marks = [mark for mark in marks if mark[0] < event.before_ns]
        marks += [(event.before_ns, Reach.UNSURE), (held_ns, _reach(faults, way))]
    return _spans(marks, since_ns, until_ns)


def _reach(faults: Faults, way: Way | None) -> Reach:
    if way is None:
        return Reach.DOWN
    return Reach.UNSURE if not way.sure or faults.chancy(way.cables) else Reach.UP


def _spans(marks: Sequence[tuple[int, Reach]], since_ns: int, until_ns: int) -> list[Span]:
    spans: list[Span] = []
    ends = [*(start for start, _ in marks[1:]), until_ns]
    for (start, reach), end in zip(marks, ends, strict=True):
        started, ended = max(start, since_ns), min(end, until_ns)
        if started >= ended:
            continue
        if spans and spans[-1].reach is reach:
            started = spans.pop().started_ns
        spans.append(Span(started_ns=started, ended_ns=ended, reach=reach))
    return spans


def way_of(plan: Plan, faults: Faults, subject: str, *, dynamic: bool) -> Way | None:
    """The way to a subject with these faults, or None where there is none."""
    gateways = _gateways(faults)
    ways = [_from(plan, faults, gateway, subject, dynamic=dynamic) for gateway in gateways]
    if not ways or all(way is None for way in ways):
        return None
    # Two routers answer for one address: a host may have heard either of them last.
    first = ways[0]
    return first if first is not None and None not in ways else _NOBODY_KNOWS


def _gateways(faults: Faults) -> list[str]:
    """Who forwards for the agent: one core, or two of them in a split brain."""
    able = [core for core in CORES if faults.carries("lan", core, "operations")]
    speaking = [core for core in able if core not in faults.vrrp][:1]
    haunting = [core for core in able if faults.vrrp.get(core) == "SIGKILL"]
    return sorted({*speaking, *haunting})


def _from(plan: Plan, faults: Faults, gateway: str, subject: str, *, dynamic: bool) -> Way | None:
    if subject in plan.legs:
        return _leg(plan, faults, gateway, plan.legs[subject])
    if subject in plan.sites:
        return _site(plan, faults, gateway, subject, dynamic=dynamic)
    if subject == "canary":
        return _internet(faults, gateway)
    if subject in ("dns", "web"):
        works = faults.carries("dmz", gateway, "web") and subject not in faults.ended
        return Way(cables=("lan", "dmz"), gateway=gateway) if works else None
    raise ValueError(f"nothing is called {subject}")


def _between(faults: Faults, gateway: str, core: str) -> tuple[str, ...] | None:
    """The cables from the gateway to a core and from there to the agent."""
    if core in faults.dead or (core != gateway and not faults.carries("trunk", *CORES)):
        return None
    return ("lan",) if core == gateway else ("lan", "trunk")


def _works(plan: Plan, faults: Faults, leg: Leg) -> bool:
    ends = {name: [end.node for end in plan.cables[name].ends] for name in leg.cables}
    return all(faults.carries(name, *nodes) for name, nodes in ends.items())


def _leg_cables(site: Site) -> set[str]:
    return {cable for leg in site.legs for cable in leg.cables}


def _is_plugged(plan: Plan, faults: Faults, leg: Leg) -> bool:
    first = leg.cables[0]
    return faults.plugged(first, *(end.node for end in plan.cables[first].ends))


def _other(plan: Plan, leg: Leg) -> Leg:
    (other,) = (one for one in plan.sites[leg.site].legs if one is not leg)
    return other


def _leg(plan: Plan, faults: Faults, gateway: str, leg: Leg) -> Way | None:
    inner = _between(faults, gateway, leg.core)
    if inner is None or not _works(plan, faults, leg):
        return None
    cables = (*inner, *leg.cables)
    if leg.name in faults.bent and _is_plugged(plan, faults, other := _other(plan, leg)):
        if not _works(plan, faults, other):
            return None
        cables += other.cables
    return Way(cables=cables, gateway=gateway)


def _site(plan: Plan, faults: Faults, gateway: str, name: str, *, dynamic: bool) -> Way | None:
    site = plan.sites[name]
    if name in faults.ended or name in faults.dead:
        return None
    inside = [c.name for c in plan.cables_of(name) if c.name not in _leg_cables(site)]
    if not all(faults.carries(cable, name, site.host) for cable in inside):
        return None
    legs = [leg for leg in site.legs if _between(faults, gateway, leg.core) is not None]
    if not any(_works(plan, faults, leg) for leg in legs):
        return None
    if name == plan.aggregated and not all(_works(plan, faults, leg) for leg in site.legs):
        return _NOBODY_KNOWS
    seen = _works if dynamic else _is_plugged
    # A core without routing prefers its own leg; with OSPF the costs prefer the primary.
    outward = sorted(legs, key=lambda leg: not dynamic and leg.core != gateway)
    out = [leg for leg in outward if seen(plan, faults, leg)][:1]
    back = [leg for leg in site.legs if seen(plan, faults, leg)][:1]
    bent = [_other(plan, leg) for leg in site.legs if leg.name in faults.bent]
    back = [leg for leg in bent if _is_plugged(plan, faults, leg)] or back
    used = dict.fromkeys([*out, *back])
    if not out or not back or not all(_works(plan, faults, leg) for leg in used):
        return None
    inner = [_between(faults, gateway, leg.core) for leg in used]
    cables = [name for part in inner if part for name in part]
    cables += [name for leg in used for name in leg.cables]
    return Way(cables=tuple(dict.fromkeys(cables)), gateway=gateway)


def _internet(faults: Faults, gateway: str) -> Way | None:
    """The carrier alone chooses, in both kinds of routing: nobody speaks OSPF out there."""
    out = [c for c in (gateway, *CORES) if faults.plugged(INTERNET[c], c, "internet")][:1]
    back = [c for c in CORES if faults.plugged(INTERNET[c], c, "internet")][:1]
    cables: list[str] = []
    for core in (*out, *back):
        inner = _between(faults, gateway, core)
        if inner is None or not faults.carries(INTERNET[core], core, "internet"):
            return None
        cables += [*inner, INTERNET[core]]
    return Way(cables=tuple(dict.fromkeys(cables)), gateway=gateway) if out else None
