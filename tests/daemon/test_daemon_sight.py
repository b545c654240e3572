"""Who is accused, and who is not: single bad probes, parents, the agent's own uplink, overload."""

import os
import signal
import time
from pathlib import Path

from monitor.ledger.entry import IncidentStepped, LabelSet
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.daemon.process import Agent
from tests.lab.receivers import Webhook

BAD = {"availability": True, "severity": "critical", "title": {"en": "Answers", "id": "Menjawab"}}


def reachable(check: str, kind: str) -> dict[str, object]:
    """An availability rule by tcp for links, which icmp on loopback could never take down."""
    return {
        **BAD,
        "id": f"{kind}-{check}",
        "check": check,
        "applies_to": f'target.kind == "{kind}"',
        "require": 'evidence.outcome == "connected"',
    }


def knock(url: str) -> dict[str, object]:
    """The tcp table of a target that is no service."""
    host, _, port = url.removeprefix("tcp://").partition(":")
    return {"icmp": False, "tcp": {"address": host, "port": int(port)}}


def test_a_single_bad_probe_opens_nothing(place: Place, ports: Ports, hook: Webhook) -> None:
    """One refused connection is recorded as unavailable, and neither opens nor tells anything."""
    place.interval = "1s"
    place.write()
    with Agent(place) as agent:
        agent.ready()
        agent.await_state("p0", "available")
        ports.shut(0)
        agent.await_now("seen down", lambda now: _newest(agent, "p0") == "unavailable")
        ports.open(0)
        agent.await_now("seen up", lambda now: _newest(agent, "p0") == "available")
        agent.await_seen(4)
        assert agent.stop() == 0
    assert not place.of(IncidentStepped)
    assert not hook.received
    place.require_intact()


def test_behind_a_dead_parent_children_are_unreachable_and_one_alert_leaves(
    root: Path, ports: Ports, hook: Webhook
) -> None:
    """The link is accused, what is behind it labelled; a child still dead afterwards is told."""
    place = Place(root=root, routes={"noc": hook.url()}, sites={"core": {}, "office": {}})
    place.interval = "300ms"  # whose phases drift against the commits' seconds
    place.rules = [reachable("tcp", "link")]
    place.links["line"] = {"site": "office", "address": "127.0.0.1", "checks": knock(ports.url(0))}
    for number in range(1, 4):
        place.tcp(f"child{number}", ports.url(number), site="office")
    place.make()
    with Agent(place) as agent:
        agent.ready()
        agent.await_state("child1", "available")
        for number in range(4):
            ports.shut(number)
        agent.await_now("labels", lambda now: len(now["labels"]) == 3)
        assert {label["label"] for label in agent.now()["labels"]} == {"unreachable"}
        assert "line" in hook.wait(1)[0].title
        agent.await_seen(4)
        assert len(hook.received) == 1
        for number in (0, 1, 2):
            ports.open(number)
        told = hook.wait(3)
        agent.await_now("no label", lambda now: not now["labels"])
        assert agent.stop() == 0
    assert [("RECOVERED" in m.title, "line" in m.title) for m in told if "line" in m.title] == [
        (False, True),
        (True, True),
    ]
    assert {step.target for step in place.of(IncidentStepped)} == {"line", "child3"}
    assert len([label for label in place.of(LabelSet) if label.until_us is not None]) == 3
    place.require_intact()


def test_what_was_renamed_goes_on_after_a_restart(
    place: Place, ports: Ports, hook: Webhook
) -> None:
    """An open incident keeps its id under the new name, and ends there; a label too."""
    place.tcp("behind", ports.url(4), parents=["p0"])
    del place.services["p4"]
    place.write()
    with Agent(place) as agent:
        agent.ready()
        agent.await_state("behind", "available")
        ports.shut(0)
        ports.shut(4)
        agent.await_now("a label", lambda now: now["labels"])
        hook.wait(1)
        assert agent.stop() == 0
    place.services["new"] = {**place.services.pop("p0"), "formerly": ["p0"]}
    place.services["after"] = {
        **place.services.pop("behind"),
        "formerly": ["behind"],
        "parents": ["new"],
    }
    place.write()
    with Agent(place) as agent:
        agent.ready()
        labels = agent.await_now(
            "the label under its new name",
            lambda now: [one for one in now["labels"] if one["target"] == "after"],
        )
        assert labels is not None
        assert [one["cause"] for one in labels] == ["new"]
        assert [one["target"] for one in agent.now()["incidents"]] == ["new"]
        assert len(agent.now()["labels"]) == 1
        ports.open(0)
        ports.open(4)
        hook.wait(2)
        agent.await_now("no label", lambda now: not now["labels"])
        assert agent.stop() == 0
    opened, closed = place.of(IncidentStepped)
    assert (opened.act, opened.target) == ("opened", "p0")
    assert (closed.act, closed.target, closed.step) == ("closed", "new", 1)
    assert "new" in hook.received[1].title
    spans = [(one.target, one.since_us, one.until_us) for one in place.of(LabelSet)]
    (old,) = [span for span in spans if span[0] == "behind" and span[2] is not None]
    assert old[2] is not None
    assert old[2] > old[1] + 1, "its time up to the restart stays told"
    place.require_intact()


def test_a_blind_agent_accuses_nobody(place: Place, ports: Ports, hook: Webhook) -> None:
    """With its canary silent only the canary is told; what is still down later is judged anew."""
    place.rules = [reachable("tcp", "canary")]
    place.canaries = {"gate": {"address": "127.0.0.1", "checks": knock(ports.url(4))}}
    del place.services["p4"]
    place.write()
    with Agent(place) as agent:
        agent.ready()
        agent.await_state("p0", "available")
        for number in range(5):
            ports.shut(number)
        agent.await_now("blind", lambda now: [one["label"] for one in now["labels"]] == ["blind"])
        agent.await_state("p0", "unobserved")
        assert [one["target"] for one in agent.now()["incidents"]] == ["gate"]
        assert "gate" in hook.wait(1)[0].title
        for number in (1, 2, 3, 4):
            ports.open(number)
        agent.await_now("sight", lambda now: not now["labels"])
        assert sorted("p0" in message.title for message in hook.wait(3)) == [False, False, True]
        agent.await_state("p1", "available")
        assert agent.stop() == 0
    assert {step.target for step in place.of(IncidentStepped)} == {"p0", "gate"}
    place.require_intact()


def test_rounds_that_the_agent_missed_are_counted_and_held_against_nobody(
    root: Path, hook: Webhook
) -> None:
    """An agent that could not keep up shows and counts its skipped rounds, and accuses nobody."""
    place = Place(root=root, routes={"noc": hook.url()}, interval="200ms")
    with Ports(400) as ports:
        for number in range(400):
            place.tcp(f"t{number}", ports.url(number))
        place.make()
        with Agent(place) as agent:
            agent.ready()
            os.kill(agent.process.pid, signal.SIGSTOP)
            time.sleep(1)  # the fault itself: five rounds pass in which the agent does nothing
            os.kill(agent.process.pid, signal.SIGCONT)
            shown = agent.await_now(
                "skipped", lambda now: now if now["engine"]["skipped"] > 0 else None
            )
            assert shown is not None
            agent.await_seen()
            assert agent.now()["lost"].get("skipped", 0) > 0
            assert agent.stop() == 0
    assert not place.of(IncidentStepped)
    assert not hook.received
    place.require_intact()


def _newest(agent: Agent, target: str) -> str:
    return str(agent.place.ask("latest", target=target)[0]["state"])
