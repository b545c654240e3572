"""Steps, rows and targets that the tests of the alerts share."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from alerts.payload import alert_id, payload_of
from monitor.model import Act, IncidentStep, Kind, OutboxRow, Severity, Target

ORIGIN = "sasando.example/kupang"
WITA = ZoneInfo("Asia/Makassar")
OPENED_US = 1_795_413_933_000_000
"""2026-11-23 14:05:33 in Kupang."""
TITLES = {"en": "The link answers", "id": "Tautan menjawab"}
LINK = Target(key="dukcapil-fo", kind=Kind.LINK, name="Dukcapil fiber", site="dukcapil")


def a_step(act: Act = Act.OPENED, **changes: Any) -> IncidentStep:
    """A step of incident 41: loss on a link, as changed."""
    facts: dict[str, Any] = {
        "incident": 41,
        "step": 0 if act is Act.OPENED else 1,
        "act": act,
        "target": LINK.key,
        "check": "icmp",
        "family": 4,
        "policy": "links",
        "rule": "link-answers",
        "severity": Severity.CRITICAL,
        "reasons": ("loss 0.40 > 0.05",) if act is Act.OPENED else (),
        "since_us": OPENED_US,
        "at_us": OPENED_US + 120_000_000,
    }
    return IncidentStep(**{**facts, **changes})


def rows(
    step: IncidentStep,
    routes: Sequence[str] = ("noc",),
    *,
    incident: int = 41,
    opened_us: int | None = None,
    consequences: Sequence[Target] = (),
) -> tuple[OutboxRow, ...]:
    """The outbox rows of a step on these routes."""
    payload = payload_of(
        step,
        LINK.name,
        "Dinas Dukcapil",
        TITLES,
        opened_us=opened_us,
        consequences=consequences,
    )
    return tuple(
        OutboxRow(
            id=alert_id(ORIGIN, incident, step.step, route),
            incident=incident,
            step=step.step,
            route=route,
            payload=payload,
            created_us=step.at_us,
        )
        for route in routes
    )


def a_row(route: str = "noc", incident: int = 41, step: int = 0) -> OutboxRow:
    """A row of any step; the opening is step 0."""
    act = Act.OPENED if step == 0 else Act.CLOSED
    return rows(a_step(act, step=step), (route,), incident=incident)[0]
