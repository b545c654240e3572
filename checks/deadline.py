"""Deadlines of many probes under one tick: no timer of its own for any of them."""

from typing import Generic, Protocol, TypeVar

_SLOT_NS = 10_000_000
"""Width of one slot of the wheel: deadlines this close expire in the same tick."""


class Expiring(Protocol):
    """What can run out of time."""

    def expire(self, now_ns: int) -> None:
        """Called once when the deadline has passed."""
        ...


Item = TypeVar("Item", bound=Expiring)


class Deadlines(Generic[Item]):
    """A wheel of slots; setting and lifting a deadline costs one set operation.

    A deadline expires at the first `tick` that starts after its slot has ended, so never early.
    """

    def __init__(self) -> None:
        self._slots: dict[int, set[Item]] = {}

    def __len__(self) -> int:
        return sum(len(slot) for slot in self._slots.values())

    def set(self, item: Item, at_ns: int) -> None:
        """Let `item` expire at `at_ns` (CLOCK_BOOTTIME); one deadline an item."""
        self._slots.setdefault(at_ns // _SLOT_NS, set()).add(item)

    def lift(self, item: Item, at_ns: int) -> None:
        """Forget the deadline that was set with the same moment; harmless when it has expired."""
        slot = self._slots.get(at_ns // _SLOT_NS)
        if slot is not None:
            slot.discard(item)

    def tick(self, now_ns: int) -> int:
        """Expire what is due; returns how many that were."""
        due = sorted(slot for slot in self._slots if (slot + 1) * _SLOT_NS <= now_ns)
        count = 0
        for slot in due:
            items = self._slots.pop(slot)
            count += len(items)
            while items:
                items.pop().expire(now_ns)
        return count

    def clear(self) -> list[Item]:
        """Forget every deadline; nothing expires. Returns what was under way."""
        items = [item for slot in self._slots.values() for item in slot]
        self._slots.clear()
        return items
