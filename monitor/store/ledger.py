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

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from monitor.derive import HOUR_US, Changes, Fold
from monitor.ledger import anchor
from monitor.ledger.checkpoint import Checkpoint, open_by_any, sign_checkpoint
from monitor.ledger.entry import EntryError
from monitor.ledger.epochs import in_force
from monitor.ledger.errors import LedgerError
from monitor.ledger.handover import signatures_on, signed_by_two
from monitor.ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash
from monitor.ledger.note import Signature, parse_unverified
from monitor.ledger.signer import NoteSigner, Verifier
from monitor.ledger.stamp import Stamped
from monitor.ledger.tiles import TileTree, hash_reader
from monitor.ledger.witness import Cosigned
from monitor.model import Delivery, OutboxRow
from monitor.store import schema
from monitor.store.connect import WriterLock, migrate, open_engine, place_of
from monitor.store.errors import RolledBackError, StoreError, store_error
from monitor.store.reader import blob, entry_count, pruned, read_entries, read_tile, tree_state
from monitor.store.reader import raw as raw_columns
from monitor.store.replay import replay
from monitor.store.rows import apply_changes, write_rows
from monitor.text import plain

_AT_ONCE = 500
"""Parameters of one statement: SQLite before 3.32 takes 999."""
MOST_COSIGNED = 1_000
"""Cosignatures that wait for a transaction; while none succeeds, the oldest ones are let go."""
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
        self._unsaved: tuple[int, bytes] | None = None
        self._kept = self._keeping = (-1, -1)  # (hour, size of the newest, -1 when it stays)
        self._own_notes: list[bytes] = []
        """Newest kept checkpoint and mark, as they were found at the start."""
        self._doubt: tuple[int, bytes] | None = None  # (size, root) if a COMMIT did succeed
        self.note: bytes | None = None
        self._offered: deque[Cosigned] = deque(maxlen=MOST_COSIGNED)
        self._cosigned: dict[str, tuple[int, int]] = {}  # by witness: as `_kept`

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
            ledger._require_key()
            ledger._compare_with_mark()
        except SQLAlchemyError as error:
            ledger_closed(lock, engine)
            raise store_error(error, place_of(url)) from error
        except Exception:  # whatever was wrong, the lock must not outlive this attempt
            ledger_closed(lock, engine)
            raise
        if ledger.size:
            ledger._signed(ledger.size, (), ledger._vouching())
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
        outgoing = (out for _, out, _ in reversed(self.fold.rotations))
        return (self.signer.verifier, *(Verifier.parse(vkey) for vkey in outgoing))

    def append(self, commit: Commit) -> Committed:
        """Commit and sign; on StoreError the same commit may, and must, be tried again.

        Nothing was written then, unless a server fell silent while it committed: trying the
        same commit again finds that out. EntryError: an entry cannot follow, nothing was written.
        """
        try:
            self._lock.still_held(self.engine)
            if self._stale:
                self._load()
        except SQLAlchemyError as error:
            raise store_error(error, place_of(self.url)) from error
        if self._was_committed(commit):
            first = self.tree.size - len(commit.entries)
            outbox = tuple(_outbox_row(m, first) for m in commit.messages)
            return self._handed(self._signed(first, outbox), commit.heir)
        self._require_key()
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
                _store_entries(connection, first, commit)
                apply_changes(connection, changes, tiles)
                _store_outbox(connection, outbox, commit.settled)
                _store_stamps(connection, commit.stamps)
                self._advance_tree(connection, first, grown)
                self._keep_checkpoint(connection, commit.at_us)
                offered = tuple(self._offered)
                cosigned = self._keep_cosigned(connection, offered)
                if snapshot:
                    self.store_snapshot(connection, grown.size)
        except SQLAlchemyError as error:
            raise store_error(error, place_of(self.url)) from error
        self._cosigned_kept(offered, cosigned)
        self.tree, self._stale, self._unsaved, self._doubt = grown, False, None, None
        self._kept = self._keeping
        if snapshot:
            self._snapshot_at = grown.size
        return self._handed(self._signed(first, outbox), commit.heir)

    def offer(self, cosigned: Cosigned) -> None:
        """A verified cosignature, to be kept with the next commit. Any thread may call it."""
        self._offered.append(cosigned)

    def abandon(self) -> None:
        """Give the lock back and write nothing: this log must not go on."""
        ledger_closed(self._lock, self.engine)

    def close(self, at_us: int = 0) -> None:
        """Keep the last checkpoint, cosignatures and a snapshot, and give the lock back."""
        try:
            if not self._stale:
                with self.engine.begin() as connection:
                    self._keep_checkpoint(connection, at_us)
                    self._keep_cosigned(connection, tuple(self._offered))
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
            self._unsaved = (self.tree.size, self.note)
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

    def _vouching(self) -> tuple[Signature, ...]:
        """What outgoing keys signed of the very tree that stands: a hand-over just before."""
        return signatures_on(self._head().text, self._own_notes, self.verifiers[1:])

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
        with self.engine.connect() as connection:
            origin, size, root = tree_state(connection) or (self.origin, 0, EMPTY_ROOT)
            if origin != self.origin:
                raise StoreError("store.origin", there=origin, here=self.origin)
            wrong = StoreError("store.inconsistent", place=place_of(self.url), size=size)
            try:
                self.tree = TileTree.load(size, lambda lv, i: read_tile(connection, lv, i))
                boundary, _ = pruned(connection) or (0, 0)
                if entry_count(connection) != size - boundary or self.tree.root() != root:
                    raise wrong
                self._replay(connection, size)
            except (LedgerError, EntryError) as error:
                raise wrong from error
        self._stale = False

    def _replay(self, connection: Connection, size: int) -> None:
        kept = connection.execute(raw_columns(schema.fold)).first()
        self.fold = Fold.restored(blob(kept.state)) if kept else Fold()
        self._snapshot_at = kept.size if kept else 0
        if not 0 <= self._snapshot_at <= size:
            raise EntryError("entry.snapshot-beyond")
        replay(connection, self.fold, self._snapshot_at, size)

    def _compare_with_mark(self) -> None:
        self._require_own_checkpoints()
        note = anchor.read(self.mark)
        if note is None:
            return
        self._own_notes.append(note)
        mark = self._own(note, str(self.mark))
        here: dict[str, str | int] = {
            "mark": mark.size,
            "size": self.tree.size,
            "place": str(self.mark),
        }
        if mark.size > self.tree.size:
            raise RolledBackError("store.rolled-back", **here)
        with self.engine.connect() as connection:
            read = hash_reader(lambda lv, i: read_tile(connection, lv, i))
            try:
                agrees = Frontier.at(mark.size, read).root() == mark.root
            except LedgerError:  # a tile is missing: what the mark has seen is not there
                agrees = False
            if not agrees:
                raise RolledBackError("store.other-history", **here)

    def _require_own_checkpoints(self) -> None:
        """The newest kept checkpoint is of our key: a log has one, whoever holds the origin."""
        newest = select(schema.checkpoint.c.note).order_by(schema.checkpoint.c.size.desc())
        with self.engine.connect() as connection:
            note = connection.execute(newest.limit(1)).scalar()
        if note is not None:
            self._own_notes.append(bytes(note))
            self._own(bytes(note), place_of(self.url))

    def _require_key(self) -> None:
        """The key at hand is the one in force: an outgoing key signs nothing more."""
        rotations, own = self.fold.rotations, self.signer.verifier
        if rotations and rotations[-1][2] != own.vkey:
            at = rotations[-1][0]
            raise StoreError("store.key-rotated", by=own.key_id.hex(), index=at)

    def _own(self, note: bytes, place: str) -> Checkpoint:
        """The checkpoint, signed by a key that was in force at its size."""
        rotations = self.fold.rotations
        try:
            head, by = open_by_any(note, self.verifiers)
            if not any(in_force(one.vkey, head.size, rotations) for one in by):
                raise RolledBackError("store.other-key", place=place)
            return head
        except LedgerError as error:
            raise RolledBackError("store.other-key", place=place) from error

    def _advance_tree(self, connection: Connection, first: int, grown: TileTree) -> None:
        """Compare-and-swap: whoever else wrote in between makes this transaction void."""
        values = {"size": grown.size, "root": grown.root()}
        if grown.size == first:
            return
        if first == 0:
            connection.execute(insert(schema.tree), {"id": 1, "origin": self.origin, **values})
            return
        swap = update(schema.tree).where(schema.tree.c.size == first).values(**values)
        if connection.execute(swap).rowcount != 1:
            raise StoreError("store.swapped", place=place_of(self.url), size=first)

    def _keep_checkpoint(self, connection: Connection, at_us: int) -> None:
        """Keep the newest checkpoint, each hour's first since the start, and each hand-over's."""
        if self._unsaved is None:
            return
        size, note = self._unsaved
        table, hour = schema.checkpoint, at_us // HOUR_US
        kept_hour, newest = self._kept
        moved = update(table).where(table.c.size == newest).values(size=size, note=note)
        if newest < 0 or connection.execute(moved).rowcount != 1:
            connection.execute(delete(table).where(table.c.size == size))
            connection.execute(insert(table), {"size": size, "note": note})
        stays = hour != kept_hour or signed_by_two(note, self.origin)
        self._keeping = (hour, -1 if stays else size)

    def _keep_cosigned(
        self, connection: Connection, offered: Iterable[Cosigned]
    ) -> dict[str, tuple[int, int]]:
        """Keep each witness's newest, and its first one of each hour since the start.

        What was cosigned in between is covered by the later one, which the log was shown to
        continue. Returns what `_cosigned` is once this is committed.
        """
        table, kept = schema.cosignature, dict(self._cosigned)
        for one in offered:
            mine = table.c.witness == one.witness
            hour, newest = one.at_s // 3_600, kept.get(one.witness, (-1, -1))
            if newest[1] >= 0 and newest[1] != one.size:
                connection.execute(delete(table).where(mine, table.c.size == newest[1]))
            there = select(table.c.size).where(mine, table.c.size == one.size)
            if connection.execute(there).first() is None:
                values = {"witness": one.witness, "size": one.size, "note": one.note}
                connection.execute(insert(table), values)
                kept[one.witness] = (hour, one.size if hour == newest[0] else -1)
        return kept

    def _cosigned_kept(
        self, offered: Sequence[Cosigned], cosigned: dict[str, tuple[int, int]]
    ) -> None:
        """They are committed; more may have been offered meanwhile."""
        self._cosigned = cosigned
        for one in offered:
            if self._offered and self._offered[0] is one:
                self._offered.popleft()

    def store_snapshot(self, connection: Connection, size: int) -> None:
        """Keep the fold as it stands; `size` is the tree's. For a transaction of the one writer."""
        connection.execute(delete(schema.fold))
        values = {"id": 1, "size": size, "state": self.fold.snapshot()}
        connection.execute(insert(schema.fold), values)


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


def _store_entries(connection: Connection, first: int, commit: Commit) -> None:
    rows = ({"index": index, "bytes": raw} for index, raw in enumerate(commit.entries, first))
    write_rows(connection, insert(schema.entry), rows)
    if not commit.records:
        return
    table, wanted = schema.record, sorted(commit.records)
    missing = set(wanted)
    for at in range(0, len(wanted), _AT_ONCE):
        part = table.c.sha256.in_(wanted[at : at + _AT_ONCE])
        missing -= set(connection.execute(select(table.c.sha256).where(part)).scalars())
    fresh = ({"sha256": key, "bytes": commit.records[key]} for key in sorted(missing))
    write_rows(connection, insert(table), fresh)


def _store_stamps(connection: Connection, stamps: Sequence[Stamped]) -> None:
    table = schema.stamp
    for one in stamps:
        there = select(table.c.sha256).where(table.c.sha256 == one.sha256)
        if connection.execute(there).first() is None:
            names = ("sha256", "authority", "size", "note", "reply")
            connection.execute(insert(table), {name: getattr(one, name) for name in names})


def _store_outbox(
    connection: Connection, rows: Sequence[OutboxRow], settled: Sequence[Delivery]
) -> None:
    table = schema.outbox
    if rows:
        fields = ("id", "incident", "step", "route", "payload", "created_us")
        values = [{name: getattr(row, name) for name in fields} for row in rows]
        connection.execute(insert(table), [{**v, "attempts": 0} for v in values])
    for delivery in settled:
        connection.execute(
            update(table)
            .where(table.c.id == delivery.id)
            .values(
                settled_us=delivery.at_us,
                delivered=delivery.delivered,
                attempts=delivery.attempt,
            )
        )
