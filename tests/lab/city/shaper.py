"""A cable between two TAP interfaces that delays, doubles, reorders, spoils or slows frames.

The kernels of the lab have no netem. Started as `python shaper.py TAP0 TAP1 SEED`; each line on
standard input is a JSON object of settings for one direction, each answer a JSON object of counts:

    {"toward": 1, "delay_us": 40000, "jitter_us": 5000, "duplicate": 0.1}

A frame's delay is `delay_us` and up to `jitter_us` more; frames keep their order but for those
that `reorder` chooses, which wait `hold_us` longer and are overtaken. The queue is bounded: what
finds it full is dropped and counted. Ends with its standard input. Adds about 0.3 ms by itself.
"""

import fcntl
import heapq
import io
import json
import os
import random
import select
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_FRAME = 65_535
_QUEUE = 2_000
_BURST = 64
_ETHERNET_AND_IP = 34
"""Spoiled is a byte beyond these, so that checksums of the payload's protocol find it."""


@dataclass(slots=True, kw_only=True)
class Direction:
    """One direction's settings and what is under way in it; fractions lie in 0…1."""

    delay_us: int = 0
    jitter_us: int = 0
    duplicate: float = 0.0
    reorder: float = 0.0
    hold_us: int = 20_000
    corrupt: float = 0.0
    rate_kbit: int = 0
    """Kilobits a second; 0: as fast as it goes."""
    latest_ns: int = 0
    free_ns: int = 0
    """When the line has sent what was given to it."""
    waiting: list[tuple[int, int, bytes]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, frame: bytes, now_ns: int, chance: random.Random) -> None:
        """Queue a frame, once or twice, for the moment at which it arrives."""
        self.counts["frames"] += 1
        copies = 2 if chance.random() < self.duplicate else 1
        self.counts["duplicated"] += copies - 1
        for _ in range(copies):
            if len(self.waiting) >= _QUEUE:
                self.counts["overflow"] += 1
                return
            due = self._due(len(frame), now_ns, chance)
            number = self.counts["queued"] = self.counts["queued"] + 1
            heapq.heappush(self.waiting, (due, number, self._spoiled(frame, chance)))

    def _due(self, size: int, now_ns: int, chance: random.Random) -> int:
        leaves = now_ns
        if self.rate_kbit:
            leaves = self.free_ns = max(now_ns, self.free_ns) + size * 8_000_000 // self.rate_kbit
        jitter = chance.randint(0, self.jitter_us) if self.jitter_us else 0
        due = leaves + (self.delay_us + jitter) * 1_000
        if chance.random() < self.reorder:
            self.counts["reordered"] += 1
            return due + self.hold_us * 1_000
        self.latest_ns = max(due, self.latest_ns)
        return self.latest_ns

    def _spoiled(self, frame: bytes, chance: random.Random) -> bytes:
        if chance.random() >= self.corrupt or len(frame) <= _ETHERNET_AND_IP:
            return frame
        self.counts["corrupted"] += 1
        place = chance.randrange(_ETHERNET_AND_IP, len(frame))
        return frame[:place] + bytes([frame[place] ^ 0xFF]) + frame[place + 1 :]

    def deliver(self, fd: int, now_ns: int) -> None:
        """Write every frame that is due."""
        while self.waiting and self.waiting[0][0] <= now_ns:
            _, _, frame = heapq.heappop(self.waiting)
            try:
                os.write(fd, frame)
            except OSError:  # the interface is down, or its queue is full
                self.counts["refused"] += 1

    def settle(self, settings: dict[str, float]) -> None:
        """Take new settings for frames yet to come."""
        for name, value in settings.items():
            setattr(self, name, value)
        self.latest_ns = 0


def _open_tap(name: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return fd


def _wait_s(directions: list[Direction], now_ns: int) -> float:
    due = [one.waiting[0][0] for one in directions if one.waiting]
    return min(1.0, max(0, min(due) - now_ns) / 1e9) if due else 1.0


def _receive(fd: int, into: Direction, chance: random.Random) -> None:
    for _ in range(_BURST):
        try:
            frame = os.read(fd, _FRAME)
        except OSError:  # nothing more
            return
        into.take(frame, time.monotonic_ns(), chance)


def _obey(orders: io.FileIO, directions: list[Direction]) -> bool:
    """Take the next line of settings; False at the end of standard input."""
    line = orders.readline()
    if not line:
        return False
    settings = json.loads(line)
    directions[settings.pop("toward")].settle(settings)
    sys.stdout.write(json.dumps([one.counts for one in directions]) + "\n")
    sys.stdout.flush()
    return True


def main(taps: list[str], seed: str) -> None:
    """Forward until standard input ends."""
    orders = io.FileIO(0, closefd=False)  # unbuffered: select must see every line
    fds = [_open_tap(name) for name in taps]
    directions = [Direction(), Direction()]  # toward taps[0], toward taps[1]
    chance = random.Random(seed)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        wait = _wait_s(directions, time.monotonic_ns())
        ready, _, _ = select.select([*fds, orders.fileno()], [], [], wait)
        if orders.fileno() in ready and not _obey(orders, directions):
            return
        for number, fd in enumerate(fds):
            if fd in ready:
                _receive(fd, directions[1 - number], chance)
        now_ns = time.monotonic_ns()
        for fd, direction in zip(fds, directions, strict=True):
            direction.deliver(fd, now_ns)


if __name__ == "__main__":
    main(sys.argv[1:3], sys.argv[3])
