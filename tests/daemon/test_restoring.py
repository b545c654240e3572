"""A backup of a running daemon, and what a start makes of it when it is restored."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.daemon.place import Place
from tests.daemon.process import PATIENCE_S, Agent


def _sasando(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor.cli.main", *map(str, words), "--lang", "en"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def _restore(place: Place, backup: Path) -> None:
    """As docs/operations.md has it: the damaged files aside, the copy in their place."""
    shutil.rmtree(place.state)
    place.state.mkdir()
    shutil.copyfile(backup / "ledger.db", place.state / "ledger.db")


def test_a_backup_of_a_running_daemon_is_rehearsed(place: Place, root: Path) -> None:
    """An old backup is refused because the mark is ahead; one that lost nothing goes on."""
    with Agent(place) as agent:
        agent.ready()
        done = _sasando("backup", root / "old", "-c", place.configuration)
        assert done.returncode == 0, done.stderr
        agent.await_seen()
        assert agent.stop() == 0
    assert _sasando("backup", root / "new", "-c", place.configuration).returncode == 0
    _restore(place, root / "old")
    refused = _sasando("run", "-c", place.configuration)
    assert refused.returncode == 1
    assert "high-water mark" in refused.stderr
    _restore(place, root / "new")
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen()
        assert agent.stop() == 0
    place.require_intact()
