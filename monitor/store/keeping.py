"""Which checkpoints and cosignatures stay: the newest, and each hour's first since the start.

Both are written with the next commit's transaction, so that keeping them costs none of its own.
What a transaction did is believed only once `committed` was called: one that failed is repeated.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from monitor.derive import HOUR_US
from monitor.ledger.handover import signed_by_two
from monitor.ledger.witness import Cosigned
from monitor.store import schema

MOST_COSIGNED = 1_000
"""Cosignatures that wait for a transaction; while none succeeds, the oldest ones are let go."""
_NONE = (-1, -1)
"""(hour, size of the newest, -1 when it stays): nothing yet."""


class Checkpoints:
    """The own ones of one log."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._signed: tuple[int, bytes] | None = None
        self._kept = self._keeping = _NONE

    def offer(self, size: int, note: bytes) -> None:
        """The newest one, to be kept with the next commit."""
        self._signed = size, note

    def keep(self, connection: Connection, at_us: int) -> None:
        """Keep the newest, each hour's first since the start, and each hand-over's."""
        if self._signed is None:
            return
        size, note = self._signed
        table, hour = schema.checkpoint, at_us // HOUR_US
        kept_hour, newest = self._kept
        moved = update(table).where(table.c.size == newest).values(size=size, note=note)
        if newest < 0 or connection.execute(moved).rowcount != 1:
            connection.execute(delete(table).where(table.c.size == size))
            connection.execute(insert(table), {"size": size, "note": note})
        stays = hour != kept_hour or signed_by_two(note, self._origin)
        self._keeping = (hour, -1 if stays else size)

    def committed(self) -> None:
        """What `keep` did is in the database."""
        self._signed, self._kept = None, self._keeping


class Cosignatures:
    """Of every witness of one log."""

    def __init__(self) -> None:
        self.offered: deque[Cosigned] = deque(maxlen=MOST_COSIGNED)
        self._kept: dict[str, tuple[int, int]] = {}
        self._keeping: tuple[Sequence[Cosigned], dict[str, tuple[int, int]]] = ((), {})

    def offer(self, cosigned: Cosigned) -> None:
        """A verified one, to be kept with the next commit. Any thread may call it."""
        self.offered.append(cosigned)

    def keep(self, connection: Connection) -> None:
        """Keep each witness's newest, and its first one of each hour since the start.

        What was cosigned in between is covered by the later one, which the log was shown to
        continue.
        """
        offered = tuple(self.offered)
        self._keeping = offered, self._after(connection, offered)

    def committed(self) -> None:
        """What `keep` did is in the database; more may have been offered meanwhile."""
        offered, self._kept = self._keeping
        for one in offered:
            if self.offered and self.offered[0] is one:
                self.offered.popleft()

    def _after(
        self, connection: Connection, offered: Iterable[Cosigned]
    ) -> dict[str, tuple[int, int]]:
        table, kept = schema.cosignature, dict(self._kept)
        for one in offered:
            mine = table.c.witness == one.witness
            hour, newest = one.at_s // 3_600, kept.get(one.witness, _NONE)
            if newest[1] >= 0 and newest[1] != one.size:
                connection.execute(delete(table).where(mine, table.c.size == newest[1]))
            there = select(table.c.size).where(mine, table.c.size == one.size)
            if connection.execute(there).first() is None:
                values = {"witness": one.witness, "size": one.size, "note": one.note}
                connection.execute(insert(table), values)
                kept[one.witness] = (hour, one.size if hour == newest[0] else -1)
        return kept
