"""What the daemon's rooms share, so that none of them knows the daemon that puts them together."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from alerts.sender import Sender
from monitor.clock import Clock
from monitor.config.configuration import Configuration, KeyPlan
from monitor.daemon.appending import Appending
from monitor.daemon.committing import Committing
from monitor.daemon.growth import Growth
from monitor.daemon.legwatch import LegWatch
from monitor.daemon.net import Probers
from monitor.daemon.notify import Notifier
from monitor.daemon.recorder import Recorder
from monitor.daemon.setup import Plan
from monitor.daemon.witnessing import Witnesses
from monitor.daemon.writer import Writer
from monitor.engine.runner import Runner
from monitor.store.ledger import Ledger


class Shared(Protocol):
    """One agent at work, as its rooms see it. On the loop only."""

    clock: Clock
    loop: asyncio.AbstractEventLoop
    started_us: int
    stopping: asyncio.Event
    """Set once the end has begun, for whatever reason."""
    defect: BaseException | None
    """The first defect of our own; the daemon ends because of it."""

    plan: Plan
    """Of the configuration in force: a reload puts another one here."""
    load: Callable[[], Configuration]
    """Reads the configuration again; ConfigurationError keeps the one in force."""
    key: KeyPlan
    """The key in force: a hand-over puts another one here."""

    ledger: Ledger
    """The writer's while it is alive; others read where it lies, its size and its last note."""
    recorder: Recorder
    writer: Writer
    committing: Committing
    entries: Appending
    growth: Growth

    runner: Runner
    probers: Probers
    legs: LegWatch
    sender: Sender
    witnesses: Witnesses
    notifier: Notifier

    def now_us(self) -> int:
        """SLA time: the wall clock of the anchor in force."""
        ...

    def fail(self, error: BaseException) -> None:
        """End because of a defect; only the first one is told."""
        ...
