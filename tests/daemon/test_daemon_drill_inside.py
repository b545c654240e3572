"""Drills when clocks step, windows close, daemons stop or die; paths by a stand-in."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from checks.base import Assignment, CheckKind, Evidence, FactValue, Net, Settings, option, posture
from checks.task_prober import TaskProber
from monitor.daemon import drill_sample, net
from monitor.daemon.drill_sample import PathLooks
from monitor.daemon.service import Daemon
from monitor.model import Fault, FaultKind
from tests.daemon.drilled import Asking, acts, need_icmp, on_demand, place_at, singletons_of, window
from tests.daemon.inside import SettableClock, run_inside, until
from tests.daemon.place import Place
from tests.daemon.process import Agent, eventually

HOUR_US = 3_600_000_000


@pytest.fixture
def place(root: Path) -> Place:
    """One link whose window is open for an hour more."""
    need_icmp()
    return place_at(root, {"fo": [window()]})


def test_a_stepped_wall_clock_changes_no_duration(place: Place) -> None:
    """A drill lasts as long, and its singletons are as far apart, whatever the wall clock does."""
    clock = SettableClock()

    async def act(daemon: Daemon) -> None:
        with Asking(place, "fo", 2) as asking:
            await until("answers", lambda: asking.measured(5))
            clock.offset_us -= HOUR_US // 2
            await until("the end", lambda: asking.over)
            assert asking.result()["ended"] == "complete"

    assert run_inside(place, act, clock) == 0
    act_ = acts(place, "fo", "drill")[0]
    singletons = singletons_of(place, act_)
    assert len(singletons) in range(15, 22)
    assert all(0 <= one.sent_us - one.number * 100_000 < 200_000 for one in singletons)
    assert (act_.detail["outcome"], act_.detail["gaps"]) == ("stayed-up", ())
    place.require_intact()


def test_a_drill_ends_with_its_window(place: Place) -> None:
    """However long was asked for, no singleton leaves after the declared end."""
    clock = SettableClock()

    async def act(daemon: Daemon) -> None:
        until_us = daemon.plan.configuration.drills["fo"][0].until_us
        clock.offset_us += until_us - clock.wall_us() - 2_000_000
        with Asking(place, "fo", 600) as asking:
            await until("the end", lambda: asking.over)
            assert asking.result()["ended"] == "window"

    assert run_inside(place, act, clock) == 0
    assert singletons_of(place, acts(place, "fo", "drill")[0])[-1].sent_us < 2_100_000


def test_a_reload_that_takes_the_declaration_away_ends_the_drill(place: Place) -> None:
    """Authority that is withdrawn ends the probing, and the entry says so."""

    async def act(daemon: Daemon) -> None:
        with Asking(place, "fo", 600) as asking:
            await until("answers", lambda: asking.measured(3))
            place.links["fo"]["drills"] = []
            place.write()
            daemon.reloading.begin()
            await until("the end", lambda: asking.over)
            assert asking.result()["ended"] == "withdrawn"

    assert run_inside(place, act) == 0
    assert acts(place, "fo", "drill")[0].detail["ended"] == "withdrawn"


@on_demand
def test_a_scope_that_no_longer_admits_the_address_ends_the_drill(place: Place) -> None:
    """Every singleton asks the scope: after the authority's end none leaves any more."""

    async def act(daemon: Daemon) -> None:
        with Asking(place, "fo", 600) as asking:
            await until("answers", lambda: asking.measured(3))
            daemon.scope.put(())
            await until("the end", lambda: asking.over)
            result = asking.result()
        assert (result["ended"], result["outcome"]) == ("scope", "stayed-up")
        assert result["faults"]["scope"] == result["unmeasured"]

    assert run_inside(place, act) == 0


def test_a_daemon_that_stops_records_what_was_measured(place: Place) -> None:
    """Its entry is in the ledger before the agent's own end, and the client is told."""
    asking: list[Asking] = []

    async def act(daemon: Daemon) -> None:
        asking.append(Asking(place, "fo", 600))
        await until("answers", lambda: asking[0].measured(3))

    assert run_inside(place, act) == 0
    with asking[0]:
        assert asking[0].result()["ended"] == "stopping"
    detail = acts(place, "fo", "drill")[0].detail
    assert detail["ended"] == "stopping"
    assert detail["answered"] >= 3
    place.require_intact()


@on_demand
def test_a_request_that_is_cancelled_still_leaves_its_entry(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the last requests get no time at all, what was measured goes into the last commits."""
    monkeypatch.setattr("monitor.daemon.stopping.LAST_REQUESTS_S", 0.001)
    asking: list[Asking] = []

    async def act(daemon: Daemon) -> None:
        asking.append(Asking(place, "fo", 600))
        await until("answers", lambda: asking[0].measured(3))

    assert run_inside(place, act) == 0
    asking[0].__exit__()
    assert acts(place, "fo", "drill")[0].detail["answered"] >= 3
    place.require_intact()


@on_demand
def test_a_killed_daemon_cannot_hide_that_a_drill_was_begun(place: Place) -> None:
    """After SIGKILL the beginning stands in the ledger without an end."""
    with Agent(place) as agent:
        agent.ready()
        with Asking(place, "fo", 600) as asking:
            eventually("answers", lambda: asking.measured(3))
            agent.kill()
    assert [act.act for act in acts(place, "fo")] == ["drill-begun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings(Settings):
    """As the check of paths has them, as far as a drill asks."""

    address: str = option("", "Where to.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathEvidence(Evidence):
    """The routers alone."""

    routers: tuple[str, ...] = posture()
    FACTS: ClassVar[dict[str, str]] = {"routers": "list<string>"}

    def facts(self) -> dict[str, FactValue]:
        return {"routers": list(self.routers)}


class Ways:
    """A check of paths that finds what the test says, look by look; None: a fault."""

    def __init__(self, found: Sequence[Sequence[str] | None]) -> None:
        self.found = list(found)

    async def measure(self, _net: Net, assignment: Assignment) -> Evidence | Fault:
        assert assignment.settings.address == "127.66.13.1"  # type: ignore[attr-defined]
        routers = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if routers is None:
            return Fault(kind=FaultKind.LOCAL_NETWORK, message="test")
        return PathEvidence(routers=tuple(routers))

    def put(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Into the table that a daemon in this process uses."""
        kind = CheckKind(
            name="path",
            settings=PathSettings,
            evidence=PathEvidence,
            prober=lambda net: TaskProber(net, self.measure),
        )
        for module in (net, drill_sample):
            monkeypatch.setattr(module, "KINDS", {**module.KINDS, "path": kind})


def test_the_path_before_during_and_after(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look before the first singleton, looks meanwhile, one at the end: changed, and returned."""
    Ways([["a", "b"], None, ["a", "c"], ["a", "b"]]).put(monkeypatch)
    monkeypatch.setattr(drill_sample, "LOOK_EVERY_US", 200_000)

    async def act(daemon: Daemon) -> None:
        with Asking(place, "fo", 1) as asking:
            await until("the end", lambda: asking.over)
            result = asking.result()
        assert (result["path_changed"], result["path_returned"]) == (True, True)
        assert (result["path_before"], result["path_after"]) == (["a", "b"], ["a", "b"])
        assert result["path_during"] == ["a", "c"]

    assert run_inside(place, act) == 0
    place.require_intact()


def test_a_look_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prober that loses the probe, or raises, costs that look and nothing else."""
    monkeypatch.setattr(drill_sample, "PATH_S", 0.05)
    kind = CheckKind(
        name="path", settings=PathSettings, evidence=PathEvidence, prober=lambda net: Silent()
    )
    monkeypatch.setattr(drill_sample, "KINDS", {"path": kind})

    class Silent:
        def __init__(self, *, raises: bool = False) -> None:
            self.raises = raises

        def begin(self, batch: object, done: object) -> None:
            if self.raises:
                raise RuntimeError

    async def main() -> None:
        for raises, fault in ((False, "overload"), (True, "internal")):
            looks = PathLooks({"path": Silent(raises=raises)}, "127.0.0.1", lambda: 0)  # type: ignore[dict-item]
            await looks.look()
            assert [(path.routers, path.fault) for path in looks.paths] == [(None, fault)]

    asyncio.run(main())
