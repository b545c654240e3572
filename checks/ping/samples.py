"""The probes of one address family that are under way: one row each, one column a fact. Pure.

A probe is a sample of `count` singletons that leave `spacing` apart (RFC 2330, 2681). A row ends
when every singleton has an outcome: answered, lost, or never sent. Times are ns (boot).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checks.ping.kernel import Bytes, Ints
from checks.ping.mmsg import NAME_BYTES

LOST: Final = -1
UNSENT: Final = -2
_NEVER = 1 << 62
_SHORTEST_STEP_NS = 10_000_000
_EARLY = 8
"""A singleton may leave an eighth of its spacing before its time: a step as long as the spacing
then finds it due, whichever of the two came a little late before."""
_FIRST_ROWS = 256
_FIRST_SINGLETONS = 8


class Wish(NamedTuple):
    """What one row shall do; `name` is the padded socket address."""

    name: bytes
    singletons: int
    spacing_ns: int
    timeout_ns: int
    length: int


class Leaving(NamedTuple):
    """Which singleton each row sends, and when it was due."""

    singletons: Ints
    due_ns: Ints


class Ended(NamedTuple):
    """One finished row. `delays_us` has LOST and UNSENT in it; `errno` is the last local error."""

    row: int
    delays_us: list[int]
    first_left_ns: int
    errno: int


class Samples:
    """Column `_due` says which rows still send, `_open` how many singletons have no outcome yet."""

    def __init__(self, tick_ns: int) -> None:
        """`tick_ns`: steps come at least so often; a shorter spacing needs more of them."""
        self._tick_ns = tick_ns
        self._closest_ns = _NEVER
        """No row that still sends has a spacing below this."""
        self._free: list[int] = []
        self._high = 0
        nothing: Ints = np.zeros(0, np.int64)
        self._due = self._open = self._next = self._errno = nothing
        self._spacing = self._first_left = nothing
        self.counts = self.sent = self.lengths = self.timeouts_ns = nothing
        self.names: Bytes = np.zeros((0, NAME_BYTES), np.uint8)
        self._delays: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self._grow(_FIRST_ROWS, _FIRST_SINGLETONS)

    def __len__(self) -> int:
        return self._high - len(self._free)

    def add(self, wishes: Sequence[Wish], now_ns: int) -> list[int]:
        """A row for each wish, its first singleton due now; the rows' numbers."""
        count = len(wishes)
        if not count:
            return []
        rows = [self._free.pop() for _ in range(min(count, len(self._free)))]
        fresh = range(self._high, self._high + count - len(rows))
        rows.extend(fresh)
        self._high += len(fresh)
        names, counts, spacings, timeouts, lengths = zip(*wishes, strict=True)
        self._grow(self._high, max(counts))
        at = np.array(rows)
        self.names[at] = np.frombuffer(b"".join(names), np.uint8).reshape(-1, NAME_BYTES)
        self.counts[at] = self._open[at] = counts
        self._spacing[at] = spacings
        self._closest_ns = min(self._closest_ns, *spacings)
        self.timeouts_ns[at] = timeouts
        self.lengths[at] = lengths
        self.sent[at] = self._next[at] = self._errno[at] = self._first_left[at] = 0
        self._delays[at] = UNSENT
        self._due[at] = now_ns
        return rows

    def due(self, now_ns: int) -> Ints:
        """Rows that shall send a singleton now, the longest waiting first."""
        rows = np.flatnonzero(self._due[: self._high] <= now_ns)
        return rows[np.argsort(self._due[rows], kind="stable")]

    def step_ns(self) -> int:
        """The longest step with which the rows that still send keep their spacing.

        10 ms at least; a very long time where the usual tick will do.
        """
        if self._closest_ns < self._tick_ns:
            sending = self._due[: self._high] < _NEVER
            self._closest_ns = int(self._spacing[: self._high][sending].min(initial=_NEVER))
        short = self._closest_ns < self._tick_ns
        return max(_SHORTEST_STEP_NS, self._closest_ns) if short else _NEVER

    def late(self, rows: Ints, before_ns: int) -> Ints:
        """Those of `rows` whose singleton was due before this moment."""
        return rows[self._due[rows] < before_ns]

    def leave(self, rows: Ints, now_ns: int) -> Leaving:
        """Each row sends its next singleton now, and the one after it is set due.

        Due times do not drift with ticks; a row held up for more than its spacing starts its
        rhythm anew, so that singletons never leave in a burst.
        """
        leaving, spacing = Leaving(self._next[rows], self._due[rows]), self._spacing[rows]
        self._next[rows] += 1
        early = spacing // _EARLY
        rhythm = leaving.due_ns + spacing + np.where(leaving.singletons > 0, early, 0)
        onward = np.where(rhythm > now_ns, rhythm, now_ns + spacing) - early
        self._due[rows] = np.where(self._next[rows] < self.counts[rows], onward, _NEVER)
        return leaving

    def take_back(self, rows: Ints, due_ns: Ints) -> None:
        """What `leave` did for these rows shall happen again at the next tick: no room to send."""
        self._next[rows] -= 1
        self._due[rows] = due_ns

    def give_up(self, rows: Ints, now_ns: int, errno: int) -> None:
        """The next singleton of each row is not sent at all: it has waited too long for room."""
        self.leave(rows, now_ns)
        self.failed(rows, np.full(len(rows), errno, np.int64))

    def left(self, rows: Ints, singletons: Ints, now_ns: int) -> None:
        """These singletons are on their way; lost until an answer comes."""
        self._delays[rows, singletons] = LOST
        self.sent[rows] += 1
        first = rows[self.sent[rows] == 1]
        self._first_left[first] = now_ns

    def failed(self, rows: Ints, errnos: Ints) -> None:
        """One singleton of each row could not leave."""
        self._errno[rows] = errnos
        self._open[rows] -= 1

    def answered(self, rows: Ints, singletons: Ints, delays_us: Ints) -> None:
        """Singletons that came back; a row may be named more than once."""
        self._delays[rows, singletons] = delays_us
        np.subtract.at(self._open, rows, 1)

    def lost(self, rows: Ints) -> None:
        """One singleton of each row stays lost; a row may be named more than once."""
        np.subtract.at(self._open, rows, 1)

    def unmeasured(self, rows: Ints, singletons: Ints, errno: int) -> None:
        """Whether these came back cannot be known: they count as never sent."""
        self._delays[rows, singletons] = UNSENT
        np.subtract.at(self.sent, rows, 1)
        np.subtract.at(self._open, rows, 1)
        self._errno[rows] = errno

    def take_ended(self) -> list[Ended]:
        """The rows without an open singleton, freed."""
        over = np.flatnonzero(self._open[: self._high] == 0)
        if not len(over):
            return []
        self._open[over] = -1
        rows: list[int] = over.tolist()
        self._free.extend(rows)
        return [
            Ended(row, delays[:count], first, errno)
            for row, delays, count, first, errno in zip(
                rows,
                self._delays[over].tolist(),
                self.counts[over].tolist(),
                self._first_left[over].tolist(),
                self._errno[over].tolist(),
                strict=True,
            )
        ]

    def _grow(self, rows: int, singletons: int) -> None:
        have_rows, have_singletons = self._delays.shape
        if rows <= have_rows and singletons <= have_singletons:
            return
        rows = max(rows, 2 * have_rows) if rows > have_rows else have_rows
        self._due = _longer(self._due, rows, _NEVER)
        self._open = _longer(self._open, rows, -1)
        self._next, self._errno = _longer(self._next, rows), _longer(self._errno, rows)
        self._spacing, self._first_left = (
            _longer(self._spacing, rows),
            _longer(self._first_left, rows),
        )
        self.counts, self.sent = _longer(self.counts, rows), _longer(self.sent, rows)
        self.lengths, self.timeouts_ns = (
            _longer(self.lengths, rows),
            _longer(self.timeouts_ns, rows),
        )
        self.names = np.vstack([self.names, np.zeros((rows - have_rows, NAME_BYTES), np.uint8)])
        delays = np.full((rows, max(singletons, have_singletons)), UNSENT, np.int32)
        delays[:have_rows, :have_singletons] = self._delays
        self._delays = delays


def _longer(column: Ints, rows: int, fill: int = 0) -> Ints:
    return np.concatenate([column, np.full(rows - len(column), fill, np.int64)])
