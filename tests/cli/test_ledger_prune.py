"""`sasando ledger prune`, and `verify` and `prove` of what is left."""

import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from monitor.clock import SystemClock
from monitor.ledger.keys import write_vkeys
from tests.cli.running_command import Inside
from tests.daemon.place import Place
from tests.store import building

VKEY = building.KEY.verifier.vkey
DAY_US = 86_400_000_000


@pytest.fixture
def old(place: Place) -> Place:
    """A log of 600 entries, one a day, of which the last 100 days lie within the retention."""
    place.agent["retention"] = "100d"
    place.write()
    encoded = building.KEY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (place.configuration / "secrets" / "log.key").write_bytes(encoded)
    place.state.mkdir()
    place.mark.parent.mkdir()
    now_us = SystemClock().wall_us()
    with building.ledger_at(place.url, place.mark) as ledger:
        building.append(ledger, building.opened())
        for day in range(599, 0, -50):
            days = range(day, max(0, day - 50), -1)
            building.append(ledger, *(building.anchored(now_us - d * DAY_US) for d in days))
    return place


def test_what_is_older_than_the_retention_goes_into_an_archive(
    inside: Inside, old: Place, tmp_path: Path
) -> None:
    """256 entries go; verify says incomplete, with the archive intact; both can be proved from."""
    more, archive = ("-c", old.configuration), tmp_path / "archive"
    done = inside("ledger", "prune", "--archive", archive, "--reason", "letter 5", *more)
    assert (done.code, done.out) == (0, ""), done.err
    assert "256 entries below 256 are pruned" in done.err
    alone = inside("verify", old.state, *more)
    assert alone.code == 3
    assert "256 entries were pruned" in alone.out
    whole = inside("verify", old.state, "--archive", archive, "--json", *more)
    assert (whole.code, whole.data["verdict"]) == (0, "intact")
    gone = inside("ledger", "prove", "9", "--out", tmp_path / "a", *more)
    assert gone.code == 2
    assert "--archive" in gone.err
    for index, words in (("9", ("--archive", archive)), ("300", ())):
        out = tmp_path / f"{index}.tlog-proof"
        assert inside("ledger", "prove", index, "--out", out, *words, *more).code == 0
        assert inside("verify", out, "--key", VKEY).code == 0
    again = inside("ledger", "prune", "--archive", tmp_path / "b", "--reason", "x", *more)
    assert again.code == 0
    assert "old enough" in again.err
    assert not (tmp_path / "b").exists()
    assert inside("backup", tmp_path / "backup", *more).code == 0


def test_nothing_within_the_retention_is_pruned(inside: Inside, old: Place, tmp_path: Path) -> None:
    """A moment that is too young, or no moment, is exit 2, and nothing happens."""
    more = ("--archive", tmp_path / "a", "--reason", "x", "-c", old.configuration)
    for word, told in (("now", "within the retention"), ("soon", "is no time")):
        done = inside("ledger", "prune", "--before", word, *more)
        assert done.code == 2
        assert told in done.err
    early = inside("ledger", "prune", "--before", "2001-01-01", *more)
    assert "old enough" in early.err
    assert inside("verify", old.state, "-c", old.configuration).code == 0


def test_nothing_is_pruned_while_somebody_writes_or_the_archive_fails(
    inside: Inside, old: Place, tmp_path: Path
) -> None:
    """The writer's lock, an archive that exists, and one that does not verify stop it."""
    more = ("--reason", "x", "-c", old.configuration)
    with building.ledger_at(old.url, old.mark):
        busy = inside("ledger", "prune", "--archive", tmp_path / "a", *more)
    assert busy.code == 2
    assert "writes to" in busy.err
    (tmp_path / "there").mkdir()
    assert inside("ledger", "prune", "--archive", tmp_path / "there", *more).code == 2
    with sqlite3.connect(old.state / "ledger.db") as connection:
        connection.execute(
            'UPDATE entry SET bytes = (SELECT bytes FROM entry WHERE "index" = 8) WHERE "index" = 9'
        )
    connection.close()
    bad = inside("ledger", "prune", "--archive", tmp_path / "bad", *more)
    assert bad.code == 1
    assert "nothing was pruned" in bad.err
    with sqlite3.connect(old.state / "ledger.db") as connection:
        assert connection.execute("SELECT count(*) FROM entry").fetchone() == (600,)
    connection.close()


def test_a_key_that_is_not_pinned_prunes_nothing(
    inside: Inside, old: Place, tmp_path: Path
) -> None:
    """A key that nobody trusts could sign the pruning, but not so that it verifies: exit 2."""
    write_vkeys(old.configuration / "trust" / "log.vkey", [building.OTHER_KEY.verifier])
    more = ("--reason", "x", "-c", old.configuration)
    assert inside("ledger", "prune", "--archive", tmp_path / "a", *more).code == 2
