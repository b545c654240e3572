"""A site with two links: one leg lost, both lost, one unseen; what is judged, told and kept.

The legs are tcp ports on loopback, as in `test_daemon_sight`, because icmp on loopback could never
be taken down.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.ledger.batch import Batch
from monitor.ledger.entry import BATCH_CODE, IncidentStepped, LabelSet, code_of
from monitor.store import reader
from monitor.store.connect import open_engine
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


def looks(place: Place, target: str) -> int:
    """How many observations of a target's one series were committed."""
    engine = open_engine(place.url, read_only=True)
    with engine.connect() as connection:
        numbers = [one.number for one in reader.all_series(connection) if one.target == target]
    engine.dispose()
    batches = [raw for raw in place.raw_entries() if code_of(raw) == BATCH_CODE]
    groups = [group for raw in batches for group in Batch.from_bytes(raw).groups]
    return sum(int((group.series == numbers[0]).sum()) for group in groups)


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


def test_an_unseen_backup_decides_nothing(twin: Place, ports: Ports, hook: Webhook) -> None:
    """With the backup unobserved the site is neither whole nor in debt, whatever the primary is.

    A check on demand says the same, with what it saw just then.
    """
    twin.links["backup"]["checks"] = {"icmp": False, "tcp": {"address": "192.0.2.9", "port": 9}}
    twin.write()
    with Agent(twin) as agent:
        agent.ready()
        agent.await_state("office", "available")
        assert labels(agent.now()) == []
        ports.shut(0)
        agent.await_state("office", "unobserved")
        site = redundant(agent.now())
        assert [leg["state"] for leg in site["legs"]] == ["unavailable", "unobserved"]
        asked = {
            one["target"]: one
            for one in twin.ask("check", targets=["office"], kinds=[], tags={}, reason="look")
        }
        assert asked["office"]["evidence"]["down"] == ["primary"]
        assert asked["office"]["evidence"]["unseen"] == ["backup"]
        assert {one["verdict"] for one in asked["office"]["verdicts"]} == {"indeterminate"}
        hook.wait(1)
        assert {one["target"] for one in agent.now()["incidents"]} == {"primary"}
        month = redundant(agent.now())["month"]
        assert (month["debt_ms"], month["whole_ms"], month["outage_ms"]) == (0, 0, 0)
        assert agent.stop() == 0
    assert not twin.of(LabelSet)
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


def test_behind_a_dead_core_no_site_is_called_single_legged(
    twin: Place, ports: Ports, hook: Webhook
) -> None:
    """The primary's own parent fails with it: one alert for the parent, and no debt is claimed."""
    twin.sites["hub"] = {}
    twin.links["trunk"] = {"site": "hub", "address": "127.0.0.1", "checks": knock(ports.url(3))}
    twin.links["primary"]["parents"] = ["trunk"]
    twin.write()
    with Agent(twin) as agent:
        agent.ready()
        agent.await_state("office", "available")
        ports.shut(0)
        ports.shut(3)
        agent.await_now("label", lambda now: labels(now) == [("unreachable", "primary", "trunk")])
        hook.wait(1)
        agent.await_seen(4)
        now = agent.now()
        assert [one["target"] for one in now["incidents"]] == ["trunk"]
        assert series(now, "office")["state"] == "available"
        assert [leg["state"] for leg in redundant(now)["legs"]] == ["unobserved", "available"]
        ports.open(3)
        agent.await_now("accused", lambda now: ("single-leg", "office", "primary") in labels(now))
        assert agent.stop() == 0
    twin.require_intact()


def test_a_turn_has_the_site_looked_at_at_once_and_only_then(twin: Place, ports: Ports) -> None:
    """A site looked at once an hour knows of its links' turns within seconds, in a few looks.

    When its backup is removed it is redundant no more: the label ends, the incident is withdrawn.
    """
    twin.sites["office"] = {"checks": {"redundancy": {"interval": "1h"}}}
    twin.rules[1] = {**BOTH, "confirm": {"open": "1/1", "close": "1/1"}}
    twin.write()
    with Agent(twin) as agent:
        agent.ready()
        agent.await_state("office", "available")
        ports.shut(0)
        agent.await_now("one leg", lambda now: labels(now))
        agent.await_now("warned", lambda now: len(now["incidents"]) == 2)
        agent.await_seen(3)
        assert looks(twin, "office") <= 4
        assert looks(twin, "primary") > 4
        del twin.links["backup"]
        twin.sites["office"] = {}
        twin.write()
        agent.reload()
        agent.await_now("no label", lambda now: not now["labels"] and now["redundancy"] == [])
        agent.await_now("withdrawn", lambda now: len(now["incidents"]) == 1)
        assert agent.stop() == 0
    assert [s.act for s in twin.of(IncidentStepped) if s.target == "office"] == [
        "opened",
        "withdrawn",
    ]
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
