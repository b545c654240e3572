"""The calendar of a running daemon: looks what is due, starts it, tries it again, tells of it.

`schedule` is only the second hand here: once a second it lets the calendar look. Which runs
are due is said by `monitor.calendar` from what the log says is over, in SLA time and the city's
zone: `schedule` itself knows the host's naive local time, forgets everything at a restart, and
would stand still after a clock that was set back (then it is wound anew).

One heavy job at a time. A run that fails is tried again after pauses that double; after
`MOST_ATTEMPTS` it is given up, which is an entry and a message to people. A time stamp is never
given up: its age is what people are told of.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import schedule
import structlog

from monitor.calendar import Job, Run, due, next_us
from monitor.config.configuration import Configuration
from monitor.daemon.jobs import DIGEST, PRUNING, REPORTS, JobError, Jobs
from monitor.daemon.shared import Shared
from monitor.daemon.show import rfc3339
from monitor.derive import STAMP
from monitor.ledger.entry import CalendarRan
from monitor.text import plain

LOOK_S = 1
FIRST_PAUSE_NS = 60_000_000_000
LONGEST_PAUSE_NS = 3_600_000_000_000
MOST_ATTEMPTS = 6
"""With the pauses between them about half an hour."""
STOP_S = 6.0
_log = structlog.get_logger("sasando.calendar")


def jobs_of(configuration: Configuration) -> dict[str, Job]:
    """Every job of a configuration, by its name."""
    agent, routes = configuration.agent, configuration.routes
    found = [Job(name=f"{STAMP}{one.name}", at=one.at) for one in agent.time_stamps]
    found += [
        Job(name=f"{DIGEST}{name}", at=plan.digest_at)
        for name, plan in routes.items()
        if plan.digest_at is not None
    ]
    if agent.reports is not None:
        at, day = agent.reports.at, agent.reports.day
        found.append(Job(name=REPORTS, at=at, day=day, each=True))
    if agent.pruning is not None:
        found.append(Job(name=PRUNING, at=agent.pruning.at, day=agent.pruning.day))
    return {job.name: job for job in found}


@dataclass(slots=True)
class Standing:
    """One job, and how it fares since the start."""

    back_us: int | None = None
    """The log says that a run is over which lies ahead, because the clock was set back: runs count
    from this moment."""
    run: Run | None = None
    """The newest run that was begun."""
    task: asyncio.Task[None] | None = None
    attempts: int = 0
    """Of that run that failed."""
    trouble: JobError | None = None
    """Why, the newest time."""
    failed_us: int = 0
    due_ns: int = 0
    """No attempt before this moment."""

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self.task is not None and not self.task.done()


class Calendar:
    """Every job of the configuration in force. On the loop only."""

    def __init__(self, daemon: Shared, stamped: Mapping[str, tuple[int, bytes]]) -> None:
        """`stamped`: as `Jobs`."""
        self._daemon = daemon
        self.jobs = Jobs(daemon, stamped)
        self.standings: dict[str, Standing] = {}
        self._closed = False
        self._hand = schedule.Scheduler()
        self._wind()

    def second(self) -> None:
        """Once a second, after the first commit."""
        idle_s = self._hand.idle_seconds
        if idle_s is None or idle_s > 5 * LOOK_S:  # the host's clock was set back
            self._wind()
        self._hand.run_pending()

    def _wind(self) -> None:
        self._hand.clear()
        self._hand.every(LOOK_S).seconds.do(self.look)

    def look(self) -> None:
        """Begin what is due. Starts tasks and returns."""
        if self._closed:
            return
        now_us, now_ns = self.jobs.now_us(), self._daemon.clock.boottime_ns()
        for job in jobs_of(self._daemon.plan.configuration).values():
            standing = self.standings.setdefault(job.name, Standing())
            if standing.running or now_ns < standing.due_ns:
                continue
            run = self._due(job, standing, now_us)
            if run is None or (_heavy(job.name) and self._busy()):
                continue
            self._begin(standing, run)
        self._tell_stale(now_us)

    def _due(self, job: Job, standing: Standing, now_us: int) -> Run | None:
        """The first run that is due; of a job that the log does not know: that it begins."""
        last_us = self._daemon.writer.view.runs.get(job.name)
        if last_us is None:
            return Run(job=job.name, due_us=now_us, month="")
        if last_us <= now_us:
            standing.back_us = None
        elif standing.back_us is None or standing.back_us > now_us:
            standing.back_us = now_us
        since_us = last_us if standing.back_us is None else standing.back_us
        zone = self._daemon.plan.configuration.agent.timezone
        return next(iter(due(job, zone, since_us, now_us)), None)

    def _begin(self, standing: Standing, run: Run) -> None:
        if standing.run != run and run.month:
            standing.attempts, standing.trouble = 0, None
        standing.run = run
        begins = not run.month and not run.job.startswith(STAMP)
        work = self.jobs.enter(self.jobs.ran(run, "set")) if begins else self.jobs.do(run)
        standing.task = self._daemon.loop.create_task(work)
        standing.task.add_done_callback(lambda task: self._ended(standing, run, task))

    def _ended(self, standing: Standing, run: Run, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            if standing.attempts:
                _log.info("job-succeeded", job=run.job, after=standing.attempts)
            standing.attempts, standing.trouble, standing.due_ns = 0, None, 0
            return
        if not isinstance(error, JobError):
            _log.error("job-defect", job=run.job, exc_info=error)
            error = JobError("calendar.defect", why=type(error).__name__)
        self._failed(standing, run, error)

    def _failed(self, standing: Standing, run: Run, error: JobError) -> None:
        why = {"code": error.code, "values": plain(error.values)}
        _log.error("job-failed", job=run.job, why=why, attempt=standing.attempts + 1)
        standing.attempts, standing.trouble = standing.attempts + 1, error
        standing.failed_us = self.jobs.now_us()
        pause_ns = min(FIRST_PAUSE_NS << min(standing.attempts - 1, 8), LONGEST_PAUSE_NS)
        standing.due_ns = self._daemon.clock.boottime_ns() + pause_ns
        if run.job.startswith(STAMP) or standing.attempts < MOST_ATTEMPTS or self._closed:
            return
        self._daemon.sender.emergency("calendar-failed", {"job": run.job, "why": why})
        over: CalendarRan = self.jobs.ran(run, "failed", error.code)
        standing.task = self._daemon.loop.create_task(self.jobs.enter(over))

    def _busy(self) -> bool:
        return any(_heavy(name) and one.running for name, one in self.standings.items())

    def _tell_stale(self, now_us: int) -> None:
        for name, newest in self.jobs.newest.items():
            if newest.stale(self._daemon.started_us, now_us):
                _log.error("stamp-stale", authority=name)
                self._daemon.sender.emergency("stamp-stale", {"authority": name})

    async def stop(self) -> None:
        """Begin nothing more; end what is under way, children too."""
        self._closed = True
        tasks = [one.task for one in self.standings.values() if one.task and one.running]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_S)

    def told(self) -> list[dict[str, Any]]:
        """The jobs as `sasando now --json` shows them."""
        now_us, zone = self.jobs.now_us(), self._daemon.plan.configuration.agent.timezone
        runs = self._daemon.writer.view.runs
        jobs = jobs_of(self._daemon.plan.configuration).values()
        return [
            shown(job, zone, runs.get(job.name), now_us, self.standings.get(job.name))
            for job in jobs
        ]

    def stamps(self) -> list[dict[str, Any]]:
        """The newest token of each authority, and its age."""
        now_us = self.jobs.now_us()
        return [
            {
                "name": name,
                "size": one.size,
                "at": None if one.time_us is None else rfc3339(one.time_us),
                "age_s": None if one.time_us is None else (now_us - one.time_us) // 1_000_000,
            }
            for name, one in self.jobs.newest.items()
        ]


def shown(
    job: Job, zone: ZoneInfo, over_us: int | None, now_us: int, standing: Standing | None = None
) -> dict[str, Any]:
    """One object of `calendar` in `sasando now --json`."""
    trouble = None if standing is None else standing.trouble
    return {
        "job": job.name,
        "over": None if over_us is None else rfc3339(over_us),
        "next": rfc3339(next_us(job, zone, now_us)),
        "running": standing is not None and standing.running,
        "attempts": 0 if standing is None else standing.attempts,
        "trouble": None
        if trouble is None
        else {"code": trouble.code, "values": plain(trouble.values)},
        "failed": None if standing is None or trouble is None else rfc3339(standing.failed_us),
    }


def _heavy(name: str) -> bool:
    return name in (REPORTS, PRUNING)
