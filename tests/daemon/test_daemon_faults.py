"""Disks that fill up and servers that go away, under a running daemon."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.ledger.entry import AgentStopped, IncidentStepped, LossCounted
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.daemon.process import Agent
from tests.lab.parts import need_root, require
from tests.lab.receivers import Webhook
from tests.store.conftest import Server, server

assert server
SMALL_BYTES = 16 * 1_024 * 1_024


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[tuple[list[str], Path]]:
    """(wrapper of a command, the folder as seen from here) with a tmpfs of this size on `folder`.

    The mount lives in a namespace of its own, which ends with its keeper.
    """
    script = f'mount -t tmpfs -o size={size},mode=0750 none "{folder}" && echo ready && read -r _'
    keeper = subprocess.Popen(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        assert keeper.stdout.readline() == b"ready\n"
        wrapper = ["nsenter", f"--mount=/proc/{keeper.pid}/ns/mnt", "--"]
        yield wrapper, Path(f"/proc/{keeper.pid}/root{folder}")
    finally:
        keeper.stdin.close()
        keeper.wait(10)
        keeper.stdout.close()


def test_a_full_disk_loses_nothing_committed_and_is_told_once(
    place: Place, ports: Ports, hook: Webhook
) -> None:
    """The disk fills up and is freed: one emergency, the delay counted, the log goes on intact."""
    need_root()
    require("unshare", "nsenter", "mount")
    place.state.mkdir()
    with small_disk(place.state, "6m") as (wrapper, outside):
        filler = outside / "filler"
        with Agent(place, wrapper=wrapper) as agent:
            agent.ready()
            agent.await_seen()
            _fill(filler)
            agent.await_now("trouble", lambda now: now["trouble"] == "store.full")
            told = hook.wait(1)
            assert "AGENT" in told[0].title
            assert "full" in told[0].body
            before = _copied(place, outside).raw_entries()
            ports.shut(0)
            agent.await_now("p0 is seen down", lambda now: now["trouble"])
            filler.unlink()
            agent.await_now("writing again", lambda now: now["trouble"] is None)
            assert "p0" in hook.wait(2)[1].title
            assert agent.stop() == 0
        inner = _copied(place, outside)
        after = inner.raw_entries()
        assert after[: len(before)] == before
        assert [step.act for step in inner.of(IncidentStepped)] == ["opened"]
        assert any("commits-delayed" in loss.counts for loss in inner.of(LossCounted))
        assert len(hook.received) == 2
        inner.require_intact()


def test_a_disk_that_stays_full_does_not_hold_up_the_end(place: Place, hook: Webhook) -> None:
    """SIGTERM while nothing can be written ends the daemon non-zero, and the log is intact."""
    need_root()
    require("unshare", "nsenter", "mount")
    place.state.mkdir()
    with small_disk(place.state, "6m") as (wrapper, outside):
        with Agent(place, wrapper=wrapper) as agent:
            agent.ready()
            _fill(outside / "filler")
            agent.await_now("trouble", lambda now: now["trouble"])
            hook.wait(1)
            assert agent.stop() == 74
        (outside / "filler").unlink()
        inner = _copied(place, outside)
        assert not inner.of(AgentStopped)
        inner.require_intact()
        with Agent(place, wrapper=wrapper) as agent:
            agent.ready()
            assert agent.stop() == 0
        _copied(place, outside).require_intact()


def test_a_restarted_database_server_costs_nothing(
    root: Path, hook: Webhook, ports: Ports, server: Server
) -> None:
    """PostgreSQL goes away and comes back: what was seen meanwhile is written then, gap-free."""
    place = Place(root=root, routes={"noc": hook.url()}, store=server.database())
    place.tcp("p0", ports.url(0))
    place.tcp("p1", ports.url(1))
    place.make()
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen()
        before = place.raw_entries()
        server.stop()
        try:
            agent.await_now("trouble", lambda now: now["trouble"])
            ports.shut(0)
            assert "AGENT" in hook.wait(1)[0].title
        finally:
            server.start()
        agent.await_now("writing again", lambda now: now["trouble"] is None)
        assert "p0" in hook.wait(2)[1].title
        assert place.raw_entries()[: len(before)] == before
        assert agent.stop() == 0
    assert isinstance(place.entries()[-1], AgentStopped)
    place.require_intact()


def test_a_dead_route_comes_back_and_every_message_arrives_once(
    place: Place, ports: Ports, hook: Webhook
) -> None:
    """While a route refuses, its messages wait over a restart; then each arrives, in order."""
    hook.fail("500")
    with Agent(place) as agent:
        agent.ready()
        ports.shut(0)
        hook.wait_attempts(1)
        ports.open(0)
        agent.await_now("over", lambda now: not now["incidents"] and now["alerts_waiting"] == 2)
        assert agent.stop() == 0
    hook.fail("")
    with Agent(place) as agent:
        agent.ready()
        first, second = hook.wait(2)
        assert "RECOVERED" not in first.title
        assert "RECOVERED" in second.title
        agent.await_now("settled", lambda now: now["alerts_waiting"] == 0)
        assert agent.stop() == 0
    assert len({message.id for message in hook.accepted}) == 2
    assert {message.id for message in hook.received} == {message.id for message in hook.accepted}
    place.require_intact()


def _copied(place: Place, state: Path) -> Place:
    """The same place with a copy of a database that nobody writes to at present.

    SQLite follows the link below /proc back to our own mounts: it cannot open the original.
    """
    view = Place(root=Path(tempfile.mkdtemp(dir=place.root)))
    shutil.copytree(state, view.state, ignore=shutil.ignore_patterns("filler", "*-shm", "*.lock"))
    shutil.copytree(place.mark.parent, view.mark.parent)
    shutil.copytree(place.configuration, view.configuration)
    return view


def _fill(path: Path) -> None:
    """Take every byte that is left of a small disk; any other disk is refused."""
    disk = os.statvfs(path.parent)
    assert disk.f_blocks * disk.f_frsize <= SMALL_BYTES
    with path.open("wb", buffering=0) as file:
        for _ in range(SMALL_BYTES // 4_096):
            try:
                os.write(file.fileno(), bytes(4_096))
            except OSError:
                return
    raise AssertionError("the disk did not fill up")
