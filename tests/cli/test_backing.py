"""`sasando backup`: what it writes verifies, and what does not verify is no backup."""

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.cli.running_command import Inside
from tests.daemon.place import Place
from tests.store import building

VKEY = building.KEY.verifier.vkey


def test_a_backup_verifies_by_itself(inside: Inside, recorded: Place, tmp_path: Path) -> None:
    """Database, checkpoint, trusted key, configuration; intact up to the checkpoint in it."""
    folder = tmp_path / "copies" / "one"
    done = inside("backup", folder, "-c", recorded.configuration)
    assert (done.code, done.out) == (0, ""), done.err
    names = ["checkpoint", "configuration", "ledger.db", "log.vkey"]
    assert sorted(one.name for one in folder.iterdir()) == names
    for name in ("agent.yaml", "inventory/city.yaml", "alerts.yaml"):
        copied = (folder / "configuration" / name).read_bytes()
        assert copied == (recorded.configuration / name).read_bytes()
    assert [one.name for one in folder.parent.iterdir()] == ["one"]
    assert (folder / "checkpoint").read_bytes() == recorded.mark.read_bytes()
    proof = inside("verify", folder, "--key", VKEY, "--checkpoint", folder / "checkpoint")
    assert proof.code == 0, proof.out
    again = inside("backup", folder, "-c", recorded.configuration)
    assert again.code == 2
    assert "never overwrites" in again.err


def test_a_writer_goes_on_meanwhile(inside: Inside, recorded: Place, tmp_path: Path) -> None:
    """With the writer's lock held and entries in the WAL alone, the copy has them all."""
    with building.ledger_at(recorded.url, recorded.mark) as ledger:
        building.append(ledger, building.anchored(why="late"))
        assert inside("backup", tmp_path / "one", "-c", recorded.configuration).code == 0
        size = ledger.size
        building.append(ledger, building.anchored(why="later"))
    copy = sqlite3.connect(tmp_path / "one" / "ledger.db")
    assert copy.execute("SELECT count(*) FROM entry").fetchone() == (size,)
    copy.close()


def test_what_does_not_verify_is_no_backup(inside: Inside, recorded: Place, tmp_path: Path) -> None:
    """An altered figure, or a database behind the mark: exit 1, and no directory is left."""
    url, mark = f"sqlite:///{tmp_path}/short.db", tmp_path / "mark"
    with building.ledger_at(url, mark) as ledger:
        building.begin(ledger)
    with sqlite3.connect(recorded.state / "ledger.db") as connection:
        connection.execute("UPDATE interval SET state = 1 - state WHERE series = 0")
    connection.close()
    for database in (recorded.state / "ledger.db", tmp_path / "short.db"):
        if database.parent != recorded.state:
            shutil.copyfile(database, recorded.state / "ledger.db")
        done = inside("backup", tmp_path / "copies" / "one", "-c", recorded.configuration)
        assert done.code == 1
        assert "there is no backup" in done.err
        assert list((tmp_path / "copies").iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "told"),
    [({"store": "postgresql://user@db.example/x"}, "pg_dump"), ({"state": "/none"}, "no database")],
)
def test_what_cannot_be_copied_is_told(
    inside: Inside, recorded: Place, tmp_path: Path, setting: dict[str, str], told: str
) -> None:
    """A server's database, and one that is not there: exit 2 with a sentence."""
    recorded.agent.update(setting)
    recorded.write()
    done = inside("backup", tmp_path / "one", "-c", recorded.configuration)
    assert done.code == 2
    assert told in done.err
    assert not (tmp_path / "one").exists()


def test_the_private_key_is_copied_only_on_demand(
    inside: Inside, recorded: Place, tmp_path: Path
) -> None:
    """Its file as it lies, closed to others; one in a credential is refused, with a sentence."""
    more = ("-c", recorded.configuration)
    assert inside("backup", tmp_path / "one", "--with-key", *more).code == 0
    copied = tmp_path / "one" / "keys" / "log.key"
    assert copied.read_bytes() == (recorded.configuration / "secrets" / "log.key").read_bytes()
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600
    recorded.agent["key"] = {"private": {"secret": "credential:log-key"}}
    recorded.write()
    done = inside("backup", tmp_path / "two", "--with-key", *more)
    assert (done.code, "credential:log-key" in done.err) == (2, True), done.err
    assert not (tmp_path / "two").exists()
