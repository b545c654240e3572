"""Politeness: how many connections one address bears, at once and in a minute. Pure.

All targets at one address share its door. While the server seems to mind (it resets, closes,
falls silent), half as many connections are let through; a calm survey gives one back.
"""

from collections import OrderedDict, deque
from typing import Protocol

_MINUTE_NS = 60_000_000_000
_DOORS = 4_096
"""Addresses remembered."""


class Visitor(Protocol):
    """Who wants to connect: a probe with questions that may be asked now."""

    at_once: int
    per_minute: int

    def eager(self) -> bool:
        """Whether a question waits for its turn."""
        ...

    def proceed(self, now_ns: int) -> None:
        """Ask the next one now."""
        ...


class Door:
    """The connections to one address. First come, first served: a survey ends before the next."""

    def __init__(self) -> None:
        self._visitors: deque[Visitor] = deque()
        self._under_way = 0
        self._share = 1.0
        """Of what a visitor would like to have at once."""
        self._halved_ns = 0
        self._paid_until_ns = 0
        """The connections of the past minute, as the moment up to which they are paid for."""
        self._serving = False

    @property
    def idle(self) -> bool:
        """Nobody is here, and what was asked does not count any more."""
        return not self._visitors and self._under_way == 0

    def enter(self, visitor: Visitor) -> None:
        """Wait for turns from now on."""
        self._visitors.append(visitor)

    def leave(self, visitor: Visitor, *, calm: bool) -> None:
        """Wait no more. `calm`: the server minded nothing."""
        self._visitors.remove(visitor)
        if calm:
            self._share = min(1.0, self._share + 1 / visitor.at_once)

    def ended(self) -> None:
        """One connection is over."""
        self._under_way -= 1

    def minds(self, began_ns: int, now_ns: int) -> None:
        """A connection begun then was not answered properly: half as many from now on.

        Those that were begun before the last halving say nothing new.
        """
        if began_ns >= self._halved_ns:
            self._share = max(1 / 64, self._share / 2)
            self._halved_ns = now_ns

    def serve(self, now_ns: int) -> None:
        """Give turns to those who wait, as far as the bounds allow."""
        if self._serving:
            return
        self._serving = True
        try:
            while (visitor := self._next(now_ns)) is not None:
                self._under_way += 1
                visitor.proceed(now_ns)
        finally:
            self._serving = False

    def _next(self, now_ns: int) -> Visitor | None:
        for visitor in self._visitors:
            if not visitor.eager():
                continue
            if self._under_way >= max(1, int(visitor.at_once * self._share)):
                return None
            price_ns = _MINUTE_NS // visitor.per_minute
            paid_ns = max(self._paid_until_ns, now_ns) + price_ns
            if paid_ns > now_ns + _MINUTE_NS:
                return None
            self._paid_until_ns = paid_ns
            return visitor
        return None


class Doors:
    """The doors by address; those that nobody used for long are forgotten."""

    def __init__(self) -> None:
        self._doors: OrderedDict[str, Door] = OrderedDict()

    def __len__(self) -> int:
        return len(self._doors)

    def of(self, address: str) -> Door:
        """The door of an address."""
        door = self._doors.pop(address, None) or Door()
        self._doors[address] = door
        if len(self._doors) > _DOORS:
            oldest, old = self._doors.popitem(last=False)
            if not old.idle:  # somebody is there: its turn to be forgotten comes later
                self._doors[oldest] = old
        return door

    def serve(self, now_ns: int) -> None:
        """Turns that were held up by the bound of a minute."""
        for door in list(self._doors.values()):
            if not door.idle:
                door.serve(now_ns)
