"""The one writer: entries, what is derived from them, tiles and tree state in one transaction.

Crash points, in order:
1. Before COMMIT returns: nothing of the batch exists; the sequence has no gap. (A server may have
   committed and lost the connection before it could say so: the same commit is then recognised
   when it is tried again, and not written twice.)
2. After COMMIT, before the checkpoint is signed: the next start signs the same tree; Ed25519 is
   deterministic, so the bytes are the same.
3. After signing, before the high-water mark is advanced: the mark is behind, never ahead.
4. After that, before anybody was told: outbox rows are pending and are offered again.
Signing comes after COMMIT because a signed root that was rolled back would be equivocation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from monitor.derive import Changes, Fold
from monitor.ledger import anchor
from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.errors import LedgerError
from monitor.ledger.handover import signatures_on
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.note import Signature, parse_unverified
from monitor.ledger.signer import NoteSigner, Verifier
from monitor.ledger.stamp import Stamped
from monitor.ledger.tiles import TileTree
from monitor.ledger.witness import Cosigned
from monitor.model import Delivery, OutboxRow
from monitor.store import inserting
from monitor.store.connect import WriterLock, migrate, open_engine, place_of
from monitor.store.errors import store_error
from monitor.store.keeping import Checkpoints, Cosignatures
from monitor.store.keys import Keys
from monitor.store.opening import own_notes, stored
from monitor.store.reader import read_entries
from monitor.store.rows import apply_changes
from monitor.text import plain

SNAPSHOT_EVERY = 900
"""Entries between two snapshots of the fold: about a quarter of an hour at one a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An alert that commits together with an incident step.

    `position` is the place of the opening entry in the commit when the incident is opened by it,
    else `incident` is its id. `row` makes the outbox row of that id.
    """

    row: Callable[[int], OutboxRow]
    position: int | None = None
    incident: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What goes into the ledger in one transaction."""

    entries: Sequence[bytes]
    records: Mapping[bytes, bytes] = field(default_factory=dict)
    messages: Sequence[Message] = ()
    settled: Sequence[Delivery] = ()
    stamps: Sequence[Stamped] = ()
    """Time-stamped checkpoints that entries of this commit tell of."""
    at_us: int = 0
    """Wall clock, for the hour of the kept checkpoint only."""
    heir: NoteSigner | None = None
    """Who signs after this commit, whose only entry hands the log over to that key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a transaction came to. `note` is None when the checkpoint could not be signed."""

    first: int
    size: int
    root: bytes
    note: bytes | None
    unsigned: str
    """Why there is no note, or why the high-water mark could not be advanced; else empty."""
    outbox: tuple[OutboxRow, ...]
    reason: Mapping[str, object] | None = None
    """The same for people: the `code` of a text with its `values`, where there is one."""


class Ledger:
    """The open database of the one writer. Not thread-safe: one thread calls it."""

    def __init__(self, url: str, engine: Engine, lock: WriterLock, signer: NoteSigner, mark: Path):
        self.url = url
        self.engine = engine
        self.signer = signer
        self.mark = mark
        self.backup: str | None = None
        self.tree = TileTree()
        self.fold = Fold()
        self._lock = lock
        self._stale = True
        self._snapshot_at = 0
        self._doubt: tuple[int, bytes] | None = None  # (size, root) if a COMMIT did succeed
        self.note: bytes | None = None
        self.checkpoints = Checkpoints(self.origin)
        self.cosignatures = Cosignatures()

    @classmethod
    def open(cls, url: str, signer: NoteSigner, mark: Path) -> Self:
        """Lock, migrate after a backup, replay, compare with the high-water mark, sign.

        The tree is signed again, so that entries that were committed and not signed when the
        program was killed are under a checkpoint and the mark from here on.

        Raises StoreBusyError (another writer), RolledBackError, StoreError, AnchorError.
        """
        engine = open_engine(url)
        lock = WriterLock(url)
        try:
            ledger = cls(url, engine, lock.acquire(engine), signer, mark)
            ledger.backup = migrate(engine, url)
            ledger._load()
            ledger._keys.require_in_force()
            notes = own_notes(engine, ledger._keys, ledger.size, mark, place_of(url))
        except SQLAlchemyError as error:
            ledger_closed(lock, engine)
            raise store_error(error, place_of(url)) from error
        except Exception:  # whatever was wrong, the lock must not outlive this attempt
            ledger_closed(lock, engine)
            raise
        if ledger.size:
            ledger._signed(ledger.size, (), ledger._vouching(notes))
        return ledger

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.tree.size

    @property
    def origin(self) -> str:
        """The log's name, which is its key's."""
        return self.signer.verifier.name

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The key in force, then every one that was; what a checkpoint of ours is signed by."""
        return self._keys.verifiers

    @property
    def _keys(self) -> Keys:
        return Keys(self.signer.verifier, self.fold.rotations)

    def append(self, commit: Commit) -> Committed:
        """Commit and sign; on StoreError the same commit may, and must, be tried again.

        Nothing was written then, unless a server fell silent while it committed: trying the
        same commit again finds that out. EntryError: an entry cannot follow, nothing was written.
        """
        self._require_state()
        if self._was_committed(commit):
            first = self.tree.size - len(commit.entries)
            outbox = tuple(_outbox_row(m, first) for m in commit.messages)
            return self._handed(self._signed(first, outbox), commit.heir)
        self._keys.require_in_force()
        first = self.tree.size
        grown, tiles = self.tree.append(leaf_hash(raw) for raw in commit.entries)
        changes = Changes()
        self._stale = True  # until COMMIT returned, the fold is ahead of the database
        for _ in self.fold.taken(first, commit.entries, changes):
            pass
        outbox = tuple(_outbox_row(message, first) for message in commit.messages)
        snapshot = grown.size - self._snapshot_at >= SNAPSHOT_EVERY
        self._doubt = (grown.size, grown.root())
        try:
            with self.engine.begin() as connection:
                inserting.store_entries(connection, first, commit.entries)
                inserting.store_records(connection, commit.records)
                apply_changes(connection, changes, tiles)
                inserting.store_outbox(connection, outbox, commit.settled)
                inserting.store_stamps(connection, commit.stamps)
                inserting.advance_tree(connection, self.origin, first, grown, place_of(self.url))
                self.checkpoints.keep(connection, commit.at_us)
                self.cosignatures.keep(connection)
                if snapshot:
                    self.store_snapshot(connection, grown.size)
        except SQLAlchemyError as error:
            raise store_error(error, place_of(self.url)) from error
        self.checkpoints.committed()
        self.cosignatures.committed()
        self.tree, self._stale, self._doubt = grown, False, None
        if snapshot:
            self._snapshot_at = grown.size
        return self._handed(self._signed(first, outbox), commit.heir)

    def offer(self, cosigned: Cosigned) -> None:
        """A verified cosignature, to be kept with the next commit. Any thread may call it."""
        self.cosignatures.offer(cosigned)

    def abandon(self) -> None:
        """Give the lock back and write nothing: this log must not go on."""
        ledger_closed(self._lock, self.engine)

    def close(self, at_us: int = 0) -> None:
        """Keep the last checkpoint, cosignatures and a snapshot, and give the lock back."""
        try:
            if not self._stale:
                with self.engine.begin() as connection:
                    self.checkpoints.keep(connection, at_us)
                    self.cosignatures.keep(connection)
                    self.store_snapshot(connection, self.tree.size)
        except SQLAlchemyError as error:
            raise store_error(error, place_of(self.url)) from error
        finally:
            ledger_closed(self._lock, self.engine)

    def sign(self, kept: Iterable[Signature] = ()) -> bytes:
        """The checkpoint of the tree as it stands, with signatures that it bears already."""
        return sign_checkpoint(self._head(), self.signer, kept)

    def _head(self) -> Checkpoint:
        return Checkpoint(origin=self.origin, size=self.tree.size, root=self.tree.root())

    def _signed(
        self, first: int, outbox: tuple[OutboxRow, ...], kept: Iterable[Signature] = ()
    ) -> Committed:
        unsigned, reason = "", None
        self.note = None
        try:
            self.note = self.sign(tuple(kept))
            self.checkpoints.offer(self.tree.size, self.note)
            anchor.advance(self.mark, self.note)
        except (LedgerError, OSError) as error:
            unsigned = str(error)
            if isinstance(error, LedgerError):
                reason = {"code": error.code, "values": plain(error.values)}
        return Committed(
            first=first,
            size=self.tree.size,
            root=self.tree.root(),
            note=self.note,
            unsigned=unsigned,
            reason=reason,
            outbox=outbox,
        )

    def _handed(self, committed: Committed, heir: NoteSigner | None) -> Committed:
        """The next key signs from here on, and this tree beside the outgoing one.

        Crash before, at any point: the entry is there or it is not, and the next start opens the
        log with the key that the entries say is in force.
        """
        if heir is None:
            return committed
        self.signer = heir
        kept = () if committed.note is None else parse_unverified(committed.note).signatures
        return self._signed(committed.first, committed.outbox, kept)

    def vouch(self, outgoing: NoteSigner) -> None:
        """Let an outgoing key sign the tree that ends with its hand-over, if nothing came after.

        A key that cannot sign leaves it at what there is.
        """
        rotations, head = self.fold.rotations, self._head()
        if not rotations or (self.size, outgoing.verifier.vkey) != (
            rotations[-1][0] + 1,
            rotations[-1][1],
        ):
            return
        try:
            signatures = parse_unverified(sign_checkpoint(head, outgoing)).signatures
        except LedgerError:
            return
        self._signed(self.size, (), signatures)

    def _vouching(self, notes: Iterable[bytes]) -> tuple[Signature, ...]:
        """What outgoing keys signed of the very tree that stands: a hand-over just before."""
        return signatures_on(self._head().text, notes, self.verifiers[1:])

    def _require_state(self) -> None:
        """The lock is ours, and the fold and tree are the database's."""
        try:
            self._lock.still_held(self.engine)
            if self._stale:
                self._load()
        except SQLAlchemyError as error:
            raise store_error(error, place_of(self.url)) from error

    def _was_committed(self, commit: Commit) -> bool:
        """Whether a COMMIT that failed, as far as we were told, is in the database after all."""
        doubt, self._doubt = self._doubt, None
        if doubt is None or doubt != (self.tree.size, self.tree.root()) or not commit.entries:
            return False
        first = self.tree.size - len(commit.entries)
        with self.engine.connect() as connection:
            there = [raw for _, raw in read_entries(connection, first, self.tree.size)]
        return there == list(commit.entries)

    def _load(self) -> None:
        """The state at the database's size: the last snapshot, and every entry after it."""
        found = stored(self.engine, self.origin, place_of(self.url))
        self.tree, self.fold = found.tree, found.fold
        self._snapshot_at = found.snapshot_at
        self._stale = False

    def store_snapshot(self, connection: Connection, size: int) -> None:
        """Keep the fold as it stands; `size` is the tree's. For a transaction of the one writer."""
        inserting.store_snapshot(connection, size, self.fold.snapshot())


def ledger_closed(lock: WriterLock, engine: Engine) -> None:
    """Give the lock and every connection back."""
    lock.release()
    engine.dispose()


def _outbox_row(message: Message, first: int) -> OutboxRow:
    if message.position is not None:
        return message.row(first + message.position)
    if message.incident is None:
        raise ValueError("a message needs its incident")
    return message.row(message.incident)
