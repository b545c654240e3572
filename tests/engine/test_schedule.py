"""The schedule: every slot once an interval, for ever, whatever the ticks do."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from checks.base import Assignment, Settings
from monitor.engine.schedule import Schedule
from monitor.model import Family

_SECOND = 1_000_000_000


def _assignments(intervals_us: list[int], check: str = "icmp") -> list[Assignment]:
    return [
        Assignment(
            target=f"t{number}",
            check=check,
            family=Family.IPV4,
            settings=Settings(interval=interval, timeout=1),
        )
        for number, interval in enumerate(intervals_us)
    ]


_INTERVALS = st.lists(st.sampled_from([7, 1_000, 250_000, 1_000_000]), min_size=1, max_size=40)


@given(
    _INTERVALS,
    st.integers(0, 10**18),
    st.lists(st.integers(0, 300_000_000), min_size=1, max_size=60),
)
def test_every_round_is_due_once_or_counted(
    intervals: list[int], origin: int, ticks: list[int]
) -> None:
    """Over arbitrary tick jitter, rounds due and rounds skipped add up to the rounds there were."""
    schedule = Schedule(_assignments(intervals), origin)
    seen, now, rounds = origin - 1, origin, Counter[int]()
    skipped = 0
    for tick in ticks:
        now += tick
        due = schedule.due(seen, now)
        seen = now
        skipped += due.skipped
        slots = due.slots.tolist()
        assert len(set(slots)) == len(slots)
        rounds.update(slots)
        assert all(time <= now for time in due.due_ns.tolist())
    expected = sum(group.events_until(now - origin) for group in schedule.groups)
    assert sum(rounds.values()) + skipped == expected


@given(st.integers(1, 50), st.integers(1, 10**7), st.data())
def test_ticks_shorter_than_the_interval_skip_nothing(
    count: int, interval_us: int, draw: st.DataObject
) -> None:
    """While no tick is longer than the interval, each slot is due exactly once in each interval."""
    schedule = Schedule(_assignments([interval_us] * count), 5)
    interval, seen, now = interval_us * 1_000, 4, 4
    times: dict[int, list[int]] = {slot: [] for slot in range(count)}
    while now < 5 + 4 * interval:
        now = min(now + draw.draw(st.integers(max(1, interval // 8), interval)), 5 + 4 * interval)
        due = schedule.due(seen, now)
        seen = now
        assert due.skipped == 0
        for slot, due_ns in zip(due.slots.tolist(), due.due_ns.tolist(), strict=True):
            times[slot].append(due_ns)
    for found in times.values():
        assert np.diff(found).tolist() == [interval] * (len(found) - 1)
        assert 4 <= len(found) <= 5


def test_phases_spread_evenly_in_inventory_order() -> None:
    """The slot of rank r of n is due r/n of the interval after the origin."""
    due = Schedule(_assignments([10_000_000] * 4), 0).due(-1, 10 * _SECOND - 1)
    assert due.slots.tolist() == [0, 1, 2, 3]
    assert due.due_ns.tolist() == [0, 2_500_000_000, 5_000_000_000, 7_500_000_000]


def test_nothing_drifts_over_a_century() -> None:
    """After 3 billion seconds a slot is still due at its phase to the nanosecond."""
    schedule = Schedule(_assignments([7_000_003] * 3), 11)
    interval, rounds = 7_000_003_000, 450_000_000
    at = 11 + rounds * interval + interval // 3
    due = schedule.due(at - 1, at)
    assert (due.slots.tolist(), due.due_ns.tolist(), due.skipped) == ([1], [at], 0)


def test_a_long_stall_replays_nothing() -> None:
    """After a stall of ten intervals each slot is due once, and nine rounds are skipped."""
    schedule = Schedule(_assignments([1_000_000] * 5), 0)
    due = schedule.due(100 * _SECOND - 1, 110 * _SECOND - 1)
    assert sorted(due.slots.tolist()) == [0, 1, 2, 3, 4]
    assert due.skipped == 9 * 5
    assert min(due.due_ns.tolist()) >= 109 * _SECOND


def test_groups_are_independent() -> None:
    """Another interval has phases of its own, so a reload of one group moves no other."""
    alone = Schedule(_assignments([1_000_000] * 3), 0)
    mixed = Schedule(_assignments([1_000_000] * 3 + [2_000_000] * 7), 0)
    assert alone.next_due(12345).tolist() == mixed.next_due(12345).tolist()[:3]


@given(_INTERVALS, st.integers(0, 10**10))
def test_last_and_next_due_agree_with_the_windows(intervals: list[int], later: int) -> None:
    """`last_due` and `next_due` are the rounds around a moment, one interval apart."""
    schedule = Schedule(_assignments(intervals), 1_000)
    now = 1_000 + later
    last, following = schedule.last_due(now), schedule.next_due(now)
    due = schedule.due(now, int(following.max()))
    for slot, interval in enumerate(intervals):
        assert following[slot] > now >= last[slot]
        assert last[slot] == -1 or following[slot] - last[slot] == interval * 1_000
        assert slot in due.slots


def test_an_empty_inventory_is_never_due() -> None:
    """No assignments: nothing is due, and nothing fails."""
    due = Schedule([], 0).due(-1, 10**12)
    assert (len(due.slots), due.skipped) == (0, 0)
