"""A backup of a working daemon, and the rehearsal of its restore."""

import asyncio
import shutil
from pathlib import Path

import pytest

from monitor.cli.main import main
from monitor.daemon.service import Daemon
from monitor.ledger.checkpoint import read_unverified
from monitor.ledger.keys import read_vkeys
from monitor.store.errors import RolledBackError
from tests.daemon.inside import run_inside, until
from tests.daemon.place import Place


@pytest.fixture
def backup(place: Place) -> Path:
    """Made while the daemon works, which then goes on for some commits."""
    folder = place.root / "backup"

    async def act(daemon: Daemon) -> None:
        words = ("backup", folder, "--with-key", "-c", place.configuration)
        assert await asyncio.to_thread(main, [str(word) for word in words]) == 0
        size = daemon.ledger.size
        await until("more entries", lambda: daemon.ledger.size > size + 1)

    assert run_inside(place, act) == 0
    return folder


async def _one_commit(daemon: Daemon) -> None:
    commits = daemon.committing.commits
    await until("a commit", lambda: daemon.committing.commits > commits)


def restored(place: Place, backup: Path) -> Place:
    """Another machine with what is in the backup alone: the high-water mark was lost as well."""
    root = place.root / "new"
    made = Place(root=root)
    shutil.copytree(backup / "configuration", made.configuration)
    agent = made.configuration / "agent.yaml"
    text = agent.read_text(encoding="utf-8")
    agent.write_text(text.replace(f'"{place.root}/', f'"{root}/'), encoding="utf-8")
    for name, source in (("trust", backup / "log.vkey"), ("secrets", backup / "keys" / "log.key")):
        (made.configuration / name).mkdir(mode=0o700)
        shutil.copy2(source, made.configuration / name / source.name)
    made.state.mkdir()
    shutil.copyfile(backup / "ledger.db", made.state / "ledger.db")
    return made


def test_a_restored_log_is_intact_and_goes_on(place: Place, backup: Path) -> None:
    """On a fresh machine, from the backup alone: verified first, then a daemon continues it."""
    fresh = restored(place, backup)
    note = backup / "checkpoint"
    key = read_vkeys(place.configuration / "trust" / "log.vkey")[0].vkey
    assert main(["verify", str(fresh.state), "--key", key, "--checkpoint", str(note)]) == 0
    size = len(fresh.raw_entries())
    assert size >= read_unverified(note.read_bytes()).size
    assert run_inside(fresh, _one_commit) == 0
    assert len(fresh.raw_entries()) > size
    fresh.require_intact()


def test_on_the_same_machine_only_a_backup_that_reaches_the_mark_goes_on(
    place: Place, backup: Path
) -> None:
    """The mark stays and knows more than the first backup: refused; one made later continues."""
    later = place.root / "later"
    assert main(["backup", str(later), "-c", str(place.configuration)]) == 0
    _put_back(place, backup)
    with pytest.raises(RolledBackError) as refused:
        run_inside(place, _one_commit)
    assert refused.value.code == "store.rolled-back"
    assert int(refused.value.values["mark"]) > int(refused.value.values["size"])
    _put_back(place, later)
    assert run_inside(place, _one_commit) == 0
    place.require_intact()


def _put_back(place: Place, backup: Path) -> None:
    for left in place.state.iterdir():
        left.unlink()
    shutil.copyfile(backup / "ledger.db", place.state / "ledger.db")
