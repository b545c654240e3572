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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from alerts.sender import Sender, new_outbox
from monitor.clock import Clock, anchor_now
from monitor.config.configuration import Configuration, KeyPlan
from monitor.config.problem import ConfigurationError
from monitor.daemon.accumulator import Accumulator
from monitor.daemon.answers import answers, told
from monitor.daemon.blockwatch import filtered_series, note_block
from monitor.daemon.calendar import Calendar
from monitor.daemon.committing import Committing
from monitor.daemon.control import ControlError, ControlServer
from monitor.daemon.legwatch import LegWatch
from monitor.daemon.net import LiveScope, Probers, build_net
from monitor.daemon.notify import Notifier
from monitor.daemon.recorder import Recorder
from monitor.daemon.registry import Registry
from monitor.daemon.reloading import refusal, require_same_log, routes_of
from monitor.daemon.restore import restore
from monitor.daemon.setup import Plan, entries_of, plan_of, sights_of, subjects_of
from monitor.daemon.stopping import stop
from monitor.daemon.witnessing import Witnesses
from monitor.daemon.writer import Writer
from monitor.derive import HOUR_US
from monitor.engine.runner import Result, Runner
from monitor.incident import Book
from monitor.ledger.entry import LogOpened, Record, read_record
from monitor.model import Delivery
from monitor.store import reader
from monitor.store.connect import place_of
from monitor.store.errors import RolledBackError
from monitor.store.ledger import Ledger
from monitor.text import say

APPEND_S = 30.0
MOST_WAITING = 1_000
"""Entries of operators that wait for a commit; more are refused."""
DEFECT = 70
"""Exit code after a defect of our own (EX_SOFTWARE): systemd starts the daemon again."""
_LOSSES = ("skipped", "paused", "lost", "prober_errors", "doubled")
_STILL_NS = 5_000_000_000
"""Without one step of the engine for so long, while the loop goes on, it counts as dead: a tick is
at most 1 s."""
_log = structlog.get_logger("sasando.daemon")


class EngineStoppedError(RuntimeError):
    """The engine's timer died of an exception; the loop itself goes on."""


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
    """One agent at work. `run` returns the exit code."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.ledger = start.ledger
        self.clock = start.clock
        self.notifier = Notifier()
        self.stopping = asyncio.Event()
        self.started_us = start.clock.wall_us()
        self.loop = asyncio.get_running_loop()
        with self.ledger.engine.connect() as connection:
            registry = Registry(start.configuration.agent.vantage, reader.all_series(connection))
            self._opened_to = reader.opened_to(connection)
            first = next(reader.read_entries(connection, 0, min(1, self.ledger.size)), None)
            self._pending = reader.pending_outbox(connection)
            cosigned = reader.newest_cosigned(connection)
            stamped = reader.newest_stamped(connection)
        opened = read_record(first[1]) if first else None
        self._log_opened_us = opened.opened_us if isinstance(opened, LogOpened) else self.started_us
        self.registry = registry
        self.key = start.key or start.configuration.agent.key
        self.plan: Plan = plan_of(start.configuration, registry)
        agent = start.configuration.agent
        routes = routes_of(start.configuration)
        self.sender = Sender(
            routes,
            new_outbox(routes),
            start.clock,
            lambda delivery: self._post(self._delivered, delivery),
            origin=agent.origin,
            timezone=agent.timezone,
        )
        self.witnesses = Witnesses(agent, self.ledger, start.clock, self.sender.emergency, cosigned)
        self.recorder = self._recorder()
        self.writer = Writer(self.ledger, self._post)
        self.recorder.holding.advance(self.writer.view)
        self.committing = Committing(
            self.recorder,
            self.writer,
            self.sender,
            start.clock,
            look=self.look,
            committed=self._committed,
            broken=self.fail,
        )
        self.scope = LiveScope(start.clock, agent.scope, agent.timezone)
        self.legs = LegWatch(
            self.plan,
            self.recorder,
            start.clock,
            look=self.look,
            request=lambda slot: self.runner.request(slot),
        )
        self.probers = self._probers()
        self.runner = Runner(
            start.configuration.assignments,
            self.probers,
            start.clock,
            tick_ms=start.tick_ms,
            results=self.take,
        )
        self.calendar = Calendar(self, stamped)
        self.control = ControlServer(agent.control, answers(self), told(self))
        self._stored_at_start = self.stored_bytes()
        self._counted: dict[str, int] = {}
        self._fed = -1
        self._moved_ns = start.clock.boottime_ns()
        self._ready = False
        self._reloading: asyncio.Task[None] | None = None
        self._reload_again = False
        self.reloads = 0
        self.refused: ConfigurationError | OSError | None = None
        self.defect: BaseException | None = None
        self.defects = 0

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
        self.loop.add_signal_handler(signal.SIGHUP, self.reload)
        await self.control.start()
        self._opening()
        self.writer.start()
        self.committing.step()
        self.sender.start()
        self.sender.offer(self._pending)
        self.runner.start(self.loop)
        seconds = self.loop.create_task(self._seconds())
        await self.stopping.wait()
        if self.defect is None:
            return await stop(self, seconds)
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

    def reload(self) -> None:
        """Take in the changed configuration whole, or keep the one in force. Returns at once."""
        if self._reloading is not None and not self._reloading.done():
            self._reload_again = True
            return
        self._reloading = self.loop.create_task(self._reload())

    async def _reload(self) -> None:
        while True:
            self._reload_again = False
            self.notifier.reloading()
            try:
                # Reading takes seconds where there are thousands of targets: not on the loop.
                configuration = await asyncio.to_thread(self.start.load)
                self._apply(configuration)
            except (ConfigurationError, OSError) as error:
                self.refused = error
                _log.error("configuration-refused", problems=refusal(error, "en"))
            except Exception as error:
                self.fail(error)
                raise
            else:
                self.refused = None
                self.reloads += 1
                _log.info("configuration-reloaded", assignments=len(self.plan.items))
            self.notifier.tell(READY="1", STATUS=self.sentence())
            if not self._reload_again:
                return

    def _apply(self, configuration: Configuration) -> None:
        require_same_log(self.plan.configuration, configuration, self.key)
        routes = routes_of(configuration)
        self.recorder.cut(anchor_now(self.clock))
        plan = plan_of(configuration, self.registry)
        now_us = self.recorder.anchor.wall_at(self.clock.boottime_ns())
        entries, records = entries_of(plan, now_us)
        for entry in entries:
            self.recorder.add(entry, records)
        self.recorder.targets = configuration.targets
        self.recorder.titles = {**self.recorder.titles, **plan.titles}
        self.recorder.routes = routes
        self.recorder.judging = subjects_of(plan)
        seen = self.recorder.accumulator
        seen.sights = sights_of(configuration, seen.sights)
        seen.keep_only({item.number: item.target.key for item in plan.items.values()})
        self.scope.put(configuration.agent.scope)
        self.plan = plan
        self.sender.configure(routes)
        self.runner.replace(configuration.assignments)
        self.legs.adopt(plan)
        series = filtered_series(plan.items.values())
        self.recorder.blocks.watch(series, self.clock.boottime_ns())

    def _recorder(self) -> Recorder:
        configuration = self.plan.configuration
        book = Book()
        accumulator = Accumulator(book=book, sights=sights_of(configuration))
        recorder = Recorder(
            origin=configuration.agent.origin,
            accumulator=accumulator,
            targets=configuration.targets,
            titles=self.plan.titles,
            routes=routes_of(configuration),
            anchor=anchor_now(self.clock),
            judging=subjects_of(self.plan),
        )
        restore(recorder, self.ledger.fold, self.plan.items.values(), self._opened_to)
        return recorder

    def _probers(self) -> Probers:
        agent = self.plan.configuration.agent
        return Probers(
            build_net(
                self.clock,
                self.scope,
                resolvers=agent.resolvers,
                time_servers=agent.time_servers,
                ca_file=agent.ca_file,
                tick_ms=self.start.tick_ms,
                packets=agent.packets,
                legs=self.legs.of_site,
            )
        )

    def _opening(self) -> None:
        """The first commit: the log itself, the configuration in force, the clock."""
        recorder, agent = self.recorder, self.plan.configuration.agent
        anchor = recorder.anchor
        if self.ledger.size == 0:
            recorder.add(
                LogOpened(
                    origin=agent.origin,
                    vantage=agent.vantage,
                    opened_us=anchor.wall_us,
                    previous=None,
                )
            )
        entries, records = entries_of(self.plan, anchor.wall_us)
        for entry in entries:
            recorder.add(entry, records)
        recorder.anchor_anew(anchor, "start", 0)

    def _delivered(self, delivery: Delivery) -> None:
        self.recorder.settle(delivery)

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
        self._count_losses()
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
            self.notifier.tell(READY="1", STATUS=self.sentence())
            _log.info("ready", assignments=len(self.plan.items), entries=self.ledger.size)

    def require_writing(self) -> None:
        """ControlError while an entry could not be committed soon."""
        trouble = self.committing.trouble
        if trouble is not None or self.recorder.waiting >= MOST_WAITING:
            raise ControlError("daemon.not-writing", cause=trouble.code if trouble else "full")

    async def appended(
        self,
        entry: Record,
        records: Mapping[bytes, bytes],
        beside: Callable[[], None] = lambda: None,
    ) -> int:
        """The index of an entry, once it is committed; `beside` adds what belongs to it.

        ControlError while nothing can be written: nothing is appended then; or when the commit
        takes too long: then it may still happen.
        """
        self.require_writing()
        index: asyncio.Future[int] = self.loop.create_future()

        def told(position: int) -> None:
            if not index.done():  # who asked may have gone meanwhile
                index.set_result(position)

        self.recorder.add(entry, records, told)
        beside()
        try:
            return await asyncio.wait_for(index, APPEND_S)
        except TimeoutError:
            raise ControlError("daemon.not-committed", seconds=int(APPEND_S)) from None

    def stored_bytes(self) -> int:
        """Bytes of the database's files; 0 where it is not a file of this host."""
        place = place_of(self.ledger.url)
        files = (Path(place), Path(f"{place}-wal"))
        return sum(file.stat().st_size for file in files if file.is_file())

    def growth_from(self, now_us: int) -> tuple[int, int]:
        """(moment, bytes then) that growth is measured from: the start, or the log's opening."""
        if now_us - self.started_us >= HOUR_US:
            return self.started_us, self._stored_at_start
        return self._log_opened_us, 0

    def _count_losses(self) -> None:
        """What the engine had to leave out becomes an entry."""
        counters = self.runner.counters()
        for name in _LOSSES:
            more = counters[name] - self._counted.get(name, 0)
            if more:
                self.recorder.accumulator.lose(name, more)
        self._counted = dict(counters)

    def _feed_watchdog(self) -> None:
        """Only the engine's own progress keeps the watchdog quiet, and a writer that lives."""
        progress, now_ns = self.runner.progress(), self.clock.boottime_ns()
        if progress == self._fed:
            if now_ns - self._moved_ns > _STILL_NS:
                self.fail(EngineStoppedError(f"no step of the engine in {_STILL_NS // 10**9} s"))
            return
        self._fed, self._moved_ns = progress, now_ns
        if self.writer.alive:
            self.notifier.tell(WATCHDOG="1", STATUS=self.sentence())

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
        return line + (say("daemon.line-refused", lang) if self.refused else "")

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
