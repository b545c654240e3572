"""The one writer, on SQLite and on PostgreSQL: append, reopen, refuse."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from monitor.derive import Changes, Fold
from monitor.ledger import anchor
from monitor.ledger.checkpoint import open_checkpoint
from monitor.ledger.entry import EntryError
from monitor.model import State
from monitor.source import Anchored
from monitor.store import ledger as ledger_module
from monitor.store import reader
from monitor.store.connect import open_engine
from monitor.store.errors import RolledBackError, StoreBusyError, StoreError
from monitor.store.ledger import Commit, Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.text import LANGUAGES, say
from monitor.verify import verify
from tests.store.building import (
    KEY,
    OTHER_KEY,
    START_US,
    anchored,
    append,
    batch,
    begin,
    ledger_at,
    message,
    observation,
    rich,
    settled,
    stepped,
)


def verdict(url: str, mark: Path) -> str:
    """What `verify` says, with the mark as anchor."""
    with PinnedDatabase(url) as source:
        return verify(
            source, KEY.verifier, [Anchored(place="mark", note=mark.read_bytes())]
        ).verdict


@contextmanager
def written(url: str, statement: str, **values: object) -> Iterator[None]:
    """Change the database behind the writer's back."""
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()
    yield


def test_what_was_appended_is_there_after_reopening(url: str, mark: Path) -> None:
    """Size, root, fold and rows are those from before; the log goes on and verifies."""
    with ledger_at(url, mark) as ledger:
        rich(ledger)
        size, root, fold = ledger.size, ledger.tree.root(), ledger.fold.snapshot()
    with ledger_at(url, mark) as ledger:
        assert (ledger.size, ledger.tree.root()) == (size, root)
        assert ledger.fold.snapshot() == fold
        append(ledger, batch([observation(0, 90_000_000)]))
    assert verdict(url, mark) == "intact"


def test_a_reopened_fold_equals_one_replayed_from_the_first_entry(
    url: str, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot at any commit plus the entries after it is the whole history."""
    monkeypatch.setattr(ledger_module, "SNAPSHOT_EVERY", 7)
    with ledger_at(url, mark) as ledger:
        rich(ledger)
        engine = open_engine(url, read_only=True)
        with engine.connect() as connection:
            fold = Fold()
            for index, raw in reader.read_entries(connection, 0, ledger.size):
                fold.apply(index, raw, Changes())
        assert ledger.fold.snapshot() == fold.snapshot()
    with ledger_at(url, mark) as again:
        assert again.fold.snapshot() == fold.snapshot()


def test_a_commit_tells_its_place_and_signs_it(url: str, mark: Path) -> None:
    """The checkpoint's root is the tree's, and the mark has it when append returns."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        committed = append(ledger, anchored(), anchored())
        assert (committed.first, committed.size, committed.unsigned) == (6, 8, "")
        assert committed.note is not None
        head = open_checkpoint(committed.note, KEY.verifier)
        assert (head.size, head.root) == (8, committed.root)
        assert anchor.read(mark) == committed.note


def test_an_entry_that_cannot_follow_leaves_no_trace(url: str, mark: Path) -> None:
    """A batch of an undefined series is refused, and the next commit takes its place."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        size = ledger.size
        with pytest.raises(EntryError):
            append(ledger, anchored(), batch([observation(99, 0)]))
        assert append(ledger, batch([observation(0, 0)])).first == size
    assert verdict(url, mark) == "intact"


def test_outbox_rows_commit_with_their_step_and_wait_until_settled(url: str, mark: Path) -> None:
    """A message names the incident that its own commit opens; a receipt ends its waiting."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        committed = append(
            ledger, anchored(), stepped(None, 0, "opened"), messages=[message(position=1)]
        )
        assert [row.incident for row in committed.outbox] == [committed.first + 1]
        engine = open_engine(url, read_only=True)
        with engine.connect() as connection:
            assert tuple(reader.pending_outbox(connection)) == committed.outbox
            assert [row.id for row in reader.incidents(connection)] == [committed.first + 1]
        receipt, delivery = settled(committed.outbox[0].id, attempt=3)
        append(ledger, receipt, settled=[delivery])
        with engine.connect() as connection:
            assert reader.pending_outbox(connection) == []
    assert verdict(url, mark) == "intact"


def test_the_readers_give_back_what_was_stored(url: str, mark: Path) -> None:
    """Series with their rules, entries by index, the number of entries."""
    with ledger_at(url, mark) as ledger:
        begin(ledger, count=2)
        engine = open_engine(url, read_only=True)
        with engine.connect() as connection:
            assert [s.number for s in reader.all_series(connection)] == [0, 1]
            assert reader.all_series(connection)[0].rules == ("base/answers", "base/loss")
            assert reader.entry_count(connection) == ledger.size
            assert list(reader.read_entries(connection, 1, 2)) == [(1, anchored())]
        assert ledger.fold.current(1)[0] is State.UNOBSERVED


def test_checkpoints_are_kept_hourly_and_the_newest_always(url: str, mark: Path) -> None:
    """Of the commits of one hour only the first checkpoint and the newest remain."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        for minute in range(150):
            ledger.append(Commit(entries=[anchored()], at_us=minute * 60_000_000))
    with PinnedDatabase(url) as source:
        assert len(list(source.checkpoints())) == 4


def test_a_second_writer_is_refused_and_told_the_pid(url: str, mark: Path) -> None:
    """The holder is this process; once it let go, the other one may."""
    code = (
        "import sys; from pathlib import Path\n"
        "from monitor.store.errors import StoreBusyError\n"
        "from tests.store.building import ledger_at\n"
        "try:\n"
        "    with ledger_at(sys.argv[1], Path(sys.argv[2])): print('open')\n"
        "except StoreBusyError as error: print(error.code, error.values['pid'])\n"
    )
    command = [sys.executable, "-c", code, url, str(mark)]

    def run() -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    with ledger_at(url, mark):
        refused = run()
    assert refused.split() == ["store.held", str(os.getpid())]
    assert run() == "open\n"


def test_another_origin_is_refused(url: str, mark: Path, tmp_path: Path) -> None:
    """A database belongs to one log; the lock is given back."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
    stranger = type(KEY)(name="other.example/log", key=KEY.key)
    with pytest.raises(StoreError) as caught:
        Ledger.open(url, stranger, tmp_path / "none")
    assert caught.value.code == "store.origin"
    with ledger_at(url, mark):
        pass


@pytest.mark.parametrize(
    "statement",
    [
        'DELETE FROM entry WHERE "index" = 5',
        "UPDATE tree SET size = size + 1",
        "UPDATE tree SET root = :blob",
        "UPDATE fold SET state = :blob",
        "UPDATE fold SET size = 1000",
        "DELETE FROM tile",
    ],
)
def test_a_database_that_contradicts_itself_is_refused(
    url: str, mark: Path, statement: str
) -> None:
    """The writer goes on from nothing that it cannot recompute."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
    values = {"blob": b"x" * 32} if ":blob" in statement else {}
    with written(url, statement, **values), pytest.raises(StoreError) as caught:
        Ledger.open(url, KEY, mark)
    assert caught.value.code == "store.inconsistent"


def test_a_tree_that_somebody_moved_aborts_the_commit(url: str, mark: Path) -> None:
    """Compare-and-swap: nothing is written, and once it is put right the writer goes on."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        size = ledger.size
        with written(url, "UPDATE tree SET size = size + 1"), pytest.raises(StoreError) as caught:
            append(ledger, anchored())
        assert caught.value.code == "store.swapped"
        with written(url, "UPDATE tree SET size = size - 1"):
            assert append(ledger, anchored()).first == size
    assert verdict(url, mark) == "intact"


def test_a_cut_log_is_refused(url: str, mark: Path, tmp_path: Path) -> None:
    """Behind the high-water mark, the writer does not sign a smaller tree."""
    with ledger_at(url, tmp_path / "short") as ledger:
        begin(ledger)
    with ledger_at(f"sqlite:///{tmp_path}/longer.db", mark) as ledger:
        begin(ledger)
        append(ledger, anchored())
    with pytest.raises(RolledBackError) as caught:
        Ledger.open(url, KEY, mark)
    assert caught.value.code == "store.rolled-back"
    assert (caught.value.values["size"], caught.value.values["mark"]) == (6, 7)


def test_another_history_is_refused(url: str, mark: Path, tmp_path: Path) -> None:
    """As large as the mark, but with another root."""
    with ledger_at(f"sqlite:///{tmp_path}/one.db", mark) as ledger:
        begin(ledger)
        append(ledger, anchored(START_US + 1))
    with ledger_at(url, tmp_path / "aside") as ledger:
        begin(ledger)
        append(ledger, anchored(START_US + 2))
    with pytest.raises(RolledBackError) as caught:
        Ledger.open(url, KEY, mark)
    assert caught.value.code == "store.other-history"


def test_an_emptied_database_is_refused(url: str, mark: Path, tmp_path: Path) -> None:
    """A fresh database beside a mark is a log that lost everything."""
    with ledger_at(f"sqlite:///{tmp_path}/one.db", mark) as ledger:
        begin(ledger)
    with pytest.raises(RolledBackError):
        Ledger.open(url, KEY, mark)


def test_a_mark_signed_by_another_key_is_refused(url: str, mark: Path, tmp_path: Path) -> None:
    """A mark that nobody trusted has signed says nothing; it is not passed over."""
    with ledger_at(f"sqlite:///{tmp_path}/one.db", mark, OTHER_KEY) as ledger:
        begin(ledger)
    with pytest.raises(RolledBackError, match="other-key"):
        Ledger.open(url, KEY, mark)


def test_another_key_of_the_same_origin_is_refused_without_a_mark(url: str, mark: Path) -> None:
    """With the mark lost, the kept checkpoints still say whose log it is."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
    mark.unlink()
    with pytest.raises(RolledBackError, match="other-key"):
        Ledger.open(url, OTHER_KEY, mark)


def test_entries_committed_but_not_signed_are_signed_at_the_next_start(
    url: str, mark: Path
) -> None:
    """Killed after COMMIT and before the signature: the next start signs the same tree."""
    ledger = Ledger.open(url, KEY, mark)
    begin(ledger)
    signed = mark.read_bytes()
    ledger._lock.release()  # what the kernel does for a killed process
    ledger.engine.dispose()
    mark.unlink()
    with ledger_at(url, mark):
        assert mark.read_bytes() == signed
    assert verdict(url, mark) == "intact"


def test_a_commit_whose_answer_was_lost_is_not_written_twice(url: str, mark: Path) -> None:
    """COMMIT succeeded but the writer heard an error: the same commit, tried again, is found."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        commit = Commit(
            entries=[anchored(), stepped(None, 0, "opened")], messages=[message(position=1)]
        )
        done = ledger.append(commit)
        # As if `engine.begin()` had raised after the server committed:
        ledger._stale, ledger._doubt = True, (done.size, done.root)
        again = ledger.append(commit)
        assert (again.first, again.size, again.outbox) == (done.first, done.size, done.outbox)
        assert ledger.append(Commit(entries=[anchored()])).first == done.size
    assert verdict(url, mark) == "intact"


def test_a_mark_that_cannot_be_advanced_is_told_and_nothing_is_lost(
    url: str, tmp_path: Path
) -> None:
    """The commit stands; the caller learns why there is no newer mark."""
    mark = tmp_path / "gone" / "mark"
    ledger = Ledger.open(url, KEY, mark)
    try:
        committed = append(ledger, anchored())
        assert "ledger.anchor-unwritable" in committed.unsigned
        assert ledger.size == 1
    finally:
        ledger.close()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_error_of_the_store_has_a_sentence(lang: str) -> None:
    """Each code that the source raises is in the catalogue, and its values fill it in."""
    import re

    source = "".join(p.read_text() for p in Path(ledger_module.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'"(store\.[a-z-]+)"', source))
    assert len(codes) > 15
    values = dict.fromkeys(
        [
            "place",
            "cause",
            "pid",
            "table",
            "revision",
            "head",
            "there",
            "here",
            "size",
            "mark",
            "signed",
            "boundary",
            "by",
            "why",
        ],
        "1",
    )
    for code in codes:
        assert say(code, lang, **values, what="x", index=1)  # type: ignore[arg-type]


def test_a_server_that_restarts_is_ridden_out(server: object, mark: Path) -> None:
    """While it is away commits fail typed; afterwards they succeed, with the lock taken anew."""
    url = server.database()  # type: ignore[attr-defined]
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        size = ledger.size
        server.stop()  # type: ignore[attr-defined]
        try:
            with pytest.raises(StoreBusyError) as caught:
                append(ledger, anchored())
            assert caught.value.code == "store.away"
        finally:
            server.start()  # type: ignore[attr-defined]
        assert append(ledger, anchored()).first == size
        with pytest.raises(StoreBusyError) as caught:
            Ledger.open(url, KEY, mark)
        assert caught.value.code == "store.held"
    assert verdict(url, mark) == "intact"


def test_a_closed_engine_leaves_no_wal(mark: Path, tmp_path: Path) -> None:
    """After an orderly end the SQLite file alone is the whole ledger."""
    with ledger_at(f"sqlite:///{tmp_path}/a b%#.db", mark) as ledger:
        begin(ledger)
    assert not list(tmp_path.glob("*-wal"))
    assert (tmp_path / "a b%#.db").stat().st_size > 4096
