"""What stands, read from the database without its writer: for people, when no agent runs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from monitor.declared import DeclarationRow
from monitor.derive import Fold, IncidentRow, IntervalRow, LabelRow
from monitor.holds import HeldRow, SilenceRow
from monitor.ledger.entry import EntryError, SeriesDefined
from monitor.ledger.merkle import consistency_proof
from monitor.ledger.tiles import hash_reader
from monitor.store import reader, schema
from monitor.store.connect import open_engine, place_of, require_head
from monitor.store.errors import StoreError, store_error
from monitor.store.replay import replay
from monitor.store.rows import incident_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One reading transaction's view."""

    origin: str
    size: int
    note: bytes | None
    """The newest checkpoint that is kept inside."""
    series: list[SeriesDefined]
    fold: Fold
    cosigned: dict[str, tuple[int, bytes]]
    """(size, note) of the newest cosignature of each witness, as stored."""
    stamped: dict[str, tuple[int, bytes]]
    """(size, reply) of the newest time stamp of each authority, as stored."""


def glance(url: str) -> Glance:
    """What stands at the newest entry; StoreError where the database cannot be read."""
    try:
        with reading(url) as connection:
            state = reader.tree_state(connection)
            if state is None:
                raise StoreError("store.empty", place=place_of(url))
            origin, size, _ = state
            kept = connection.execute(select(schema.fold)).one_or_none()
            fold = Fold.restored(kept.state) if kept else Fold()
            replay(connection, fold, kept.size if kept else 0, size)
            note = None
            for _, kept_note in reader.checkpoints(connection):
                note = kept_note
            series = reader.all_series(connection)
            cosigned = reader.newest_cosigned(connection)
            stamped = reader.newest_stamped(connection)
    except EntryError as error:
        raise StoreError("store.failed", place=place_of(url), cause=error.reason) from error
    return Glance(
        origin=origin,
        size=size,
        note=note,
        series=series,
        fold=fold,
        cosigned=cosigned,
        stamped=stamped,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidents:
    """Incidents, and the labels of their time."""

    incidents: list[IncidentRow]
    labels: list[LabelRow]
    held: dict[int, HeldRow]
    """Messages that are or were held back, by incident."""


def recent_incidents(url: str, *, only_open: bool, limit: int) -> Incidents:
    """The newest incidents first; StoreError where the database cannot be read."""
    with reading(url) as connection:
        rows = reader.incidents(connection, only_open=only_open, limit=limit)
        since_us = min((row.since_us for row in rows), default=0)
        labels = reader.labels(connection, since_us=since_us) if rows else []
        held = reader.held(connection, [row.id for row in rows])
        return Incidents(incidents=rows, labels=labels, held=held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """Incidents that stand, or ended since a moment: the newest as rows, all of them as counts."""

    rows: list[IncidentRow]
    """Those that stand first, then those that ended; the newest of each first."""
    counts: Mapping[tuple[str, bool], int]
    """How many there are by target and whether they stand."""

    def count(self, targets: Collection[str], *, standing: bool) -> int:
        """How many of these targets stand, or ended."""
        return sum(
            count
            for (target, stands), count in self.counts.items()
            if stands == standing and target in targets
        )


def incidents_since(url: str, since_us: int, severity: int, limit: int) -> Recent:
    """What stands or ended since a moment, of at least a severity; at most so many rows.

    StoreError where the database cannot be read.
    """
    table = schema.incident
    over = table.c.ended_us.is_not(None)
    asked = (table.c.severity >= severity) & (~over | (table.c.ended_us > since_us))
    rows = select(table).where(asked).order_by(over, table.c.id.desc()).limit(limit)
    counts = select(table.c.target, over, func.count()).where(asked).group_by(table.c.target, over)
    with reading(url) as connection:
        return Recent(
            rows=[incident_of(dict(row)) for row in connection.execute(rows).mappings()],
            counts={
                (target, not ended): count
                for target, ended, count in connection.execute(counts).all()
            },
        )


def spans_since(
    url: str, series: Sequence[int], label: str, since_us: int
) -> tuple[list[IntervalRow], list[LabelRow]]:
    """(closed intervals of these series, intervals of the label) that reach beyond a moment.

    StoreError where the database cannot be read.
    """
    with reading(url) as connection:
        intervals = list(reader.intervals_since(connection, series, since_us))
        return intervals, list(reader.labels_since(connection, label, since_us))


def incident_by_id(url: str, number: int) -> IncidentRow | None:
    """One incident; StoreError where the database cannot be read."""
    with reading(url) as connection:
        return reader.incident(connection, number)


def declared_within(url: str, since_us: int, until_us: int) -> list[DeclarationRow]:
    """Declarations about time in a window; StoreError where the database cannot be read."""
    with reading(url) as connection:
        return reader.declarations(connection, since_us=since_us, until_us=until_us)


def silences_since(url: str, since_us: int) -> tuple[list[SilenceRow], dict[int, int]]:
    """(silences that stood after a moment, how many messages each holds or held back).

    StoreError where the database cannot be read.
    """
    with reading(url) as connection:
        return reader.silences(connection, since_us=since_us), reader.held_counts(connection)


def newest_checkpoint(url: str) -> bytes | None:
    """The newest checkpoint that is kept inside; StoreError where it cannot be read."""
    with reading(url) as connection:
        notes = [note for _, note in reader.checkpoints(connection)]
    return notes[-1] if notes else None


def consistency(url: str, old: int, size: int) -> tuple[bytes, ...]:
    """The proof that the log of this size continues the log of the old one; from 0: empty.

    StoreError or LedgerError where it cannot be built.
    """
    if old == 0:
        return ()
    with reading(url) as connection:
        read = hash_reader(lambda level, index: reader.read_tile(connection, level, index))
        return consistency_proof(old, size, read)


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection that cannot write."""
    engine = open_engine(url, read_only=True)
    if engine.dialect.name == "sqlite" and not Path(place_of(url)).is_file():
        # SQLite's own words for a file that is not there send nobody the right way.
        raise StoreError("store.missing", place=place_of(url))
    try:
        require_head(engine, url)
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise store_error(error, place_of(url)) from error
