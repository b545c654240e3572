"""An exported log: as intact as its ledger, and hostile until proved."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from monitor.exported import ExportedLog, ExportedLogError
from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.tiles import paths_of
from monitor.proof import Proof
from monitor.source import Anchored
from monitor.store.errors import StoreError
from monitor.store.export import export
from monitor.text import LANGUAGES
from monitor.verify import verify
from tests.store.building import KEY, ORIGIN, anchored, append, begin, ledger_at, rich


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of 600 entries: two levels of tiles, full and partial ones."""
    place = tmp_path_factory.mktemp("exported")
    with ledger_at(f"sqlite:///{place}/l.db", place / "mark") as ledger:
        rich(ledger)
        append(ledger, *(anchored(why=str(n)) for n in range(600 - ledger.size)))
    steps: list[tuple[int, int]] = []
    head = export(f"sqlite:///{place}/l.db", place / "log", lambda *step: steps.append(step))
    assert (head.size, steps) == (600, [(256, 600), (512, 600), (600, 600)])
    return place / "log"


def judged(folder: Path, *notes: bytes) -> Proof:
    """What `verify` says of an export."""
    anchors = [Anchored(place="outside", note=note) for note in notes]
    with closing(ExportedLog(folder)) as source:
        return verify(source, KEY.verifier, anchors)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy to be spoiled."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_an_export_verifies_like_its_ledger(folder: Path) -> None:
    """Also against the mark, and it holds exactly the files of tlog-tiles and the evidence."""
    proof = judged(folder, (folder.parent / "mark").read_bytes())
    assert (proof.verdict, proof.size, proof.unsigned_tail) == ("intact", 600, 0)
    assert proof.records == 3
    files = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    tiles = {str(path) for path in paths_of(600)}
    assert {f for f in files if not f.startswith("evidence/")} == tiles | {"checkpoint"}


def test_what_is_damaged_is_told_in_words(copy: Path) -> None:
    """A bundle that breaks off: a sentence in either language, no key of one."""
    bundle = copy / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes()[:-1])
    english, own = (" ".join(judged(copy).sentences(lang)) for lang in LANGUAGES)
    assert "The entry bundle breaks off" in english
    assert "ledger." not in english + own
    assert "breaks off" not in own


def test_each_flipped_file_is_found(folder: Path, tmp_path: Path) -> None:
    """The first, the middle and the last byte of every file; also one byte more or less."""
    spoiled = tmp_path / "spoiled"
    shutil.copytree(folder, spoiled)
    for file in sorted(f for f in spoiled.rglob("*") if f.is_file()):
        whole = file.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1}:
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert judged(spoiled).verdict == "tampered", (file, at)
        for other in (whole[:-1], whole + b"\0", b""):
            file.write_bytes(other)
            assert judged(spoiled).verdict == "tampered", (file, len(other))
        file.unlink()
        assert judged(spoiled).verdict == "tampered", (file, "deleted")
        file.write_bytes(whole)
    assert judged(spoiled).verdict == "intact"


@pytest.mark.parametrize(
    "name",
    [
        "tile/0/002",
        "tile/entries/003",
        "tile/1/000.p/1",
        "tile/x",
        "evidence/x",
        "evidence/" + "0" * 64,
    ],
)
def test_a_file_too_many_is_found(copy: Path, name: str) -> None:
    """Beyond the size, narrower than it, or of no known name."""
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_bytes(b"x" * 32)
    assert judged(copy).verdict == "tampered"


def test_links_are_not_followed(copy: Path, tmp_path: Path) -> None:
    """A file or a folder that is a link leads nowhere, even to the very same bytes."""
    for name in ("tile/0/000", "tile/entries", "checkpoint", "evidence"):
        outside = tmp_path / "outside" / name.replace("/", "-")
        outside.parent.mkdir(exist_ok=True)
        (copy / name).rename(outside)
        (copy / name).symlink_to(outside)
        assert judged(copy).verdict in {"tampered", "unusable"}, name
        (copy / name).unlink()
        outside.rename(copy / name)
    assert judged(copy).verdict == "intact"


def test_a_pipe_in_place_of_a_file_holds_nobody_up(copy: Path) -> None:
    """Only regular files are read."""
    (copy / "tile/0/001").unlink()
    os.mkfifo(copy / "tile/0/001")
    assert judged(copy).verdict == "tampered"


def test_a_monstrous_size_costs_nothing(copy: Path) -> None:
    """A signed size of 2^62 entries ends where the files end."""
    note = sign_checkpoint(Checkpoint(origin=ORIGIN, size=1 << 62, root=bytes(32)), KEY)
    (copy / "checkpoint").write_bytes(note)
    proof = judged(copy)
    assert proof.verdict == "tampered"
    assert proof.findings[0].index == 512


def test_a_monstrous_file_is_not_read(copy: Path) -> None:
    """A sparse terabyte in place of a bundle is refused by its length."""
    with (copy / "tile/entries/000").open("ab") as file:
        file.truncate(1 << 40)
    assert judged(copy).verdict == "tampered"


def test_an_empty_folder_is_unusable(tmp_path: Path) -> None:
    """And what is no folder is an error that says so."""
    assert judged(tmp_path).verdict == "unusable"
    with pytest.raises(ExportedLogError):
        ExportedLog(tmp_path / "none")


def test_an_export_overwrites_nothing(folder: Path, tmp_path: Path) -> None:
    """An existing directory, empty or not, stays as it is; no temporary one is left."""
    url = f"sqlite:///{folder.parent}/l.db"
    (tmp_path / "there").mkdir()
    with pytest.raises(StoreError) as caught:
        export(url, tmp_path / "there")
    assert caught.value.code == "store.export-exists"
    with pytest.raises(StoreError) as caught:
        export(url, Path("/proc/nothing/there"))
    assert caught.value.code == "store.export-unwritable"
    assert [f.name for f in tmp_path.iterdir()] == ["there"]


def test_a_damaged_ledger_is_not_exported(tmp_path: Path) -> None:
    """What is missing is named, and nothing appears."""
    import sqlite3

    with ledger_at(f"sqlite:///{tmp_path}/l.db", tmp_path / "mark") as ledger:
        begin(ledger)
    for statement, what in (
        ('DELETE FROM entry WHERE "index" = 3', "bytes"),
        ("DELETE FROM record", "evidence"),
        ("DELETE FROM tile", "tile/0/000.p/6"),
        ("DELETE FROM checkpoint", "checkpoint"),
    ):
        with closing(sqlite3.connect(tmp_path / "l.db")) as connection:
            connection.execute(statement)
            connection.commit()
        with pytest.raises(StoreError) as caught:
            export(f"sqlite:///{tmp_path}/l.db", tmp_path / "log")
        assert caught.value.code == "store.export-incomplete"
        assert str(caught.value.values["what"]).startswith(what)
    assert not [f for f in tmp_path.iterdir() if "log" in f.name]


def test_a_newer_checkpoint_extends_the_export(tmp_path: Path) -> None:
    """Of a live ledger the last commit's checkpoint is not kept yet: the mark has it."""
    url, mark = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark"
    with ledger_at(url, mark) as ledger:
        rich(ledger)
        append(ledger, anchored())
        assert export(url, tmp_path / "kept").size == ledger.size - 1
        assert export(url, tmp_path / "newest", note=mark.read_bytes()).size == ledger.size
    assert judged(tmp_path / "newest").verdict == "intact"


def test_an_export_is_verified_without_a_database() -> None:
    """Neither SQLAlchemy nor alembic is loaded."""
    code = "import monitor.exported, monitor.verify, sys; print('sqlalchemy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
