"""The lab's own truth: what it did to the city, and when.

Every switch is one `Event` with two moments of the boot clock (the clock of Sasando's own
records): before it was begun and after it had taken effect.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One switch: `what` (a word of `truth`), of which cable, node or leg, to which value."""

    what: str
    subject: str
    value: Any = None
    toward: str = ""
    """The node that no longer hears; empty: all of them."""
    before_ns: int
    after_ns: int


class EventLog:
    """The events of one city, in order; many threads may write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self.started_ns = boot_ns()
        """When the city stood; what was before is no one's business."""

    @contextmanager
    def switch(
        self, what: str, subject: str, value: Any = None, toward: str = ""
    ) -> Iterator[None]:
        """Record what the body does, also where it failed half-way."""
        before = boot_ns()
        try:
            yield
        finally:
            event = Event(what=what, subject=subject, value=value, toward=toward, before_ns=before,
                          after_ns=boot_ns())  # fmt: skip
            with self._lock:
                self._events.append(event)

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything so far."""
        with self._lock:
            return tuple(self._events)

    def dump(self) -> str:
        """One JSON object a line."""
        return "".join(json.dumps(asdict(event)) + "\n" for event in self.events)


def boot_ns() -> int:
    """CLOCK_BOOTTIME: of one machine, whatever the namespace."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
