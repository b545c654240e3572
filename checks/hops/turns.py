"""One probe at a time to one address: two would use the same ports, and double the packets."""

import asyncio
from weakref import WeakValueDictionary


class Turns:
    """Locks by address, each as long as somebody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, address: str) -> asyncio.Lock:
        """The lock of an address; hold a reference while it is used."""
        lock = self._locks.get(address)
        if lock is None:
            lock = self._locks[address] = asyncio.Lock()
        return lock
