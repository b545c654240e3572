"""A site with two links: one leg lost, both lost, one unseen; what is judged, told and kept.

The legs are tcp ports on loopback, as in `test_daemon_sight`, because icmp on loopback could never
be taken down.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.ledger.entry import IncidentStepped, LabelSet
from tests.cli.running_command import sasando
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
    made.interval = "300ms"
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


def redundant(now: dict[str, Any]) -> dict[str, Any]:
    """What `now` says of the one redundant site."""
    return dict(now["redundancy"][0])


def test_one_leg_lost_is_debt_and_both_lost_an_outage(
    twin: Place, ports: Ports, hook: Webhook
) -> None:
    """On one leg all stays available and a warning is told; on none only the links accuse."""
    with Agent(twin) as agent:
        agent.ready()
        for target in ("office", "desk"):
            agent.await_state(target, "available")
        ports.shut(0)
        agent.await_now("one leg", lambda now: labels(now) == [("single-leg", "office", "primary")])
        told = hook.wait(2)
        now = agent.now()
        assert series(now, "office")["state"] == series(now, "desk")["state"] == "available"
        assert sorted(one["target"] for one in now["incidents"]) == ["office", "primary"]
        before = redundant(now)
        assert [leg["state"] for leg in before["legs"]] == ["unavailable", "available"]
        assert before["single_leg_since"] == before["legs"][0]["since"]
        agent.await_now(
            "growing debt",
            lambda now: redundant(now)["month"]["debt_ms"] > before["month"]["debt_ms"] + 1_000,
        )
        ports.shut(1)
        ports.shut(2)
        agent.await_state("office", "unavailable")
        agent.await_now("outage", lambda now: redundant(now)["month"]["outage_ms"] > 1_000)
        out = redundant(agent.now())
        assert not [one for one in labels(agent.now()) if one[0] == "single-leg"]
        later = redundant(agent.await_now("later", lambda now: now))
        assert later["month"]["debt_ms"] == out["month"]["debt_ms"]
        for number in range(3):
            ports.open(number)
        agent.await_now("whole again", lambda now: not now["labels"] and not now["incidents"])
        agent.await_state("office", "available")
        assert agent.stop() == 0
    assert any("lost_legs [primary] != []" in message.body for message in told)
    opened = [step for step in twin.of(IncidentStepped) if step.act == "opened"]
    assert sorted((step.target, step.rule) for step in opened if step.target != "desk") == [
        ("backup", "link-tcp"),
        ("office", "both-alive"),
        ("primary", "link-tcp"),
    ]
    assert [
        (one.label, one.until_us is None)
        for one in twin.of(LabelSet)
        if one.label == "single-leg" and one.cause == "primary"
    ][:2] == [("single-leg", True), ("single-leg", False)]
    twin.require_intact()


def test_a_restart_on_one_leg_goes_on(twin: Place, ports: Ports) -> None:
    """Killed and started again the site is on one leg as before, and its debt has grown on."""
    with Agent(twin) as agent:
        agent.ready()
        agent.await_state("office", "available")
        ports.shut(0)
        agent.await_now("one leg", lambda now: labels(now))
        agent.await_now("debt", lambda now: redundant(now)["month"]["debt_ms"] > 1_000)
        agent.await_seen()
        before = redundant(agent.now())["month"]["debt_ms"]
        agent.kill()
    alone = sasando("now", "-c", twin.configuration, "--json").data
    assert abs(redundant(alone)["month"]["debt_ms"] - before) < 5_000
    with Agent(twin) as agent:
        agent.ready()
        agent.await_now(
            "the same again", lambda now: labels(now) == [("single-leg", "office", "primary")]
        )
        agent.await_now(
            "more debt", lambda now: redundant(now)["month"]["debt_ms"] > before + 1_000
        )
        ports.open(0)
        agent.await_now("whole", lambda now: not now["labels"])
        assert agent.stop() == 0
    kept = sorted((row[4], row[5]) for row in twin.rows("label"))
    assert all(until is not None for _, until in kept)
    assert all(first[1] <= second[0] for first, second in pairwise(kept))
    twin.require_intact()


def test_without_an_agent_a_site_is_checked_by_its_links(twin: Place, ports: Ports) -> None:
    """The links are probed first; redundancy alone has nothing to read and says so."""
    ports.shut(0)
    done = sasando("check", "office", "-c", twin.configuration, "--json")
    site = next(one for one in done.data if one["target"] == "office")
    assert (site["evidence"]["down"], site["evidence"]["up"]) == (["primary"], True)
    assert [one["verdict"] for one in site["verdicts"]] == ["compliant", "violated"]
    done = sasando("check", "office", "--check", "redundancy", "-c", twin.configuration, "--json")
    assert done.code == 3
    assert done.data[0]["fault"]["kind"] == "unseen"
