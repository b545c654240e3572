"""One value changed in a copy of a small, rich ledger: `verify` finds it and says where."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.tiles import TileTree
from monitor.proof import Proof
from monitor.source import Anchored
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify
from tests.store.building import (
    KEY,
    MINUTE_US,
    ORIGIN,
    OTHER_KEY,
    START_US,
    WITNESS,
    anchored,
    append,
    batch,
    begin,
    cosigned,
    ledger_at,
    observation,
    rich,
)

TABLES = (
    "entry",
    "record",
    "checkpoint",
    "cosignature",
    "tree",
    "tile",
    "fold",
    "series",
    "interval",
    "rollup",
    "incident",
    "label",
    "declaration",
    "silence",
    "held",
)
SAMPLE = 4
Edit = Callable[[sqlite3.Connection], object]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger that every test copies; its high-water mark lies beside it."""
    folder = tmp_path_factory.mktemp("original")
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        rich(ledger)
        for hour in range(3):
            ledger.offer(cosigned(ledger, START_US // 1_000_000 + hour * 3_600))
            append(ledger, anchored(why=str(hour)))
    return folder / "ledger.db"


def judged(path: Path, *notes: bytes) -> Proof:
    """What `verify` says of a database file, with checkpoints from outside."""
    anchors = [Anchored(place="outside", note=note) for note in notes]
    with PinnedDatabase(f"sqlite:///{path}") as source:
        return verify(source, KEY.verifier, anchors, witnesses=[WITNESS])


def edited(original: Path, to: Path, edit: Edit) -> Path:
    """A copy of the ledger, changed behind everybody's back."""
    path = to / "copy.db"
    shutil.copyfile(original, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute("PRAGMA synchronous=OFF")
        edit(connection)
        connection.commit()
    return path


def flipped(value: Any) -> Any:
    """The value with one byte or bit changed."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value ^ 0x10_0000  # one bit, and no key that is taken already
    if isinstance(value, str):
        return chr(ord(value[0]) ^ 1) + value[1:] if value else "x"
    middle = len(value) // 2
    return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]


def names_place(proof: Proof, table: str, key: dict[str, Any]) -> bool:
    """Whether a finding says where: an entry's index, a size, a hash, or the figure."""
    for finding in proof.findings:
        said = finding.values
        if table in ("entry", "tile") and finding.index is not None:
            return True
        if table == "record" and "sha256" in said:
            return True
        if table in ("checkpoint", "cosignature", "tree", "fold") and (
            "size" in said or "there" in said
        ):
            return True
        if said.get("table") == table and str(next(iter(key.values()))) in str(said["row"]):
            return True
    return any(finding.values.get("table") == table for finding in proof.findings)


def cells(original: Path, table: str) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """(primary key, column, value): every column of rows spread over the table."""
    with closing(sqlite3.connect(original)) as connection:
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        keys = [c[1] for c in sorted(columns, key=lambda c: c[5]) if c[5]]
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    step = -(-len(rows) // SAMPLE)
    for row in {*rows[::step], rows[-1]}:
        values = {c[1]: value for c, value in zip(columns, row, strict=True)}
        for column in values:
            yield {key: values[key] for key in keys}, column, values[column]


def put(table: str, key: dict[str, Any], column: str, value: Any) -> Edit:
    """Sets one cell."""
    where = " AND ".join(f'"{name}" IS ?' for name in key)
    statement = f'UPDATE {table} SET "{column}" = ? WHERE {where}'
    return lambda connection: connection.execute(statement, (value, *key.values()))


def test_the_untouched_ledger_is_intact(original: Path) -> None:
    """With the mark as anchor, everything was recomputed and nothing is left unsigned."""
    proof = judged(original, (original.parent / "mark").read_bytes())
    assert (proof.verdict, proof.anchor, proof.unsigned_tail) == ("intact", "outside", 0)
    assert proof.figures
    assert [one.count for one in proof.witnesses.values()] == [3]
    with closing(sqlite3.connect(original)) as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in TABLES]
    assert all(counts), "a table without rows would prove nothing"


@pytest.mark.parametrize("table", TABLES)
def test_a_flipped_value_in_any_column_is_found(original: Path, tmp_path: Path, table: str) -> None:
    """One byte or number changed in one row: tampered, and a finding says where."""
    for key, column, value in cells(original, table):
        path = edited(original, tmp_path, put(table, key, column, flipped(value)))
        proof = judged(path)
        assert proof.verdict == "tampered", (table, key, column)
        assert names_place(proof, table, key), (table, key, column, proof.findings)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("strange", ["x", b"\xff", 1.5, -(1 << 63), (1 << 63) - 1])
def test_a_value_of_a_strange_type_is_found(
    original: Path, tmp_path: Path, table: str, strange: Any
) -> None:
    """SQLite stores any type in any column: that is a finding, never a crash or an endless loop."""
    key, *_ = next(cells(original, table))
    for other, column, value in cells(original, table):
        if other != key or value == strange:
            continue
        path = edited(original, tmp_path, put(table, key, column, strange))
        assert judged(path).verdict == "tampered", (table, key, column)


@pytest.mark.parametrize("column", ["settled_us", "delivered", "attempts"])
def test_an_edited_receipt_in_the_outbox_is_found(
    original: Path, tmp_path: Path, column: str
) -> None:
    """What the outbox says of a settled message is compared with its receipt in the log."""

    def edit(connection: sqlite3.Connection) -> None:
        connection.execute(f"UPDATE outbox SET {column} = 7 WHERE settled_us IS NOT NULL")

    proof = judged(edited(original, tmp_path, edit))
    assert [f.values["table"] for f in proof.findings] == ["outbox"]


@pytest.mark.parametrize("table", ["entry", "record", "tree", "tile", "series", "rollup", "label"])
def test_a_deleted_row_is_found(original: Path, tmp_path: Path, table: str) -> None:
    """Without the row that everything else presumes, the ledger is tampered with."""

    def edit(connection: sqlite3.Connection) -> None:
        keys = [c[1] for c in connection.execute(f"PRAGMA table_info({table})") if c[5]]
        row = connection.execute(f'SELECT "{keys[0]}" FROM {table} LIMIT 1').fetchone()
        connection.execute(f'DELETE FROM {table} WHERE "{keys[0]}" = ?', row)

    assert judged(edited(original, tmp_path, edit)).verdict == "tampered"


def test_two_swapped_entries_are_found(original: Path, tmp_path: Path) -> None:
    """The first of the two is named first."""

    def edit(connection: sqlite3.Connection) -> None:
        for old, new in ((10, -1), (11, 10), (-1, 11)):
            connection.execute('UPDATE entry SET "index" = ? WHERE "index" = ?', (new, old))

    proof = judged(edited(original, tmp_path, edit))
    assert [f.index for f in proof.findings if f.what == "verify.leaf"] == [10]


def _cut(connection: sqlite3.Connection, size: int, *, consistently: bool) -> None:
    """Delete the tail; if consistently, make tree and tile agree with what is left."""
    connection.execute('DELETE FROM entry WHERE "index" >= ?', (size,))
    if consistently:
        rows = connection.execute('SELECT bytes FROM entry ORDER BY "index"')
        tree, tiles = TileTree().append(leaf_hash(row[0]) for row in rows)
        connection.execute("UPDATE tree SET size = ?, root = ?", (size, tree.root()))
        connection.execute("UPDATE tile SET hashes = ?", (tiles[0].hashes,))
        connection.execute("DELETE FROM fold")
        for table in ("incident", "label"):
            connection.execute(f"DELETE FROM {table} WHERE id >= ?", (size,))
        connection.execute("DELETE FROM outbox")


def test_a_deleted_tail_is_found(original: Path, tmp_path: Path) -> None:
    """The claimed size says how many entries there were."""
    proof = judged(edited(original, tmp_path, lambda c: _cut(c, 50, consistently=False)))
    assert (proof.findings[0].index, proof.findings[0].what) == (50, "verify.missing")


def test_a_tail_cut_consistently_is_found_by_the_kept_checkpoint(
    original: Path, tmp_path: Path
) -> None:
    """Tree, tiles and figures agree with what is left, but a larger tree was signed."""
    proof = judged(edited(original, tmp_path, lambda c: _cut(c, 55, consistently=True)))
    assert proof.findings[0].what == "verify.cut"


def test_a_tail_cut_with_its_checkpoints_is_found_by_the_mark_alone(
    original: Path, tmp_path: Path
) -> None:
    """Inside, nothing says any more that there was a tail."""

    def edit(connection: sqlite3.Connection) -> None:
        _cut(connection, 55, consistently=True)
        connection.execute("DELETE FROM checkpoint WHERE size > 55")
        connection.execute("DELETE FROM cosignature")

    path = edited(original, tmp_path, edit)
    assert "verify.cut" not in {f.what for f in judged(path).findings}
    outside = judged(path, (original.parent / "mark").read_bytes())
    assert outside.findings[0].what == "verify.ahead"


def test_a_restored_older_copy_is_behind_the_mark(tmp_path: Path) -> None:
    """The old copy is intact by itself; with the mark it is tampered with."""
    url, mark, old = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark", tmp_path / "old.db"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
    shutil.copyfile(tmp_path / "l.db", old)
    with ledger_at(url, mark) as ledger:
        append(ledger, anchored(why="step"))
    assert judged(old).verdict == "intact"
    assert judged(old, mark.read_bytes()).findings[0].what == "verify.ahead"


def test_an_entry_changed_together_with_every_unsigned_hash_is_found(
    original: Path, tmp_path: Path
) -> None:
    """Leaf, tile and root were recomputed by the forger; the signed root was not."""
    forged = anchored(wall_us=MINUTE_US)

    def edit(connection: sqlite3.Connection) -> None:
        connection.execute('UPDATE entry SET bytes = ? WHERE "index" = 1', (forged,))
        rows = connection.execute('SELECT bytes FROM entry ORDER BY "index"')
        tree, tiles = TileTree().append(leaf_hash(row[0]) for row in rows)
        connection.execute("UPDATE tree SET root = ?", (tree.root(),))
        connection.execute("UPDATE tile SET hashes = ?", (tiles[0].hashes,))

    proof = judged(edited(original, tmp_path, edit))
    assert proof.findings[0].what == "verify.checkpoint-root"


def test_a_log_signed_again_with_another_key_is_found(original: Path, tmp_path: Path) -> None:
    """A key of the same name, found only inside, proves nothing."""

    def edit(connection: sqlite3.Connection) -> None:
        size, root = connection.execute("SELECT size, root FROM tree").fetchone()
        note = sign_checkpoint(Checkpoint(origin=ORIGIN, size=size, root=root), OTHER_KEY)
        connection.execute("DELETE FROM checkpoint")
        connection.execute("DELETE FROM cosignature")
        connection.execute("INSERT INTO checkpoint VALUES (?, ?)", (size, note))

    proof = judged(edited(original, tmp_path, edit))
    assert [f.what for f in proof.findings] == ["verify.checkpoint", "verify.unsigned"]


def test_a_second_history_signed_by_the_same_key_is_found(tmp_path: Path) -> None:
    """Each of two logs of one key is intact by itself; the other's checkpoint convicts it."""
    notes = []
    for name, at_ms in (("one", 0), ("two", 60_000)):
        with ledger_at(f"sqlite:///{tmp_path}/{name}.db", tmp_path / name) as ledger:
            begin(ledger)
            append(ledger, batch([observation(0, at_ms)]))
        notes.append((tmp_path / name).read_bytes())
    assert judged(tmp_path / "one.db", notes[0]).verdict == "intact"
    convicted = judged(tmp_path / "one.db", notes[1])
    assert {f.what for f in convicted.findings} >= {"verify.equivocation"}


def test_a_wiped_database_is_ahead_of_nothing(original: Path, tmp_path: Path) -> None:
    """Every row gone: unusable by itself, tampered with beside a mark."""

    def edit(connection: sqlite3.Connection) -> None:
        for table in (*TABLES, "outbox"):
            connection.execute(f"DELETE FROM {table}")

    path = edited(original, tmp_path, edit)
    assert judged(path).verdict == "unusable"
    assert judged(path, (original.parent / "mark").read_bytes()).verdict == "tampered"
