"""Statistics of a sample of round-trip delays. Pure.

Delays are in microseconds, None for a lost singleton, whose delay is undefined (RFC 2681): it
enters no statistic but the loss (RFC 6673). Every function returns None for "undefined".
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

Delays = Sequence[int | None]


def loss(delays: Delays) -> float | None:
    """Lost singletons of all sent ones, 0 to 1; undefined where nothing was sent."""
    return sum(delay is None for delay in delays) / len(delays) if delays else None


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The smallest value that at least `percent` of all do not exceed (RFC 2330, 11.3)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def ipdv(delays: Delays) -> float | None:
    """Median of |D(i) - D(i-1)| in microseconds.

    Selection function (RFC 3393, 2.6): consecutively sent packets that both came back; a pair
    with a lost packet is undefined and left out, never bridged.
    """
    changes = [abs(b - a) for a, b in pairwise(delays) if a is not None and b is not None]
    return median(changes) if changes else None
