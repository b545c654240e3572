"""Derived rows to and from the tables: one mapping, used by the writer, `verify` and readers."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Insert, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

from monitor.derive import Changes, IncidentRow, IntervalRow, LabelRow, RollupRow
from monitor.holds import HeldRow, SilenceRow
from monitor.ledger.entry import SeriesDefined
from monitor.ledger.tiles import Tile
from monitor.store import schema

_AT_ONCE = 500
"""Rows of one call of the database."""
_INTERVALS, _ROLLUPS = insert(schema.interval), insert(schema.rollup)


def apply_changes(connection: Connection, changes: Changes, tiles: Iterable[Tile]) -> None:
    """Store what a fold derived and the tiles that the new leaves changed."""
    newest = {row.number: row for row in changes.series}.values()
    _replace(connection, schema.series, map(series_values, newest))
    write_rows(connection, _INTERVALS, map(IntervalRow._asdict, changes.intervals))
    write_rows(connection, _ROLLUPS, map(RollupRow._asdict, changes.rollups))
    _replace(connection, schema.incident, map(incident_values, changes.incidents.values()))
    _replace(connection, schema.label, map(asdict, changes.labels.values()))
    _replace(connection, schema.declaration, map(asdict, changes.declarations.values()))
    _replace(connection, schema.silence, map(silence_values, changes.silences.values()))
    _replace(connection, schema.held, map(held_values, changes.held.values()))
    _replace(
        connection,
        schema.tile,
        ({"level": t.level, "index": t.index, "hashes": t.hashes} for t in tiles),
    )


def write_rows(
    connection: Connection, statement: Insert, rows: Iterable[Mapping[str, Any]]
) -> None:
    """Run the statement for every row, a portion at a time: ten thousand need little memory."""
    waiting = iter(rows)
    while portion := list(islice(waiting, _AT_ONCE)):
        connection.execute(statement, portion)


def incident_values(row: IncidentRow) -> dict[str, Any]:
    """The columns of an incident; its reasons are a JSON list."""
    return {**asdict(row), "reasons": json.dumps(row.reasons, ensure_ascii=False)}


def incident_of(values: Mapping[str, Any]) -> IncidentRow:
    """The inverse of `incident_values`."""
    return IncidentRow(**{**values, "reasons": tuple(json.loads(values["reasons"]))})


_LISTS = ("targets", "tags", "rules", "routes")


def silence_values(row: SilenceRow) -> dict[str, Any]:
    """The columns of a silence; what it is about are JSON lists."""
    return _listed(asdict(row))


def held_values(row: HeldRow) -> dict[str, Any]:
    """The columns of a message that is held back; its routes are a JSON list."""
    return _listed(asdict(row))


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    lists = {n: json.dumps(values[n], ensure_ascii=False) for n in _LISTS if n in values}
    return {**values, **lists}


def unlisted(values: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse: JSON lists as lists again."""
    return {n: json.loads(v) if n in _LISTS else v for n, v in values.items()}


def label_of(values: Mapping[str, Any]) -> LabelRow:
    """A label of a row of its table."""
    return LabelRow(**values)


def series_values(series: SeriesDefined) -> dict[str, Any]:
    """The columns of a series; its rules are a JSON list."""
    return {**asdict(series), "rules": json.dumps(series.rules, ensure_ascii=False)}


def series_of(values: Mapping[str, Any]) -> SeriesDefined:
    """The inverse of `series_values`."""
    return SeriesDefined(**{**values, "rules": tuple(json.loads(values["rules"]))})


def _replace(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert, or replace what has the same primary key."""
    write_rows(connection, _upsert(connection.dialect.name, table), rows)


@cache
def _upsert(dialect: str, table: Table) -> Insert:
    """One statement a table and dialect: SQLAlchemy compiles it once."""
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(table)
    keys = [column.name for column in table.primary_key]
    others = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)
