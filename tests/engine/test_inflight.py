"""Bounds on probes under way."""

from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.base import Assignment
from monitor.engine.inflight import Entry, Inflight, network_of


@given(
    st.integers(1, 4),
    st.integers(1, 8),
    st.lists(st.tuples(st.sampled_from("einn"), st.integers(0, 30)), max_size=200),
)
def test_bounds_hold_whatever_happens(
    per_network: int, total: int, acts: list[tuple[str, int]]
) -> None:
    """Bounds are kept, and each slot entered is admitted once, in its network's order."""
    flight = Inflight(per_network=per_network, total=total)
    running: list[int] = []
    queue: list[int] = []
    for act, slot in acts:
        if act == "e":
            entry = flight.enter(slot, f"n{slot % 3}")
            known = Entry.BUSY if slot in running else Entry.REPLACED if slot in queue else None
            assert entry is (known or Entry.QUEUED)
            if entry is Entry.QUEUED:
                queue.append(slot)
        elif act == "i" and running:
            flight.finish(running.pop(slot % len(running)))
        else:
            before = list(queue)
            admitted = flight.admitted()
            running += admitted
            queue = [s for s in queue if s not in admitted]
            for network in range(3):
                order = [s for s in before if s % 3 == network]
                mine = [s for s in admitted if s % 3 == network]
                assert mine == order[: len(mine)]
                assert sum(s % 3 == network for s in running) <= per_network
        assert (flight.running, flight.waiting) == (len(running), len(queue))
        assert len(running) <= total


def test_networks_take_turns() -> None:
    """A network with a long queue does not keep another from the places that come free."""
    flight = Inflight(per_network=2, total=2)
    for slot in range(10):
        flight.enter(slot, "crowded")
    flight.enter(99, "small")
    assert flight.admitted() == [0, 1]
    flight.finish(0)
    assert flight.admitted() == [99]


def test_the_queue_can_be_emptied() -> None:
    """What waits can be dropped, and may enter again."""
    flight = Inflight(per_network=1, total=1)
    flight.enter(1, "a")
    assert flight.forget_waiting() == [1]
    assert flight.enter(1, "a") is Entry.QUEUED


@pytest.mark.parametrize(
    ("settings", "network"),
    [
        ({"address": "192.0.2.77"}, "192.0.2.0/24"),
        ({"address": "2001:db8:1:2::3"}, "2001:db8:1::/48"),
        ({"address": "fe80::1%eth0"}, "fe80::/48"),
        ({"address": "Host.Example"}, "host.example"),
        ({"url": "https://203.0.113.9:8443/x"}, "203.0.113.0/24"),
        ({"url": "https://[2001:db8::1]/"}, "2001:db8::/48"),
        ({"url": "https://www.example/"}, "www.example"),
        ({"server": "192.0.2.53:5353"}, "192.0.2.0/24"),
        ({"server": "[2001:db8::53]:5353"}, "2001:db8::/48"),
        ({"server": ""}, "target t"),
        ({}, "target t"),
    ],
)
def test_the_network_of_an_assignment(settings: dict[str, str], network: str) -> None:
    """Literal addresses share the bound of their /24 or /48, names have their own."""
    assignment = SimpleNamespace(target="t", settings=SimpleNamespace(**settings))
    assert network_of(cast("Assignment", assignment)) == network
