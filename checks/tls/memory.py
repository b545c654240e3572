"""A bounded memory of what was worked out before."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Keeps the values that were asked for last; the one asked for longest ago goes first."""

    __slots__ = ("_bound", "_kept")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Value | None:
        """What is kept under the key."""
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def keep(self, key: Key, value: Value) -> None:
        """Keep it, and let go of the oldest where there are too many."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._bound:
            self._kept.popitem(last=False)

    def of(self, key: Key, make: Callable[[], Value]) -> Value:
        """What is kept under the key, else what `make` makes of it."""
        value = self.get(key)
        if value is None:
            value = make()
            self.keep(key, value)
        return value
