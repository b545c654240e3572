"""Outages of one target in one window, and what repair and failure times come to. Pure.

An outage begins with its first unavailable moment and ends when the target is available again.
What lies between (unobserved, maintenance, excluded or unowed time) neither ends nor lengthens it:
nobody saw it recover, and nobody saw it fail. Its length is its unavailable time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from policies.availability import Piece, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
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
    mttr_us: Fraction | None
    """Mean length (unavailable time) of the outages that ended in the window."""
    mtbf_us: Fraction | None
    """Available time of the window for each outage in it."""


def outages(pieces: Iterable[Piece]) -> list[Outage]:
    """Every outage, in order; the pieces are ascending and without gaps."""
    found: list[Outage] = []
    started: int | None = None
    last = length = 0
    for piece in pieces:
        if piece.standing is Standing.UNAVAILABLE:
            started = piece.started_us if started is None else started
            last, length = piece.ended_us, length + piece.length_us
        elif piece.standing is Standing.AVAILABLE and started is not None:
            found.append(_outage(started, piece.started_us, last, length))
            started, length = None, 0
    if started is not None:
        found.append(_outage(started, None, last, length))
    return found


def _outage(started: int, ended: int | None, last: int, length: int) -> Outage:
    return Outage(started_us=started, ended_us=ended, last_us=last, unavailable_us=length)


def outage_times(found: Sequence[Outage], available_us: int) -> OutageTimes:
    """Their statistics; `available_us` is the available time of the same window."""
    lengths = [outage.unavailable_us for outage in found]
    repaired = [outage.unavailable_us for outage in found if outage.ended_us is not None]
    return OutageTimes(
        count=len(found),
        longest_us=max(lengths, default=None),
        mttr_us=Fraction(sum(repaired), len(repaired)) if repaired else None,
        mtbf_us=Fraction(available_us, len(found)) if found else None,
    )


def counted_us(found: Iterable[Outage], longer_than_us: int) -> int:
    """Unavailable time of the outages longer than this: shorter ones are forgiven by contract."""
    return sum(one.unavailable_us for one in found if one.unavailable_us > longer_than_us)


def at_worst(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces as if everything that nobody saw had been unavailable."""
    for piece in pieces:
        hidden = piece.standing is Standing.UNOBSERVED
        yield replace(piece, standing=Standing.UNAVAILABLE, cause="") if hidden else piece
