"""The outbox, moment by moment."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.outbox import (
    FIRST_RETRY_US,
    GAVE_UP,
    GIVE_UP_TRIES,
    GIVE_UP_US,
    HOUR_US,
    LONGEST_RETRY_US,
    Attempt,
    Outbox,
    backoff_us,
)
from monitor.model import Delivery, OutboxRow
from tests.alerts.samples import a_row

START_US = a_row().created_us


def outbox(**limits: int) -> Outbox:
    """An empty outbox whose back-off waits the whole time."""
    return Outbox(limits, lambda: 0.0)


def result(attempt: Attempt, at_us: int, *, delivered: bool, receipt: str = "x") -> Delivery:
    """What came of an attempt."""
    return Delivery(
        id=attempt.row.id,
        route=attempt.row.route,
        attempt=attempt.number,
        at_us=at_us,
        delivered=delivered,
        receipt=receipt,
    )


def run(
    box: Outbox, works: Callable[[OutboxRow], bool], at_us: int, turns: int = 1
) -> list[Delivery]:
    """Attempt what is due `turns` times at one moment; what was settled."""
    kept = []
    for _ in range(turns):
        for row in box.due(at_us):
            delivery = result(box.begin(row), at_us, delivered=works(row))
            if final := box.settled(delivery):
                kept.append(final)
    return kept


@given(st.integers(min_value=1, max_value=10_000), st.floats(0, 1, exclude_max=True))
def test_the_wait_doubles_to_its_bound_and_chance_takes_at_most_half(n: int, chance: float) -> None:
    """Between half and all of the doubled wait, from 2 s to 15 min."""
    whole = min(FIRST_RETRY_US * 2 ** min(n - 1, 60), LONGEST_RETRY_US)
    assert whole // 2 <= backoff_us(n, chance) <= whole
    assert backoff_us(n, 0.0) == whole


def test_a_row_offered_twice_is_sent_once() -> None:
    """While it waits, while it flies and after it was delivered."""
    box = outbox()
    row = a_row()
    assert box.offer([row, row]) == 1
    attempt = box.begin(row)
    assert box.offer([row]) == 0
    assert box.settled(result(attempt, START_US, delivered=True)) is not None
    assert box.offer([row]) == 0
    assert box.due(START_US + GIVE_UP_US) == ()


def test_a_failed_row_comes_again_after_its_wait_and_not_before() -> None:
    """The same row with the next attempt's number."""
    box = outbox()
    row = a_row()
    box.offer([row])
    assert run(box, lambda _: False, START_US) == []
    assert box.due(START_US + FIRST_RETRY_US - 1) == ()
    assert box.next_us() == START_US + FIRST_RETRY_US
    assert box.due(START_US + FIRST_RETRY_US) == (row,)
    assert box.begin(row).number == 2


def test_a_route_has_one_message_in_flight() -> None:
    """A second one is not due, and beginning it is refused."""
    box = outbox()
    first, second = a_row(incident=1), a_row(incident=2)
    box.offer([first, second])
    box.begin(first)
    assert box.due(START_US) == ()
    with pytest.raises(ValueError, match="in flight"):
        box.begin(second)


def test_a_recovery_waits_for_its_opening_on_the_same_route_only() -> None:
    """Even when it was offered first; another route is not held up by it."""
    box = outbox()
    box.offer([a_row(step=1), a_row(step=0), a_row("other", step=1)])
    run(box, lambda row: row.step > 0, START_US)
    later = START_US + FIRST_RETRY_US
    assert {(r.route, r.step) for r in box.due(later)} == {("noc", 0)}
    run(box, lambda _: True, later)
    assert {(r.route, r.step) for r in box.due(later)} == {("noc", 1)}


def test_a_dead_route_holds_up_no_other() -> None:
    """The others are delivered at once, and come first from then on."""
    box = outbox()
    box.offer([a_row(route, incident) for incident in range(5) for route in ("dead", "a", "b")])
    kept = run(box, lambda row: row.route != "dead", START_US, turns=5)
    assert len(kept) == 10
    assert [t.route for t in box.troubles()] == ["dead"]
    assert box.troubles()[0].waiting == 5
    box.offer([a_row("a", 9)])
    assert [r.route for r in box.due(START_US + HOUR_US)] == ["a", "dead"]


def test_how_a_route_has_fared_is_remembered() -> None:
    """Its last failure stays beside the delivery that came after it."""
    box = outbox()
    box.offer([a_row()])
    run(box, lambda _: False, START_US)
    (record,) = box.records()
    assert (record.route, record.failing, record.waiting) == ("noc", True, 1)
    assert (record.failed_us, record.receipt, record.delivered_us) == (START_US, "x", None)
    assert record.oldest_us == START_US
    later = START_US + FIRST_RETRY_US
    run(box, lambda _: True, later)
    (record,) = box.records()
    assert (record.failing, record.waiting, record.oldest_us) == (False, 0, None)
    assert (record.failed_us, record.receipt, record.delivered_us) == (START_US, "x", later)


def test_a_message_that_a_service_refuses_does_not_block_its_route() -> None:
    """The rows behind it get their turn."""
    box = outbox()
    box.offer([a_row(incident=incident) for incident in range(4)])
    delivered = []
    for turn in range(8):
        now_us = START_US + turn * LONGEST_RETRY_US
        delivered += run(box, lambda row: row.incident != 0, now_us)
    assert len(delivered) == 3
    assert box.waiting() == 1


def test_a_rate_limit_delays_and_drops_nothing() -> None:
    """Three an hour: seven messages take two hours."""
    box = outbox(noc=3)
    box.offer([a_row(incident=incident) for incident in range(7)])
    counts = [
        len(run(box, lambda _: True, START_US + hour * HOUR_US, turns=9)) for hour in range(3)
    ]
    assert counts == [3, 3, 1]


def test_next_us_names_the_end_of_the_hour_when_the_limit_is_reached() -> None:
    """So that the sender sleeps exactly so long."""
    box = outbox(noc=1)
    box.offer([a_row(incident=1), a_row(incident=2)])
    run(box, lambda _: True, START_US)
    assert box.due(START_US + HOUR_US - 1) == ()
    assert box.next_us() == START_US + HOUR_US


def test_after_a_week_of_attempts_a_row_is_given_up_with_an_entry() -> None:
    """Not before, and the recovery behind it gets its turn."""
    box = outbox()
    opening, recovery = a_row(step=0), a_row(step=1)
    box.offer([opening, recovery])
    now_us = START_US
    kept: list[Delivery] = []
    while not kept:
        assert now_us < START_US + GIVE_UP_US + LONGEST_RETRY_US
        kept = run(box, lambda _: False, now_us)
        now_us += LONGEST_RETRY_US
    assert now_us - LONGEST_RETRY_US >= START_US + GIVE_UP_US
    assert (kept[0].id, kept[0].delivered, kept[0].receipt) == (opening.id, False, GAVE_UP)
    assert box.due(now_us) == (recovery,)


def test_a_clock_years_ahead_gives_nothing_up_at_once() -> None:
    """Eight attempts on the route come first."""
    box = outbox()
    box.offer([dataclasses.replace(a_row(), created_us=0)])
    kept = [run(box, lambda _: False, START_US + n * HOUR_US) for n in range(GIVE_UP_TRIES)]
    assert [len(k) for k in kept] == [0] * (GIVE_UP_TRIES - 1) + [1]


def test_a_late_success_of_an_attempt_written_off_counts() -> None:
    """It settles the row once; the failure of the newer attempt changes nothing."""
    box = outbox()
    row = a_row()
    box.offer([row])
    first = box.begin(row)
    box.settled(result(first, START_US, delivered=False, receipt="timeout"))
    later = START_US + HOUR_US
    second = box.begin(box.due(later)[0])
    assert box.settled(result(first, later, delivered=True)) is not None
    assert box.settled(result(second, later, delivered=False)) is None
    assert box.settled(result(second, later, delivered=True)) is None
    assert box.waiting() == 0
    box.offer([a_row(incident=7)])
    assert len(box.due(later)) == 1


def test_a_late_failure_of_an_attempt_written_off_changes_nothing() -> None:
    """The newer attempt stays the one in flight, and no failure is counted twice."""
    box = outbox()
    row = a_row()
    box.offer([row])
    first = box.begin(row)
    box.settled(result(first, START_US, delivered=False, receipt="timeout"))
    later = START_US + FIRST_RETRY_US
    second = box.begin(row)
    assert box.settled(result(first, later, delivered=False)) is None
    assert box.due(later + HOUR_US) == ()
    assert [trouble.failures for trouble in box.troubles()] == [1]
    assert box.settled(result(second, later, delivered=True)) is not None


def test_a_reload_tries_everything_again_at_once() -> None:
    """A corrected URL need not wait for the back-off."""
    box = outbox(noc=1)
    box.offer([a_row()])
    run(box, lambda _: False, START_US)
    assert box.due(START_US) == ()
    box.configure({})
    assert len(box.due(START_US)) == 1


def test_an_unsigned_row_stays_unsigned_over_its_attempts() -> None:
    """The mark belongs to the row."""
    box = outbox()
    box.offer([a_row()], signed=False)
    assert box.begin(a_row()).signed is False
