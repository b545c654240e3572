"""Starts that must not happen: each says what is wrong and what to do, in both languages."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.text import LANGUAGES, Language, say
from tests.daemon.place import Place
from tests.daemon.process import Agent
from tests.lab.parts import require

REFUSED, TRY_AGAIN = 1, 75
"""Exit codes: systemd does not start it again; it does."""


def refused(place: Place, lang: Language, *wrapper: str) -> tuple[int, str]:
    """(exit code, stderr) of a start that ends by itself."""
    argv = [*wrapper, sys.executable, "-m", "monitor.cli.main", "run", "--lang", lang]
    done = subprocess.run(
        [*argv, "-c", str(place.configuration)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(place: Place) -> None:
    """Two writers never meet: the second one ends with 75 and names the holder."""
    with Agent(place) as agent:
        agent.ready()
        lock = f"{place.state}/ledger.db.lock"
        for lang in LANGUAGES:
            code, told = refused(place, lang)
            assert code == TRY_AGAIN
            assert say("store.held", lang, place=lock, pid=agent.process.pid) in told
        assert agent.stop() == 0
    place.require_intact()


def test_a_control_socket_in_use_is_not_stolen(place: Place, root: Path) -> None:
    """A daemon of another database leaves the socket to the one that answers on it."""
    other = Place(root=root / "other", agent={"control": str(place.control)})
    other.make()
    with Agent(place) as agent:
        agent.ready()
        code, told = refused(other, "en")
        assert code == 2
        assert say("daemon.control-taken", "en", place=place.control) in told
        assert agent.now()["origin"]
        assert agent.stop() == 0


def test_a_file_in_the_place_of_the_control_socket_is_left_alone(place: Place) -> None:
    """A control: that names a file by mistake is an error, and the file stays."""
    place.control.parent.mkdir()
    place.control.write_text("precious")
    code, told = refused(place, "en")
    assert code == 2
    assert str(place.control) in told
    assert place.control.read_text() == "precious"


def test_a_restored_older_copy_is_refused(place: Place, root: Path) -> None:
    """A database behind the high-water mark ends the start with 1 and says what happened."""
    with Agent(place) as agent:
        agent.ready()
        assert agent.stop() == 0
    shutil.copytree(place.state, root / "backup")
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen()
        assert agent.stop() == 0
    size = len(place.raw_entries())
    shutil.rmtree(place.state)
    shutil.copytree(root / "backup", place.state)
    here = len(place.raw_entries())
    for lang in LANGUAGES:
        code, told = refused(place, lang)
        assert code == 1
        assert say("store.rolled-back", lang, place=place.mark, mark=size, size=here) in told
    assert len(place.raw_entries()) == here
    assert place.verify().verdict == "tampered"


def test_an_edited_database_is_refused(place: Place) -> None:
    """A root that does not fit the tiles ends the start, and nothing is written."""
    with Agent(place) as agent:
        agent.ready()
        assert agent.stop() == 0
    database = place.state / "ledger.db"
    connection = sqlite3.connect(database)
    connection.execute("UPDATE tree SET root = ?", (bytes(32),))
    connection.commit()
    connection.close()
    size = len(place.raw_entries())
    for lang in LANGUAGES:
        code, told = refused(place, lang)
        assert code in (1, 2)
        assert say("store.inconsistent", lang, place=database, size=size) in told
    assert len(place.raw_entries()) == size


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_wrong_passphrase_is_named(root: Path, lang: Language) -> None:
    """The key's reference is shown, the passphrase never; exit 1."""
    place = _with_passphrase(root)
    (place.configuration / "secrets" / "passphrase").write_bytes(b"hunter2-wrong")
    code, told = refused(place, lang)
    assert code == REFUSED
    assert say("ledger.wrong-passphrase", lang, path="file:secrets/log.key") in told
    assert "hunter2" not in told


def test_a_missing_passphrase_is_named(root: Path) -> None:
    """A passphrase file that is not there ends the start with 1 and its name."""
    place = _with_passphrase(root)
    (place.configuration / "secrets" / "passphrase").unlink()
    code, told = refused(place, "en")
    assert code == REFUSED
    assert "secrets/passphrase" in told


def test_a_right_passphrase_starts(root: Path) -> None:
    """The encrypted key opens with its passphrase."""
    place = _with_passphrase(root)
    with Agent(place) as agent:
        agent.ready()
        assert agent.stop() == 0
    place.require_intact()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_key_that_everybody_can_read_is_refused(place: Place, lang: Language) -> None:
    """A key file of mode 0644 ends the start with 1: it may be known to others already."""
    key = place.configuration / "secrets" / "log.key"
    key.chmod(0o644)
    code, told = refused(place, lang)
    assert code == REFUSED
    assert "log.key" in told


def test_a_missing_key_is_named(place: Place) -> None:
    """No key file: exit 1 and its name, and no database is made."""
    (place.configuration / "secrets" / "log.key").unlink()
    code, told = refused(place, "en")
    assert code == REFUSED
    assert "log.key" in told
    assert not (place.state / "ledger.db").exists()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_state_directory_that_cannot_be_written_is_named(place: Place, lang: Language) -> None:
    """A state directory on a read-only mount ends the start with 2 and the directory's name."""
    require("unshare", "mount")
    place.state.mkdir()
    mount = f'mount -t tmpfs -o ro none "{place.state}" && exec "$@"'
    code, told = refused(place, lang, "unshare", "-r", "-m", "sh", "-c", mount, "sh")
    assert code == 2
    assert str(place.state) in told


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_state_directory_that_cannot_be_made_is_named(place: Place, lang: Language) -> None:
    """A file in the place of the state directory ends the start with 2, in words."""
    place.state.write_text("in the way")
    code, told = refused(place, lang)
    assert code == 2
    assert str(place.state) in told


def _with_passphrase(root: Path) -> Place:
    secret = {
        "private": {"secret": "file:secrets/log.key"},
        "passphrase": {"secret": "file:secrets/passphrase"},
    }
    place = Place(root=root, agent={"key": secret})
    place.make(passphrase=b"hunter2")
    return place
