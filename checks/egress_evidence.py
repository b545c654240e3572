"""Settings and evidence of the egress check."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import ClassVar, Literal

from checks.address import ascii_host, checked_port, families_of, literal_family
from checks.base import Duration, Evidence, FactValue, Settings, measure, option, posture
from monitor.model import Family

_UPLINKS = 8
_NAME = 64
_INTERFACE = 15
"""Characters of a Linux interface's name (IFNAMSIZ less its end)."""
_MARK = 0xFFFF_FFFF

UNMEASURED = frozenset({"permission", "resource", "timeout"})
"""Outcomes that say nothing about an uplink; every other one but "reached" is its failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """How packets are made to leave by one uplink: at least one of source, interface, mark."""

    source: str = ""
    """An address of this host; a rule of the routing policy sends its packets out there."""
    interface: str = ""
    """The interface to leave by."""
    mark: int | None = None
    """The firewall mark that a rule of the routing policy looks for."""
    first_hop: str = ""
    """The router that must be the first; empty: any."""

    def __post_init__(self) -> None:
        if not self.source and not self.interface and self.mark is None:
            raise ValueError("an uplink needs source, interface or mark")
        for name, address in (("source", self.source), ("first_hop", self.first_hop)):
            if address and not literal_family(address):
                raise ValueError(f"{name} {address!r} is not an address")
        name = self.interface
        if len(name.encode()) > _INTERFACE or any(c.isspace() or c in "/\0" for c in name):
            raise ValueError(f"{name!r} is not the name of an interface")
        if self.mark is not None and not 1 <= self.mark <= _MARK:
            raise ValueError(f"mark is not between 1 and {_MARK}")

    def families(self) -> set[Family]:
        """Those of the addresses that it names."""
        return {literal_family(one) for one in (self.source, self.first_hop) if one}


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressSettings(Settings):
    """By which uplinks to leave, and towards what."""

    timeout: Duration = option(30_000_000, "Time for everything together.")  # noqa: RUF009 - it is field()
    address: str = option(MISSING, "Address or name outside that answers.")
    uplinks: dict[str, Uplink] = option(  # noqa: RUF009
        MISSING, "Uplinks by name, at most 8: each `{source, interface, mark, first_hop}`."
    )
    protocol: Literal["udp", "tcp"] = option("udp", "What the packets are.")
    port: int = option(33_434, "Destination port; for udp one that nothing listens on.")
    tries: int = option(2, "Packets for each question, 1 to 5.")
    wait: Duration = option(1_000_000, "How long each packet is waited for.")  # noqa: RUF009

    def __post_init__(self) -> None:
        ascii_host(self.address)
        checked_port(self.port)
        if not 1 <= len(self.uplinks) <= _UPLINKS:
            raise ValueError(f"name 1 to {_UPLINKS} uplinks")
        if any(not name or len(name) > _NAME for name in self.uplinks):
            raise ValueError(f"the name of an uplink has 1 to {_NAME} characters")
        if not 1 <= self.tries <= 5:
            raise ValueError("tries is not between 1 and 5")
        if not 1_000 <= self.wait <= 5_000_000:
            raise ValueError("wait is not between 1ms and 5s")
        if not self.families():
            raise ValueError("address, source and first_hop must be of one address family")

    def families(self) -> tuple[Family, ...]:
        """The families in which every uplink can be asked."""
        named = [uplink.families() for uplink in self.uplinks.values()]
        return tuple(
            family for family in families_of(self.address) if all(one <= {family} for one in named)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressEvidence(Evidence):
    """What each uplink carried, in the order of `names`, and which one is taken unasked.

    An outcome: reached (the destination answered), silent, unreachable, no-interface, no-address,
    no-route (this host cannot leave there); permission, resource, timeout (not measured).
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "address": "string",
        "uplinks": "int",
        "working": "int",
        "working_at_least": "int",
        "working_at_most": "int",
        "failed": "list<string>",
        "unmeasured": "list<string>",
        "outcomes": "map<string,string>",
        "reasons": "map<string,string>",
        "first_hops": "map<string,string>",
        "delays_ms": "map<string,double>",
        "as_expected": "bool",
        "default_uplink": "string",
        "default_source": "string",
        "default_first_hop": "string",
        "default_outcome": "string",
    }

    delays_us: tuple[int | None, ...] = measure("us")
    address: str = posture()
    names: tuple[str, ...] = posture()
    outcomes: tuple[str, ...] = posture()
    reasons: tuple[str, ...] = posture()
    """Empty where there is none to tell."""
    first_hops: tuple[str, ...] = posture()
    """Empty where the first hop is silent."""
    as_expected: bool | None = posture()
    default_uplink: str | None = posture()
    default_source: str | None = posture()
    default_first_hop: str | None = posture()
    default_outcome: str = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact.

        While an uplink is not measured, `working` is undefined and lies between its two bounds,
        and an empty `failed` would be a guess.
        """
        told = dict(zip(self.names, self.outcomes, strict=True))
        working = self.outcomes.count("reached")
        unmeasured = [name for name, outcome in told.items() if outcome in UNMEASURED]
        failed = [
            name
            for name, outcome in told.items()
            if outcome != "reached" and outcome not in UNMEASURED
        ]
        facts: dict[str, FactValue] = {
            "address": self.address,
            "uplinks": len(told),
            "working_at_least": working,
            "working_at_most": working + len(unmeasured),
            "unmeasured": list[object](unmeasured),
            "outcomes": dict[str, object](told),
            "reasons": _known(self.names, self.reasons),
            "first_hops": _known(self.names, self.first_hops),
            "delays_ms": {
                name: delay / 1_000
                for name, delay in zip(self.names, self.delays_us, strict=True)
                if delay is not None
            },
            "default_outcome": self.default_outcome,
        }
        if not unmeasured:
            facts["working"] = working
        if failed or not unmeasured:
            facts["failed"] = list[object](failed)
        for name in ("as_expected", "default_uplink", "default_source", "default_first_hop"):
            value = getattr(self, name)
            if value is not None:
                facts[name] = value
        return facts


def _known(names: tuple[str, ...], values: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name, value in zip(names, values, strict=True) if value}
