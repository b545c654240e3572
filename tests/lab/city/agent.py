"""Sasando itself in the city: its configuration, the real daemon in `operations`, what it stored.

with webhook(city) as hook:
    place = configuration(city, folder, hook.url())
    with CityAgent(city, place) as agent:
        agent.ready()
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from monitor.derive import Changes, Fold
from monitor.ledger.entry import ClockAnchored
from monitor.model import State
from monitor.sight import AGENT as BLIND
from tests.daemon.place import Place
from tests.daemon.process import Agent
from tests.lab.city.city import City
from tests.lab.city.plan import CANARY, GATEWAY, LAN_VRID, OFFICES, WEB, child
from tests.lab.city.servers import NAME
from tests.lab.receivers import Webhook

INTERVAL_S = 1.0
"""Of every check in the lab."""
COUNT, SPACING_MS, TIMEOUT_MS = 5, 50, 300
"""Echo requests of one probe: over half a second after its start, well before the next one's."""
LOSS_LIMIT, DELAY_LIMIT_MS = 0.2, 50
LOSS_CONFIRM = "4/5"
"""Of the lab's own rules. Two or more of five packets lost in four of five probes: with 5 or 10 %
loss that happens once in thousands of windows, with 40 % in every other one."""
PACKS = ("availability", "redundancy", "paths", "gateway-redundancy")
PACKETS = "packets.sock"
"""The packet process's socket, in the place's folder."""
_SCOPE = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")
WALKED = OFFICES[0]
"""The office whose links' paths are walked."""
_NAMES = {
    "dukcapil": "Dinas Kependudukan dan Pencatatan Sipil",
    "kesehatan": "Dinas Kesehatan",
    "pendidikan": "Dinas Pendidikan dan Kebudayaan",
}


def configuration(
    city: City, folder: Path, hook: str, *, children: int = 0, language: str = "en", **more: Any
) -> Place:
    """A configuration for the agent in `operations`, written below `folder`.

    `hook`: Apprise URL of the alerts. `children`: so many addresses of the kelurahan, each a
    link of its own site. `more`: settings laid over those of agent.yaml. The folder's name must
    be short: a socket's path may have 107 bytes.
    """
    place = Place(root=folder, routes={"noc": hook})
    authority = {"authorised_by": "lab", "letter": "1", "until": "2099-12-31"}
    place.agent = {
        "vantage": "operations",
        "language": language,
        "scope": [{"network": network, **authority} for network in _SCOPE],
        "packs": list(PACKS),
        "packets": str(folder / PACKETS),
        "defaults": _defaults(),
        **more,
    }
    place.rules = _rules()
    place.canaries = {"internet": {"address": CANARY}}
    place.sites, place.links, place.hotspots, place.services = {}, {}, {}, {}
    _core(place)
    for name in OFFICES:
        _office(place, city, name)
    _edge(place, city, children)
    place.make()
    return place


_UNPROBED = {"web": False}
"""It looks once an hour and says nothing of availability: a scenario would wait for it in vain."""


def _defaults() -> dict[str, Any]:
    icmp = {"count": COUNT, "spacing": f"{SPACING_MS}ms", "timeout": f"{TIMEOUT_MS}ms"}
    interval = {"interval": f"{round(INTERVAL_S * 1000)}ms"}
    return {
        "icmp": {**icmp, **interval},
        "http": {"timeout": "900ms", **interval},
        "dns": {"timeout": "900ms", **interval},
        "path": {"flows": 2, "wait": "150ms", "interval": "3s", "timeout": "2900ms"},
        # The agent's own gateways: either may be the first router, or the second one.
        "redundancy": {"common": ["192.0.2.2", "192.0.2.3"]},
    }


def _rules() -> list[dict[str, Any]]:
    of_links = {"check": "icmp", "applies_to": 'target.kind == "link"', "severity": "warning",
                "confirm": {"open": LOSS_CONFIRM, "close": "3/3"}}  # fmt: skip
    return [
        {
            **of_links,
            "id": "lab-loss",
            "title": {"en": "Little is lost", "id": "Sedikit yang hilang"},
            "require": f"evidence.loss <= {LOSS_LIMIT}",
        },
        {
            **of_links,
            "id": "lab-delay",
            "title": {"en": "The delay is short", "id": "Latensinya pendek"},
            "require": f"evidence.delay_ms.median <= {DELAY_LIMIT_MS}.0",
        },
    ]


def _core(place: Place) -> None:
    # Two routers are no two links to one place.
    place.sites["inti"] = {"name": "Jaringan inti", "checks": {"redundancy": False}}
    for number, core in enumerate(("core1", "core2"), 2):
        place.links[core] = {"site": "inti", "role": "core", "address": f"192.0.2.{number}"}
    place.sites["operasional"] = {"name": "Ruang operasional"}
    place.links["gerbang"] = {"site": "operasional", "role": "core", "address": GATEWAY,
                              "checks": {"icmp": False, **_first_hop()}}  # fmt: skip
    place.services["portal"] = {"site": "inti", "url": f"http://{WEB}/", "checks": _UNPROBED}
    place.services["nama"] = {"site": "inti", "url": f"dns://{WEB}/www.{NAME}"}


def _first_hop() -> dict[str, Any]:
    """Who speaks for the gateway and who has its address, by the packet process.

    A failover is violated in one look; a canary must be seen after it and before the next one.
    """
    vrrp = {"vrid": LAN_VRID, "routers": ["192.0.2.2", "192.0.2.3"], "addresses": [GATEWAY],
            "advert_interval": "200ms", "interval": "4s", "timeout": "1500ms"}  # fmt: skip
    neighbour = {"requests": 2, "spacing": "100ms", "listen": "300ms", "interval": "3s",
                 "timeout": "1500ms"}  # fmt: skip
    return {"vrrp": {"interface": "lan", **vrrp}, "neighbour": {"interface": "lan", **neighbour}}


def _office(place: Place, city: City, name: str) -> None:
    place.sites[name] = {"name": _NAMES[name]}
    site = city.plan.sites[name]
    for leg in site.legs:
        medium = "fibre" if leg.role == "primary" else "4g"
        place.links[leg.name] = {
            "site": name,
            "role": leg.role,
            "medium": medium,
            "address": leg.address,
            "parents": [leg.core],
            **({"checks": {"path": {}}} if name == WALKED else {}),
        }
    place.services[f"{name}-web"] = {
        "site": name,
        "url": f"http://{site.server}/",
        "checks": _UNPROBED,
    }


def _edge(place: Place, city: City, children: int) -> None:
    for name in ("tirosa", "kelurahan"):
        (leg,) = city.plan.sites[name].legs
        place.sites[name] = {}
        place.links[leg.name] = {"site": name, "role": "primary", "address": leg.address,
                                 "parents": [leg.core]}  # fmt: skip
    hotspot = city.plan.sites["tirosa"]
    place.hotspots["kupang-smart-city"] = {"site": "tirosa", "ssid": "KUPANG SMART CITY",
                                           "gateway": hotspot.router}  # fmt: skip
    for number in range(1, children + 1):
        key = f"kelurahan-{number:02}"
        place.sites[key] = {"parents": ["kelurahan-fo"]}
        place.links[f"{key}-fo"] = {"site": key, "role": "primary", "address": child(number)}


@contextmanager
def webhook(city: City) -> Iterator[Webhook]:
    """A receiver of alerts on `operations`' own loopback."""
    with city.operations.inside():
        made = Webhook()
    with made:
        yield made


class CityAgent(Agent):
    """`sasando run` in `operations`, and the packet process beside it as its unit is.

    Both are gone with the city even after `kill -9` of the test.
    """

    def __init__(self, city: City, place: Place) -> None:
        self._city = city
        argv = (sys.executable, "-m", "checks.packets", "--socket", str(place.root / PACKETS))
        self._packets = city.operations.start(*argv, log=place.root / "packets.log")
        super().__init__(place)

    def _start(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        node = self._city.operations
        return node.start(*argv, environment=environment, log=self.log)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._city.operations.end(self._packets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A state that the ledger holds of a series, on the boot clock: [started_ns, ended_ns)."""

    started_ns: int
    ended_ns: int
    state: State


class Proven:
    """What the ledger's entries prove, by the fold alone, on the boot clock.

    For a log with one anchor: a step of the wall clock is another test's matter.
    """

    def __init__(self, place: Place) -> None:
        self._fold, self._changes = Fold(), Changes()
        for index, raw in enumerate(place.raw_entries()):
            self._fold.apply(index, raw, self._changes)
        (self._anchor,) = place.of(ClockAnchored)

    def boot_ns(self, us: int) -> int:
        """A moment of SLA time on the boot clock."""
        return int(self._anchor.boottime_ns + (us - self._anchor.wall_us) * 1_000)

    def held(self) -> dict[tuple[str, str], list[Stored]]:
        """By (target, check) every state, the newest one as far as its observation reaches."""
        names = {one.number: (one.target, one.check) for one in self._changes.series}
        rows = [(r.series, r.started_us, r.ended_us, r.state) for r in self._changes.intervals]
        for number in names:
            state, since_us, _ = self._fold.current(number)
            rows.append((number, since_us, self._fold.until_us(number), int(state)))
        found: dict[tuple[str, str], list[Stored]] = {name: [] for name in names.values()}
        for number, start_us, end_us, state_number in sorted(rows, key=lambda row: row[1]):
            one = Stored(started_ns=self.boot_ns(start_us), ended_ns=self.boot_ns(end_us),
                         state=State(state_number))  # fmt: skip
            found[names[number]].append(one)
        return found

    def told(self, target: str, until_ns: int) -> list[tuple[int, int]]:
        """When incidents and labels stood for a target, or the agent was blind."""
        rows = [
            (one.since_us, one.ended_us)
            for one in self._changes.incidents.values()
            if one.target == target
        ]
        rows += [
            (one.since_us, one.until_us)
            for one in self._changes.labels.values()
            if one.target in (target, BLIND)
        ]
        return [
            (self.boot_ns(start), until_ns if end is None else self.boot_ns(end))
            for start, end in rows
        ]

    def rules(self) -> set[str]:
        """The rules of all incidents that ever opened."""
        return {one.rule for one in self._changes.incidents.values()}

    def accused(self, target: str, rule: str) -> list[int]:
        """The first bad observation of each incident of a target by a rule."""
        return [
            self.boot_ns(one.since_us)
            for one in self._changes.incidents.values()
            if (one.target, one.rule) == (target, rule)
        ]
