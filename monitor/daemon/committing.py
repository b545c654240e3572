"""The second hand of the daemon: drafts, the writer, retries, and who is told of what.

A failed commit is written again, unchanged, after a pause that doubles from 1 to 30 s; what is
seen meanwhile waits in the accumulator, which is bounded and counts what it must drop. People
are told of the trouble once, past the outbox, because the outbox is what cannot be written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from monitor.clock import STEP_LIMIT_US, Clock, anchor_now
from monitor.daemon.drafting import Draft
from monitor.daemon.recorder import Recorder
from monitor.daemon.writer import Defect, Outcome, Writer
from monitor.model import OutboxRow
from monitor.store.errors import StoreBusyError, StoreError, StoreFullError
from monitor.store.ledger import Commit, Committed
from monitor.text import plain

LONGEST_PAUSE_US = 30_000_000
UNSIGNED_LIMIT_US = 10_000_000
_log = structlog.get_logger("sasando.commit")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """A commit that hands the log over to another key; `told` once that key signs."""

    commit: Commit
    told: Callable[[Committed], None]


class Alerting(Protocol):
    """What the committing side needs of the sender."""

    def offer(self, rows: tuple[OutboxRow, ...], *, signed: bool = True) -> None:
        """Take committed rows."""
        ...

    def emergency(self, code: str, values: dict[str, object]) -> int:
        """Tell people past the store."""
        ...


class Committing:
    """Drives the recorder and the writer; `step` is called once a second on the loop."""

    def __init__(
        self,
        recorder: Recorder,
        writer: Writer,
        sender: Alerting,
        clock: Clock,
        *,
        look: Callable[[set[str]], None],
        committed: Callable[[], None],
        broken: Callable[[Exception], None],
    ) -> None:
        """`look` probes targets now; `committed` hears of each commit, `broken` of a defect."""
        self.recorder = recorder
        self.commits = 0
        self.trouble: StoreError | None = None
        self.unsigned = ""
        self._writer = writer
        self._sender = sender
        self._clock = clock
        self._look = look
        self._committed = committed
        self._broken = broken
        self._draft: Draft | HandOver | None = None
        self._handing: HandOver | None = None
        self._retry_at_us = 0
        self._pause_us = 0
        self._unsigned_since_us: int | None = None

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing waits for another try."""
        return self._draft is None and not self._writer.busy

    def step(self) -> bool:
        """Hand over the next commit, or the failed one again; True when one was handed over."""
        self._check_clock()
        if self._writer.busy:
            return False
        if self._draft is not None and self._now_us() < self._retry_at_us:
            return False
        draft = self._draft = self._draft or self._next()
        if draft is None:
            return False
        self._writer.write(draft.commit, lambda outcome: self._settled(draft, outcome))
        return True

    def hand_over(self, handing: HandOver) -> bool:
        """Commit it next, by itself; False while another one waits or is under way."""
        if self._handing is not None or isinstance(self._draft, HandOver):
            return False
        self._handing = handing
        return True

    def hurry(self) -> None:
        """Try a failed commit at the next step, without its pause (the daemon stops)."""
        self._retry_at_us = 0

    def _next(self) -> Draft | HandOver | None:
        if self._handing is not None:
            handing, self._handing = self._handing, None
            return handing
        draft = self.recorder.draft(self._clock.wall_us(), self._clock.boottime_ns())
        if self.recorder.asks:  # now, not once it is committed: the store may be in trouble
            self._look(self.recorder.asks)
        return draft

    def _settled(self, draft: Draft | HandOver, outcome: Outcome) -> None:
        if isinstance(outcome, Defect):
            self._broken(outcome.error)
            return
        if isinstance(outcome, StoreError):
            self._failed(outcome)
            return
        if self.trouble is not None:
            _log.warning("commit-succeeded", after=self.trouble.code)
        self._draft, self._pause_us, self.trouble = None, 0, None
        self.commits += 1
        if isinstance(draft, HandOver):
            draft.told(outcome)
        else:
            self.recorder.accept(draft, outcome, anchor_now(self._clock))
        self._check_signature(outcome)
        self._sender.offer(outcome.outbox, signed=outcome.note is not None)
        self._committed()

    def _failed(self, error: StoreError) -> None:
        if self.trouble is None:
            _log.error("commit-failed", code=error.code, **error.values)
            self.recorder.accumulator.lose("commits-delayed")
        self.trouble = error
        self._pause_us = min(max(1_000_000, 2 * self._pause_us), LONGEST_PAUSE_US)
        self._retry_at_us = self._now_us() + self._pause_us
        told = self._sender.emergency(_emergency(error), plain(error.values))
        if told:
            _log.warning("emergency-alert", code=_emergency(error), routes=told)

    def _check_signature(self, committed: Committed) -> None:
        self.unsigned = committed.unsigned
        if not committed.unsigned:
            self._unsigned_since_us = None
            return
        now_us = self._now_us()
        if self._unsigned_since_us is None:
            _log.error("checkpoint-unsigned", why=committed.unsigned)
            self._unsigned_since_us = now_us
        if now_us - self._unsigned_since_us > UNSIGNED_LIMIT_US:
            why = committed.reason or committed.unsigned
            self._sender.emergency("signing-failed", {"why": why})

    def _check_clock(self) -> None:
        """A stepped wall clock anchors anew; observations already taken keep the old anchor."""
        recorder = self.recorder
        wall_us, boottime_ns = self._clock.wall_us(), self._clock.boottime_ns()
        step_us = recorder.newest_anchor.step_us(wall_us, boottime_ns)
        if abs(step_us) <= STEP_LIMIT_US:
            return
        _log.warning("clock-stepped", step_ms=step_us // 1_000)
        recorder.anchor_anew(anchor_now(self._clock), "step", step_us)

    def _now_us(self) -> int:
        return self._clock.boottime_ns() // 1_000


def _emergency(error: StoreError) -> str:
    if isinstance(error, StoreFullError):
        return "disk-full"
    if isinstance(error, StoreBusyError):
        return "store-locked"
    return "store-unwritable" if error.code == "store.unwritable" else "other"
