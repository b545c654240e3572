"""The rows that one commit writes beside what is derived from its entries."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from monitor.ledger.stamp import Stamped
from monitor.ledger.tiles import TileTree
from monitor.model import Delivery, OutboxRow
from monitor.store import schema
from monitor.store.errors import StoreError
from monitor.store.rows import write_rows

_AT_ONCE = 500
"""Parameters of one statement: SQLite before 3.32 takes 999."""


def store_entries(connection: Connection, first: int, entries: Sequence[bytes]) -> None:
    """The entries themselves; `first` is the index of the first one."""
    rows = ({"index": index, "bytes": raw} for index, raw in enumerate(entries, first))
    write_rows(connection, insert(schema.entry), rows)


def store_records(connection: Connection, records: Mapping[bytes, bytes]) -> None:
    """What entries name by its SHA-256, where it is not there yet."""
    if not records:
        return
    table, wanted = schema.record, sorted(records)
    missing = set(wanted)
    for at in range(0, len(wanted), _AT_ONCE):
        part = table.c.sha256.in_(wanted[at : at + _AT_ONCE])
        missing -= set(connection.execute(select(table.c.sha256).where(part)).scalars())
    fresh = ({"sha256": key, "bytes": records[key]} for key in sorted(missing))
    write_rows(connection, insert(table), fresh)


def store_stamps(connection: Connection, stamps: Sequence[Stamped]) -> None:
    """Time-stamped checkpoints that entries tell of."""
    table = schema.stamp
    for one in stamps:
        there = select(table.c.sha256).where(table.c.sha256 == one.sha256)
        if connection.execute(there).first() is None:
            names = ("sha256", "authority", "size", "note", "reply")
            connection.execute(insert(table), {name: getattr(one, name) for name in names})


def store_outbox(
    connection: Connection, rows: Sequence[OutboxRow], settled: Sequence[Delivery]
) -> None:
    """New messages, and what became of earlier ones."""
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


def advance_tree(
    connection: Connection, origin: str, first: int, grown: TileTree, place: str
) -> None:
    """Compare-and-swap: whoever else wrote in between makes this transaction void."""
    values = {"size": grown.size, "root": grown.root()}
    if grown.size == first:
        return
    if first == 0:
        connection.execute(insert(schema.tree), {"id": 1, "origin": origin, **values})
        return
    swap = update(schema.tree).where(schema.tree.c.size == first).values(**values)
    if connection.execute(swap).rowcount != 1:
        raise StoreError("store.swapped", place=place, size=first)


def store_snapshot(connection: Connection, size: int, state: bytes) -> None:
    """The fold as it stands; `size` is the tree's."""
    connection.execute(delete(schema.fold))
    connection.execute(insert(schema.fold), {"id": 1, "size": size, "state": state})
