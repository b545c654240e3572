"""Settings and evidence of the redundancy check."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar

from checks.base import Evidence, FactValue, Settings, option, posture
from monitor.model import State
from monitor.redundancy import Redundancy, redundancy_of, single_leg, up

_COMMON = 64
_STATES = {state.word: state for state in State}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedundancySettings(Settings):
    """What the check is told; which links a site has stands in the inventory."""

    common: tuple[str, ...] = option(
        (), "Addresses of routers that all paths share on the agent's own side: no shared fate."
    )

    def __post_init__(self) -> None:
        if len(self.common) > _COMMON:
            raise ValueError(f"more than {_COMMON} common addresses")
        for address in self.common:
            ip_address(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedundancyEvidence(Evidence):
    """The legs of a site: which are alive, and which hops their paths share.

    `legs`: link → available, unavailable or unobserved. `paths`: the links whose path is known.
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "configured": "int",
        "alive": "int",
        "down": "list<string>",
        "unseen": "list<string>",
        "up": "bool",
        "all_alive": "bool",
        "single_leg": "bool",
        "lost_legs": "list<string>",
        "primary_alive": "bool",
        "paths_known": "int",
        "shared_hops": "list<string>",
    }

    legs: dict[str, str] = posture()  # noqa: RUF009 - it is field()
    primary: str | None = posture()
    paths: tuple[str, ...] = posture()
    shared_hops: tuple[str, ...] | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every fact that the legs which were seen decide."""
        states = [_STATES[word] for word in self.legs.values()]
        down, kind = self.lost(), redundancy_of(states)
        facts: dict[str, FactValue] = {
            "configured": len(states),
            "alive": states.count(State.AVAILABLE),
            "down": down,
            "unseen": self._in(State.UNOBSERVED),
            "paths_known": len(self.paths),
        }
        decided = {"up": up(states), "single_leg": single_leg(states)}
        facts.update({name: value for name, value in decided.items() if value is not None})
        if down or kind is Redundancy.WHOLE:
            facts["all_alive"] = not down
        if kind in (Redundancy.WHOLE, Redundancy.DEBT):
            facts["lost_legs"] = down
        primary = self.legs.get(self.primary) if self.primary is not None else None
        if primary not in (None, State.UNOBSERVED.word):
            facts["primary_alive"] = primary == State.AVAILABLE.word
        if self.shared_hops is not None:
            facts["shared_hops"] = list(self.shared_hops)
        return facts

    def lost(self) -> list[str]:
        """The links that are down."""
        return self._in(State.UNAVAILABLE)

    def _in(self, state: State) -> list[str]:
        return [link for link, word in self.legs.items() if word == state.word]
