"""A daemon in this process, for what a subprocess cannot be made to do: clocks, defects."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import uvloop

from monitor.clock import SystemClock
from monitor.config.loader import load
from monitor.daemon.folders import make_folders
from monitor.daemon.keyring import open_ledger
from monitor.daemon.service import Daemon, Start
from tests.daemon.place import Place

PATIENCE_S = 60.0


class SettableClock(SystemClock):
    """The host's clocks, the wall clock off by `offset_us`."""

    def __init__(self) -> None:
        self.offset_us = 0

    def wall_us(self) -> int:
        return super().wall_us() + self.offset_us


async def until(what: str, look: Callable[[], object]) -> None:
    """Until `look` is true; TimeoutError names what was awaited."""
    for _ in range(int(PATIENCE_S / 0.02)):
        if look():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"awaited in vain: {what}")


def run_inside(
    place: Place, act: Callable[[Daemon], Awaitable[None]], clock: SystemClock | None = None
) -> int:
    """Run a daemon, let `act` do its work, stop it; the exit code."""

    async def main() -> int:
        def configured() -> object:
            return load(place.configuration, datetime.now(UTC).date())

        configuration = load(place.configuration, datetime.now(UTC).date())
        agent = configuration.agent
        make_folders(agent)
        opened = open_ledger(agent)
        ledger = opened.ledger
        start = Start(
            configuration=configuration,
            ledger=ledger,
            key=opened.key,
            clock=clock or SystemClock(),
            load=configured,  # type: ignore[arg-type]
        )
        daemon = Daemon(start)
        running = asyncio.create_task(daemon.run())
        try:
            await until("the first commit", lambda: daemon.committing.commits or running.done())
            await act(daemon)
            daemon.stopping.set()
            return await asyncio.wait_for(running, PATIENCE_S)
        finally:
            ledger._lock.release()

    return uvloop.run(main())
