"""Redundancy inside a running daemon: what a process from outside cannot lay down."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from checks.base import Evidence, Outcome
from monitor.daemon.accumulator import Seen
from monitor.daemon.plan import Judgement
from monitor.daemon.service import Daemon
from monitor.model import State
from tests.daemon.inside import SettableClock, run_inside, until
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.daemon.test_daemon_sight import knock, reachable

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


def office(root: Path, ports: Ports) -> Place:
    """A site with a primary and a backup, judged by the pack."""
    made = Place(root=root, sites={"office": {}}, interval="300ms")
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
        judgement = Judgement(verdicts=(), number=2, state=State.UNOBSERVED)
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
