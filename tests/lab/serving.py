"""How a server of the lab ends on the caller's loop."""

import asyncio
from collections.abc import Collection


async def end(server: asyncio.Server, connections: Collection[asyncio.Task[None]]) -> None:
    """Stop listening and cut every connection, those accepted a moment ago included.

    Nothing may come after `close`: Python 3.13 stumbles over a connection that it accepts then.
    """
    for _ in range(10):  # what waits is accepted and becomes a task, some hundred a round
        await asyncio.sleep(0)
    server.close()
    tasks = tuple(connections)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # the last transports tell that they are closed
