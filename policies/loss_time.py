"""Availability by loss: ITU-T Y.1540 (12/2019), clause 7, on round-trip singletons. Pure.

Time is cut into blocks of equal length from the start of the window; the last one may be shorter.
A block is unavailable when the loss ratio of the singletons sent in it exceeds c1, and available
otherwise; a block without singletons is unobserved. The loss is round-trip loss (RFC 6673): the
recommendation speaks of one way, so the two directions are judged together.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monitor.model import State
from policies.debt import Span

Ints = NDArray[np.int64]


def loss_spans(
    at_us: Ints, sent: Ints, received: Ints, window: tuple[int, int], block_us: int, most: Fraction
) -> list[Span]:
    """The state of a series over a window, from how many singletons each observation sent.

    `at_us`: starts of the observations, in any order; those outside the window say nothing.
    """
    blocks = Blocks(window, block_us)
    blocks.take(at_us, sent, received)
    return blocks.spans(most)


class Blocks:
    """The singletons of one series, summed up block by block as they come."""

    def __init__(self, window: tuple[int, int], block_us: int) -> None:
        """ValueError for blocks without length, or a window backwards."""
        self._start, self._end = window
        if block_us <= 0 or self._end < self._start:
            raise ValueError("blocks have a length, and a window does not end before its start")
        self._block_us = block_us
        count = -(-(self._end - self._start) // block_us)
        self._asked, self._answered = np.zeros(count, np.int64), np.zeros(count, np.int64)

    def take(self, at_us: Ints, sent: Ints, received: Ints) -> None:
        """More observations; those outside the window say nothing."""
        inside = (at_us >= self._start) & (at_us < self._end)
        place = (at_us[inside] - self._start) // self._block_us
        np.add.at(self._asked, place, sent[inside])
        np.add.at(self._answered, place, received[inside])

    def spans(self, most: Fraction) -> list[Span]:
        """The state of each block, joined where equal; `most`: c1."""
        # lost / asked > p / q, without a division: integers stay exact.
        lost = self._asked - self._answered
        lost_too_much = lost * most.denominator > most.numerator * self._asked
        states = np.where(self._asked == 0, 0, np.where(lost_too_much, 2, 1))
        return _joined(states, self._start, self._end, self._block_us)


def _joined(states: Ints, start: int, end: int, block_us: int) -> list[Span]:
    turns: Sequence[int] = (np.flatnonzero(np.diff(states)) + 1).tolist()
    edges = [0, *turns, len(states)] if len(states) else [0]
    return [
        Span(
            started_us=start + first * block_us,
            ended_us=min(start + last * block_us, end),
            state=State(int(states[first])),
        )
        for first, last in pairwise(edges)
    ]
