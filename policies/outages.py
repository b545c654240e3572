"""Outages of one target in one window, and what repair and failure times come to. Pure.

An outage begins with its first unavailable moment and ends when the target is available again.
What lies between (unobserved, maintenance, excluded or unowed time) neither ends nor lengthens it:
nobody saw it recover, and nobody saw it fail. Its length is its unavailable time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from policies.availability import Piece, Standing


class Outage(NamedTuple):
    """One outage within the pieces that were looked at."""

    started_us: int
    ended_us: int | None
    """When it was available again; None: not within the pieces."""
    last_us: int
    """The end of its last unavailable moment."""
    unavailable_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageTimes:
    """The statistics of a window's outages. What is undefined is None, never 0."""

    count: int
    longest_us: int | None
    repaired: int
    """How many of them ended in the window."""
    repaired_us: int
    """The unavailable time of those."""
    available_us: int
    """Of the window."""

    @property
    def mttr_us(self) -> Fraction | None:
        """Mean length (unavailable time) of the outages that ended in the window."""
        return Fraction(self.repaired_us, self.repaired) if self.repaired else None

    @property
    def mtbf_us(self) -> Fraction | None:
        """Available time of the window for each outage in it."""
        return Fraction(self.available_us, self.count) if self.count else None


def outages(pieces: Iterable[Piece]) -> list[Outage]:
    """Every outage, in order; the pieces are ascending and without gaps."""
    found: list[Outage] = []
    started: int | None = None
    last = length = 0
    for began, until, standing, _ in pieces:
        if standing is Standing.UNAVAILABLE:
            started = began if started is None else started
            last, length = until, length + until - began
        elif standing is Standing.AVAILABLE and started is not None:
            found.append(Outage(started, began, last, length))
            started, length = None, 0
    if started is not None:
        found.append(Outage(started, None, last, length))
    return found


def outage_times(found: Sequence[Outage], available_us: int) -> OutageTimes:
    """Their statistics; `available_us` is the available time of the same window."""
    repaired = repaired_us = longest_us = 0
    for _, ended, _, length in found:
        if length > longest_us:
            longest_us = length
        if ended is not None:
            repaired, repaired_us = repaired + 1, repaired_us + length
    return OutageTimes(
        count=len(found),
        longest_us=longest_us if found else None,
        repaired=repaired,
        repaired_us=repaired_us,
        available_us=available_us,
    )


def counted_us(found: Iterable[Outage], longer_than_us: int) -> int:
    """Unavailable time of the outages longer than this: shorter ones are forgiven by contract."""
    return sum(one.unavailable_us for one in found if one.unavailable_us > longer_than_us)


def at_worst(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces as if everything that nobody saw had been unavailable."""
    for piece in pieces:
        hidden = piece.standing is Standing.UNOBSERVED
        yield piece._replace(standing=Standing.UNAVAILABLE, cause="") if hidden else piece
