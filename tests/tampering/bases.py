"""What is tampered with: honest logs of every shape, made once, and a copy of one to be spoiled."""

import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.derive import Changes, Fold
from monitor.exported import ExportedLog
from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.entry import KeyRotated, LogOpened, LossCounted
from monitor.ledger.errors import LedgerError
from monitor.ledger.finding import Finding
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.signer import Signer
from monitor.ledger.tiles import TileTree
from monitor.proof import Proof
from monitor.rejoined import Rejoined
from monitor.report.audit import audit
from monitor.report.bundle import Bundle, write_bundle
from monitor.report.oscal import OSCAL_JSON, to_oscal
from monitor.report.rows import to_csv
from monitor.report.shown import to_bytes
from monitor.source import Anchored
from monitor.store.export import export
from monitor.store.ledger import Commit, Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.store.pruning import Pruning, prune
from monitor.succession import handover, opening
from monitor.text import say
from monitor.verify import verify
from tests.report.scene import DOWN, Scene, ping
from tests.store.building import (
    KEY,
    ORIGIN,
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

NEXT_KEY = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(b"n" * 32))
LATER = "agent.example/log2"
LATER_KEY = Signer(name=LATER, key=Ed25519PrivateKey.from_private_bytes(b"l" * 32))


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

    def entries(self) -> list[bytes]:
        """The bytes of every entry."""
        with closing(sqlite3.connect(self.database)) as connection:
            return [
                row[0] for row in connection.execute('SELECT bytes FROM entry ORDER BY "index"')
            ]

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
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("DELETE FROM checkpoint")
            connection.execute("DELETE FROM cosignature")
            connection.commit()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the verifier says of a copy."""

    verdict: str
    findings: list[Finding]
    figures: bool = False

    def said(self) -> str:
        """The first finding in words."""
        first = self.findings[0]
        return say(first.what, "en", **first.values)


def judged(copy: Copy, kind: str) -> Judged:
    """Verify a copy of a base of this kind with the keys and checkpoints from outside."""
    try:
        return _JUDGES[kind](copy)
    except LedgerError as error:
        # What is no bundle at all is refused before anything in it is believed.
        finding = Finding(index=None, what=error.code, values=dict(error.values))
        return Judged(verdict="unusable", findings=[finding])


def _told(proof: Proof) -> Judged:
    findings = [proof.unusable] if proof.unusable else proof.findings
    return Judged(verdict=proof.verdict, findings=findings, figures=proof.figures)


def _anchors(copy: Copy) -> list[Anchored]:
    return [Anchored(place="outside", note=note) for note in copy.notes]


def _database(copy: Copy) -> Judged:
    with PinnedDatabase(f"sqlite:///{copy.database}") as source, ExitStack() as stack:
        archives = [copy.folder / "archive"] if copy.with_archive else []
        logs = [stack.enter_context(ExportedLog(folder)) for folder in archives]
        whole = Rejoined(source, logs) if logs else source
        return _told(verify(whole, KEY.verifier, _anchors(copy), witnesses=[WITNESS]))


def _rotated(copy: Copy) -> Judged:
    with PinnedDatabase(f"sqlite:///{copy.database}") as source:
        return _told(verify(source, [KEY.verifier, NEXT_KEY.verifier], _anchors(copy)))


def _export(copy: Copy) -> Judged:
    with ExportedLog(copy.folder / "log") as source:
        return _told(verify(source, KEY.verifier, _anchors(copy), witnesses=[WITNESS]))


def _bundle(copy: Copy) -> Judged:
    with Bundle(copy.bundle) as source:
        proof = verify(source, KEY.verifier, _anchors(copy))
        audit(source, proof, trusted=[KEY.verifier])
        return _told(proof)


def _chain(copy: Copy) -> Judged:
    """Two logs and the hand-over between them."""
    with ExitStack() as stack:
        urls = [f"sqlite:///{copy.folder / name}" for name in ("ledger.db", "later.db")]
        earlier, later = (stack.enter_context(PinnedDatabase(url)) for url in urls)
        first, then = opening(earlier), opening(later)
        assert first is not None
        assert then is not None
        told, note = handover(first, earlier.head()[1], then, [KEY.verifier])
        proofs = [
            verify(earlier, KEY.verifier, [note] if note else []),
            verify(later, LATER_KEY.verifier),
        ]
    findings = [told.finding] if told.finding else []
    findings += [finding for proof in proofs for finding in proof.findings]
    lost_any = "incomplete" if told.lost else "intact"
    return Judged(verdict="tampered" if findings else lost_any, findings=findings)


_JUDGES: dict[str, Callable[[Copy], Judged]] = {
    "database": _database,
    "pruned": _database,
    "rotated": _rotated,
    "export": _export,
    "bundle": _bundle,
    "chain": _chain,
}


def _full(folder: Path, to: int) -> None:
    """A rich log with three cosignatures, filled up so that there are tiles of tiles."""
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        rich(ledger, rounds=12)
        for hour in range(3):
            ledger.offer(cosigned(ledger, START_US // 1_000_000 + hour * 3_600))
            append(ledger, lost(hour))
        fill(ledger, to)
        ledger.offer(cosigned(ledger, START_US // 1_000_000 + 4 * 3_600))
        append(ledger, lost(to))


def lost(number: int) -> bytes:
    """An entry that derives nothing."""
    return LossCounted(since_us=number, until_us=number + 1, counts={"late": 1}).to_bytes()


def fill(ledger: Ledger, to: int) -> None:
    """Entries up to a size, now and then with an observation, in commits of 64."""
    while ledger.size < to:
        entries = []
        for number in range(ledger.size, min(to, ledger.size + 64)):
            at_ms = 400 * 3_600_000 + number * 60_000
            rows = [observation(n, at_ms, judgement=number // 64 % 2) for n in range(3)]
            entries.append(batch(rows) if number % 16 == 0 else lost(number))
        append(ledger, *entries)


def make_database(folder: Path) -> None:
    """300 entries and their high-water mark."""
    _full(folder, 299)


def make_export(folder: Path) -> None:
    """The same log as files."""
    _full(folder, 299)
    export(f"sqlite:///{folder}/ledger.db", folder / "log", note=(folder / "mark").read_bytes())


def make_pruned(folder: Path) -> None:
    """A log pruned below 256, with the archive of what was pruned."""
    _full(folder, 280)
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        export(ledger.url, folder / "archive", note=ledger.note)
        plan = Pruning(begin=0, boundary=256, before_us=START_US)
        prune(ledger, plan, "ayu", "retention", START_US)
        fill(ledger, 310)


def make_rotated(folder: Path) -> None:
    """A log whose key was handed over."""
    url, mark = f"sqlite:///{folder}/ledger.db", folder / "mark"
    with ledger_at(url, mark) as ledger:
        rich(ledger, rounds=4)
        told = KeyRotated(
            previous=KEY.verifier.vkey,
            next=NEXT_KEY.verifier.vkey,
            author="ayu",
            reason="yearly",
            at_us=START_US,
        )
        append(ledger, told.to_bytes())
    with ledger_at(url, mark, NEXT_KEY) as ledger:
        append(ledger, anchored(why="new key"))
        append(ledger, anchored(why="goes on"))


def make_chain(folder: Path) -> None:
    """A log, and the one that succeeds it."""
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        begin(ledger)
    previous = (folder / "mark").read_text()
    first = LogOpened(origin=LATER, vantage="kupang", opened_us=START_US, previous=previous)
    with ledger_at(f"sqlite:///{folder}/later.db", folder / "later", LATER_KEY) as ledger:
        append(ledger, first.to_bytes())
        append(ledger, anchored())


def make_bundle(folder: Path) -> None:
    """The report of a month of which the first days are seen, as the command packs it."""
    scene = Scene()
    scene.begin()
    scene.series(0, "balai-fo", "icmp", "availability/link-answers", "loss/loss-5")
    scene.observe([ping(0, step, up=step not in DOWN) for step in range(DOWN.stop + 60)])
    url = f"sqlite:///{folder}/ledger.db"
    with ledger_at(url, folder / "mark") as ledger:
        ledger.append(Commit(entries=scene.entries, records=scene.records, at_us=START_US))
    export(url, folder / "log", note=(folder / "mark").read_bytes())
    report = scene.report()
    files = {"report.json": to_bytes(report), OSCAL_JSON: to_oscal(report), **to_csv(report)}
    whole = {f"report/{name}": content for name, content in files.items()}
    whole["accounting.json"] = report.accounting.to_bytes()
    whole["keys/log.vkey"] = f"{KEY.verifier.vkey}\n".encode()
    write_bundle(folder / "bundle.zip", whole, folder / "log")


MAKERS: dict[str, Callable[[Path], None]] = {
    "database": make_database,
    "export": make_export,
    "pruned": make_pruned,
    "rotated": make_rotated,
    "chain": make_chain,
    "bundle": make_bundle,
}


def copied(base: Path, to: Path) -> Copy:
    """A copy of a base to be spoiled."""
    return Copy(folder=Path(shutil.copytree(base, to / "copy")))
