"""The packets of one address family that are under way, indexed by ICMP sequence number. Pure.

Rules kept here
1. A sequence is used again only when its packet has ended and a guard time has passed.
2. A reply answers only if its cookie, source address, length and padding are those of the packet,
   the packet has no answer yet, and its delay is within the packet's timeout.
3. Every other reply is counted under exactly one name of `Match` and changes nothing.
4. A delay comes from kernel stamps where both are there and the wall clock was not stepped
   between them; a missing stamp is replaced by the user-space clock on that side.

Left to others: identifiers (the socket's), statistics, the meaning of a lost packet.
Times are nanoseconds: `boot` of CLOCK_BOOTTIME, `real` of CLOCK_REALTIME, `offset` real - boot.
"""

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checks.ping.kernel import Bytes, Ints, TxStamps
from checks.ping.wire import Replies

SEQUENCES: Final = 65_536
NEVER: Final = 1 << 62
STEP_NS: Final = 1_000_000
"""A change of `offset` above this is a step of the wall clock, not its slewing."""
ANSWERED_GUARD_NS: Final = 500_000_000
EXPIRED_GUARD_NS: Final = 1_000_000_000

_FREE, _SENT, _ANSWERED, _EXPIRED = range(4)


class Match(IntEnum):
    """What a received message is."""

    ANSWER = 0
    CORRUPT = 1
    """Truncated, not a reply, or its length or padding is not what was sent."""
    FORGED = 2
    """Identifier or cookie are not those of a packet."""
    WRONG_SOURCE = 3
    """The cookie is right, but it came from an address that was not asked."""
    DUPLICATE = 4
    LATE = 5


class Instant(NamedTuple):
    """One reading of both clocks."""

    boot_ns: int
    offset_ns: int


class Departure(NamedTuple):
    """A chunk of packets about to leave: one element each, except `at`."""

    sequences: Ints
    rows: Ints
    singletons: Ints
    cookies: NDArray[np.uint64]
    sources: Bytes
    lengths: Ints
    timeouts_ns: Ints
    at: Instant


class Answers(NamedTuple):
    """Singletons that came back: whose, which, and after how many nanoseconds."""

    rows: Ints
    singletons: Ints
    delays_ns: Ints
    unstamped: int
    """How many lack a kernel stamp on a side, or had the clock stepped between the stamps."""


class Expired(NamedTuple):
    """Singletons whose timeout has passed, and when they left (boot)."""

    rows: Ints
    singletons: Ints
    left_ns: Ints


class Flight:
    """The table; see the module for its rules. `source_bytes`: 4 in IPv4, 20 in IPv6."""

    def __init__(self, source_bytes: int) -> None:
        self._state = np.zeros(SEQUENCES, np.uint8)
        self._free_at = np.zeros(SEQUENCES, np.int64)
        self._row = np.zeros(SEQUENCES, np.int64)
        self._singleton = np.zeros(SEQUENCES, np.int64)
        self._cookie = np.zeros(SEQUENCES, np.uint64)
        self._source = np.zeros((SEQUENCES, source_bytes), np.uint8)
        self._length = np.zeros(SEQUENCES, np.int64)
        self._timeout = np.zeros(SEQUENCES, np.int64)
        self._deadline = np.full(SEQUENCES, NEVER, np.int64)
        self._left_boot = np.zeros(SEQUENCES, np.int64)
        self._left_offset = np.zeros(SEQUENCES, np.int64)
        self._left_stamp = np.zeros(SEQUENCES, np.int64)
        self._next = 0
        self._earliest = NEVER
        self.under_way = 0

    def take(self, count: int, now_ns: int) -> Ints:
        """Up to `count` sequences that may be used now, the longest unused first."""
        order = (self._next + np.arange(count)) % SEQUENCES
        if not (self._free_at[order] <= now_ns).all():
            order = (self._next + np.arange(SEQUENCES)) % SEQUENCES
            order = order[self._free_at[order] <= now_ns][:count]
        if len(order):
            self._next = (int(order[-1]) + 1) % SEQUENCES
        return order

    def depart(self, chunk: Departure) -> None:
        """Put packets in before they are sent, so that no reply can find them missing."""
        at = chunk.sequences
        self._state[at] = _SENT
        self._free_at[at] = NEVER
        self._row[at] = chunk.rows
        self._singleton[at] = chunk.singletons
        self._cookie[at] = chunk.cookies
        self._source[at] = chunk.sources
        self._length[at] = chunk.lengths
        self._timeout[at] = chunk.timeouts_ns
        self._deadline[at] = deadlines = chunk.timeouts_ns + chunk.at.boot_ns
        self._left_boot[at] = chunk.at.boot_ns
        self._left_offset[at] = chunk.at.offset_ns
        self._left_stamp[at] = 0
        self._earliest = min(self._earliest, int(deadlines.min(initial=NEVER)))
        self.under_way += len(at)

    def withdraw(self, sequences: Ints) -> None:
        """These never left: nothing can answer them, so no guard is needed."""
        self._state[sequences] = _FREE
        self._free_at[sequences] = 0
        self._deadline[sequences] = NEVER
        self.under_way -= len(sequences)

    def stamp(self, sequences: Ints, stamps: TxStamps) -> None:
        """Note when the kernel handed packets to the device; the first stamp of each counts.

        A stamp from before the packet's own departure belongs to an earlier numbering.
        """
        known = sequences >= 0
        at, times = sequences[known], stamps.times_ns[known]
        left_real = self._left_boot[at] + self._left_offset[at]
        own = (self._left_stamp[at] == 0) & (times >= left_real - STEP_NS)
        self._left_stamp[at[own]] = times[own]

    def unstamped(self, sequences: Ints) -> NDArray[np.bool_]:
        """Which of these are under way without a transmit stamp."""
        unstamped: NDArray[np.bool_] = self._state[sequences] == _SENT
        unstamped &= self._left_stamp[sequences] == 0
        return unstamped

    def match(
        self, replies: Replies, sources: Bytes, identifier: int, arrived_ns: Ints, now: Instant
    ) -> tuple[NDArray[np.int64], Answers]:
        """What each message is (`Match`), and the answers among them, taken in.

        `arrived_ns` are kernel stamps (real), 0 where there is none; `now` is the drain's moment.
        """
        at = replies.sequence
        delays, unstamped = self._delays(at, arrived_ns, now)
        kind = np.full(len(at), Match.ANSWER, np.int64)
        # Later lines win: the gravest name is given last.
        kind[(delays > self._timeout[at]) | (self._state[at] == _EXPIRED)] = Match.LATE
        kind[self._state[at] == _ANSWERED] = Match.DUPLICATE
        whole = (replies.length == self._length[at]) & replies.padded
        kind[~whole] = Match.CORRUPT
        kind[(sources != self._source[at]).any(axis=1)] = Match.WRONG_SOURCE
        known = (self._state[at] != _FREE) & (self._cookie[at] == replies.cookie)
        kind[~known | (replies.identifier != identifier)] = Match.FORGED
        kind[~replies.sound] = Match.CORRUPT
        good = _first_of_each(at, kind == Match.ANSWER, kind)
        answers = Answers(
            self._row[at[good]], self._singleton[at[good]], delays[good], int(unstamped[good].sum())
        )
        self._end(at[good], _ANSWERED, now.boot_ns + ANSWERED_GUARD_NS)
        return kind, answers

    def expire(self, now_ns: int) -> Expired:
        """The packets whose timeout has passed without an answer, ended."""
        if now_ns < self._earliest:
            nothing = np.zeros(0, np.int64)
            return Expired(nothing, nothing, nothing)
        over = np.flatnonzero(self._deadline <= now_ns)
        expired = Expired(self._row[over], self._singleton[over], self._left_boot[over])
        self._end(over, _EXPIRED, now_ns + EXPIRED_GUARD_NS)
        self._earliest = int(self._deadline.min())
        return expired

    def _end(self, sequences: Ints, state: int, free_at: int) -> None:
        self._state[sequences] = state
        self._free_at[sequences] = free_at
        self._deadline[sequences] = NEVER
        self.under_way -= len(sequences)

    def _delays(self, at: Ints, arrived: Ints, now: Instant) -> tuple[Ints, NDArray[np.bool_]]:
        """Round-trip delays (RFC 2681) and which of them rest on a user-space clock."""
        left_boot, left_offset, left = (
            self._left_boot[at],
            self._left_offset[at],
            self._left_stamp[at],
        )
        outer = now.boot_ns - left_boot
        started = np.where(left > 0, left, left_boot + left_offset)
        ended = np.where(arrived > 0, arrived, now.boot_ns + now.offset_ns)
        delays = ended - started
        stepped = np.abs(left_offset - now.offset_ns) > STEP_NS
        # User space wraps the kernel: a delay outside of what it saw was cut by a clock step.
        stepped |= (delays < 0) | (delays > outer + STEP_NS)
        return np.where(stepped, outer, delays), (left == 0) | (arrived == 0) | stepped


def _first_of_each(
    sequences: Ints, answers: NDArray[np.bool_], kind: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Places of the first answer to each sequence; the others become duplicates in `kind`."""
    places = np.flatnonzero(answers)
    _, first = np.unique(sequences[places], return_index=True)
    again = np.ones(len(places), bool)
    again[first] = False
    kind[places[again]] = Match.DUPLICATE
    return places[~again]
