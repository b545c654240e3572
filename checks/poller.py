"""Many sockets behind one reader of the loop.

An epoll descriptor is itself readable when one of its sockets is ready, so the loop watches a
single descriptor and wakes once for a whole batch of events. That works on asyncio and uvloop
alike and costs less than a reader or a transport of the loop for each socket.
"""

import asyncio
import select
import socket
from collections.abc import Callable

READABLE = select.EPOLLIN
WRITABLE = select.EPOLLOUT
_BATCH = 512
"""Events taken in one wake-up; level-triggered, so the rest wakes the loop again."""

Ready = Callable[[int], None]
"""Called with the CLOCK_BOOTTIME nanoseconds at which the batch of events was read."""


class Poller:
    """Tells the owner of each socket that it is ready. Not thread-safe; bound to one loop.

    A socket closed while a batch is delivered keeps its descriptor until the batch ends, so
    that no event of the batch can reach another socket that got the same number.
    """

    def __init__(self, boottime_ns: Callable[[], int]) -> None:
        self._boottime_ns = boottime_ns
        self._epoll: select.epoll | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: dict[int, Ready] = {}
        self._draining = False
        self._closing: list[socket.socket] = []

    def __len__(self) -> int:
        return len(self._ready)

    def watch(self, sock: socket.socket, events: int, ready: Ready) -> None:
        """Call `ready` while the socket is ready for `events`; OSError when epoll is full."""
        number = sock.fileno()
        self._opened().register(number, events)
        self._ready[number] = ready

    def rewatch(self, sock: socket.socket, events: int) -> None:
        """Change what a watched socket waits for."""
        self._opened().modify(sock.fileno(), events)

    def forget(self, number: int) -> None:
        """Stop telling of a descriptor that closed itself."""
        self._ready.pop(number, None)

    def close_socket(self, sock: socket.socket) -> None:
        """Close a socket, watched or not; its descriptor leaves epoll with it."""
        self._ready.pop(sock.fileno(), None)
        if self._draining:
            self._closing.append(sock)
        else:
            sock.close()

    def close(self) -> None:
        """Stop watching; sockets still open belong to their owners."""
        if self._epoll is not None and self._loop is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
        self._epoll = self._loop = None
        self._ready.clear()

    def _opened(self) -> select.epoll:
        if self._epoll is None:
            self._loop = asyncio.get_running_loop()
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._drain)
        return self._epoll

    def _drain(self) -> None:
        if self._epoll is None:
            return
        events = self._epoll.poll(0, _BATCH)
        now_ns = self._boottime_ns()
        self._draining = True
        try:
            for number, _ in events:
                ready = self._ready.get(number)
                if ready is not None:
                    ready(now_ns)
        finally:
            self._draining = False
            for sock in self._closing:
                sock.close()
            self._closing.clear()
