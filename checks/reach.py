"""For checks that are coroutines: the admitted endpoint of a server."""

import asyncio

from checks.address import locate
from checks.base import Net
from checks.datagram import Endpoint
from monitor.model import Family, Fault


async def reached(net: Net, server: Endpoint, family: Family) -> Endpoint | Fault | None:
    """The server by its address, admitted by the scope; None: the name has no address."""
    future: asyncio.Future[str | Fault | None] = asyncio.get_running_loop().create_future()

    def located(answer: str | Fault | None) -> None:
        if not future.done():
            future.set_result(answer)

    locate(net, server.address, family, located)
    answer = await future
    return Endpoint(answer, server.port) if isinstance(answer, str) else answer
