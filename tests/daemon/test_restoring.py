"""A backup of a running daemon, and what a start makes of it when it is restored."""

import shutil
import subprocess
import sys
from pathlib import Path

from monitor.ledger.keys import create_key, read_vkeys, write_vkeys
from monitor.ledger.signer import Signer
from tests.daemon.place import ORIGIN, Place
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
    assert "sasando ledger succeed" in refused.stderr
    _restore(place, root / "new")
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen()
        assert agent.stop() == 0
    place.require_intact()


def test_a_daemon_goes_on_with_a_log_that_succeeds_another(place: Place, root: Path) -> None:
    """After `ledger succeed` the daemon takes the new log up, and the chain verifies as intact."""
    with Agent(place) as agent:
        agent.ready()
        assert agent.stop() == 0
    old, mark, trust = place.state, place.mark, place.configuration / "trust" / "log.vkey"
    kept, origin = root / "kept", f"{ORIGIN}/2"
    kept.write_bytes(mark.read_bytes())
    key = create_key(place.configuration / "secrets" / "new.key", unencrypted_at_rest=True)
    write_vkeys(trust, [*read_vkeys(trust), Signer(name=origin, key=key).verifier])
    place.agent = {
        "origin": origin,
        "state": str(root / "new"),
        "high_water_mark": str(root / "new-mark" / "high-water"),
        "key": {"private": {"secret": "file:secrets/new.key"}},
    }
    place.write()
    done = _sasando("ledger", "succeed", "--after", kept, "-c", place.configuration)
    assert done.returncode == 0, done.stderr
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen()
        assert agent.stop() == 0
    chain = _sasando("verify", root / "new", old, "--key", trust, "-c", place.configuration)
    assert chain.returncode == 0, chain.stdout + chain.stderr
    assert "Intact: 2 logs" in chain.stdout
