"""The outbox under every order of events that hypothesis can think of."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alerts.outbox import Attempt, Outbox
from monitor.model import Delivery, OutboxRow
from tests.alerts.samples import a_row

ROUTES = ("a", "b", "c")
HOUR_US = 3_600_000_000
LIMITS = {"a": 2, "b": 1_000}


class OutboxMachine(RuleBasedStateMachine):
    """A model beside the outbox: which ids were offered, fly, and were settled."""

    def __init__(self) -> None:
        super().__init__()
        self.box = Outbox(LIMITS, lambda: 0.5)
        self.now_us = a_row().created_us
        self.offered: dict[str, OutboxRow] = {}
        self.flying: dict[str, Attempt] = {}
        self.written_off: list[Attempt] = []
        self.delivered: list[str] = []
        self.moments: dict[str, list[int]] = {route: [] for route in ROUTES}

    def deliver(self, attempt: Attempt, *, delivered: bool) -> Delivery | None:
        final = self.box.settled(
            Delivery(
                id=attempt.row.id,
                route=attempt.row.route,
                attempt=attempt.number,
                at_us=self.now_us,
                delivered=delivered,
                receipt="",
            )
        )
        if final is not None:
            assert final.delivered  # nothing is a week old here
            self.delivered.append(final.id)
            self.moments[final.route].append(self.now_us)
        return final

    @rule(route=st.sampled_from(ROUTES), incident=st.integers(0, 3), step=st.integers(0, 2))
    def offer(self, route: str, incident: int, step: int) -> None:
        row = a_row(route, incident, step)
        fresh = self.box.offer([row])
        assert fresh == (row.id not in self.offered)
        self.offered[row.id] = row

    @rule(seconds=st.integers(1, 4_000))
    def time_passes(self, seconds: int) -> None:
        self.now_us += seconds * 1_000_000

    @rule()
    def begin(self) -> None:
        rows = self.box.due(self.now_us)
        assert len({row.route for row in rows}) == len(rows)
        for row in rows:
            assert row.id not in self.flying, "twice in flight"
            assert row.id not in self.delivered, "sent again after it was delivered"
            waiting = [r for i, r in self.offered.items() if i not in self.delivered]
            same = [r for r in waiting if (r.route, r.incident) == (row.route, row.incident)]
            assert row.step == min(r.step for r in same), "a recovery overtook its opening"
            limit = LIMITS.get(row.route, 10**9)
            recent = [m for m in self.moments[row.route] if m > self.now_us - HOUR_US]
            assert len(recent) < limit, "over the rate limit"
            self.flying[row.id] = self.box.begin(row)

    @rule(delivered=st.booleans(), which=st.integers(0, 10))
    def settle(self, delivered: bool, which: int) -> None:
        if self.flying:
            chosen = sorted(self.flying)[which % len(self.flying)]
            attempt = self.flying.pop(chosen)
            final = self.deliver(attempt, delivered=delivered)
            known = chosen in self.delivered[: -1 if final else None]
            assert (final is not None) == (delivered and not known)

    @rule(which=st.integers(0, 10))
    def write_off(self, which: int) -> None:
        if self.flying:
            attempt = self.flying.pop(sorted(self.flying)[which % len(self.flying)])
            self.deliver(attempt, delivered=False)
            self.written_off.append(attempt)

    @rule(delivered=st.booleans())
    def comes_late(self, delivered: bool) -> None:
        if self.written_off:
            self.deliver(self.written_off.pop(0), delivered=delivered)

    @invariant()
    def each_row_is_delivered_once_or_waits(self) -> None:
        assert len(set(self.delivered)) == len(self.delivered)
        assert self.box.waiting() == len(self.offered) - len(self.delivered)

    def teardown(self) -> None:
        """When every service works again, every row that was ever offered is delivered."""
        for attempt in self.flying.values():
            self.deliver(attempt, delivered=True)
        self.flying.clear()
        for _ in range(200):
            self.now_us += HOUR_US
            self.begin()
            for attempt in list(self.flying.values()):
                self.deliver(self.flying.pop(attempt.row.id), delivered=True)
        assert sorted(self.delivered) == sorted(self.offered)
        assert self.box.next_us() is None


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.__doc__ = "No order of events loses a row, doubles one or breaks the order."
TestOutboxMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
