"""Backups, successors, pruned logs and new keys: what a daemon makes of them at its start."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.ledger.keys import create_key, load_key, read_vkeys, write_vkeys
from monitor.ledger.signer import Signer
from tests.cli.running_command import Inside
from tests.daemon.place import ORIGIN, Place
from tests.daemon.process import PATIENCE_S, Agent
from tests.store.building import anchored, append, ledger_at, opened


@pytest.fixture
def sasando(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    """The command inside this process, in English: another one takes a second to start."""
    monkeypatch.setenv("SASANDO_LANG", "en")
    return Inside(capsys)


def _run(place: Place) -> subprocess.CompletedProcess[str]:
    """A start that should be refused, in a process of its own."""
    words = ("run", "-c", str(place.configuration))
    return subprocess.run(
        [sys.executable, "-m", "monitor.cli.main", *words, "--lang", "en"],
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


def test_a_backup_of_a_running_daemon_is_rehearsed(
    place: Place, root: Path, sasando: Inside
) -> None:
    """An old backup is refused because the mark is ahead; one that lost nothing goes on."""
    with Agent(place) as agent:
        agent.ready()
        done = sasando("backup", root / "old", "-c", place.configuration)
        assert done.code == 0, done.err
        agent.await_seen()
        assert agent.stop() == 0
    assert sasando("backup", root / "new", "-c", place.configuration).code == 0
    _restore(place, root / "old")
    refused = _run(place)
    assert refused.returncode == 1
    assert "sasando ledger succeed" in refused.stderr
    _restore(place, root / "new")
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen()
        assert agent.stop() == 0
    place.require_intact()


def test_a_daemon_goes_on_with_a_log_that_succeeds_another(
    place: Place, root: Path, sasando: Inside
) -> None:
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
    done = sasando("ledger", "succeed", "--after", kept, "-c", place.configuration)
    assert done.code == 0, done.err
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen()
        assert agent.stop() == 0
    chain = sasando("verify", root / "new", old, "--key", trust, "-c", place.configuration)
    assert chain.code == 0, chain.out + chain.err
    assert "Intact: 2 logs" in chain.out


def test_a_daemon_goes_on_with_a_pruned_log(place: Place, sasando: Inside) -> None:
    """A log of old entries, pruned by the command, is taken up, and what is left verifies."""
    place.agent = {"retention": "30d"}
    place.write()
    place.state.mkdir()
    place.mark.parent.mkdir()
    key = load_key(place.configuration / "secrets" / "log.key", unencrypted_at_rest=True)
    old_us = SystemClock().wall_us() - 400 * 86_400_000_000
    with ledger_at(place.url, place.mark, Signer(name=ORIGIN, key=key)) as ledger:
        append(ledger, opened(ORIGIN), *(anchored(old_us + n) for n in range(599)))
    words = ("--archive", place.root / "archive", "--reason", "old", "-c", place.configuration)
    done = sasando("ledger", "prune", *words)
    assert done.code == 0, done.err
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen()
        assert agent.stop() == 0
    proof = place.verify()
    assert (proof.verdict, proof.pruned) == ("incomplete", 512)
    whole = sasando("verify", place.state, *words[:2], *words[4:])
    assert whole.code == 0, whole.out


def test_a_daemon_starts_with_the_new_key_alone(place: Place, sasando: Inside) -> None:
    """After a rotation the old key is refused at the start, and the new one goes on."""
    with Agent(place) as agent:
        agent.ready()
        assert agent.stop() == 0
    new = place.configuration / "secrets" / "new.key"
    create_key(new, unencrypted_at_rest=True)
    done = sasando("keys", "rotate", new, "--reason", "yearly", "-c", place.configuration)
    assert done.code == 0, done.err
    refused = _run(place)
    assert refused.returncode == 2
    assert "not in force" in refused.stderr
    place.agent = {"key": {"private": {"secret": "file:secrets/new.key"}}}
    place.write()
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen()
        assert agent.stop() == 0
    proof = sasando("verify", place.state, "-c", place.configuration)
    assert proof.code == 0, proof.out
