"""A copy of an honest log, to be spoiled behind everybody's back."""

import shutil
import sqlite3
import zipfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.derive import Changes, Fold
from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.signer import Signer
from monitor.ledger.tiles import TileTree
from tests.store.building import ORIGIN


@dataclass(slots=True)
class Copy:
    """A copy of one of the bases: what is spoiled, and what the verifier is given beside it."""

    folder: Path
    notes: list[bytes] = field(default_factory=list)
    """Checkpoints from outside."""
    with_archive: bool = False

    @property
    def database(self) -> Path:
        """The database, where the base is one."""
        return self.folder / "ledger.db"

    @property
    def mark(self) -> bytes:
        """The high-water mark that lies beside."""
        return (self.folder / "mark").read_bytes()

    def sql(self, statement: str, *values: object) -> None:
        """One statement behind everybody's back; it must change something."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("PRAGMA ignore_check_constraints=ON")
            connection.execute("PRAGMA synchronous=OFF")
            assert connection.execute(statement, values).rowcount != 0, statement
            connection.commit()

    def empty(self, *tables: str) -> None:
        """No row is left in these tables, whether there was one or not."""
        with closing(sqlite3.connect(self.database)) as connection:
            for table in tables:
                connection.execute(f"DELETE FROM {table}")
            connection.commit()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query).fetchall()

    def entries(self) -> list[bytes]:
        """The bytes of every entry."""
        return [row[0] for row in self.rows('SELECT bytes FROM entry ORDER BY "index"')]

    def replace(self, index: int, raw: bytes) -> None:
        """Other bytes for one entry."""
        self.sql('UPDATE entry SET bytes = ? WHERE "index" = ?', raw, index)

    def rehash(self) -> Checkpoint:
        """Everything that is no signature made to agree with the entries, as a forger would."""
        entries = self.entries()
        tree, tiles = TileTree().append(map(leaf_hash, entries))
        self.sql("UPDATE tree SET size = ?, root = ?", tree.size, tree.root())
        self.sql("DELETE FROM tile")
        for tile in tiles:
            row = (tile.level, tile.index, tile.hashes)
            self.sql("INSERT OR REPLACE INTO tile VALUES (?, ?, ?)", *row)
        fold = Fold()
        for index, raw in enumerate(entries):
            fold.apply(index, raw, Changes())
        self.sql("UPDATE fold SET size = ?, state = ?", tree.size, fold.snapshot())
        return Checkpoint(origin=ORIGIN, size=tree.size, root=tree.root())

    def reseal(self, signer: Signer) -> None:
        """Every checkpoint and cosignature thrown away, and the forged tree signed by this key."""
        head = self.rehash()
        self.unseal()
        self.sql("INSERT INTO checkpoint VALUES (?, ?)", head.size, sign_checkpoint(head, signer))

    def unseal(self) -> None:
        """No signature is left."""
        self.empty("checkpoint", "cosignature")

    def signed(self, size: int, signer: Signer) -> bytes:
        """A checkpoint of the tree as it was at a size, signed by this key."""
        tree, _ = TileTree().append(map(leaf_hash, self.entries()[:size]))
        return sign_checkpoint(Checkpoint(origin=ORIGIN, size=size, root=tree.root()), signer)

    def cut(self, size: int) -> None:
        """The tail deleted."""
        self.sql('DELETE FROM entry WHERE "index" >= ?', size)

    def file(self, name: str) -> Path:
        """A file of an exported log."""
        return self.folder / "log" / name

    def flip(self, name: str, at: int = -1) -> None:
        """One bit of a file of an exported log."""
        whole = bytearray(self.file(name).read_bytes())
        whole[at] ^= 1
        self.file(name).write_bytes(whole)

    @property
    def bundle(self) -> Path:
        """The audit bundle."""
        return self.folder / "bundle.zip"

    def members(self) -> dict[str, bytes]:
        """What is in the audit bundle."""
        with zipfile.ZipFile(self.bundle) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def pack(self, members: Mapping[str, bytes]) -> None:
        """Other contents for the audit bundle."""
        self.bundle.unlink()
        with zipfile.ZipFile(self.bundle, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)


def copied(base: Path, to: Path) -> Copy:
    """A copy of a base to be spoiled; an earlier one in the same place is gone."""
    shutil.rmtree(to / "copy", ignore_errors=True)
    return Copy(folder=Path(shutil.copytree(base, to / "copy")))
