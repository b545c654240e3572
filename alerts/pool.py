"""A bounded number of daemon threads, each with one attempt and a time by which it should end.

A thread cannot be killed. One that is late is written off: its attempt counts as failed, the
thread goes on until its own sockets time out, and it counts against `THREADS_LIMIT` until then.
Daemon threads: a hanging service never keeps the program from exiting.

Not thread-safe by itself: the owner of `changed` calls `start` and `collect` with it held.
"""

import threading
from collections import deque
from collections.abc import Callable

from alerts.outbox import Attempt
from alerts.receipt import TIMEOUT, Receipt, broken

FLYING_LIMIT = 8
"""Attempts under way at once."""
THREADS_LIMIT = 24
"""Threads at once, those of attempts written off included."""

Result = tuple[Attempt, Receipt]


class Pool:
    """Attempts under way, and results that nobody has taken yet."""

    def __init__(self, changed: threading.Condition) -> None:
        """`changed` guards this pool and is notified when a result comes in."""
        self._changed = changed
        self._flying: dict[tuple[str, int], tuple[Attempt, int]] = {}
        self._results: deque[Result] = deque()
        self._threads = 0

    def room(self) -> bool:
        """Whether one more attempt may start."""
        return len(self._flying) < FLYING_LIMIT and self._threads < THREADS_LIMIT

    def flying(self) -> int:
        """Attempts whose result is still awaited."""
        return len(self._flying)

    def pending(self) -> bool:
        """Whether `collect` would return a result at once, whatever the time."""
        return bool(self._results)

    def deadline_us(self) -> int | None:
        """When the next attempt will be written off."""
        return min((deadline for _, deadline in self._flying.values()), default=None)

    def start(self, attempt: Attempt, act: Callable[[], Receipt], deadline_us: int) -> None:
        """Run `act` in a thread of its own; its receipt comes out of `collect`."""
        key = (attempt.row.id, attempt.number)
        self._flying[key] = (attempt, deadline_us)
        thread = threading.Thread(
            target=self._run, args=(attempt, act), name="sasando-alert", daemon=True
        )
        self._threads += 1
        try:
            thread.start()
        except RuntimeError as error:  # the host has no thread left: an attempt that failed
            self._threads -= 1
            self._results.append((attempt, broken(error)))

    def collect(self, now_us: int) -> list[Result]:
        """Results since the last call, then the attempts whose time is over.

        The result of an attempt that was written off comes out too, when it comes.
        """
        results = list(self._results)
        self._results.clear()
        for attempt, _ in results:
            self._flying.pop((attempt.row.id, attempt.number), None)
        late = [key for key, (_, deadline) in self._flying.items() if deadline <= now_us]
        results += [(self._flying.pop(key)[0], Receipt(False, TIMEOUT)) for key in late]
        return results

    def _run(self, attempt: Attempt, act: Callable[[], Receipt]) -> None:
        receipt = supervised(act)
        with self._changed:
            self._threads -= 1
            self._results.append((attempt, receipt))
            self._changed.notify_all()


def supervised(act: Callable[[], Receipt]) -> Receipt:
    """The receipt of `act`, whatever happens in it."""
    try:
        return act()
    # The supervised boundary of sending: some 180 services' code and their libraries run in
    # there, and none of their defects may end the daemon or show a URL in a traceback.
    except Exception as error:  # noqa: BLE001
        return broken(error)
