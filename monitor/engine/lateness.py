"""How late probes start: a histogram with logarithmic buckets. Pure.

Sixteen buckets an octave from 1 µs on: a quantile is told at most 5 % too high, never too low,
and never above the greatest value seen.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PER_OCTAVE: Final = 16
_BUCKETS: Final = 40 * _PER_OCTAVE
MINUTE_NS: Final = 60_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """What a histogram says, in milliseconds; all zero where nothing was counted."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class Histogram:
    """Counts of nanoseconds."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, np.int64)
        self._max_ns = 0

    def add(self, values_ns: NDArray[np.int64]) -> None:
        """Count each value; what is below 1 µs, or negative, falls into the first bucket."""
        if len(values_ns):
            self.count(buckets_of(values_ns), int(values_ns.max()))

    def count(self, buckets: NDArray[np.int64], greatest_ns: int) -> None:
        """Count values by their buckets, of which the greatest value is told beside."""
        np.add.at(self._counts, buckets, 1)
        self._max_ns = max(self._max_ns, greatest_ns)

    def quantile_ms(self, fraction: float) -> float:
        """The upper bound of the bucket that holds this quantile (nearest rank)."""
        total = int(self._counts.sum())
        if not total:
            return 0.0
        rank = max(1, int(np.ceil(fraction * total)))
        bucket = int(np.searchsorted(np.cumsum(self._counts), rank))
        bound_ms: float = 2.0 ** (bucket / _PER_OCTAVE) / 1_000
        return min(bound_ms, self._max_ns / 1e6)

    def lateness(self) -> Lateness:
        """Count, median, 99th percentile and maximum."""
        return Lateness(
            count=int(self._counts.sum()),
            p50_ms=self.quantile_ms(0.5),
            p99_ms=self.quantile_ms(0.99),
            max_ms=self._max_ns / 1e6,
        )


def buckets_of(values_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket of each value."""
    microseconds = np.maximum(values_ns, 1_000) / 1_000
    buckets = np.ceil(np.log2(microseconds) * _PER_OCTAVE).astype(np.int64)
    bounded: NDArray[np.int64] = np.minimum(buckets, _BUCKETS - 1)
    return bounded


class LatenessLog:
    """The histogram since start, and the one of the last full minute."""

    def __init__(self) -> None:
        self._total, self._minute = Histogram(), Histogram()
        self._minute_no = -1
        self.last_minute = self._minute.lateness()

    def add(self, values_ns: NDArray[np.int64], now_ns: int) -> None:
        """Count lateness seen at `now_ns`; call it with nothing, too, so that minutes pass."""
        minute = now_ns // MINUTE_NS
        if minute != self._minute_no:
            follows = minute == self._minute_no + 1
            self.last_minute = (self._minute if follows else Histogram()).lateness()
            self._minute, self._minute_no = Histogram(), minute
        if len(values_ns):
            buckets, greatest_ns = buckets_of(values_ns), int(values_ns.max())
            self._minute.count(buckets, greatest_ns)
            self._total.count(buckets, greatest_ns)

    def total(self) -> Lateness:
        """Since start."""
        return self._total.lateness()
