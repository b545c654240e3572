"""The daemon: puts the rooms together, lives by its signals, ends in order.

Order of a start: lock and replay the ledger, ask the witnesses, listen, commit what puts the
configuration in force, then probe; READY is told after the first commit. Order of an end: probe no
more, commit what was seen, deliver what is due for a moment, commit the receipts, commit the end
itself, tell the witnesses, keep the last checkpoint, give the lock back. A defect of our own ends
the process at once, non-zero: what was not committed is unobserved, and the next start goes on from
the ledger.
"""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from alerts.sender import Sender, new_outbox
from monitor.clock import Clock
from monitor.config.configuration import Configuration, KeyPlan
from monitor.daemon.answers import answers, told
from monitor.daemon.appending import Appending
from monitor.daemon.blockwatch import note_block
from monitor.daemon.calendar import Calendar
from monitor.daemon.committing import Committing
from monitor.daemon.control import ControlServer
from monitor.daemon.enginewatch import EngineWatch
from monitor.daemon.growth import Growth
from monitor.daemon.legwatch import LegWatch
from monitor.daemon.net import LiveScope, Probers, build_net
from monitor.daemon.notify import Notifier
from monitor.daemon.reloading import Reloading, routes_of
from monitor.daemon.setup import Plan, plan_of
from monitor.daemon.starting import Left, add_opening, left_by, recorder_of
from monitor.daemon.stopping import stop
from monitor.daemon.witnessing import Witnesses
from monitor.daemon.writer import Writer
from monitor.engine.runner import Result, Runner
from monitor.store.errors import RolledBackError
from monitor.store.ledger import Ledger
from monitor.text import say

DEFECT = 70
"""Exit code after a defect of our own (EX_SOFTWARE): systemd starts the daemon again."""
_log = structlog.get_logger("sasando.daemon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a daemon is started with."""

    configuration: Configuration
    ledger: Ledger
    clock: Clock
    load: Callable[[], Configuration]
    """Reads the configuration again; ConfigurationError keeps the one in force."""
    tick_ms: int = 40
    key: KeyPlan | None = None
    """The key in force, as the configuration names it; None: the only one that it names."""


class Daemon:
    """One agent at work. `run` returns the exit code. Its rooms know it as `Shared`."""

    def __init__(self, start: Start) -> None:
        configuration, agent = start.configuration, start.configuration.agent
        self.ledger, self.clock, self.load = start.ledger, start.clock, start.load
        self.notifier = Notifier()
        self.stopping = asyncio.Event()
        self.started_us = start.clock.wall_us()
        self.loop = asyncio.get_running_loop()
        self.defect: BaseException | None = None
        self.defects = 0
        self._ready = False
        left = left_by(self.ledger, agent.vantage)
        self._pending = left.pending
        self.key = start.key or agent.key
        self.plan: Plan = plan_of(configuration, left.registry)
        self.sender = self._sender()
        self.witnesses = Witnesses(
            agent, self.ledger, self.clock, self.sender.emergency, left.cosigned
        )
        self._build_commits(left)
        self._build_engine(start.tick_ms)
        self.reloading = Reloading(self, left.registry, self.scope, over=self._tell_ready)
        self.calendar = Calendar(self, left.stamped)
        self.control = ControlServer(
            agent.control, answers(self, self.calendar, self.reloading), told(self)
        )
        opened_us = self.started_us if left.opened_us is None else left.opened_us
        self.growth = Growth(self.ledger.url, self.started_us, opened_us)

    def _sender(self) -> Sender:
        agent = self.plan.configuration.agent
        routes = routes_of(self.plan.configuration)
        return Sender(
            routes,
            new_outbox(routes),
            self.clock,
            lambda delivery: self._post(self.recorder.settle, delivery),
            origin=agent.origin,
            timezone=agent.timezone,
        )

    def _build_commits(self, left: Left) -> None:
        """From what was seen to the ledger."""
        self.recorder = recorder_of(self.plan, self.ledger, left, self.clock)
        self.writer = Writer(self.ledger, self._post)
        self.recorder.holding.advance(self.writer.view)
        self.committing = Committing(
            self.recorder,
            self.writer,
            self.sender,
            self.clock,
            look=self.look,
            committed=self._committed,
            broken=self.fail,
        )
        self.entries = Appending(self.recorder, self.committing, self.loop)

    def _build_engine(self, tick_ms: int) -> None:
        """From the plan to what is seen."""
        agent = self.plan.configuration.agent
        self.scope = LiveScope(self.clock, agent.scope, agent.timezone)
        self.legs = LegWatch(
            self.plan,
            self.recorder,
            self.clock,
            look=self.look,
            request=lambda slot: self.runner.request(slot),
        )
        self.probers = Probers(
            build_net(
                self.clock,
                self.scope,
                resolvers=agent.resolvers,
                time_servers=agent.time_servers,
                ca_file=agent.ca_file,
                tick_ms=tick_ms,
                packets=agent.packets,
                legs=self.legs.of_site,
            )
        )
        self.runner = Runner(
            self.plan.configuration.assignments,
            self.probers,
            self.clock,
            tick_ms=tick_ms,
            results=self.take,
        )
        self.engine_watch = EngineWatch(self.runner, self.recorder, self.clock, self.fail)

    async def run(self) -> int:
        """Work until SIGTERM or SIGINT; `DEFECT` where a defect of our own came before.

        RolledBackError, before anything is listened to or written, where a witness knows better.
        """
        try:
            await self.witnesses.require_agreement()
        except RolledBackError:
            self.ledger.abandon()
            raise
        self.loop.set_exception_handler(self._unhandled)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self.stopping.set)
        self.loop.add_signal_handler(signal.SIGHUP, self.reloading.begin)
        await self.control.start()
        add_opening(self.recorder, self.plan, empty=self.ledger.size == 0)
        self.writer.start()
        self.committing.step()
        self.sender.start()
        self.sender.offer(self._pending)
        self.runner.start(self.loop)
        seconds = self.loop.create_task(self._seconds())
        await self.stopping.wait()
        if self.defect is None:
            return await stop(self, self.calendar, self.control, seconds)
        return await self._abandon()

    def take(self, result: Result) -> None:
        """One result of the engine."""
        item = self.plan.item(result.assignment)
        if item is None:
            return
        try:
            self.recorder.accumulator.take(
                item, result.outcome, self.recorder.anchor, counts=self.legs.counts(item)
            )
            self.legs.take(item)
            note_block(
                self.recorder.blocks, item, self.recorder.accumulator.latest[item.number].outcome
            )
        except Exception as error:  # the engine's timer dies of it: end at once, do not fall silent
            self.fail(error)
            raise

    def look(self, targets: set[str]) -> None:
        """Probe these targets now: somebody's verdict waits for them."""
        for target in targets:
            for slot in self.plan.assignments_of(target):
                self.runner.request(slot)

    def fail(self, error: BaseException) -> None:
        """End because of a defect; only the first one is told."""
        if self.defect is None:
            self.defect = error
            _log.critical("defect", error=repr(error), exc_info=error)
            self.stopping.set()

    def now_us(self) -> int:
        """SLA time: the wall clock of the anchor in force."""
        return self.recorder.anchor.wall_at(self.clock.boottime_ns())

    async def _seconds(self) -> None:
        """Once a second, on the second hand of the boot clock: commit, tell systemd."""
        try:
            while True:
                pause_ns = 1_000_000_000 - self.clock.boottime_ns() % 1_000_000_000
                # A timer may fire a little early: the same second must not come twice.
                await asyncio.sleep((pause_ns + 1_000_000) / 1e9)
                self._second()
        except Exception as error:
            self.fail(error)
            raise

    def _second(self) -> None:
        self.engine_watch.count_losses()
        self.legs.second()
        self.committing.step()
        self.witnesses.second()
        if self._ready:
            self.calendar.second()
        self._feed_watchdog()

    def _committed(self) -> None:
        """A commit succeeded; the first one is what readiness means."""
        self.recorder.holding.advance(self.writer.view)
        if not self._ready:
            self._ready = True
            self._tell_ready()
            _log.info("ready", assignments=len(self.plan.items), entries=self.ledger.size)

    def _feed_watchdog(self) -> None:
        """Only the engine's own progress keeps the watchdog quiet, and a writer that lives."""
        if self.engine_watch.moved() and self.writer.alive:
            self.notifier.tell(WATCHDOG="1", STATUS=self.sentence())

    def _tell_ready(self) -> None:
        self.notifier.tell(READY="1", STATUS=self.sentence())

    def sentence(self) -> str:
        """One line for `systemctl status`."""
        lang = self.plan.configuration.agent.language
        line = say(
            "daemon.line",
            lang,
            series=len(self.plan.items),
            entries=self.ledger.size,
            incidents=len(self.writer.view.incidents),
            alerts=self.sender.waiting(),
        )
        if self.committing.trouble is not None:
            line += say("daemon.line-trouble", lang, code=self.committing.trouble.code)
        return line + (say("daemon.line-refused", lang) if self.reloading.refused else "")

    async def _abandon(self) -> int:
        """After a defect: tell people, drain nothing, trust nothing in memory."""
        self.notifier.tell(STOPPING="1")
        self.sender.emergency("stopping", {})
        await self.control.close(0)
        await self.calendar.stop()
        await asyncio.to_thread(self.sender.drain, 5_000_000)
        return DEFECT

    def _post(self, call: Callable[[Any], None], argument: Any) -> None:
        """Hand something to the loop; once it is gone a delivery stays pending and repeats."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._guarded, call, argument)

    def _guarded(self, call: Callable[[Any], None], argument: Any) -> None:
        try:
            call(argument)
        except Exception as error:
            self.fail(error)
            raise

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception that nobody awaited: of a connection or a request, so the work goes on.

        Our own callbacks end the daemon by `fail`; a dead engine is seen by `_feed_watchdog`.
        """
        error = context.get("exception")
        if error is not None and error is self.defect:
            return
        self.defects += 1
        if self.defects & (self.defects - 1) == 0:
            message = context.get("message", "")
            _log.error("unhandled", what=message, count=self.defects, exc_info=error)
