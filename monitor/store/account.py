"""What accounting needs of a database, read in one short transaction without its writer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from monitor.accounting import TEXT_NAME, Accounting, AccountingError
from monitor.boundary import reached
from monitor.derive import Fold, IntervalRow
from monitor.history import Ledgered, span_of
from monitor.ledger.entry import ConfigurationInForce, EntryError, LogPruned, read_record
from monitor.model import State
from monitor.probed import Key, probed
from monitor.store import reader, schema
from monitor.store.connect import place_of
from monitor.store.errors import StoreError
from monitor.store.glance import reading
from monitor.store.replay import replay
from policies.debt import Span
from policies.probes import Probes, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The rows of a window, the terms in force, and to which entry and moment they reach."""

    origin: str
    size: int
    root: bytes
    reached_us: int
    """The newest moment that the log knows of: later time is not accounted for."""
    accounting: Accounting
    ledgered: Ledgered


def account(url: str, since_us: int, until_us: int) -> Account:
    """Everything that accounting for [since_us, until_us) needs.

    StoreError where the database cannot be read; AccountingError where its configuration in force
    has no terms (it was written before there were any: restart the agent).
    """
    try:
        with reading(url) as connection:
            state = reader.tree_state(connection)
            if state is None:
                raise StoreError("store.empty", place=place_of(url))
            origin, size, root = state
            fold = fold_at(connection, size)
            return Account(
                origin=origin,
                size=size,
                root=root,
                reached_us=reached(fold),
                accounting=terms_in_force(connection, size),
                ledgered=Ledgered(
                    series=reader.all_series(connection),
                    fold=fold,
                    intervals=intervals(connection, since_us, until_us),
                    labels=reader.labels(connection, since_us=since_us),
                    declarations=reader.declarations(
                        connection, since_us=since_us, until_us=until_us
                    ),
                ),
            )
    except EntryError as error:
        raise StoreError("store.failed", place=place_of(url), cause=error.reason) from error


def began(url: str, read: Account) -> int | None:
    """The oldest moment of which something was observed; None where nothing was yet.

    A pass over all closed intervals: ask where none reaches into the window. StoreError where the
    database cannot be read.
    """
    with reading(url) as connection:
        closed = connection.execute(select(func.min(schema.interval.c.started_us))).scalar()
    standings = read.ledgered.fold.standings()
    seen = [since_us for state, since_us, _ in standings if state != State.UNOBSERVED]
    return min(seen if closed is None else [*seen, int(closed)], default=None)


def count_probes(
    url: str, read: Account, wanted: Mapping[Key, Wanted], until_us: int
) -> dict[Key, Probes]:
    """What is wanted of singletons, by another pass over the entries that the account reached.

    StoreError where they cannot be read, or were pruned meanwhile.
    """
    if not wanted:
        return {}
    try:
        with reading(url) as connection:
            boundary, told_by = reader.pruned(connection) or (0, None)
            start = None if told_by is None else _pruned_state(connection, told_by)
            entries = reader.read_entries(connection, boundary, read.size)
            return probed(_whole(entries, boundary, read.size), wanted, until_us, start)
    except EntryError as error:
        raise StoreError("store.failed", place=place_of(url), cause=error.reason) from error


def _pruned_state(connection: Connection, told_by: int) -> Fold:
    """What stood at the boundary of a pruned log."""
    for _, raw in reader.read_entries(connection, told_by, told_by + 1):
        entry = read_record(raw)
        state = (
            reader.read_record(connection, entry.state) if isinstance(entry, LogPruned) else None
        )
        if state is not None:
            return Fold.restored(state)
    raise EntryError("entry.pruning-state", index=told_by)


def _whole(
    entries: Iterable[tuple[int, bytes]], first: int, size: int
) -> Iterator[tuple[int, bytes]]:
    """The entries; EntryError where one of them is missing."""
    at = first
    for index, raw in entries:
        if index != at:
            break
        yield index, raw
        at += 1
    if at != size:
        raise EntryError("entry.missing", index=at)


def fold_at(connection: Connection, size: int) -> Fold:
    """The fold at the newest entry: the snapshot, and what came after it."""
    kept = connection.execute(select(schema.fold)).one_or_none()
    fold = Fold.restored(kept.state) if kept else Fold()
    replay(connection, fold, kept.size if kept else 0, size)
    return fold


def intervals(connection: Connection, since_us: int, until_us: int) -> dict[int, list[Span]]:
    """The closed intervals of every series that reach into a window, in order."""
    table = schema.interval
    query = (
        select(table.c.series, table.c.started_us, table.c.ended_us, table.c.state)
        .where(table.c.ended_us > since_us, table.c.started_us < until_us)
        .order_by(table.c.series, table.c.started_us)
    )
    found: dict[int, list[Span]] = {}
    for row in map(IntervalRow._make, connection.execute(query).all()):
        found.setdefault(row.series, []).append(span_of(row))
    return found


def terms_in_force(connection: Connection, size: int) -> Accounting:
    """The accounting terms of the newest configuration in force; AccountingError without any."""
    newest = reader.newest_entry(connection, ConfigurationInForce.CODE, 0, size)
    if newest is None:
        raise AccountingError("sla.terms-never")
    entry = read_record(newest[1])
    assert isinstance(entry, ConfigurationInForce)
    digest = entry.texts.get(TEXT_NAME)
    text = reader.read_record(connection, digest) if digest else None
    if text is None:
        raise AccountingError("sla.terms-none")
    return Accounting.from_bytes(text)
