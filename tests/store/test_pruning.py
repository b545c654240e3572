"""Entries removed below a boundary: what stays verifies, and nothing else passes for it."""

import shutil
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from monitor.exported import ExportedLog
from monitor.ledger.checkpoint import open_checkpoint
from monitor.ledger.entry import EntryError, LogPruned, LossCounted, read_record
from monitor.ledger.errors import ProofError
from monitor.ledger.merkle import consistency_proof, leaf_hash, verify_consistency
from monitor.ledger.tiles import TileTree, hash_reader
from monitor.proof import Proof
from monitor.rejoined import Rejoined
from monitor.source import Anchored
from monitor.store import reader
from monitor.store.errors import StoreError
from monitor.store.export import export
from monitor.store.glance import reading
from monitor.store.ledger import Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.store.prove import prove as prove_entry
from monitor.store.pruning import Pruned, Pruning, boundary_before, prune
from monitor.verify import verify
from tests.store.building import (
    KEY,
    MINUTE_US,
    START_US,
    append,
    batch,
    ledger_at,
    observation,
    rich,
    stepped,
)


def filled(ledger: Ledger, to: int) -> None:
    """Entries that derive nothing, and an observation of each series now and then."""
    while ledger.size < to:
        # A tenth of a tile in one commit: no boundary is the end of a commit by chance.
        append(ledger, *(filler(number) for number in range(ledger.size, to)[:25]))


def filler(number: int) -> bytes:
    """The entry of this index."""
    if number % 16:
        return LossCounted(since_us=number, until_us=number + 1, counts={"late": 1}).to_bytes()
    at_ms = 400 * 3_600_000 + number * 60_000
    return batch([observation(n, at_ms, judgement=number // 64 % 2) for n in range(3)])


def pruned(ledger: Ledger, boundary: int, begin: int = 0) -> Pruned:
    """Prune below a boundary."""
    plan = Pruning(begin=begin, boundary=boundary, before_us=START_US)
    return prune(ledger, plan, "ayu", "retention", START_US)


def judged(url: str, *archives: Path, note: bytes = b"") -> Proof:
    """What `verify` says of a database, with archives or without."""
    anchors = [Anchored(place="outside", note=note)] if note else []
    with PinnedDatabase(url) as database, ExitStack() as stack:
        logs = [stack.enter_context(ExportedLog(folder)) for folder in archives]
        return verify(Rejoined(database, logs) if logs else database, KEY.verifier, anchors)


def test_what_stays_verifies_and_the_archive_makes_it_whole(
    url: str, mark: Path, tmp_path: Path
) -> None:
    """Incomplete without the archive, intact with it; the writer goes on, on every database."""
    with ledger_at(url, mark) as ledger:
        rich(ledger)
        filled(ledger, 600)
        export(url, tmp_path / "archive", note=ledger.note)
        done = pruned(ledger, 256)
        assert done.entries == 256
        filled(ledger, 700)
    with ledger_at(url, mark) as ledger:
        filled(ledger, 720)
    note = mark.read_bytes()
    proof = judged(url, note=note)
    assert (proof.verdict, proof.findings) == ("incomplete", [])
    assert (proof.pruned, proof.figures) == (256, True)
    assert proof.unverifiable > 0
    assert "256 entries were pruned" in " ".join(proof.sentences("en"))
    assert proof.as_json("en")["checked"]["pruned"] == 256  # type: ignore[index]
    whole = judged(url, tmp_path / "archive", note=note)
    assert (whole.verdict, whole.findings) == ("intact", [])
    assert (whole.unverifiable, whole.root) == (0, proof.root)
    with reading(url) as connection:
        assert reader.entry_count(connection) == ledger.size - 256
        told = read_record(next(reader.read_entries(connection, done.entry, done.entry + 1))[1])
    assert isinstance(told, LogPruned)
    assert (told.boundary, told.author, told.reason) == (256, "ayu", "retention")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger pruned once below 256, with its mark and archive beside it."""
    folder = tmp_path_factory.mktemp("pruned")
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        rich(ledger)
        filled(ledger, 600)
        export(ledger.url, folder / "archive", note=ledger.note)
        pruned(ledger, 256)
        # An incident and a label that stood open at the boundary end after it.
        with ledger.engine.connect() as connection:
            standing = reader.incidents(connection, only_open=True)
        assert standing
        append(ledger, stepped(standing[0].id, standing[0].step + 1, "closed"))
        filled(ledger, 640)
    return folder / "ledger.db"


def changed(original: Path, to: Path, *statements: str) -> str:
    """A copy, changed behind everybody's back."""
    shutil.copyfile(original, to / "copy.db")
    with closing(sqlite3.connect(to / "copy.db")) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement
        connection.commit()
    return f"sqlite:///{to / 'copy.db'}"


def test_the_ledger_that_is_tampered_with_is_good(original: Path, tmp_path: Path) -> None:
    """The copy that the next tests change is found intact as far as it goes."""
    assert judged(changed(original, tmp_path)).verdict == "incomplete"


HASHES = "substr(hashes, 1, 31) || x'5a' || substr(hashes, 33)"


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE tile SET hashes = {HASHES} WHERE level = 1",
        "UPDATE tile SET hashes = substr(hashes, 1, 16) WHERE level = 1",
        "DELETE FROM tile WHERE level = 1",
        "DELETE FROM pruning",
        "UPDATE pruning SET boundary = 512",
        "UPDATE pruning SET boundary = 255",
        "UPDATE pruning SET boundary = -256",
        "UPDATE pruning SET entry = entry + 1",
        "UPDATE pruning SET entry = 9999999",
        "INSERT INTO pruning VALUES (2, 256, 600)",
        'DELETE FROM entry WHERE "index" = 256',
        'DELETE FROM entry WHERE "index" < 512',
        "UPDATE entry SET bytes = bytes || x'00' WHERE \"index\" = 300",
        "INSERT INTO entry VALUES (5, x'5301')",
        "UPDATE record SET bytes = bytes || x'00' WHERE length(bytes) > 300",
        "DELETE FROM record WHERE length(bytes) > 300",
        "INSERT INTO interval VALUES (0, 1, 9223372036854775806, 1)",
        "INSERT INTO interval VALUES (7, 1, 2, 1)",
        "UPDATE interval SET state = 1 - state"
        " WHERE started_us = (SELECT max(started_us) FROM interval)",
        "DELETE FROM interval WHERE started_us = (SELECT max(started_us) FROM interval)",
        "UPDATE incident SET target = 'x' WHERE ended_us ="
        " (SELECT ended_us FROM incident ORDER BY id DESC LIMIT 1)",
        "DELETE FROM label WHERE until_us IS NULL",
        "INSERT INTO rollup SELECT series, hour + 999, 1, 1, 1, 1, 1, NULL, NULL, 0 FROM rollup"
        " LIMIT 1",
        'INSERT INTO incident SELECT 300, target, "check", family, policy, rule, severity,'
        " reasons, since_us, opened_us, step, act, ended_since_us, ended_us, acknowledged_by,"
        " acknowledged_us, acknowledged_reason"
        " FROM incident LIMIT 1",
        "UPDATE fold SET size = 100",
        "UPDATE tree SET root = zeroblob(32)",
    ],
)
def test_no_change_passes_for_a_pruning(original: Path, tmp_path: Path, statement: str) -> None:
    """Hashes, boundary, state at it, later entries and figures: each change is found."""
    proof = judged(changed(original, tmp_path, statement))
    assert proof.verdict == "tampered", proof.sentences("en")


def test_a_pruning_that_the_log_does_not_tell_of_is_found(
    original: Path, mark: Path, tmp_path: Path
) -> None:
    """Entries removed without a word in the log, with a boundary set to match, are tampering."""
    url = f"sqlite:///{tmp_path}/l.db"
    with ledger_at(url, mark) as ledger:
        rich(ledger)
        filled(ledger, 600)
    with closing(sqlite3.connect(tmp_path / "l.db")) as connection:
        connection.execute('DELETE FROM entry WHERE "index" < 256')
        connection.execute('DELETE FROM tile WHERE level = 0 AND "index" = 0')
        connection.execute("INSERT INTO pruning VALUES (1, 256, 599)")
        connection.commit()
    assert judged(url).verdict == "tampered"


def test_an_old_figure_is_unverifiable_alone_and_found_with_the_archive(
    original: Path, tmp_path: Path
) -> None:
    """What the pruned entries derived is not claimed to be verified; the archive judges it."""
    oldest = "(SELECT min(started_us) FROM interval WHERE series = 0)"
    edit = f"UPDATE interval SET state = 7 WHERE series = 0 AND started_us = {oldest}"
    url = changed(original, tmp_path, edit)
    assert judged(url).verdict == "incomplete"
    assert judged(url, original.parent / "archive").verdict == "tampered"


def test_an_altered_archive_is_found(original: Path, tmp_path: Path) -> None:
    """A byte of an archived entry changed: the whole is tampered."""
    shutil.copytree(original.parent / "archive", tmp_path / "archive")
    bundle = tmp_path / "archive" / "tile" / "entries" / "000"
    whole = bundle.read_bytes()
    bundle.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert judged(changed(original, tmp_path), tmp_path / "archive").verdict == "tampered"


def test_later_proofs_still_work(original: Path) -> None:
    """Inclusion of every later entry, and consistency from each multiple of 256 on."""
    url, note = f"sqlite:///{original}", (original.parent / "mark").read_bytes()
    head = open_checkpoint(note, KEY.verifier)
    for index in (256, 257, 511, 512, head.size - 1):
        proof, raw = prove_entry(url, index, head, note)
        assert proof.check(raw, KEY.verifier) == head
    for index in (0, 255):
        with pytest.raises((StoreError, ProofError)):
            prove_entry(url, index, head, note)
    with ExportedLog(original.parent / "archive") as archive:
        leaves = [leaf_hash(raw) for _, raw in archive.entries(archive.head()[1])]
    with reading(url) as connection:
        read = hash_reader(lambda level, at: reader.read_tile(connection, level, at))
        for size in (256, 512, 600):
            old = TileTree().append(leaves[:size])[0].root()
            path = consistency_proof(size, head.size, read)
            verify_consistency(size, head.size, path, old, head.root)


def test_a_second_pruning_needs_both_archives(mark: Path, tmp_path: Path) -> None:
    """Each archive holds its part; together the whole log is intact, with one it is not."""
    url, first, second = f"sqlite:///{tmp_path}/l.db", tmp_path / "first", tmp_path / "second"
    with ledger_at(url, mark) as ledger:
        rich(ledger)
        filled(ledger, 600)
        export(url, first, note=ledger.note)
        pruned(ledger, 256)
        filled(ledger, 900)
        export(url, second, note=ledger.note)
        pruned(ledger, 768, 256)
        filled(ledger, 950)
    with ExportedLog(second) as archive:
        alone = verify(archive, KEY.verifier)
    assert (alone.verdict, alone.pruned) == ("incomplete", 256)
    assert judged(url).pruned == 768
    partly = judged(url, second)
    assert (partly.verdict, partly.pruned) == ("incomplete", 256)
    assert judged(url, first).pruned == 768
    whole = judged(url, first, second)
    assert (whole.verdict, whole.findings) == ("intact", [])
    export(url, tmp_path / "public", note=mark.read_bytes())
    with ExportedLog(tmp_path / "public") as public:
        shown = verify(public, KEY.verifier)
    assert (shown.verdict, shown.findings, shown.pruned) == ("incomplete", [], 768)


def test_records_that_only_pruned_entries_name_are_removed(mark: Path, tmp_path: Path) -> None:
    """Evidence goes with its entries, the configuration in force stays, by being said again."""
    url = f"sqlite:///{tmp_path}/l.db"
    with ledger_at(url, mark) as ledger:
        rich(ledger)
        filled(ledger, 600)
        with reading(url) as connection:
            before = {row[0] for row in reader.table_rows(connection, "record")}
        done = pruned(ledger, 256)
    with reading(url) as connection:
        after = {row[0] for row in reader.table_rows(connection, "record")}
    assert len(before - after) == done.records > 0
    assert len(after - before) == 1  # the state at the boundary
    assert len(before & after) == 1  # the text of the configuration


def test_a_crash_between_word_and_deed_loses_nothing(
    mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told and not done: the log is whole and intact, and can be pruned again."""
    url = f"sqlite:///{tmp_path}/l.db"

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with ledger_at(url, mark) as ledger:
        rich(ledger)
        filled(ledger, 600)
        with monkeypatch.context() as patch:
            patch.setattr("monitor.store.pruning._forget", crash)
            with pytest.raises(KeyboardInterrupt):
                pruned(ledger, 256)
    assert judged(url).verdict == "intact"
    with ledger_at(url, mark) as ledger:
        pruned(ledger, 256)
    assert judged(url, note=mark.read_bytes()).verdict == "incomplete"


@pytest.mark.parametrize("boundary", [0, 100, 257, -256])
def test_a_boundary_inside_a_tile_is_no_entry(boundary: int) -> None:
    """Only whole tiles are pruned."""
    told = LogPruned(boundary=boundary, before_us=0, state=bytes(32), author="", reason="", at_us=0)
    with pytest.raises(EntryError):
        told.to_bytes()


def test_the_boundary_of_a_moment(mark: Path, tmp_path: Path) -> None:
    """Below it every commit is older than the moment; a moment before the log prunes nothing."""
    url = f"sqlite:///{tmp_path}/l.db"
    with ledger_at(url, mark) as ledger:
        rich(ledger)
        filled(ledger, 600)
        assert boundary_before(url, START_US).boundary == 0
        assert boundary_before(url, START_US + MINUTE_US).boundary == 512
        with pytest.raises(StoreError):
            pruned(ledger, 1024)
        pruned(ledger, 256)
        with pytest.raises(StoreError):
            pruned(ledger, 512)
