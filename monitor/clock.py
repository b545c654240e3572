"""The two clocks, and how SLA time is made of them.

SLA time = wall clock of an anchor + CLOCK_BOOTTIME since then: a stepped wall clock moves no
observation. The daemon anchors anew at start, at each boot and after a step above
`STEP_LIMIT_US`, and each anchor is a ledger entry.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

STEP_LIMIT_US = 500_000


class Clock(Protocol):
    """The one door to time; pure code takes what it returns as an argument."""

    def wall_us(self) -> int:
        """UTC microseconds since the epoch."""
        ...

    def boottime_ns(self) -> int:
        """CLOCK_BOOTTIME: monotonic, runs on through suspend, starts at boot."""
        ...

    def boot_id(self) -> str:
        """Identifies this boot of the host."""
        ...


class SystemClock:
    """The host's clocks."""

    def wall_us(self) -> int:
        """UTC microseconds since the epoch."""
        return time.time_ns() // 1_000

    def boottime_ns(self) -> int:
        """CLOCK_BOOTTIME in nanoseconds."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        """The kernel's random boot id; empty where the host has none to read."""
        path = Path("/proc/sys/kernel/random/boot_id")
        return path.read_text().strip() if path.exists() else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A moment at which both clocks were read together."""

    wall_us: int
    boottime_ns: int
    boot_id: str

    def wall_at(self, boottime_ns: int) -> int:
        """SLA time (UTC µs) of a moment of the boot clock."""
        return self.wall_us + (boottime_ns - self.boottime_ns) // 1_000

    def step_us(self, wall_us: int, boottime_ns: int) -> int:
        """How far the wall clock has left the anchor: positive when it was set forward."""
        return wall_us - self.wall_at(boottime_ns)


def anchor_now(clock: Clock) -> Anchor:
    """An anchor of this moment."""
    return Anchor(wall_us=clock.wall_us(), boottime_ns=clock.boottime_ns(), boot_id=clock.boot_id())
