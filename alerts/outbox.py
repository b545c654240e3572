"""Which message may leave now, and what becomes of it. Pure: time and chance come in.

Rules enforced here
- A row is in flight at most once, and a route has at most one row in flight.
- On one route a step of an incident leaves only after the earlier steps of that incident have
  been settled: a recovery never overtakes its opening.
- A route that fails backs off by itself and holds up no other route; a row that fails stands
  back behind the other rows of its route.
- At most `limits[route]` rows are delivered on a route in any hour; the others wait.
- A row leaves the outbox in one of two ways only: delivered, or given up after `GIVE_UP_US`.
  Both come back from `settled` as the `Delivery` that the ledger must keep.

Left to others: keeping rows over a restart (the store), sending, threads (`alerts.sender`).
`now_us` must never run backwards; it is SLA time, so that it can be compared with `created_us`.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from monitor.model import Delivery, OutboxRow

FIRST_RETRY_US = 2_000_000
LONGEST_RETRY_US = 900_000_000
GIVE_UP_US = 7 * 86_400_000_000
GIVE_UP_TRIES = 8
"""So many attempts on the route since the row was offered must lie behind it as well: a host
that boots with a clock years ahead gives nothing up because of that."""
GAVE_UP = "gave-up"
HOUR_US = 3_600_000_000
REMEMBERED = 10_000
"""Settled ids that are recognised when they are offered again."""


def backoff_us(failures: int, chance: float) -> int:
    """Wait after the nth failure in a row: 2 s doubling to 15 min, of which half is `chance`.

    `chance` lies in [0, 1). The result lies in (half, whole] of the doubled wait.
    """
    whole = min(FIRST_RETRY_US << min(max(failures, 1) - 1, 20), LONGEST_RETRY_US)
    return whole - int(chance * (whole // 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One row on its way out; `number` counts from 1 since this process was offered it."""

    row: OutboxRow
    number: int
    signed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRecord:
    """How a route has fared since the agent started. The receipt holds no secret."""

    route: str
    waiting: int
    oldest_us: int | None
    """When the oldest waiting message was written."""
    failing: bool
    """Its last attempt failed, and messages wait."""
    failures: int
    """In a row."""
    delivered_us: int | None
    failed_us: int | None
    receipt: str
    """Of the last failure."""


@dataclass(slots=True)
class _Waiting:
    row: OutboxRow
    signed: bool
    tries_before: int
    attempts: int = 0
    ready_us: int = 0


@dataclass(slots=True)
class _Lane:
    """One route: its rows in the order offered, and how it fares."""

    rows: dict[str, _Waiting] = field(default_factory=dict)
    flying: tuple[str, int] | None = None
    failures: int = 0
    tries: int = 0
    ready_us: int = 0
    receipt: str = ""
    last_delivered_us: int | None = None
    last_failed_us: int | None = None
    last_failure: str = ""
    delivered_us: deque[int] = field(default_factory=deque)

    def ready_from(self, limit: int | None) -> int:
        """When this route may send again, by its back-off and its rate limit."""
        if limit is None or len(self.delivered_us) < limit:
            return self.ready_us
        return max(self.ready_us, self.delivered_us[-limit] + HOUR_US)

    def candidates(self) -> list[_Waiting]:
        """The earliest waiting step of each incident."""
        first: dict[int, _Waiting] = {}
        for waiting in self.rows.values():
            held = first.get(waiting.row.incident)
            if held is None or waiting.row.step < held.row.step:
                first[waiting.row.incident] = waiting
        return list(first.values())


class Outbox:
    """The rows that are not settled yet. Not thread-safe: `Sender` guards it with its lock."""

    def __init__(self, limits: Mapping[str, int], chance: Callable[[], float]) -> None:
        """`limits`: deliveries an hour by route; a route without one has no limit."""
        self._limits = dict(limits)
        self._chance = chance
        self._lanes: dict[str, _Lane] = {}
        self._settled: dict[str, None] = {}

    def configure(self, limits: Mapping[str, int]) -> None:
        """New limits after a reload; every route is tried again at once."""
        self._limits = dict(limits)
        for lane in self._lanes.values():
            lane.failures = lane.ready_us = 0
            for waiting in lane.rows.values():
                waiting.ready_us = 0

    def offer(self, rows: Sequence[OutboxRow], *, signed: bool = True) -> int:
        """Take the rows that are not known yet; how many those were.

        `signed` False: no signed checkpoint covers them, and the message says so.
        """
        fresh = 0
        for row in rows:
            lane = self._lanes.setdefault(row.route, _Lane())
            if row.id in lane.rows or row.id in self._settled:
                continue
            lane.rows[row.id] = _Waiting(row=row, signed=signed, tries_before=lane.tries)
            fresh += 1
        return fresh

    def due(self, now_us: int) -> tuple[OutboxRow, ...]:
        """At most one row a route that may leave now; routes that work come first."""
        found: list[tuple[int, int, OutboxRow]] = []
        for name, lane in self._lanes.items():
            if lane.flying is not None or lane.ready_from(self._limits.get(name)) > now_us:
                continue
            ready = [w for w in lane.candidates() if w.ready_us <= now_us]
            if ready:
                # Fewest attempts first: one message that a service refuses blocks no other.
                chosen = min(ready, key=lambda w: w.attempts)
                found.append((lane.failures, chosen.row.created_us, chosen.row))
        return tuple(row for _, _, row in sorted(found, key=lambda item: item[:2]))

    def next_us(self) -> int | None:
        """When a row may next become due; None while nothing waits for time alone."""
        moments = [
            max(lane.ready_from(self._limits.get(name)), min(w.ready_us for w in waiting))
            for name, lane in self._lanes.items()
            if lane.flying is None and (waiting := lane.candidates())
        ]
        return min(moments, default=None)

    def begin(self, row: OutboxRow) -> Attempt:
        """Mark a due row as in flight; ValueError when it or its route already is."""
        lane = self._lanes[row.route]
        if lane.flying is not None:
            raise ValueError(f"route {row.route} already has a message in flight")
        waiting = lane.rows[row.id]
        waiting.attempts += 1
        lane.tries += 1
        lane.flying = (row.id, waiting.attempts)
        return Attempt(row=row, number=waiting.attempts, signed=waiting.signed)

    def settled(self, delivery: Delivery) -> Delivery | None:
        """Take the result of an attempt; the Delivery to keep when that settles the row.

        None: the row stays and will be tried again, or this result changes nothing. A success
        that comes after its attempt was written off still counts.
        """
        lane = self._lanes.get(delivery.route)
        if lane is None:
            return None
        current = lane.flying == (delivery.id, delivery.attempt)
        if current:
            lane.flying = None
        waiting = lane.rows.get(delivery.id)
        if waiting is None:
            return None
        if delivery.delivered:
            self._delivered(lane, delivery)
            return delivery
        return self._failed(lane, waiting, delivery) if current else None

    def _delivered(self, lane: _Lane, delivery: Delivery) -> None:
        now_us = delivery.at_us
        lane.failures = lane.ready_us = 0
        lane.receipt = ""
        lane.last_delivered_us = now_us
        past = list(takewhile(lambda moment: moment <= now_us - HOUR_US, lane.delivered_us))
        for _ in past:
            lane.delivered_us.popleft()
        lane.delivered_us.append(now_us)
        self._forget(lane, delivery.id)

    def _failed(self, lane: _Lane, waiting: _Waiting, delivery: Delivery) -> Delivery | None:
        now_us = delivery.at_us
        lane.failures += 1
        lane.receipt = lane.last_failure = delivery.receipt
        lane.last_failed_us = now_us
        lane.ready_us = now_us + backoff_us(lane.failures, self._chance())
        waiting.ready_us = now_us + backoff_us(waiting.attempts, self._chance())
        tried = lane.tries - waiting.tries_before
        if now_us - waiting.row.created_us < GIVE_UP_US or tried < GIVE_UP_TRIES:
            return None
        self._forget(lane, delivery.id)
        return replace(delivery, receipt=GAVE_UP)

    def _forget(self, lane: _Lane, row_id: str) -> None:
        del lane.rows[row_id]
        self._settled[row_id] = None
        if len(self._settled) > REMEMBERED:
            del self._settled[next(iter(self._settled))]

    def waiting(self) -> int:
        """Rows that are not settled, those in flight included."""
        return sum(len(lane.rows) for lane in self._lanes.values())

    def records(self) -> tuple[RouteRecord, ...]:
        """How every route has fared that was ever given a message, by name."""
        return tuple(
            RouteRecord(
                route=name,
                waiting=len(lane.rows),
                oldest_us=min((w.row.created_us for w in lane.rows.values()), default=None),
                failing=bool(lane.rows and lane.receipt),
                failures=lane.failures,
                delivered_us=lane.last_delivered_us,
                failed_us=lane.last_failed_us,
                receipt=lane.last_failure,
            )
            for name, lane in sorted(self._lanes.items())
        )

    def troubles(self) -> tuple[RouteRecord, ...]:
        """The routes whose last attempt failed, while something waits there."""
        return tuple(one for one in self.records() if one.failing)
