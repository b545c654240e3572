"""What the daemon does when its clock steps, its writer stumbles or its own code is at fault."""

import asyncio
import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.daemon import accumulator
from monitor.daemon.service import DEFECT, Daemon
from monitor.engine.runner import Runner
from monitor.ledger.entry import (
    AgentStopped,
    ClockAnchored,
    IncidentStepped,
    LabelSet,
    LossCounted,
    OperatorAct,
)
from monitor.model import State
from monitor.store.ledger import Ledger
from policies.confirm import Confirm
from tests.daemon.inside import SettableClock, run_inside, until
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.lab.receivers import Webhook

HOUR_US = 3_600_000_000


@pytest.mark.parametrize("step_us", [-HOUR_US, HOUR_US])
def test_a_stepped_wall_clock_anchors_anew_and_counts_no_time_twice(
    place: Place, step_us: int
) -> None:
    """A step of an hour is one entry with its length; no interval of a series overlaps another."""
    clock = SettableClock()

    async def act(daemon: Daemon) -> None:
        await _commits(daemon, 2)
        clock.offset_us += step_us
        index = daemon.recorder.anchor_index
        await until("a new anchor", lambda: daemon.recorder.anchor_index != index)
        await _commits(daemon, 2)

    assert run_inside(place, act, clock) == 0
    anchors = place.of(ClockAnchored)
    assert [anchor.why for anchor in anchors] == ["start", "step"]
    assert abs(anchors[1].step_us - step_us) < 100_000
    rows = sorted(tuple(row) for row in place.rows("interval"))
    for before, after in pairwise(rows):
        assert before[0] != after[0] or before[2] <= after[1]
    place.require_intact()


def test_a_label_outlives_no_step_of_the_clock(root: Path, ports: Ports) -> None:
    """Set back by an hour, a child is reachable again as soon as its parent is."""
    clock = SettableClock()
    place = Place(root=root)
    place.tcp("core-fo", ports.url(0))
    place.tcp("child", ports.url(1), parents=["core-fo"])
    place.make()

    async def act(daemon: Daemon) -> None:
        labels = daemon.recorder.accumulator.book.labels
        await _commits(daemon, 2)
        for number in (0, 1):
            ports.shut(number)
        await until("a label", lambda: labels)
        index = daemon.recorder.anchor_index
        clock.offset_us -= HOUR_US
        await until("a new anchor", lambda: daemon.recorder.anchor_index != index)
        await _commits(daemon, 2)
        assert list(labels) == [("unreachable", "child")]
        for number in (0, 1):
            ports.open(number)
        await until("no label", lambda: not labels)

    assert run_inside(place, act, clock) == 0
    assert [step.target for step in place.of(IncidentStepped)] in (
        ["core-fo"],
        ["core-fo", "core-fo"],
    )
    ended = place.of(LabelSet)[-1]
    assert ended.until_us is not None
    assert ended.since_us < ended.until_us
    place.require_intact()


def test_two_steps_while_nothing_can_be_written_are_one_anchor(place: Place) -> None:
    """Steps that come faster than commits add up in one entry, and no batch loses its anchor."""
    clock = SettableClock()

    async def act(daemon: Daemon) -> None:
        with _Locked(place):
            await until("trouble", lambda: daemon.committing.trouble)
            for _ in range(3):
                clock.offset_us += HOUR_US
                daemon.committing.step()
            await until("rows", lambda: daemon.recorder.accumulator.count)
        commits = daemon.committing.commits
        await until("commits", lambda: daemon.committing.commits >= commits + 3)

    assert run_inside(place, act, clock) == 0
    assert abs(place.of(ClockAnchored)[-1].step_us - 3 * HOUR_US) < 100_000
    place.require_intact()


def test_what_could_not_be_kept_is_counted_and_unobserved(
    place: Place, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a foreign transaction holds the database the surplus is counted, its time unobserved.

    One emergency alert is sent; nothing that was committed is lost.
    """
    monkeypatch.setattr(accumulator, "MAX_ROWS", 5)
    monkeypatch.setattr("monitor.store.connect.BUSY_MS", 200)

    async def act(daemon: Daemon) -> None:
        await _commits(daemon, 2)
        with _Locked(place):
            await until("trouble", lambda: daemon.committing.trouble)
            lost = daemon.recorder.accumulator.lost_ever
            await until("losses", lambda: lost.get("unwritten-observations", 0) > 25)
            assert len(await asyncio.to_thread(hook.wait, 1)) == 1
        await until("writing again", lambda: daemon.committing.trouble is None)
        monkeypatch.setattr(accumulator, "MAX_ROWS", 1_000)
        await _commits(daemon, 3)

    assert run_inside(place, act) == 0
    counts: dict[str, int] = {}
    for loss in place.of(LossCounted):
        assert loss.since_us <= loss.until_us
        for name, count in loss.counts.items():
            counts[name] = counts.get(name, 0) + count
    assert counts["commits-delayed"] == 1
    assert counts["unwritten-observations"] > 25
    assert State.UNOBSERVED in {row[3] for row in place.rows("interval")}
    assert [m.title.split("]")[0] for m in hook.received] == ["[AGENT"]
    place.require_intact()


def test_a_reload_while_commits_fail_withdraws_exactly_once(
    place: Place, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An incident whose opening waits for its commit is withdrawn after it, not lost from sight."""

    async def act(daemon: Daemon) -> None:
        # A draft that fails is written again unchanged: the first one under the lock must already
        # hold the opening, so none is made until the outage was confirmed.
        book = daemon.recorder.accumulator.book
        with monkeypatch.context() as held:
            held.setattr(daemon.committing, "step", lambda: False)
            await until("nothing under way", lambda: daemon.committing.idle)
            ports.shut(0)
            await until("a confirmed outage", lambda: _bad(daemon, "p0") >= Confirm().open.of)
        with _Locked(place):
            await until("a draft with the opening", lambda: _opening_drafted(daemon))
            del place.services["p0"]
            place.write()
            daemon.reloading.begin()
            await until("reloaded", lambda: daemon.reloading.count)
            assert not any(standing.incident for standing in book.standings.values())
        await until("withdrawn", lambda: _free_of_incidents(daemon))

    assert run_inside(place, act) == 0
    assert [step.act for step in place.of(IncidentStepped)] == ["opened", "withdrawn"]
    place.require_intact()


def test_an_act_that_waits_too_long_is_an_error_and_no_defect(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check whose commit comes after its patience harms nobody: the entry is there later."""
    monkeypatch.setattr("monitor.daemon.appending.APPEND_S", 0.2)

    async def act(daemon: Daemon) -> None:
        with _Locked(place):
            told = await asyncio.to_thread(_error_of, place, "check", targets=["p1"])
            assert told in ("daemon.not-committed", "daemon.not-writing")
            await until("trouble", lambda: daemon.committing.trouble)
            told = await asyncio.to_thread(_error_of, place, "check", targets=["p1"])
            assert told == "daemon.not-writing"
        await until("writing again", lambda: daemon.committing.trouble is None)

    assert run_inside(place, act) == 0
    assert len(place.of(OperatorAct)) <= 1
    place.require_intact()


@pytest.mark.parametrize("where", ["take", "second", "writer", "engine"])
def test_a_defect_ends_the_daemon_and_leaves_the_log_whole(
    place: Place, where: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An exception of our own code ends the daemon with 70 and its traceback; it never hangs."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError(where)

    async def act(daemon: Daemon) -> None:
        if where == "take":
            monkeypatch.setattr(accumulator.Accumulator, "take", broken)
        elif where == "second":
            monkeypatch.setattr(daemon.engine_watch, "count_losses", broken)
        elif where == "writer":
            monkeypatch.setattr(Ledger, "append", broken)
        else:
            monkeypatch.setattr(Runner, "step", broken)
        await until("the end", daemon.stopping.is_set)

    assert run_inside(place, act) == DEFECT
    told = capfd.readouterr()
    assert "ZeroDivisionError" in told.err + told.out
    assert not place.of(AgentStopped)
    place.require_intact()


def test_the_watchdog_is_fed_by_progress_and_a_living_writer_only(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No WATCHDOG without a step of the engine since the last one, none with a dead writer."""
    heard: list[dict[str, str]] = []

    async def act(daemon: Daemon) -> None:
        progress, alive = [1], [True]
        monkeypatch.setattr(daemon.notifier, "tell", lambda **fields: heard.append(fields))
        monkeypatch.setattr(daemon.runner, "progress", lambda: progress[0])
        monkeypatch.setattr(type(daemon.writer), "alive", property(lambda _: alive[0]))
        daemon.engine_watch._progress = -1
        assert _fed(daemon, heard)
        assert not _fed(daemon, heard)
        progress[0], alive[0] = 2, False
        assert not _fed(daemon, heard)
        progress[0], alive[0] = 3, True
        assert _fed(daemon, heard)
        monkeypatch.undo()

    assert run_inside(place, act) == 0


def test_what_a_reload_removes_is_forgotten(place: Place) -> None:
    """The newest observations of removed targets do not stay in memory."""

    async def act(daemon: Daemon) -> None:
        seen = daemon.recorder.accumulator
        await until("all seen", lambda: len(seen.latest) == 5 and len(seen.sights.seen) == 5)
        del place.services["p0"]
        place.write()
        daemon.reloading.begin()
        await until("reloaded", lambda: daemon.reloading.count)
        assert len(seen.latest) == 4
        assert "p0" not in seen.sights.seen

    assert run_inside(place, act) == 0


class _Locked:
    """A foreign transaction that holds the database."""

    def __init__(self, place: Place) -> None:
        self._path = place.state / "ledger.db"

    def __enter__(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=10)
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


async def _commits(daemon: Daemon, more: int) -> None:
    wanted = daemon.committing.commits + more
    await until("commits", lambda: daemon.committing.commits >= wanted)


def _bad(daemon: Daemon, target: str) -> int:
    judged = daemon.recorder.accumulator.judged
    return sum(one.violated and one.target == target for one in judged)


def _opening_drafted(daemon: Daemon) -> bool:
    draft = daemon.committing._draft
    return draft is not None and bool(draft.positions)


def _free_of_incidents(daemon: Daemon) -> bool:
    return bool(daemon.committing.idle and not daemon.recorder.accumulator.book.standings) and (
        not daemon.writer.view.incidents
    )


def _error_of(place: Place, command: str, **arguments: Any) -> str:
    from monitor.daemon.control import ControlError

    with pytest.raises(ControlError) as caught:
        place.ask(command, **arguments)
    return caught.value.code


def _fed(daemon: Daemon, heard: list[dict[str, str]]) -> bool:
    heard.clear()
    daemon._feed_watchdog()
    return any("WATCHDOG" in fields for fields in heard)
