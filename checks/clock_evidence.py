"""Settings and evidence of the clock check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from checks.address import ascii_host
from checks.base import Duration, Evidence, FactValue, Settings, measure, option, posture
from checks.datagram import endpoint

_SERVERS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSettings(Settings):
    """Which time servers to compare the agent's own clock with."""

    servers: tuple[str, ...] = option(
        (), "NTP servers, with a port if not 123; empty: those of agent.yaml."
    )
    tolerance: Duration = option(  # noqa: RUF009 - it is field()
        100_000, "Servers agree when they differ by no more than this and half their round trip."
    )

    def __post_init__(self) -> None:
        if len(self.servers) > _SERVERS:
            raise ValueError(f"more than {_SERVERS} time servers")
        for server in self.servers:
            ascii_host(endpoint(server, 123).address)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEvidence(Evidence):
    """How far the agent's clock is from what a majority of the servers says.

    `outcome`: answered, disagreement (no majority), kiss (a server asks not to be asked),
    unsynchronised, malformed, refused, unreachable, timeout.
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "offset_ms": "double",
        "offset_abs_ms": "double",
        "delay_ms": "double",
        "stratum": "int",
        "servers": "int",
        "answered": "int",
        "agreeing": "int",
    }

    offset_us: int | None = measure("us")
    delay_us: int | None = measure("us")
    stratum: int | None = measure("1")
    servers: int | None = measure("1")
    answered: int | None = measure("1")
    agreeing: int | None = measure("1")
    outcome: str = posture()
    reason: str | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; offset positive: the servers are ahead, the agent is slow."""
        facts: dict[str, FactValue] = {"outcome": self.outcome}
        if self.offset_us is not None:
            facts["offset_ms"] = self.offset_us / 1_000
            facts["offset_abs_ms"] = abs(self.offset_us) / 1_000
        if self.delay_us is not None:
            facts["delay_ms"] = self.delay_us / 1_000
        for name in ("reason", "stratum", "servers", "answered", "agreeing"):
            value = getattr(self, name)
            if value is not None:
                facts[name] = value
        return facts
