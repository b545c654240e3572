"""What the evidence of vrrp and hsrp has in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks.base import Evidence, FactValue, measure, posture
from checks.first_hop import Look, rfc3339

COMMON_FACTS: Mapping[str, str] = {
    "heard": "bool",
    "speakers": "list<string>",
    "speaker_count": "int",
    "active": "string",
    "dual_active": "bool",
    "unconfigured": "list<string>",
    "priority": "int",
    "leaving": "bool",
    "failovers": "int",
    "last_failover_gap_ms": "double",
    "last_failover_at": "timestamp",
    "authentication": "string",
    "listened_ms": "double",
    "malformed": "int",
    "lost": "int",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstHopEvidence(Evidence):
    """Who spoke, who was Active, what changed. `authentication` is a kind, never a password."""

    listened_us: int | None = measure("us")
    failovers: int | None = measure("1")
    failover_gap_us: int | None = measure("us")
    failover_at_us: int | None = measure("UTC us")
    malformed: int | None = measure("1")
    lost: int | None = measure("1")
    speakers: tuple[str, ...] = posture()
    active: str | None = posture()
    dual_active: bool = posture()
    unconfigured: tuple[str, ...] | None = posture()
    priority: int | None = posture()
    leaving: bool = posture()
    authentication: str | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; the fields of a subclass under their own names."""
        facts: dict[str, FactValue] = {
            "heard": bool(self.speakers),
            "speaker_count": len(self.speakers),
        }
        for name in (*self.measures(), *self.postures()):
            value = getattr(self, name)
            if value is not None and name in self.FACTS:
                facts[name] = list(value) if isinstance(value, tuple) else value
        if self.listened_us is not None:
            facts["listened_ms"] = self.listened_us / 1_000
        if self.failover_gap_us is not None:
            facts["last_failover_gap_ms"] = self.failover_gap_us / 1_000
        if self.failover_at_us is not None:
            facts["last_failover_at"] = rfc3339(self.failover_at_us)
        return facts


def common_fields(look: Look, routers: tuple[str, ...]) -> dict[str, Any]:
    """The fields of `FirstHopEvidence` that a look gives."""
    active, changes = look.active(), look.changes()
    latest = changes[-1] if changes else None
    return {
        "listened_us": look.heard.listening_us,
        "failovers": look.failovers(),
        "failover_gap_us": None if latest is None else latest.gap_us,
        "failover_at_us": None if latest is None else look.at_us - latest.age_us,
        "malformed": look.count("malformed"),
        "lost": look.count("lost"),
        "speakers": tuple(one.address for one in look.speaking()),
        "active": None if active is None else active.address,
        "dual_active": look.both_active(),
        "unconfigured": look.unconfigured(routers),
        "priority": None if active is None else active.priority,
        "leaving": look.leaving(),
        "authentication": None if active is None else active.authentication,
    }
