"""Settings and evidence of the path check."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from itertools import combinations
from typing import ClassVar, Literal

from checks.address import ascii_host, checked_port
from checks.base import Duration, Evidence, FactValue, Settings, measure, option, posture

_FLOWS = 16
_HOPS = 64
_TRIES = 5
_LONGEST_WAIT_US = 5_000_000

Paths = tuple[tuple[str, ...], ...]
"""A way for each flow: addresses in order of distance, \"\" where nobody answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings(Settings):
    """Which way to look along, and how patiently."""

    interval: Duration = option(300_000_000, "Time between two observations of a series.")  # noqa: RUF009 - it is field()
    timeout: Duration = option(60_000_000, "Time for everything together.")  # noqa: RUF009
    address: str = option(MISSING, "Address or name at the end of the way.")
    protocol: Literal["udp", "tcp"] = option("udp", "What the packets are.")
    port: int = option(33_434, "Destination port; for udp one that nothing listens on.")
    flows: int = option(3, "Flows that are walked, 1 to 16; each has its own source port.")
    max_hops: int = option(30, "Hops looked at, at most 64.")
    tries: int = option(2, "Packets for each silent hop, 1 to 5.")
    wait: Duration = option(1_000_000, "How long each packet is waited for.")  # noqa: RUF009
    mtu: bool = option(True, "Also find the path MTU.")

    def __post_init__(self) -> None:
        ascii_host(self.address)
        checked_port(self.port)
        for name, value, bound in (
            ("flows", self.flows, _FLOWS),
            ("max_hops", self.max_hops, _HOPS),
            ("tries", self.tries, _TRIES),
        ):
            if not 1 <= value <= bound:
                raise ValueError(f"{name} is not between 1 and {bound}")
        if not 1_000 <= self.wait <= _LONGEST_WAIT_US:
            raise ValueError("wait is not between 1ms and 5s")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathEvidence(Evidence):
    """The ways of some flows to one address.

    `outcome`: reached (by every flow that was walked to its end), partial (by some of them),
    unreachable (a router, or this host, says so), loop, beyond (further than `max_hops`),
    silent (nothing answers any more), timeout (the time was over), dns (no such name).
    `paths` has one way a flow, "" for a silent hop, the destination last where it was met;
    `delays_us` has their delays, one flow after another.
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "unreachable_by": "string",
        "address": "string",
        "reached": "bool",
        "reached_flows": "int",
        "flows": "int",
        "hops": "list<string>",
        "routers": "list<string>",
        "hop_count": "int",
        "silent_hops": "int",
        "balanced": "bool",
        "changed": "bool",
        "loop": "bool",
        "mtu": "int",
        "mtu_by": "string",
        "mtu_hole": "bool",
        "mtu_outcome": "string",
        "delay_ms": "double",
    }

    delay_us: int | None = measure("us")
    delays_us: tuple[int | None, ...] = measure("us")
    changed: int | None = measure("1")
    outcome: str = posture()
    reason: str | None = posture()
    unreachable_by: str | None = posture()
    address: str | None = posture()
    ends: tuple[str, ...] = posture()
    """How each flow ended; see `checks.hops.walk.End`."""
    paths: Paths = posture()  # noqa: RUF009 - it is field()
    source_ports: tuple[int, ...] = posture()
    mtu: int | None = posture()
    mtu_by: str | None = posture()
    mtu_hole: bool | None = posture()
    mtu_outcome: str | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact."""
        facts: dict[str, FactValue] = {"outcome": self.outcome}
        for name in _AS_STORED:
            value = getattr(self, name)
            if value is not None:
                facts[name] = value
        if self.changed is not None:
            facts["changed"] = bool(self.changed)
        if self.delay_us is not None:
            facts["delay_ms"] = self.delay_us / 1_000
        if self.paths:
            facts |= self._of_paths(self.paths)
        return facts

    def _of_paths(self, paths: Paths) -> dict[str, FactValue]:
        reached = self.ends.count("arrived")
        facts: dict[str, FactValue] = {
            "flows": len(paths),
            "reached_flows": reached,
            "hops": list(paths[0]),
            "routers": list(routers_of(paths, self.address or "")),
            "silent_hops": paths[0].count(""),
        }
        if reached or "timeout" not in self.ends:
            facts["reached"] = reached > 0
        if "loop" in self.ends or "timeout" not in self.ends:
            facts["loop"] = "loop" in self.ends
        count = distance(paths, self.address or "")
        if count is not None:
            facts["hop_count"] = count
        balanced = is_balanced(paths, self.address or "")
        if balanced is not None:
            facts["balanced"] = balanced
        return facts


_AS_STORED = (
    "reason",
    "unreachable_by",
    "address",
    "mtu",
    "mtu_by",
    "mtu_hole",
    "mtu_outcome",
)


def routers_of(paths: Paths, destination: str) -> tuple[str, ...]:
    """Every router that answered on any flow, the nearest first; not the destination."""
    longest = max((len(path) for path in paths), default=0)
    found: dict[str, None] = {}
    for position in range(longest):
        for path in paths:
            if position < len(path) and path[position] not in ("", destination):
                found.setdefault(path[position])
    return tuple(found)


def distance(paths: Paths, destination: str) -> int | None:
    """Hops to the destination, on the first flow that shows them; None when none does."""
    for path in paths:
        least, most = distances(path, destination)
        if least == most:
            return least
    return None


def distances(path: tuple[str, ...], destination: str) -> tuple[int, int | None]:
    """The least and the greatest distance of the destination that a way leaves possible.

    It lies behind every router; where it was met behind a silent hop it may have been there
    already, silent itself. None: it was not met.
    """
    routers = [place for place, one in enumerate(path, 1) if one not in ("", destination)]
    met = bool(path) and path[-1] == destination
    return (routers[-1] if routers else 0) + 1, len(path) if met else None


def differ(one: tuple[str, ...], two: tuple[str, ...], destination: str) -> bool:
    """Whether two ways are known to be different: a silent hop may be any router."""
    if any(a != b for a, b in zip(one, two, strict=False) if a and b):
        return True
    (least_one, most_one), (least_two, most_two) = (
        distances(path, destination) for path in (one, two)
    )
    return (most_one is not None and most_one < least_two) or (
        most_two is not None and most_two < least_one
    )


def is_balanced(paths: Paths, destination: str) -> bool | None:
    """Whether flows were seen to go different ways; None with one, which cannot show it."""
    if len(paths) < 2:
        return None
    return any(differ(one, two, destination) for one, two in combinations(paths, 2))


def learned(before: tuple[str, ...], now: tuple[str, ...], destination: str) -> tuple[str, ...]:
    """Two ways that do not differ as one: what is known of either, up to the destination."""
    filled = [new or old for new, old in zip(now, before, strict=False)]
    merged = (*filled, *now[len(filled) :], *before[len(now) :])
    if destination not in merged:
        return merged
    return merged[: merged.index(destination) + 1]
