"""One value changed in a copy of a small, rich ledger: `verify` finds it and says where."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.proof import Proof
from tests.store.building import (
    MINUTE_US,
    OTHER_KEY,
    anchored,
    append,
    batch,
    begin,
    ledger_at,
    observation,
)
from tests.tampering.bases import make_small
from tests.tampering.copies import Copy, copied
from tests.tampering.judging import proof_of

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
Cell = tuple[dict[str, Any], str, Any]
"""(primary key, column, value)."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger that every test copies; its high-water mark lies beside it."""
    folder = tmp_path_factory.mktemp("original")
    make_small(folder)
    return folder


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Copy:
    """A copy of it."""
    return copied(original, tmp_path)


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


def cells(copy: Copy, table: str) -> Iterator[Cell]:
    """Every column of rows spread over the table."""
    columns = copy.rows(f"PRAGMA table_info({table})")
    keys = [c[1] for c in sorted(columns, key=lambda c: c[5]) if c[5]]
    rows = copy.rows(f"SELECT * FROM {table}")
    step = -(-len(rows) // SAMPLE)
    for row in {*rows[::step], rows[-1]}:
        values = {c[1]: value for c, value in zip(columns, row, strict=True)}
        for column in values:
            yield {key: values[key] for key in keys}, column, values[column]


def put(copy: Copy, table: str, key: dict[str, Any], column: str, value: Any) -> None:
    """Set one cell."""
    where = " AND ".join(f'"{name}" IS ?' for name in key)
    copy.sql(f'UPDATE {table} SET "{column}" = ? WHERE {where}', value, *key.values())


def test_the_untouched_ledger_is_intact(copy: Copy) -> None:
    """With the mark as anchor, everything was recomputed and nothing is left unsigned."""
    copy.notes = [copy.mark]
    proof = proof_of(copy)
    assert (proof.verdict, proof.anchor, proof.unsigned_tail) == ("intact", "outside", 0)
    assert proof.figures
    assert [one.count for one in proof.witnesses.values()] == [3]
    counts = [copy.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]
    assert all(counts), "a table without rows would prove nothing"


@pytest.mark.parametrize("table", TABLES)
def test_a_flipped_value_in_any_column_is_found(original: Path, tmp_path: Path, table: str) -> None:
    """One byte or number changed in one row: tampered, and a finding says where."""
    for key, column, value in list(cells(Copy(original), table)):
        copy = copied(original, tmp_path)
        put(copy, table, key, column, flipped(value))
        proof = proof_of(copy)
        assert proof.verdict == "tampered", (table, key, column)
        assert names_place(proof, table, key), (table, key, column, proof.findings)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("strange", ["x", b"\xff", 1.5, -(1 << 63), (1 << 63) - 1])
def test_a_value_of_a_strange_type_is_found(
    original: Path, tmp_path: Path, table: str, strange: Any
) -> None:
    """SQLite stores any type in any column: that is a finding, never a crash or an endless loop."""
    first, *rest = cells(Copy(original), table)
    for key, column, value in (first, *rest):
        if key != first[0] or value == strange:
            continue
        copy = copied(original, tmp_path)
        put(copy, table, key, column, strange)
        assert proof_of(copy).verdict == "tampered", (table, key, column)


@pytest.mark.parametrize("column", ["settled_us", "delivered", "attempts"])
def test_an_edited_receipt_in_the_outbox_is_found(copy: Copy, column: str) -> None:
    """What the outbox says of a settled message is compared with its receipt in the log."""
    copy.sql(f"UPDATE outbox SET {column} = 7 WHERE settled_us IS NOT NULL")
    assert [f.values["table"] for f in proof_of(copy).findings] == ["outbox"]


@pytest.mark.parametrize("table", ["entry", "record", "tree", "tile", "series", "rollup", "label"])
def test_a_deleted_row_is_found(copy: Copy, table: str) -> None:
    """Without the row that everything else presumes, the ledger is tampered with."""
    key = next(c[1] for c in copy.rows(f"PRAGMA table_info({table})") if c[5])
    row = copy.rows(f'SELECT "{key}" FROM {table} LIMIT 1')[0]
    copy.sql(f'DELETE FROM {table} WHERE "{key}" = ?', *row)
    assert proof_of(copy).verdict == "tampered"


def test_two_swapped_entries_are_found(copy: Copy) -> None:
    """The first of the two is named first."""
    for old, new in ((10, -1), (11, 10), (-1, 11)):
        copy.sql('UPDATE entry SET "index" = ? WHERE "index" = ?', new, old)
    assert [f.index for f in proof_of(copy).findings if f.what == "verify.leaf"] == [10]


def _cut_consistently(copy: Copy, size: int) -> None:
    """Delete the tail, and make tree, tiles and fold agree with what is left."""
    copy.cut(size)
    copy.rehash()
    copy.empty("outbox")


def test_a_deleted_tail_is_found(copy: Copy) -> None:
    """The claimed size says how many entries there were."""
    copy.cut(50)
    first = proof_of(copy).findings[0]
    assert (first.index, first.what) == (50, "verify.missing")


def test_a_tail_cut_consistently_is_found_by_the_kept_checkpoint(copy: Copy) -> None:
    """Tree, tiles and fold agree with what is left, but a larger tree was signed."""
    _cut_consistently(copy, 55)
    assert proof_of(copy).findings[0].what == "verify.cut"


def test_a_tail_cut_with_its_checkpoints_is_found_by_the_mark_alone(copy: Copy) -> None:
    """Inside, nothing says any more that there was a tail."""
    _cut_consistently(copy, 55)
    copy.sql("DELETE FROM checkpoint WHERE size > 55")
    copy.empty("cosignature")
    assert "verify.cut" not in {f.what for f in proof_of(copy).findings}
    copy.notes = [copy.mark]
    assert proof_of(copy).findings[0].what == "verify.ahead"


def test_a_restored_older_copy_is_behind_the_mark(tmp_path: Path) -> None:
    """The old copy is intact by itself; with the mark it is tampered with."""
    now = Copy(tmp_path / "now")
    now.folder.mkdir()
    url, mark = f"sqlite:///{now.database}", now.folder / "mark"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
    old = copied(now.folder, tmp_path)
    with ledger_at(url, mark) as ledger:
        append(ledger, anchored(why="step"))
    assert proof_of(old).verdict == "intact"
    old.notes = [now.mark]
    assert proof_of(old).findings[0].what == "verify.ahead"


def test_an_entry_changed_together_with_every_unsigned_hash_is_found(copy: Copy) -> None:
    """Leaf, tile and root were recomputed by the forger; the signed root was not."""
    copy.replace(1, anchored(wall_us=MINUTE_US))
    copy.rehash()
    assert proof_of(copy).findings[0].what == "verify.checkpoint-root"


def test_a_log_signed_again_with_another_key_is_found(copy: Copy) -> None:
    """A key of the same name, found only inside, proves nothing."""
    copy.reseal(OTHER_KEY)
    assert [f.what for f in proof_of(copy).findings] == ["verify.checkpoint", "verify.unsigned"]


def test_a_second_history_signed_by_the_same_key_is_found(tmp_path: Path) -> None:
    """Each of two logs of one key is intact by itself; the other's checkpoint convicts it."""
    one, two = Copy(tmp_path / "one"), Copy(tmp_path / "two")
    for copy, at_ms in ((one, 0), (two, 60_000)):
        copy.folder.mkdir()
        with ledger_at(f"sqlite:///{copy.database}", copy.folder / "mark") as ledger:
            begin(ledger)
            append(ledger, batch([observation(0, at_ms)]))
    one.notes = [one.mark]
    assert proof_of(one).verdict == "intact"
    one.notes = [two.mark]
    assert {f.what for f in proof_of(one).findings} >= {"verify.equivocation"}


def test_a_wiped_database_is_ahead_of_nothing(copy: Copy) -> None:
    """Every row gone: unusable by itself, tampered with beside a mark."""
    copy.empty(*TABLES, "outbox")
    assert proof_of(copy).verdict == "unusable"
    copy.notes = [copy.mark]
    assert proof_of(copy).verdict == "tampered"
