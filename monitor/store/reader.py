"""Reading the store: entries, tiles, records, derived rows. Nothing here writes.

A live database is read in short transactions: a long reader would keep the WAL from shrinking.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Table,
    func,
    select,
    type_coerce,
)
from sqlalchemy.types import NullType

from monitor.declared import DeclarationRow
from monitor.derive import IncidentRow, IntervalRow, LabelRow
from monitor.holds import SILENCE, HeldRow, SilenceRow, held_of, silence_of
from monitor.ledger.entry import MAGIC, SeriesDefined
from monitor.model import OutboxRow
from monitor.paged import pages
from monitor.store import schema
from monitor.store.rows import incident_of, label_of, series_of, unlisted

PAGE = 256
_KIND_PLACE = len(MAGIC) + 1
"""Where the kind of an entry stands in its bytes, as SQL counts."""
MAX_BIGINT = (1 << 63) - 1


def blob(value: object) -> bytes:
    """A stored byte string. SQLite lets a tamperer store another type: no reason to fail."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def raw(table: Table, *names: str) -> Select[*tuple[Any, ...]]:
    """A query for columns as the database holds them, whatever type somebody put there.

    The typed columns would turn a stored 2 into True, and fail on a text where bytes belong.
    """
    columns = [table.c[name] for name in names] if names else list(table.columns)
    return select(*(type_coerce(column, NullType()).label(column.name) for column in columns))


def integer(value: object) -> int:
    """A stored integer; -1 where somebody stored another type."""
    return value if isinstance(value, int) else -1


def read_entries(
    connection: Connection, first: int, end: int, code: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """(index, bytes) of the stored entries in [first, end), in order, by pages.

    `code`: of this kind alone, which the database finds by a byte of each.
    """
    table, end = schema.entry, min(end, MAX_BIGINT)
    page = raw(table).order_by(table.c.index).limit(PAGE)
    if code is not None:
        page = page.where(_of_kind(code))
    while first < end:
        where = (table.c.index >= first) & (table.c.index < end)
        rows = connection.execute(page.where(where)).all()
        if not rows:
            return
        for row in rows:
            yield integer(row[0]), blob(row[1])
        first = integer(rows[-1][0]) + 1


def newest_entry(
    connection: Connection, code: int, first: int, end: int
) -> tuple[int, bytes] | None:
    """(index, bytes) of the newest stored entry of a kind in [first, end); None without one."""
    table = schema.entry
    within = (table.c.index >= first) & (table.c.index < min(end, MAX_BIGINT)) & _of_kind(code)
    query = raw(table).where(within).order_by(table.c.index.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else (integer(row[0]), blob(row[1]))


def _of_kind(code: int) -> ColumnElement[bool]:
    kind = func.substr(schema.entry.c.bytes, _KIND_PLACE, 1, type_=LargeBinary)
    return kind == bytes((code,))


def read_pages(connection: Connection, first: int, end: int) -> Iterator[tuple[int, list[bytes]]]:
    """The same entries, many at a time; see `monitor.paged.pages`."""
    return pages(read_entries(connection, first, end))


def read_tile(connection: Connection, level: int, index: int) -> bytes:
    """A stored tile in its widest form; empty where there is none."""
    table = schema.tile
    where = (table.c.level == level) & (table.c.index == index)
    return blob(connection.execute(raw(table, "hashes").where(where)).scalar())


def read_record(connection: Connection, sha256: bytes) -> bytes | None:
    """A stored evidence record or configuration text."""
    table = schema.record
    found = connection.execute(raw(table, "bytes").where(table.c.sha256 == sha256)).scalar()
    return None if found is None else blob(found)


def tree_state(connection: Connection) -> tuple[str, int, bytes] | None:
    """(origin, size, root); None where the log was never opened."""
    row = connection.execute(raw(schema.tree).order_by(schema.tree.c.id)).first()
    if row is None:
        return None
    return str(row.origin), max(0, integer(row.size)), blob(row.root)


def checkpoints(connection: Connection) -> Iterator[tuple[int, bytes]]:
    """(size, note) of every kept checkpoint, ascending."""
    table = schema.checkpoint
    for row in connection.execute(raw(table, "size", "note").order_by(table.c.size)):
        yield integer(row.size), blob(row.note)


def cosigned(connection: Connection) -> Iterator[tuple[str, int, bytes]]:
    """(witness, size, note) of every kept cosignature: by witness, ascending."""
    table = schema.cosignature
    query = raw(table, "witness", "size", "note").order_by(table.c.witness, table.c.size)
    for row in connection.execute(query):
        yield str(row.witness), integer(row.size), blob(row.note)


def stamped(connection: Connection) -> Iterator[tuple[int, bytes, bytes]]:
    """(size, note, reply) of every time-stamped checkpoint, ascending by size."""
    table = schema.stamp
    query = raw(table, "size", "note", "reply").order_by(table.c.size, table.c.sha256)
    for row in connection.execute(query):
        yield integer(row.size), blob(row.note), blob(row.reply)


def newest_stamped(connection: Connection) -> dict[str, tuple[int, bytes]]:
    """(size, reply) of the newest time stamp of each authority."""
    table = schema.stamp
    query = raw(table, "authority", "size", "reply").order_by(table.c.size)
    return {str(r.authority): (integer(r.size), blob(r.reply)) for r in connection.execute(query)}


def newest_cosigned(connection: Connection) -> dict[str, tuple[int, bytes]]:
    """(size, note) of the newest kept cosignature of each witness."""
    return {witness: (size, note) for witness, size, note in cosigned(connection)}


def all_series(connection: Connection) -> list[SeriesDefined]:
    """Every series ever defined, by number."""
    rows = connection.execute(select(schema.series).order_by(schema.series.c.number)).mappings()
    return [series_of(dict(row)) for row in rows]


def incidents(
    connection: Connection, *, only_open: bool = False, limit: int = 1_000
) -> list[IncidentRow]:
    """The newest incidents first."""
    table = schema.incident
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if only_open:
        query = query.where(table.c.ended_us.is_(None))
    return [incident_of(dict(row)) for row in connection.execute(query).mappings()]


def incident(connection: Connection, number: int) -> IncidentRow | None:
    """The incident of this id."""
    row = connection.execute(select(schema.incident).where(schema.incident.c.id == number)).first()
    return None if row is None else incident_of(dict(row._mapping))


def intervals_since(
    connection: Connection, series: Sequence[int], since_us: int
) -> Iterator[IntervalRow]:
    """The closed intervals of these series that end after a moment."""
    table = schema.interval
    for at in range(0, len(series), PAGE):
        part = table.c.series.in_(series[at : at + PAGE])
        query = select(table).where(part, table.c.ended_us > since_us)
        for row in connection.execute(query).mappings():
            yield IntervalRow(**row)


def labels_since(connection: Connection, label: str, since_us: int) -> Iterator[LabelRow]:
    """The intervals of a label that stand, or that ended after a moment."""
    table = schema.label
    later = table.c.until_us.is_(None) | (table.c.until_us > since_us)
    for row in connection.execute(select(table).where(table.c.label == label, later)).mappings():
        yield label_of(dict(row))


def labels(connection: Connection, *, since_us: int, limit: int = 100_000) -> list[LabelRow]:
    """Labels that stood at some time from `since_us` on, the newest first."""
    table = schema.label
    query = select(table).where(table.c.until_us.is_(None) | (table.c.until_us > since_us))
    rows = connection.execute(query.order_by(table.c.id.desc()).limit(limit)).mappings()
    return [LabelRow(**row) for row in rows]


def declarations(
    connection: Connection, *, since_us: int, until_us: int, limit: int = 100_000
) -> list[DeclarationRow]:
    """Declarations about time that reaches into [since_us, until_us), the oldest first."""
    table = schema.declaration
    within = (table.c.until_us > since_us) & (table.c.since_us < until_us)
    query = select(table).where(within).order_by(table.c.id, table.c.target).limit(limit)
    return [DeclarationRow(**row) for row in connection.execute(query).mappings()]


def held(connection: Connection, incidents: Sequence[int]) -> dict[int, HeldRow]:
    """The messages about these incidents that are or were held back."""
    table, found = schema.held, {}
    for at in range(0, len(incidents), PAGE):
        query = select(table).where(table.c.incident.in_(incidents[at : at + PAGE]))
        for row in connection.execute(query).mappings():
            found[row["incident"]] = held_of(unlisted(dict(row)))
    return found


def held_counts(connection: Connection) -> dict[int, int]:
    """How many messages each silence holds back, or held back last."""
    table = schema.held
    query = select(table.c.by, func.count()).where(table.c.cause == SILENCE).group_by(table.c.by)
    return {row[0]: row[1] for row in connection.execute(query)}


def silences(connection: Connection, *, since_us: int, limit: int = 10_000) -> list[SilenceRow]:
    """The silences that stood after a moment, the newest first."""
    table = schema.silence
    ended = func.coalesce(table.c.ended_us, table.c.until_us)
    query = select(table).where(ended > since_us).order_by(table.c.id.desc()).limit(limit)
    return [silence_of(unlisted(dict(row))) for row in connection.execute(query).mappings()]


def pending_outbox(connection: Connection) -> list[OutboxRow]:
    """Messages that nobody has settled yet, oldest first."""
    table = schema.outbox
    columns = [table.c[n] for n in ("id", "incident", "step", "route", "payload", "created_us")]
    query = select(*columns).where(table.c.settled_us.is_(None)).order_by(table.c.incident)
    rows = connection.execute(query.order_by(table.c.step)).mappings()
    return [OutboxRow(**row) for row in rows]


def table_rows(connection: Connection, name: str) -> Iterator[tuple[Any, ...]]:
    """Every row of a table in the order of its primary key, streamed."""
    table = schema.metadata.tables[name]
    query = raw(table).order_by(*table.primary_key.columns).execution_options(yield_per=1_000)
    for row in connection.execute(query):
        values = tuple(row)
        if memoryview in map(type, values):
            values = tuple(bytes(v) if isinstance(v, memoryview) else v for v in values)
        yield values


def pruned(connection: Connection) -> tuple[int, int] | None:
    """(boundary, index of the entry that says so) of a pruned log; a claim."""
    row = connection.execute(raw(schema.pruning, "boundary", "entry")).first()
    return None if row is None else (integer(row.boundary), integer(row.entry))


def entry_count(connection: Connection) -> int:
    """How many entries are stored, whatever the tree state says."""
    return connection.execute(select(func.count()).select_from(schema.entry)).scalar() or 0


def opened_to(connection: Connection) -> dict[int, tuple[str, ...]]:
    """For each incident that is open, the routes that were told of its opening."""
    box, row = schema.outbox, schema.incident
    standing = select(row.c.id).where(row.c.ended_us.is_(None))
    query = select(box.c.incident, box.c.route).where(box.c.step == 0, box.c.incident.in_(standing))
    found: dict[int, tuple[str, ...]] = {}
    for incident_id, route in connection.execute(query):
        found[incident_id] = (*found.get(incident_id, ()), route)
    return found
