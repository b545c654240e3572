"""How long a loop was kept from running by others, so that a deadline is judged by its own time."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

TICK_S = 0.005


@dataclass(slots=True)
class Stalls:
    """Time in which the loop's process neither waited by its own will nor had a processor."""

    lost_us: int = 0


@asynccontextmanager
async def stalls() -> AsyncGenerator[Stalls, None]:
    """Count what this loop loses while the block runs.

    A beat that comes late is the machine's doing but for the CPU time that this process spent
    meanwhile: work of our own in one long turn is not excused.
    """
    found = Stalls()
    beating = asyncio.create_task(_beat(found))
    try:
        yield found
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat(found: Stalls) -> None:
    wall, spent = time.monotonic(), time.process_time()
    while True:
        await asyncio.sleep(TICK_S)
        before, spent_before = wall, spent
        wall, spent = time.monotonic(), time.process_time()
        late_s = (wall - before) - TICK_S - (spent - spent_before)
        found.lost_us += max(0, round(late_s * 1e6))
