"""One walk along several tracks of time. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

Value = TypeVar("Value")
Stretch = tuple[int, int, Value]
"""[start, end) and what holds in it."""


def swept(
    tracks: Sequence[Iterable[Stretch[Value]]], window: tuple[int, int]
) -> Iterator[tuple[int, int, tuple[Value | None, ...]]]:
    """The window in pieces (start, end, value of each track) within which nothing changes.

    The stretches of one track do not overlap, and may come in any order; where a track has none,
    its value is None. ValueError for a window backwards.
    """
    start, end = window
    if end < start:
        raise ValueError(f"a window that ends at {end}, before its start {start}")
    edges: list[tuple[int, int, int, Value | None]] = []
    for number, stretches in enumerate(tracks):
        for started, ended, value in stretches:
            since, until = max(started, start), min(ended, end)
            if since < until:  # at one moment ends (0) come before beginnings (1)
                edges.append((since, 1, number, value))
                edges.append((until, 0, number, None))
    edges.sort(key=lambda edge: edge[:3])
    values: list[Value | None] = [None] * len(tracks)
    at = start
    for moment, _, number, held in edges:
        if moment > at:
            yield at, moment, tuple(values)
            at = moment
        values[number] = held
    if at < end:
        yield at, end, tuple(values)
