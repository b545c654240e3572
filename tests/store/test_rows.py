"""Rows on their way into the tables."""

import pytest
from sqlalchemy import create_engine, insert, select

from monitor.store import schema
from monitor.store.rows import write_rows


@pytest.mark.parametrize("count", [0, 1, 500, 501, 1_201])
def test_every_row_of_every_portion_is_written(count: int) -> None:
    """However many rows there are, all of them arrive, in order, each once."""
    engine = create_engine("sqlite://")
    schema.entry.create(engine)
    rows = [{"index": number, "bytes": b"%d" % number} for number in range(count)]
    with engine.begin() as connection:
        write_rows(connection, insert(schema.entry), iter(rows))
        found = connection.execute(select(schema.entry).order_by(schema.entry.c.index)).mappings()
        assert [dict(row) for row in found] == rows
    engine.dispose()
