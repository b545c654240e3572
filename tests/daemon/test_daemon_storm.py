"""No alert storm: one core over sixty children, with a real daemon and real connections.

Two levels: lines of offices behind the core, services behind the lines. All are probed by tcp on
loopback, some of them at the same phase by chance, as the engine spreads them.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from monitor.incident import HOLD_LIMIT_US
from monitor.ledger.entry import IncidentStepped, LabelSet
from monitor.model import State
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.daemon.process import Agent
from tests.daemon.test_daemon_sight import knock, reachable
from tests.lab.receivers import Webhook

LINES, SERVICES = 10, 50
ALL = LINES + SERVICES
STORMS = bool(os.environ.get("SASANDO_STORMS"))
"""Set it for every interval; the default run takes one of each kind."""
slow = pytest.mark.skipif(not STORMS, reason="SASANDO_STORMS is not set")


def city(root: Path, hook: Webhook, ports: Ports, *, cores: int, interval: str) -> Place:
    """Ports: the cores first, then lines, then services."""
    sites: dict[str, dict[str, Any]] = {"hub": {}}
    place = Place(root=root, routes={"noc": hook.url()}, sites=sites, interval=interval)
    place.rules = [reachable("tcp", "link")]
    for n in range(cores):
        place.links[f"core{n}"] = _line("hub", ports.url(n))
    for n in range(LINES):
        sites[f"office{n}"] = {"parents": ["hub"]}
        place.links[f"line{n}"] = _line(f"office{n}", ports.url(cores + n))
    for n in range(SERVICES):
        url = ports.url(cores + LINES + n)
        place.tcp(f"web{n}", url, site=f"office{n % LINES}")
    place.make()
    return place


def _line(site: str, url: str) -> dict[str, Any]:
    return {"site": site, "address": "127.0.0.1", "checks": knock(url)}


def _all_up(now: dict[str, Any]) -> bool:
    return {one["state"] for one in now["series"]} == {"available"}


def _labelled(now: dict[str, Any], count: int) -> bool:
    return sum(one["label"] == "unreachable" for one in now["labels"]) == count


@pytest.mark.parametrize("interval", ["1s", pytest.param("200ms", marks=slow)])
def test_one_core_over_sixty_children_is_one_alert(
    root: Path, hook: Webhook, interval: str
) -> None:
    """Sixty are unreachable because of it, one message names it, one its recovery."""
    with Ports(1 + ALL) as ports:
        place = city(root, hook, ports, cores=1, interval=interval)
        with Agent(place) as agent:
            agent.ready()
            agent.await_now("all up", _all_up)
            for number in range(1 + ALL):
                ports.shut(number)
            now = agent.await_now("sixty labels", lambda n: n if _labelled(n, ALL) else None)
            assert now is not None
            named = agent.await_now(
                "causes", lambda n: {one["cause"] for one in n["labels"]} == {"core0"}
            )
            assert named
            agent.await_seen(3)
            (open_one,) = agent.now()["incidents"]
            assert open_one["target"] == "core0"
            assert open_one["consequences"]["count"] == ALL
            assert open_one["consequences"]["kinds"] == {"link": LINES, "service": SERVICES}
            assert "Unreachable because of it: 71 (sites: 11, links: 10, services: 50)" in (
                hook.wait(1)[0].body
            )
            for number in range(1 + ALL):
                ports.open(number)
            agent.await_now("all up again", lambda n: _all_up(n) and _labelled(n, 0))
            told = hook.wait(2)
            agent.await_seen(3)
            assert agent.stop() == 0
        assert ["RECOVERED" in message.title for message in told] == [False, True]
        assert "Reachable again, and looked at anew: 71 (sites: 11" in told[1].body
        assert len(hook.received) == 2
    assert {step.target for step in place.of(IncidentStepped)} == {"core0"}
    assert len({label.target for label in place.of(LabelSet)}) == ALL
    place.require_intact()


@pytest.mark.parametrize("interval", ["500ms", pytest.param("1s", marks=slow)])
def test_two_redundant_cores_are_two_alerts_and_the_second_names_the_sixty(
    root: Path, hook: Webhook, interval: str
) -> None:
    """While one works nothing is cut off; a child that died with them is told afterwards.

    It is told once the first core is back and it was looked at anew: two observations, the
    answers of child and parents, a commit for each; far below the limit of a hold.
    """
    dead = 2 + LINES
    with Ports(2 + ALL) as ports:
        place = city(root, hook, ports, cores=2, interval=interval)
        with Agent(place) as agent:
            agent.ready()
            agent.await_now("all up", _all_up)
            ports.shut(0)
            assert "core0" in hook.wait(1)[0].title
            agent.await_seen(2)
            assert not [one for one in agent.now()["labels"] if one["label"] == "unreachable"]
            for number in range(1, 2 + ALL):
                ports.shut(number)
            agent.await_now("sixty labels", lambda n: _labelled(n, ALL))
            second = hook.wait(2)[1]
            assert "core1" in second.title
            assert "services: 50" in second.body
            for number in set(range(1, 2 + ALL)) - {dead}:
                ports.open(number)
            told = hook.wait(4)
            assert agent.stop() == 0
        assert "web0" in told[3].title or "web0" in told[2].title
        assert len(hook.received) == 4
    opened = [step for step in place.of(IncidentStepped) if step.act == "opened"]
    assert [step.target for step in opened] == ["core0", "core1", "web0"]
    (back,) = [s for s in place.of(IncidentStepped) if s.target == "core1" and s.act == "closed"]
    assert 0 < opened[2].at_us - back.since_us < HOLD_LIMIT_US
    assert "Unreachable because of it" not in hook.received[0].body
    assert State.UNAVAILABLE in {row[3] for row in place.rows("interval")}
    place.require_intact()


@slow
def test_a_core_that_flaps_accuses_none_of_its_children(root: Path, hook: Webhook) -> None:
    """Down and up every few seconds: whatever is told is told of the core alone."""
    with Ports(1 + ALL) as ports:
        place = city(root, hook, ports, cores=1, interval="300ms")
        with Agent(place) as agent:
            agent.ready()
            agent.await_now("all up", _all_up)
            for _ in range(4):
                for number in range(1 + ALL):
                    ports.shut(number)
                agent.await_seen(2)
                for number in range(1 + ALL):
                    ports.open(number)
                agent.await_seen(1)
            agent.await_now("all up again", lambda n: _all_up(n) and _labelled(n, 0))
            assert agent.stop() == 0
    assert {step.target for step in place.of(IncidentStepped)} <= {"core0"}
    place.require_intact()
