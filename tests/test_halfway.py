"""A verification that was interrupted: it goes on, says the same, and believes no forged state."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.cli.common import CommandError
from monitor.cli.main import main
from monitor.cli.resuming import keeper_in
from monitor.derive import Changes, Fold
from monitor.exported import ExportedLog
from monitor.halfway import Halfway, Keeper, StaleError, digest_of
from monitor.ledger.batch import Batch
from monitor.ledger.entry import Record
from monitor.proof import Proof
from monitor.source import Anchored, Source
from monitor.store.export import export
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify
from tests.store.building import KEY, WITNESS, append, ledger_at
from tests.tampering.bases import fill, lost, make_export, make_pruned

MINE = b"k" * 32


class UnpluggedError(Exception):
    """Somebody pulled the plug."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 700 entries: database, export, mark."""
    folder = tmp_path_factory.mktemp("halfway")
    make_export(folder)
    shutil.rmtree(folder / "log")
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        fill(ledger, 700)
        export(ledger.url, folder / "log", note=ledger.note)
    return folder


def keeper(folder: Path, key: bytes = MINE) -> Keeper:
    """One that keeps at every chance."""
    folder.mkdir(exist_ok=True)
    return Keeper(folder=folder, key=key, due=lambda: True)


def judged(source: Source, keeps: Keeper | None, stop_at: int = 0, note: bytes = b"") -> Proof:
    """Verify; at an entry the plug is pulled."""

    def progress(done: int, _size: int) -> None:
        if stop_at and done >= stop_at:
            raise UnpluggedError

    anchors = [Anchored(place="outside", note=note)] if note else []
    return verify(source, KEY.verifier, anchors, progress, [WITNESS], keeps)


def interrupted(place: Path, keeps: Keeper, at: int = 512) -> None:
    """A verification that ends in the middle."""
    with PinnedDatabase(f"sqlite:///{place}/ledger.db") as source, pytest.raises(UnpluggedError):
        judged(source, keeps, at)


def resumed(place: Path, keeps: Keeper | None, note: bytes = b"") -> Proof:
    """The next one over the database."""
    with PinnedDatabase(f"sqlite:///{place}/ledger.db") as source:
        return judged(source, keeps, note=note)


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """A copy to be spoiled."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def test_it_goes_on_and_says_the_same(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every word of a database's verification, though nothing below the stop is derived again."""
    wanted = resumed(copy, None, (copy / "mark").read_bytes())
    keeps = keeper(tmp_path / "kept")
    interrupted(copy, keeps)
    kept = keeps.kept
    assert kept >= 512
    found = keeper(tmp_path / "kept").found()
    assert found is not None
    assert (found.size, len(found.named)) == (kept, 3)
    derived: list[int] = []
    take = Fold.take

    def counted(fold: Fold, index: int, entry: Record | Batch, changes: Changes) -> None:
        derived.append(index)
        take(fold, index, entry, changes)

    monkeypatch.setattr(Fold, "take", counted)
    proof = resumed(copy, keeper(tmp_path / "kept"), (copy / "mark").read_bytes())
    assert all(index >= kept for index in derived)
    assert len(derived) <= 700 - kept
    assert (proof.verdict, proof.figures) == ("intact", True)
    assert proof.as_json("en") == wanted.as_json("en")


def test_an_export_goes_on_too(original: Path, tmp_path: Path) -> None:
    """And a log that grew meanwhile is verified to its new end."""
    keeps = keeper(tmp_path / "kept")
    with ExportedLog(original / "log") as source, pytest.raises(UnpluggedError):
        judged(source, keeps, 512)
    with ExportedLog(original / "log") as source:
        wanted, found = judged(source, None), judged(source, keeps)
    assert found.as_json("en") == wanted.as_json("en")


def test_a_log_that_grew_meanwhile_goes_on(copy: Path, tmp_path: Path) -> None:
    """What was derived stays, what is new is derived."""
    keeps = keeper(tmp_path / "kept")
    interrupted(copy, keeps)
    with ledger_at(f"sqlite:///{copy}/ledger.db", copy / "mark") as ledger:
        append(ledger, lost(700))
    proof = resumed(copy, keeper(tmp_path / "kept"), (copy / "mark").read_bytes())
    assert (proof.verdict, proof.size, proof.unsigned_tail) == ("intact", 701, 0)


def test_a_pruned_log_goes_on(tmp_path: Path) -> None:
    """From its boundary."""
    place = tmp_path / "log"
    place.mkdir()
    make_pruned(place)
    with ledger_at(f"sqlite:///{place}/ledger.db", place / "mark") as ledger:
        fill(ledger, 600)
    wanted, keeps = resumed(place, None), keeper(tmp_path / "kept")
    interrupted(place, keeps)
    proof = resumed(place, keeper(tmp_path / "kept"))
    assert (proof.verdict, proof.pruned) == ("incomplete", 256)
    assert proof.as_json("en") == wanted.as_json("en")


SPOILED = {
    "an entry": 'UPDATE entry SET bytes = (SELECT bytes FROM entry WHERE "index" = 260)'
    ' WHERE "index" = 261',
    "a leaf": 'UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND "index" = 0',
    "evidence": "UPDATE record SET bytes = x'00' WHERE CAST(bytes AS TEXT) LIKE 'posture%'",
    "evidence gone": "DELETE FROM record WHERE CAST(bytes AS TEXT) LIKE 'agent:%'",
    "a figure": "UPDATE interval SET state = 7 WHERE (series, started_us) ="
    " (SELECT series, started_us FROM interval ORDER BY started_us LIMIT 1)",
    "a rollup": "UPDATE rollup SET received = received + 1 WHERE hour ="
    " (SELECT min(hour) FROM rollup)",
}


@pytest.mark.parametrize("what", SPOILED)
def test_what_was_altered_below_the_stop_meanwhile_is_found(
    what: str, copy: Path, tmp_path: Path
) -> None:
    """The bytes are hashed again, evidence too, and figures are compared at the end."""
    keeps = keeper(tmp_path / "kept")
    interrupted(copy, keeps)
    with closing(sqlite3.connect(copy / "ledger.db")) as connection:
        assert connection.execute(SPOILED[what]).rowcount
        connection.commit()
    wanted, proof = resumed(copy, None), resumed(copy, keeper(tmp_path / "kept"))
    assert proof.verdict == wanted.verdict == "tampered"
    assert (proof.findings[0].index, proof.findings[0].what) == (
        wanted.findings[0].index,
        wanted.findings[0].what,
    )


def test_a_forged_state_is_not_believed(copy: Path, tmp_path: Path) -> None:
    """Written by another key, cut short, or with other figures beside it: nothing is skipped."""
    keeps = keeper(tmp_path / "kept")
    interrupted(copy, keeps)
    with closing(sqlite3.connect(copy / "ledger.db")) as connection:
        connection.execute(SPOILED["a figure"])
        connection.commit()
    found = keeps.found()
    assert found is not None
    # Whoever altered the ledger lays figures beside it that agree with what he altered.
    with closing(sqlite3.connect(keeps.figures)) as connection:
        connection.execute(SPOILED["a figure"])
        connection.commit()
    with pytest.raises(StaleError):
        resumed(copy, keeper(tmp_path / "kept"))
    assert resumed(copy, keeper(tmp_path / "kept")).verdict == "tampered"
    forger = keeper(tmp_path / "forged", b"f" * 32)
    interrupted(copy, forger)
    with closing(sqlite3.connect(forger.figures)) as connection:
        connection.execute(SPOILED["a figure"])
        connection.commit()
    forger.keep(replace(found, figures=digest_of(forger.figures)))
    assert forger.found() is not None
    assert keeper(tmp_path / "forged").found() is None
    assert resumed(copy, keeper(tmp_path / "forged")).verdict == "tampered"
    whole = (tmp_path / "forged" / "state").read_bytes()
    (tmp_path / "forged" / "state").write_bytes(whole[:-1])
    assert forger.found() is None


def test_a_state_of_another_log_is_removed(copy: Path, tmp_path: Path) -> None:
    """Its root is another one: nothing of it is taken, and the next attempt starts anew."""
    keeps = keeper(tmp_path / "kept")
    interrupted(copy, keeps)
    found = keeps.found()
    assert found is not None
    for other in (
        replace(found, root=bytes(32)),
        replace(found, origin="other.example"),
        replace(found, begin=256),
        replace(found, size=1 << 40),
        replace(found, figures=bytes(32)),
    ):
        keeps.keep(other)
        with pytest.raises(StaleError):
            resumed(copy, keeper(tmp_path / "kept"))
        assert keeps.found() is None
        interrupted(copy, keeps)
    keeps.forget()
    assert resumed(copy, keeper(tmp_path / "kept")).verdict == "intact"


def test_a_state_of_another_version_is_none() -> None:
    """Nor are bytes of another kind."""
    assert Halfway.from_bytes(b"") is None
    assert Halfway.from_bytes(b"\0") is None


def test_the_directory_is_the_verifiers_own(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with what is verified, not open to others; its key is made once and read again."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for folder, judged_path in (
        (original / "kept", original),
        (original / "log" / "kept", original / "log"),
    ):
        with pytest.raises(CommandError) as caught:
            keeper_in(folder, judged_path)
        assert caught.value.code == "verify.resume-inside"
    monkeypatch.setenv("XDG_STATE_HOME", str(original / "home"))
    with pytest.raises(CommandError):
        keeper_in(tmp_path / "kept", original)  # its key would lie there
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    first = keeper_in(tmp_path / "kept", original)
    assert first.key == keeper_in(tmp_path / "kept", original).key
    (tmp_path / "kept").chmod(0o755)
    with pytest.raises(CommandError) as caught:
        keeper_in(tmp_path / "kept", original)
    assert caught.value.code == "verify.resume-foreign"
    key = tmp_path / "state" / "sasando" / "resume.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(b"short")
    with pytest.raises(CommandError) as caught:
        keeper_in(tmp_path / "other", original)
    assert caught.value.code == "verify.resume-key"


def test_the_command_keeps_nothing_when_it_came_to_its_end(
    original: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--resume` on the command line says what it says without; of several logs it is refused."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    words = ["verify", str(original / "log"), "--key", KEY.verifier.vkey, "--json"]
    told = []
    for more in ([], ["--resume", str(tmp_path / "kept")]):
        assert main([*words, *more]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert list((tmp_path / "kept").iterdir()) == []
    assert main([*words, str(original / "ledger.db"), "--resume", str(tmp_path / "kept")]) == 2
    assert "one log" in capsys.readouterr().out
