"""Entries of what is done to the log itself: prunings, keys, time stamps, runs of the calendar."""

from dataclasses import dataclass
from typing import ClassVar

from monitor.ledger.record import Record
from monitor.text import Reason

RUN_OUTCOMES = ("set", "done", "nothing", "failed")
PRUNING_STEP = 256
"""Entries are pruned by whole tiles: the hashes above them then stay complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPruned(Record):
    """The entries below `boundary` are to be removed; what was derived from them stays.

    `state` is the SHA-256 of the fold's snapshot at the boundary, an evidence record: from there
    on everything can be derived again. `before_us`: every pruned entry is older than this.
    """

    CODE: ClassVar[int] = 20
    boundary: int
    before_us: int
    state: bytes
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.boundary <= 0 or self.boundary % PRUNING_STEP:
            return Reason("entry.boundary", {"boundary": self.boundary})
        return None if len(self.state) == 32 else Reason("entry.state")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated(Record):
    """The outgoing key names the next one: checkpoints of larger sizes are signed by that alone.

    Both are verifier key lines of the log's own name. The checkpoint that covers just this entry
    may be of either.
    """

    CODE: ClassVar[int] = 21
    previous: str
    next: str
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        return Reason("entry.key-itself") if self.previous == self.next else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointStamped(Record):
    """A time-stamping authority has stamped the checkpoint of `size` entries (RFC 3161).

    `token` is the SHA-256 of its reply, which is kept beside the checkpoint's note; `time_us` is
    the authority's time, `at_us` the agent's own when the token was verified.
    """

    CODE: ClassVar[int] = 22
    authority: str
    size: int
    token: bytes
    time_us: int
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.size <= 0:
            return Reason("entry.checkpoint", {"size": self.size})
        return None if len(self.token) == 32 else Reason("entry.token")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRan(Record):
    """What became of the run of a calendar's job that was due at `due_us`.

    `outcome` is `set` where the job entered the calendar, and later runs count from there;
    `told` says more: a folder, or the key of a text that tells why not.
    """

    CODE: ClassVar[int] = 23
    job: str
    due_us: int
    outcome: str
    told: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.outcome not in RUN_OUTCOMES:
            return Reason("entry.outcome", {"outcome": repr(self.outcome[:40])})
        return None
