"""Redundancy inside a running daemon: what a process from outside cannot lay down."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from checks.base import Evidence, Outcome
from monitor.daemon import standing
from monitor.daemon.accumulator import Seen
from monitor.daemon.plan import Judgement
from monitor.daemon.redundant import site_shown
from monitor.daemon.service import Daemon
from monitor.ledger.batch import Batch
from monitor.ledger.entry import BATCH_CODE, IncidentStepped, LabelSet, code_of
from monitor.model import State
from monitor.store import reader
from monitor.store.connect import open_engine
from tests.daemon.inside import PATIENCE_S, SettableClock, run_inside, until
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.daemon.test_daemon_redundancy import BOTH
from tests.daemon.test_daemon_sight import knock, reachable
from tests.lab.receivers import Webhook

HOUR_US = 3_600_000_000
PATHS = {
    "primary": ["192.0.2.1", "192.0.2.9", "192.0.2.20"],
    "backup": ["192.0.2.1", "192.0.2.7", "192.0.2.9"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSeen(Evidence):
    """What a path observation says of its routers."""

    routers: list[str]

    def facts(self) -> dict[str, Any]:
        """The one fact that is read."""
        return {"routers": self.routers}


def office(root: Path, ports: Ports, **routes: str) -> Place:
    """A site with a primary and a backup, judged by the pack."""
    made = Place(root=root, routes=routes, sites={"office": {}}, interval="300ms")
    made.agent = {"packs": ["redundancy"]}
    made.rules = [reachable("tcp", "link")]
    for number, role in enumerate(("primary", "backup")):
        checks = knock(ports.url(number))
        made.links[role] = {
            "site": "office",
            "role": role,
            "address": "127.0.0.1",
            "checks": checks,
        }
    made.make()
    return made


def test_a_shared_hop_is_found_named_and_shown(root: Path, ports: Ports) -> None:
    """From newest path observations: a finding with its address; too old ones say nothing."""
    place = office(root, ports)

    async def act(daemon: Daemon) -> None:
        lay_paths(daemon, daemon.clock.boottime_ns())
        await until("a finding", lambda: daemon.writer.view.incidents)
        (found,) = daemon.writer.view.incidents.values()
        assert (found.target, found.rule) == ("office", "no-shared-fate")
        assert found.reasons == ("shared_hops [192.0.2.9] != []",)
        assert [site.shared_hops for site in daemon.legs.sites()] == [("192.0.2.9",)]
        lay_paths(daemon, daemon.clock.boottime_ns() - 91_000_000_000)
        await until("not known", lambda: next(daemon.legs.sites()).shared_hops is None)

    assert run_inside(place, act) == 0
    place.require_intact()


def lay_paths(daemon: Daemon, at_ns: int) -> None:
    """Observations of both paths, of series that are observed once a minute."""
    legs = daemon.legs.legs
    plans = []
    for number, plan in enumerate(legs.plans["office"], start=1_000):
        outcome = Outcome(
            started_ns=at_ns, elapsed_us=1, evidence=PathSeen(routers=PATHS[plan.link])
        )
        judgement = Judgement(verdicts=(), number=2, state=State.UNOBSERVED, violated=False)
        seen = Seen(at_us=0, outcome=outcome, judgement=judgement)
        daemon.recorder.accumulator.latest[number] = seen
        legs.intervals_ns = {**legs.intervals_ns, number: 60_000_000_000}
        plans.append(replace(plan, paths=(number,)))
    legs.plans = {"office": tuple(plans)}


def test_a_stepped_wall_clock_neither_ends_nor_doubles_a_label(root: Path, ports: Ports) -> None:
    """An hour back while on one leg: the label goes on, and ends when the leg is back."""
    place, clock = office(root, ports), SettableClock()

    async def act(daemon: Daemon) -> None:
        labels = daemon.recorder.accumulator.book.labels
        await until("seen", lambda: next(daemon.legs.sites()).legs[0].state is State.AVAILABLE)
        ports.shut(0)
        await until("one leg", lambda: ("single-leg", "office") in labels)
        clock.offset_us -= HOUR_US
        index = daemon.recorder.anchor_index
        await until("a new anchor", lambda: daemon.recorder.anchor_index != index)
        commits = daemon.committing.commits
        await until("commits", lambda: daemon.committing.commits >= commits + 2)
        assert ("single-leg", "office") in labels
        ports.open(0)
        await until("whole", lambda: not labels)

    assert run_inside(place, act, clock) == 0
    rows = place.rows("label")
    assert [(row[1], row[2]) for row in rows] == [("single-leg", "office")]
    assert rows[0][4] <= rows[0][5]
    place.require_intact()


async def told(place: Place, what: str, look: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """What stands, once it is as awaited; TimeoutError names what was awaited in vain."""
    for _ in range(int(PATIENCE_S / 0.05)):
        now = dict(await asyncio.to_thread(place.ask, "now"))
        if look(now):
            return now
        await asyncio.sleep(0.05)
    raise TimeoutError(f"awaited in vain: {what}")


def states(now: dict[str, Any]) -> list[str]:
    """The states of the legs of the one redundant site."""
    return [leg["state"] for leg in now["redundancy"][0]["legs"]]


def site_state(now: dict[str, Any]) -> str:
    """The committed state of the site."""
    return next(str(one["state"]) for one in now["series"] if one["target"] == "office")


def labels(now: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The labels that stand."""
    return [(one["label"], one["target"], one["cause"]) for one in now["labels"]]


def accused(now: dict[str, Any]) -> list[tuple[str, str]]:
    """Target and rule of each open incident."""
    return sorted((one["target"], one["rule"]) for one in now["incidents"])


def test_an_unseen_backup_decides_nothing(root: Path, ports: Ports) -> None:
    """With the backup out of scope the site is neither whole nor in debt, as a check says too."""
    place = office(root, ports)
    place.links["backup"]["checks"] = {"icmp": False, "tcp": {"address": "192.0.2.9", "port": 9}}
    place.write()

    async def act(daemon: Daemon) -> None:
        del daemon
        await told(place, "up", lambda now: site_state(now) == "available")
        ports.shut(0)
        now = await told(place, "open", lambda now: site_state(now) == "unobserved")
        assert states(now) == ["unavailable", "unobserved"]
        now = await told(place, "the link", lambda now: now["incidents"])
        assert accused(now) == [("primary", "link-tcp")]
        asked = await asyncio.to_thread(place.ask, "check", targets=["office"])
        seen = next(one for one in asked if one["target"] == "office")
        assert (seen["evidence"]["down"], seen["evidence"]["unseen"]) == (["primary"], ["backup"])
        assert {one["verdict"] for one in seen["verdicts"]} == {"indeterminate"}
        month = now["redundancy"][0]["month"]
        assert (month["debt_ms"], month["whole_ms"], month["outage_ms"]) == (0, 0, 0)

    assert run_inside(place, act) == 0
    assert not place.of(LabelSet)
    place.require_intact()


def test_behind_a_dead_parent_no_site_is_called_single_legged(
    root: Path, ports: Ports, hook: Webhook
) -> None:
    """The primary's parent fails with it: one alert for the parent; the leg accused when it is up.

    Phases are such that the site is looked at several times before the parent is known to be down.
    """
    place = office(root, ports, noc=hook.url())
    place.sites["hub"] = {}
    trunk = {**knock(ports.url(3))["tcp"], "interval": "2s"}  # type: ignore[dict-item]
    place.links["trunk"] = {
        "site": "hub",
        "address": "127.0.0.1",
        "checks": {"icmp": False, "tcp": trunk},
    }
    place.links["primary"]["parents"] = ["trunk"]
    place.write()

    async def act(daemon: Daemon) -> None:
        await told(place, "all seen", lambda now: states(now) == ["available", "available"])
        ports.shut(3)
        ports.shut(0)
        now = await told(place, "unreachable", lambda now: now["labels"] and now["incidents"])
        commits = daemon.committing.commits
        await until("more", lambda: daemon.committing.commits >= commits + 3)
        now = await told(place, "now", lambda now: True)
        assert labels(now) == [("unreachable", "primary", "trunk")]
        assert accused(now) == [("trunk", "link-tcp")]
        assert site_state(now) == "available"
        assert states(now) == ["unobserved", "available"]
        ports.open(3)
        now = await told(
            place, "accused", lambda now: ("office", "both-paths-alive") in accused(now)
        )
        assert ("single-leg", "office", "primary") in labels(now)

    assert run_inside(place, act) == 0
    opened = [step.target for step in place.of(IncidentStepped) if step.act == "opened"]
    assert opened[0] == "trunk"
    assert set(opened) <= {"office", "primary", "trunk"}
    place.require_intact()


def test_a_turn_has_the_site_looked_at_at_once_and_only_then(root: Path, ports: Ports) -> None:
    """A site looked at once an hour knows of its links' turns within seconds, in a few looks.

    When its backup is removed it is redundant no more: its label ends, its incident is withdrawn.
    """
    place = office(root, ports)
    place.sites["office"] = {"checks": {"redundancy": {"interval": "1h"}}}
    place.agent = {}
    place.rules.append({**BOTH, "confirm": {"open": "1/1", "close": "1/1"}})
    place.write()

    async def act(daemon: Daemon) -> None:
        await told(place, "up", lambda now: states(now) == ["available", "available"])
        ports.shut(0)
        await told(place, "one leg", lambda now: labels(now) and len(now["incidents"]) == 2)
        await until("looks at a leg", lambda: looks(place, "primary") >= 12)
        # Not one with each of the leg's: a late probe of a busy machine is a turn as well.
        assert 2 * looks(place, "office") < looks(place, "primary")
        del place.links["backup"]
        place.sites["office"] = {}
        place.write()
        daemon.reloading.begin()
        now = await told(place, "whole", lambda now: not now["labels"] and not now["redundancy"])
        now = await told(place, "withdrawn", lambda now: len(now["incidents"]) == 1)
        assert accused(now) == [("primary", "link-tcp")]

    assert run_inside(place, act) == 0
    acts = [step.act for step in place.of(IncidentStepped) if step.target == "office"]
    assert acts == ["opened", "withdrawn"]
    place.require_intact()


def looks(place: Place, target: str) -> int:
    """How many observations of a target's one series were committed."""
    engine = open_engine(place.url, read_only=True)
    with engine.connect() as connection:
        numbers = [one.number for one in reader.all_series(connection) if one.target == target]
    engine.dispose()
    batches = [raw for raw in place.raw_entries() if code_of(raw) == BATCH_CODE]
    groups = [group for raw in batches for group in Batch.from_bytes(raw).groups]
    return sum(int((group.series == numbers[0]).sum()) for group in groups)


def test_a_check_on_demand_sees_what_it_probed_just_then(root: Path, ports: Ports) -> None:
    """The legs are judged by the request's own observations; a leg not asked for by the engine's.

    The look of a person changes no label.
    """
    place = office(root, ports)
    place.interval = "1h"
    place.write()

    async def act(daemon: Daemon) -> None:
        daemon.look({"primary", "backup"})  # an hour long nobody else does
        await told(place, "up", lambda now: states(now) == ["available", "available"])
        ports.shut(0)
        asked = await asyncio.to_thread(place.ask, "check", targets=["office"])
        seen = next(one for one in asked if one["target"] == "office")
        assert (seen["evidence"]["down"], seen["evidence"]["single_leg"]) == (["primary"], True)
        asked = await asyncio.to_thread(
            place.ask, "check", targets=["office"], kinds=["redundancy"]
        )
        assert asked[0]["evidence"]["down"] == []
        assert daemon.recorder.single_legs.marks["office"].stands is False

    assert run_inside(place, act) == 0
    assert not place.of(LabelSet)
    place.require_intact()


def test_a_month_of_debt_is_not_added_up_on_the_loop(
    root: Path, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty sites whose links flap take seconds, in which nothing would be probed on time."""
    place, threads = office(root, ports), set[int]()

    def shown(*given: Any) -> dict[str, Any]:
        threads.add(threading.get_ident())
        return site_shown(*given)

    monkeypatch.setattr(standing, "site_shown", shown)

    async def act(daemon: Daemon) -> None:
        del daemon
        await told(place, "seen", lambda now: states(now) == ["available", "available"])
        assert threads
        assert threading.get_ident() not in threads

    assert run_inside(place, act) == 0
