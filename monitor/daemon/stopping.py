"""The daemon's end in order: see the module of the daemon."""

import asyncio

import structlog

from monitor.daemon.calendar import Calendar
from monitor.daemon.control import ControlServer
from monitor.daemon.shared import Shared
from monitor.ledger.entry import AgentStopped
from monitor.store.errors import StoreError

DRAIN_US = 5_000_000
LAST_COMMIT_S = 10.0
LAST_PROBES_S = 1.0
LAST_REQUESTS_S = 3.0
INCOMPLETE = 74
"""Exit code when something that was seen could not be committed (EX_IOERR)."""
_log = structlog.get_logger("sasando.daemon")


async def stop(
    daemon: Shared, calendar: Calendar, control: ControlServer, seconds: asyncio.Task[None]
) -> int:
    """Drain; 0 when everything that was seen is committed, else `INCOMPLETE`."""
    daemon.notifier.tell(STOPPING="1")
    await calendar.stop()
    await control.close(LAST_REQUESTS_S)  # the seconds still tick: their acts are committed
    seconds.cancel()
    await asyncio.wait([seconds])
    await _end_probes(daemon)
    complete = await _commit_all(daemon)
    if complete:
        await asyncio.to_thread(daemon.sender.drain, DRAIN_US)
        await asyncio.to_thread(daemon.sender.close)
        await asyncio.sleep(0)  # the receipts that it posted are taken in
        complete = await _commit_all(daemon) and await _commit_end(daemon)
    if daemon.defect is not None:
        return INCOMPLETE
    await daemon.witnesses.last()
    if daemon.writer.stop(LAST_COMMIT_S):
        complete = _close_ledger(daemon) and complete
    _log.info("stopped", complete=complete, entries=daemon.ledger.size)
    return 0 if complete else INCOMPLETE


async def _end_probes(daemon: Shared) -> None:
    """Begin no probe, give those under way a moment, forget the rest: their time is unobserved."""
    daemon.runner.pause()
    deadline_ns = daemon.clock.boottime_ns() + int(LAST_PROBES_S * 1e9)
    while daemon.clock.boottime_ns() < deadline_ns and daemon.runner.under_way:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await daemon.runner.close()


async def _commit_end(daemon: Shared) -> bool:
    """The end itself is the last entry."""
    daemon.recorder.add(AgentStopped(at_us=daemon.now_us(), why="signal"))
    return await _commit_all(daemon)


async def _commit_all(daemon: Shared) -> bool:
    """Commit until nothing is left or the time for it is over."""
    deadline_ns = daemon.clock.boottime_ns() + int(LAST_COMMIT_S * 1e9)
    while daemon.clock.boottime_ns() < deadline_ns and daemon.defect is None:
        daemon.committing.hurry()
        if not daemon.committing.step() and daemon.committing.idle:
            return True
        await asyncio.sleep(0.02)
    return False


def _close_ledger(daemon: Shared) -> bool:
    try:
        daemon.ledger.close(daemon.clock.wall_us())
    except StoreError as error:
        _log.error("close-failed", code=error.code, **error.values)
        return False
    return True
