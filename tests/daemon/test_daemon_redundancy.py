"""A site with two links: one leg lost, both lost, one unseen; what is judged, told and kept.

The legs are tcp ports on loopback, as in `test_daemon_sight`, because icmp on loopback could never
be taken down.
"""

from pathlib import Path
from typing import Any

import pytest

from monitor.ledger.entry import LabelSet
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.daemon.process import Agent
from tests.daemon.test_daemon_sight import knock, reachable
from tests.lab.receivers import Webhook

BOTH = {
    "id": "both-alive",
    "title": {"en": "Both paths are alive", "id": "Kedua jalur hidup"},
    "check": "redundancy",
    "require": "evidence.lost_legs == []",
    "severity": "warning",
}


@pytest.fixture
def twin(root: Path, ports: Ports, hook: Webhook) -> Place:
    """A site with a primary, a backup and a service that either leg reaches."""
    made = Place(root=root, routes={"noc": hook.url()}, sites={"core": {}, "office": {}})
    made.interval = "500ms"
    made.rules = [reachable("tcp", "link"), BOTH]
    for number, role in enumerate(("primary", "backup")):
        made.links[role] = {
            "site": "office",
            "role": role,
            "address": "127.0.0.1",
            "checks": knock(ports.url(number)),
        }
    made.tcp("desk", ports.url(2), site="office")
    made.make()
    return made


def series(now: dict[str, Any], target: str) -> dict[str, Any]:
    """What stands of a target's one series."""
    return next(one for one in now["series"] if one["target"] == target)


def labels(now: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The labels that stand."""
    return [(one["label"], one["target"], one["cause"]) for one in now["labels"]]


def test_on_one_leg_the_service_is_up_and_the_site_in_debt(
    twin: Place, ports: Ports, hook: Webhook
) -> None:
    """The primary fails: site and service stay available, the label and the warning come and go."""
    with Agent(twin) as agent:
        agent.ready()
        for target in ("office", "desk"):
            agent.await_state(target, "available")
        ports.shut(0)
        agent.await_now(
            "single leg", lambda now: labels(now) == [("single-leg", "office", "primary")]
        )
        told = hook.wait(2)
        now = agent.now()
        assert series(now, "office")["state"] == "available"
        assert series(now, "desk")["state"] == "available"
        assert sorted(one["target"] for one in now["incidents"]) == ["office", "primary"]
        ports.open(0)
        agent.await_now("whole again", lambda now: not now["labels"] and not now["incidents"])
        assert agent.stop() == 0
    assert any("lost_legs [primary] != []" in message.body for message in told)
    assert [(one.label, one.until_us is None) for one in twin.of(LabelSet)] == [
        ("single-leg", True),
        ("single-leg", False),
    ]
    twin.require_intact()
