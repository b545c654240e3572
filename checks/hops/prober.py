"""The prober of the checks that walk: a probe finds its address and waits for its turn."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from checks.address import ascii_host
from checks.base import Assignment, Evidence, Net
from checks.datagram import Endpoint
from checks.hops.binding import LeavingError
from checks.hops.flow import Desk
from checks.hops.opening import host_refusal, leaving_fault
from checks.hops.turns import Turns
from checks.poller import Poller
from checks.reach import reached
from checks.task_prober import TaskProber
from monitor.model import Fault, FaultKind

Where = Callable[[Assignment], Endpoint]
"""The name or address, and the port, that a series is about."""
Observe = Callable[[Assignment, Endpoint, float], Awaitable[Evidence | Fault]]
"""Takes the admitted address and when the loop's clock says that the time is over."""

_RESOLVER = Fault(kind=FaultKind.RESOLVER, message="no answer from the resolvers in time")
_CROWDED = Fault(
    kind=FaultKind.OVERLOAD,
    message="another probe of this address took all the time: probe it less often",
)


class HopsProber(TaskProber):
    """See `checks.base.Prober`. One probe at a time goes to one address.

    `make` gives the act itself, once it has what all probes share; `nameless` is told for a
    name without any address.
    """

    def __init__(
        self,
        net: Net,
        where: Where,
        make: Callable[[Desk], Observe],
        nameless: Callable[[], Evidence | Fault],
    ) -> None:
        super().__init__(net, self._measured)
        self._desk = Desk(net=net, poller=Poller(net.boottime_ns))
        self._where = where
        self._observe = make(self._desk)
        self._nameless = nameless
        self._turns = Turns()

    def counters(self) -> Mapping[str, int]:
        """faults, defects; see also `hops.flow.Desk`."""
        return {**super().counters(), **self._desk.counts}

    async def close(self) -> None:
        """Cancel what is under way and leave the loop."""
        await super().close()
        self._desk.poller.close()

    async def _measured(self, net: Net, assignment: Assignment) -> Evidence | Fault:
        until = asyncio.get_running_loop().time() + assignment.settings.timeout / 1e6
        asked = self._where(assignment)
        server = Endpoint(ascii_host(asked.address), asked.port)
        try:
            async with asyncio.timeout_at(until):
                where = await reached(net, server, assignment.family)
        except TimeoutError:
            return _RESOLVER
        if where is None:
            return self._nameless()
        if isinstance(where, Fault):
            return where
        return host_refusal(where.address) or await self._in_turn(assignment, where, until)

    async def _in_turn(
        self, assignment: Assignment, where: Endpoint, until: float
    ) -> Evidence | Fault:
        turn = self._turns.of(where.address)
        try:
            async with asyncio.timeout_at(until):
                await turn.acquire()
        except TimeoutError:
            return _CROWDED
        try:
            return await self._observe(assignment, where, until)
        except (OSError, LeavingError) as error:
            return leaving_fault(error)
        finally:
            turn.release()
