"""N-of-M confirmation: how many of the last observations must agree before an incident steps.

It gates incidents only, never SLA time. The window itself is `monitor.incident`'s. Pure.
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


_OPENS, _CLOSES = Quorum(2, 3), Quorum(2, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """What opens an incident (violated observations) and what closes it (compliant ones)."""

    open: Quorum = _OPENS
    close: Quorum = _CLOSES


def parse_quorum(text: str) -> Quorum:
    """The quorum of "2/3"; ValueError when it is none that can ever be reached."""
    match = _QUORUM.fullmatch(text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]) <= WIDEST:
        raise ValueError(f"{text!r} is not N/M with 1 ≤ N ≤ M ≤ {WIDEST}")
    return Quorum(int(match[1]), int(match[2]))
