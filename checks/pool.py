"""A bounded pool of tasks, for the checks that are few: dns, clock, and names."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine

Work = Callable[[], Coroutine[None, None, None]]


class Pool:
    """Runs at most `limit` works at once and keeps at most `waiting` more, in order.

    A work must not raise: whoever submits it supervises it.
    """

    def __init__(self, limit: int = 64, waiting: int = 10_000) -> None:
        self._limit = limit
        self._bound = waiting
        self._waiting: deque[Work] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, work: Work) -> bool:
        """Run it now or in its turn; False: the queue is full, and it never runs."""
        if len(self._tasks) < self._limit:
            self._start(work)
            return True
        if len(self._waiting) >= self._bound:
            return False
        self._waiting.append(work)
        return True

    async def close(self) -> None:
        """Cancel what runs and forget what waits."""
        self._waiting.clear()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Work) -> None:
        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._waiting and len(self._tasks) < self._limit:
            self._start(self._waiting.popleft())
