"""N-of-M confirmation: how many of the last observations must agree before an incident steps.

It gates incidents only, never SLA time. Pure: every step gives a new value.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

_QUORUM = re.compile(r"(\d{1,2})/(\d{1,2})")
WIDEST = 60
"""Observations a window may look back on."""


class Quorum(NamedTuple):
    """`need` of the last `of` judged observations."""

    need: int
    of: int

    def __str__(self) -> str:
        return f"{self.need}/{self.of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """What opens an incident (violated observations) and what closes it (compliant ones)."""

    open: Quorum
    close: Quorum


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An incident opens or closes. `since_us`: the first observation that counted towards it."""

    opened: bool
    since_us: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether an incident stands, and the window of what could change that.

    `recent` holds (time, counts) of the last judged observations, from the first one that
    counts; it is empty while nothing speaks for a change, so the usual step costs nothing.
    """

    standing: bool = False
    recent: tuple[tuple[int, bool], ...] = ()

    def step(
        self, violated: bool, at_us: int, confirm: Confirm
    ) -> tuple["Confirmation", Transition | None]:
        """The next value, after a compliant or violated observation at `at_us`.

        An Indeterminate one neither counts nor clears: do not step.
        """
        counts = violated != self.standing
        if not counts and not self.recent:
            return self, None
        quorum = confirm.close if self.standing else confirm.open
        window = (*self.recent, (at_us, counts))[-quorum.of :]
        first = next((i for i, (_, counted) in enumerate(window) if counted), len(window))
        window = window[first:]
        if sum(counted for _, counted in window) < quorum.need:
            return Confirmation(self.standing, window), None
        moved = Transition(opened=not self.standing, since_us=window[0][0], at_us=at_us)
        return Confirmation(not self.standing), moved


def parse_quorum(text: str) -> Quorum:
    """The quorum of "2/3"; ValueError when it is none that can ever be reached."""
    match = _QUORUM.fullmatch(text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]) <= WIDEST:
        raise ValueError(f"{text!r} is not N/M with 1 ≤ N ≤ M ≤ {WIDEST}")
    return Quorum(int(match[1]), int(match[2]))
