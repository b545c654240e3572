"""What the calendar's jobs do, each until it is entered in the log or a JobError says why not.

An entry is awaited without a limit: while the log cannot be written nothing is over. Reports and
pruning are processes of their own, whose acts come back through the control socket: the report's
issue and the end of its run are one commit, so that no crash makes a second report.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from alerts.digest import Noted, digest_row
from monitor.calendar import Run
from monitor.config.configuration import FolderPlan, TimeStampPlan
from monitor.daemon import child, pruning_child, stamping
from monitor.daemon.control import Answer, ControlError
from monitor.daemon.shared import Shared
from monitor.daemon.writer import Defect
from monitor.derive import STAMP, IncidentRow
from monitor.ledger.entry import CalendarRan, CheckpointStamped, Record
from monitor.ledger.errors import LedgerError
from monitor.ledger.files import read_bounded
from monitor.ledger.stamp import Stamped
from monitor.model import OutboxRow, Severity
from monitor.stamped import TOLERANCE_US
from monitor.store.errors import StoreError
from monitor.store.glance import incidents_since
from monitor.store.pruning import Prepared, Pruned, carry_out
from monitor.text import Reason

REPORTS, PRUNING, DIGEST = "reports", "pruning", "digest/"
DAY_US = 86_400_000_000
REPORT_S, PRUNING_S = 3_600.0, 6 * 3_600.0
"""The longest that a child may take."""
MOST_PREPARED = 1 << 30
MOST_INCIDENTS = 5_000
"""Incidents that are read for a digest, which names the first few; all of them are counted."""
MOST_FOLDERS = 100
CALENDAR = "calendar"
"""Author of what nobody asked for."""
_log = structlog.get_logger("sasando.calendar")


class JobError(Exception):
    """A run that did not succeed; `code` is a key of the texts."""

    def __init__(self, code: str, **values: str | int | Reason) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values


class Jobs:
    """The work of one daemon's calendar. On the loop only."""

    def __init__(self, daemon: Shared, stamped: Mapping[str, tuple[int, bytes]]) -> None:
        """`stamped`: (size, reply) of each authority's newest token of earlier runs."""
        self._daemon = daemon
        self._ticket = ""
        self._reporting: Run | None = None
        self._over = asyncio.Event()
        plans = daemon.plan.configuration.agent.time_stamps  # a reload cannot change them
        self.newest = {
            plan.name: stamping.newest_of(*stamped[plan.name])
            if plan.name in stamped
            else stamping.Newest()
            for plan in plans
        }

    async def do(self, run: Run) -> None:
        """One run, to its entry; JobError."""
        agent = self._daemon.plan.configuration.agent
        if run.job.startswith(STAMP):
            name = run.job.removeprefix(STAMP)
            await self._stamp(next(one for one in agent.time_stamps if one.name == name))
        elif run.job.startswith(DIGEST):
            await self._digest(run, run.job.removeprefix(DIGEST))
        elif run.job == REPORTS and agent.reports is not None:
            await self._report(run, agent.reports)
        elif run.job == PRUNING and agent.pruning is not None:
            await self._prune(run, agent.pruning)

    async def enter(
        self,
        entry: Record,
        *,
        rows: Sequence[Callable[[int], OutboxRow]] = (),
        stamps: Sequence[Stamped] = (),
    ) -> None:
        """Until the entry, and what belongs to it, is committed."""
        done: asyncio.Future[int] = self._daemon.loop.create_future()

        def told(index: int) -> None:
            if not done.done():
                done.set_result(index)

        self._daemon.recorder.add(entry, None, told, rows=rows, stamps=stamps)
        await done

    def ran(self, run: Run, outcome: str, told: str = "") -> CalendarRan:
        """The entry of a run that is over."""
        return CalendarRan(
            job=run.job, due_us=run.due_us, outcome=outcome, told=told, at_us=self.now_us()
        )

    def now_us(self) -> int:
        """SLA time."""
        return self._daemon.now_us()

    async def _stamp(self, plan: TimeStampPlan) -> None:
        note = self._daemon.ledger.note
        if note is None:
            raise JobError("stamp.unsigned")
        try:
            one = await stamping.ask(plan, note, self._daemon.plan.configuration.agent.ca_file)
        except LedgerError as error:
            raise JobError(error.code, **error.values) from error
        now_us = self.now_us()
        if abs(now_us - one.time_us) > TOLERANCE_US:
            _log.error(
                "clock-contradicted", authority=plan.name, by_s=(now_us - one.time_us) // 10**6
            )
            self._daemon.sender.emergency("clock-contradicted", {"authority": plan.name})
        entry = CheckpointStamped(
            authority=plan.name,
            size=one.size,
            token=one.sha256,
            time_us=one.time_us,
            at_us=now_us,
        )
        await self.enter(entry, stamps=[one])
        self.newest[plan.name].keep(one)

    async def _digest(self, run: Run, route: str) -> None:
        daemon = self._daemon
        until_us = self.now_us()
        since_us = max(daemon.writer.view.runs.get(run.job, 0), until_us - 31 * DAY_US)
        told = daemon.recorder.routes.get(route)
        if told is None:  # disabled, or its secret cannot be read: nobody is to be told
            await self.enter(self.ran(run, "nothing"))
            return
        try:
            found = await asyncio.to_thread(
                incidents_since, daemon.ledger.url, since_us, told.severity, MOST_INCIDENTS
            )
        except StoreError as error:
            raise JobError(error.code, **error.values) from error
        targets = daemon.plan.configuration.targets
        chosen = {key for key, target in targets.items() if told.applies(target)}
        row = digest_row(
            daemon.recorder.origin,
            route,
            (since_us, until_us),
            [self._noted(row) for row in found.rows if row.target in chosen],
            standing=found.count(chosen, standing=True),
            over=found.count(chosen, standing=False),
        )
        await self.enter(self.ran(run, "done"), rows=[row])

    def _noted(self, row: IncidentRow) -> Noted:
        target = self._daemon.plan.configuration.targets[row.target]
        return Noted(
            name=target.name or row.target,
            titles=self._daemon.plan.titles.get((row.policy, row.rule), {"en": row.rule}),
            severity=Severity(row.severity).word,
            since_us=row.since_us,
            ended_us=row.ended_us,
            acknowledged=bool(row.acknowledged_by),
        )

    async def _report(self, run: Run, plan: FolderPlan) -> None:
        directory = self._daemon.plan.configuration.directory
        try:
            folder = await asyncio.to_thread(_free, plan.folder, run.month)
        except OSError as error:
            why = error.strerror or str(error)
            raise JobError("calendar.no-folder", place=str(plan.folder), why=why) from error
        words = ["report", "--period", run.month, "--out", str(folder), "-c", str(directory)]
        words += ["--format", ",".join(plan.formats)]
        self._reporting, self._over = run, asyncio.Event()
        try:
            code, said = await _child(["-m", "monitor.cli.main", *words], REPORT_S)
        finally:
            self._reporting = None
        if code:
            _log.error("report-failed", month=run.month, code=code, said=said[-500:])
            raise JobError("calendar.exit", number=code)
        await self._over.wait()

    def issued(self, period: str) -> None:
        """A report of this period enters the log with the next commit: so does its run's end."""
        run, over = self._reporting, self._over
        if run is not None and run.month == period:
            self._reporting = None  # once
            self._daemon.recorder.add(self.ran(run, "done"), None, lambda _index: over.set())

    async def _prune(self, run: Run, plan: FolderPlan) -> None:
        directory = self._daemon.plan.configuration.directory
        words = ["-m", "monitor.daemon.pruning_child", str(directory), str(plan.folder)]
        done = False
        while True:
            self._ticket = secrets.token_hex(16)
            try:
                code, said = await _child(words, PRUNING_S, f"{self._ticket}\n".encode())
            finally:
                self._ticket = ""
            done = done or code in (pruning_child.DONE, pruning_child.MORE)
            if code != pruning_child.MORE:
                break
        if code == pruning_child.UNREPORTED:
            await self.enter(self.ran(run, "nothing", "calendar.unreported"))
        elif code in (pruning_child.YOUNG, pruning_child.DONE):
            await self.enter(self.ran(run, "done" if done else "nothing"))
        else:
            _log.error("pruning-failed", code=code, said=said[-500:])
            raise JobError("calendar.exit", number=code)

    async def removed(self, request: Mapping[str, Any]) -> Pruned:
        """What the pruning's process has prepared is carried out; ControlError."""
        ticket, file = request.get("ticket"), request.get("file")
        known = isinstance(ticket, str) and ticket.isascii() and self._ticket
        if not known or not secrets.compare_digest(str(ticket), self._ticket):
            raise ControlError("calendar.ticket")
        self._ticket = ""  # once
        prepared = await asyncio.to_thread(_prepared, Path(str(file)))
        daemon, now_us = self._daemon, self.now_us()
        retained_us = daemon.plan.configuration.agent.retention_us
        if prepared.pruning.before_us > now_us - retained_us:
            raise ControlError("calendar.ticket")
        while daemon.writer.busy:  # noqa: ASYNC110 - one commit, then it is our turn
            await asyncio.sleep(0.02)
        done: asyncio.Future[Any] = daemon.loop.create_future()

        def told(outcome: Any) -> None:
            if not done.done():
                done.set_result(outcome)

        daemon.writer.act(
            lambda ledger: carry_out(ledger, prepared, CALENDAR, "retention", now_us), told
        )
        outcome = await done
        if isinstance(outcome, StoreError):
            raise ControlError(outcome.code, **outcome.values)
        if isinstance(outcome, Defect):
            daemon.fail(outcome.error)
            raise ControlError("daemon.stopping")
        assert isinstance(outcome, Pruned)
        return outcome


def answers(jobs: Jobs) -> Mapping[str, Answer]:
    """The command of the socket by which the pruning's process comes back."""

    async def prune(request: Mapping[str, Any], _author: str) -> Any:
        done = await jobs.removed(request)
        return {"entry": done.entry, "entries": done.entries}

    return {"prune": prune}


async def _child(words: Sequence[str], longest_s: float, given: bytes = b"") -> tuple[int, str]:
    try:
        return await child.run(words, longest_s, given)
    except TimeoutError:
        raise JobError("calendar.too-long", minutes=int(longest_s) // 60) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise JobError("calendar.no-process", why=why) from error


def _prepared(file: Path) -> Prepared:
    try:
        return Prepared.from_bytes(read_bounded(file, MOST_PREPARED))
    except OSError as error:
        cause = error.strerror or str(error)
        raise ControlError("store.prune-prepared", cause=cause) from error
    except StoreError as error:
        raise ControlError(error.code, **error.values) from error


def _free(folder: Path, month: str) -> Path:
    """A directory that is not there yet: a run that was killed may have left one, not issued."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [month, *(f"{month}.{number}" for number in range(2, MOST_FOLDERS))]
    return next((folder / n for n in names if not (folder / n).exists()), folder / month)
