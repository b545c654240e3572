"""One address family's traffic: its socket, its packets under way, its samples.

`step` does everything that is due and never waits: read what came, send what is due in chunks
with reads between them, end what has timed out. Reads come before expiry, so that a reply which
arrived in time is an answer even if this process was held up.
"""

import errno
import os
from collections import Counter
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Final

import numpy as np

from checks.ping import kernel
from checks.ping.endpoint import Endpoint, open_endpoint
from checks.ping.flight import Departure, Flight, Instant, Match
from checks.ping.kernel import Ints
from checks.ping.mmsg import MSG_ERRQUEUE, MSG_TRUNC, Messages
from checks.ping.pace import Pace
from checks.ping.samples import Ended, Samples, Wish
from checks.ping.stamp_keys import StampKeys
from checks.ping.wire import (
    REPLY_TYPE,
    SOCKADDR_BYTES,
    SOURCE,
    read_replies,
    without_ip_header,
    write_requests,
)
from monitor.model import Family, Fault

CHUNK: Final = 256
_LEAST_CHUNK = 16
_MAX_READS = 64
"""Batches read at once: a flood of forged replies cannot keep the loop from its other work."""
_NO_ROOM_NS = 1_000_000_000
"""A singleton that found no room in the socket or the sequences for this long is not sent."""
_IP_HEADER_BYTES = 60
_LOCAL_RETRY = (errno.EAGAIN, errno.EINTR)


class Lane:
    """See the module. `boottime_ns` is the only clock deadlines come from."""

    def __init__(
        self,
        family: Family,
        boottime_ns: Callable[[], int],
        tally: Counter[str],
        tick_ns: int,
    ) -> None:
        self._family, self._boottime_ns, self._tally = family, boottime_ns, tally
        self._flight = Flight(SOURCE[family].stop - SOURCE[family].start)
        self._samples = Samples(tick_ns)
        self._keys = StampKeys()
        self._keys_unsure = False
        self._stamps = Messages(CHUNK, 8, control_bytes=kernel.TX_CONTROL_BYTES, named=False)
        self._width = 0
        self._widen(64)
        self._pace = Pace()
        self._unstamped_batches = 0
        self.endpoint: Endpoint | None = None

    def open(self) -> Fault | None:
        """Open the socket unless it is open; tried again at each call while it is refused."""
        if self.endpoint is None:
            opened = open_endpoint(self._family, self._boottime_ns())
            if isinstance(opened, Fault):
                return opened
            self.endpoint = opened
            self._chunk = max(_LEAST_CHUNK, min(CHUNK, opened.receive_bytes // 4_096))
        return None

    def close(self) -> None:
        """Close the socket; what is under way is forgotten."""
        if self.endpoint is not None:
            self.endpoint.close()
            self.endpoint = None

    def add(self, wishes: Sequence[Wish]) -> list[int]:
        """Take probes in; the rows that `step` will report ended. `open` must have succeeded."""
        self._widen(max(wish.length for wish in wishes))
        return self._samples.add(wishes, self._boottime_ns())

    @property
    def user_clock(self) -> bool:
        """Whether the kernel has given no stamps of late."""
        return self.endpoint is not None and (
            not self.endpoint.stamps or self._unstamped_batches > 0
        )

    @property
    def wants_reader(self) -> bool:
        """Whether replies must be read the moment they come, for want of kernel stamps."""
        return self.endpoint is not None and (
            not self.endpoint.stamps or self._unstamped_batches > 2
        )

    def pace_ns(self) -> int:
        """The longest time between steps: replies fit into the buffer, spacings are kept."""
        room = 0 if self.endpoint is None else self.endpoint.receive_bytes
        return min(self._pace.limit_ns(room), self._samples.step_ns())

    def step(self) -> list[Ended]:
        """Do what is due now; the rows that ended."""
        if self.endpoint is None:
            return []
        self.read(self.endpoint)
        now_ns = self._boottime_ns()
        if now_ns >= self.endpoint.ready_ns:
            self._send_due(self.endpoint, now_ns)
        self._tally["dropped"] += self._pace.step(self.endpoint.drops(), now_ns)
        self._expire(now_ns)
        return self._samples.take_ended()

    def read(self, endpoint: Endpoint) -> None:
        """Read every reply that waits, and the transmit stamps that belong to them."""
        for _ in range(_MAX_READS):
            came = self._receive(endpoint, self._incoming)
            now = self._instant()
            # A packet's transmit stamp is queued before its reply can exist, so it is read now.
            self._read_stamps(endpoint)
            if came:
                self._match(endpoint, came, now)
            if came < self._incoming.size:
                return

    def _send_due(self, endpoint: Endpoint, now_ns: int) -> None:
        due = self._samples.due(now_ns)
        chunk = _LEAST_CHUNK if self.wants_reader else self._chunk
        at = 0
        while at < len(due):
            if at:
                self.read(endpoint)
            gone = self._send(endpoint, due[at : at + chunk])
            if not gone:
                break
            at += gone
        tired = self._samples.late(due[at:], now_ns - _NO_ROOM_NS)
        if len(tired):
            self._samples.give_up(tired, now_ns, errno.ENOBUFS)
            self._tally["unsent"] += len(tired)

    def _send(self, endpoint: Endpoint, rows: Ints) -> int:
        """Send the next singleton of each row; how many rows are done with, sent or failed."""
        now = self._instant()
        sequences = self._flight.take(len(rows), now.boot_ns)
        rows = rows[: len(sequences)]
        if not len(rows):
            return 0
        samples, leaving = self._samples, self._samples.leave(rows, now.boot_ns)
        self._flight.depart(self._fill(endpoint, rows, sequences, leaving.singletons, now))
        errnos = self._transmit(endpoint, sequences)
        left = errnos == 0
        if left.all():
            samples.left(rows, leaving.singletons, now.boot_ns)
        else:
            again = np.isin(errnos, _LOCAL_RETRY)
            failed = ~left & ~again
            self._flight.withdraw(sequences[~left])
            samples.left(rows[left], leaving.singletons[left], now.boot_ns)
            samples.take_back(rows[again], leaving.due_ns[again])
            samples.failed(rows[failed], errnos[failed])
            self._tally["unsent"] += int(failed.sum())
            rows = rows[~again]
        self._pace.sent += len(rows)
        return len(rows)

    def _fill(
        self, endpoint: Endpoint, rows: Ints, sequences: Ints, singletons: Ints, now: Instant
    ) -> Departure:
        """Write the requests of a chunk; what the table of packets must know of them."""
        samples, outgoing, count = self._samples, self._outgoing, len(rows)
        cookies = np.frombuffer(os.urandom(8 * count), np.uint64)
        names, lengths = samples.names[rows], samples.lengths[rows]
        outgoing.names[:count] = names
        outgoing.prepare(lengths, SOCKADDR_BYTES[self._family])
        write_requests(
            outgoing.packets,
            self._family,
            endpoint.identifier,
            sequences,
            cookies,
            checksum=endpoint.raw_ipv4,
        )
        return Departure(
            sequences,
            rows,
            singletons,
            cookies,
            names[:, SOURCE[self._family]],
            lengths,
            samples.timeouts_ns[rows],
            now,
        )

    def _transmit(self, endpoint: Endpoint, sequences: Ints) -> Ints:
        """Hand the chunk to the kernel; 0 or the errno of each packet."""
        errnos = np.zeros(len(sequences), np.int64)
        first, count = 0, len(sequences)
        while first < count:
            if self._keys_unsure:
                # Stamps of the old numbering are read while it still says whose they are.
                self._read_stamps(endpoint)
                endpoint.restart_stamp_keys()
                self._keys.restart(self._flight.unstamped, self._boottime_ns())
                self._keys_unsure = False
            sent = self._outgoing.send(endpoint.fd, first, count - first)
            # Stopping short means that a packet failed, which may have used up a number.
            self._keys_unsure = sent < count - first
            if sent > 0:
                self._keys.sent(sequences[first : first + sent])
                first += sent
            elif -sent in _LOCAL_RETRY:
                errnos[first:] = errno.EAGAIN
                break
            else:
                errnos[first] = -sent
                first += 1
        return errnos

    def _read_stamps(self, endpoint: Endpoint) -> None:
        if not endpoint.stamps:
            return
        for _ in range(_MAX_READS):
            came = self._receive(endpoint, self._stamps, MSG_ERRQUEUE)
            if came:
                lengths = self._stamps.control_lengths[:came]
                stamps = kernel.tx_stamps(self._stamps.control[:came], lengths)
                self._flight.stamp(self._keys.sequences(stamps.keys), stamps)
            if came < self._stamps.size:
                return

    def _receive(self, endpoint: Endpoint, into: Messages, flags: int = 0) -> int:
        try:
            return into.receive(endpoint.fd, flags)
        except OSError:
            # An error of the interface, told once on the socket: reading on is all there is to do.
            self._tally["socket_errors"] += 1
            return 0

    def _match(self, endpoint: Endpoint, came: int, now: Instant) -> None:
        incoming = self._incoming
        packets, lengths = incoming.packets[:came], incoming.lengths[:came].astype(np.int64)
        truncated = (incoming.flags[:came] & MSG_TRUNC) != 0
        if endpoint.raw_ipv4:
            packets, lengths = without_ip_header(packets, lengths)
        replies = read_replies(packets, lengths, truncated, REPLY_TYPE[self._family])
        control, control_lengths = incoming.control[:came], incoming.control_lengths[:came]
        arrived = kernel.rx_stamps(control, control_lengths)
        sources = incoming.names[:came, SOURCE[self._family]]
        kinds, answers = self._flight.match(replies, sources, endpoint.identifier, arrived, now)
        self._samples.answered(answers.rows, answers.singletons, (answers.delays_ns + 500) // 1_000)
        for kind, count in enumerate(np.bincount(kinds, minlength=len(Match)).tolist()):
            self._tally[Match(kind).name.lower()] += count
        if len(answers.rows):
            self._tally["no_timestamp"] += answers.unstamped
            self._unstamped_batches = self._unstamped_batches + 1 if answers.unstamped else 0

    def _expire(self, now_ns: int) -> None:
        """End what has timed out.

        A packet that was under way when the receive buffer overflowed may have been answered:
        that is not measured, and never held against the target.
        """
        over = self._flight.expire(now_ns)
        if not len(over.rows):
            return
        unknown = over.left_ns <= self._pace.overflow_ns
        self._samples.lost(over.rows[~unknown])
        self._samples.unmeasured(over.rows[unknown], over.singletons[unknown], errno.ENOBUFS)
        self._tally["unmeasured"] += int(unknown.sum())

    def _instant(self) -> Instant:
        """Both clocks, read together: the boot clock on both sides of the other."""
        for _ in range(3):
            before, real, after = self._boottime_ns(), time_ns(), self._boottime_ns()
            if after - before < 100_000:
                break
        return Instant(after, real - (before + after) // 2)

    def _widen(self, length: int) -> None:
        """Have buffers for packets of `length` bytes (ICMP header and payload)."""
        if length > self._width:
            self._width = length
            self._outgoing = Messages(CHUNK, length)
            self._incoming = Messages(
                CHUNK, length + _IP_HEADER_BYTES, control_bytes=kernel.RX_CONTROL_BYTES
            )
