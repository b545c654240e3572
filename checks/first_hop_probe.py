"""Looks at VRRP and HSRP groups through the packet process. No packet of ours leaves."""

import asyncio
from collections.abc import Callable

from checks.base import Assignment, Evidence, Net
from checks.first_hop import Last, Look
from checks.packets.client import NO_PROCESS
from checks.packets.messages import MAX_KEEP_US, Hear, Heard
from monitor.model import Fault, FaultKind

_LEAST_KEEP_US = 600_000_000
_REMEMBERED = 10_000
"""Series whose last look is known; the oldest one is forgotten first."""
_SLACK_US = 20_000
"""So that a second question finds the window full."""


def keep_us(interval_us: int) -> int:
    """How long the packet process goes on listening when no further look comes."""
    return min(max(3 * interval_us, _LEAST_KEEP_US), MAX_KEEP_US)


class FirstHopProbe:
    """Listens for a window, then judges the answer; remembers the last look of each series."""

    def __init__(
        self,
        request: Callable[[Assignment], Hear],
        window_us: Callable[[Assignment], int],
        evidence: Callable[[Assignment, Look], Evidence],
    ) -> None:
        """`window_us`: how long to have listened at least before anything is said."""
        self._request = request
        self._window_us = window_us
        self._evidence = evidence
        self._last: dict[tuple[str, int], Last] = {}

    async def measure(self, net: Net, assignment: Assignment) -> Evidence | Fault:
        """One look; see `checks.task_prober.Measure`."""
        window_us = self._window_us(assignment)
        heard = await _listened(net, self._request(assignment), window_us, assignment)
        if isinstance(heard, Fault):
            return heard
        series = (assignment.target, int(assignment.family))
        look = Look(
            heard=heard,
            at_ns=net.boottime_ns(),
            at_us=net.wall_us(),
            least_us=window_us,
            interval_us=assignment.settings.interval,
            last=self._last.pop(series, None),
        )
        if len(self._last) >= _REMEMBERED:
            self._last.pop(next(iter(self._last)))
        self._last[series] = look.remembered()
        if look.count("lost") and not look.speaking():
            return Fault(
                kind=FaultKind.OVERLOAD,
                message="frames came faster than they could be read, so silence proves nothing",
            )
        return self._evidence(assignment, look)


async def _listened(
    net: Net, request: Hear, window_us: int, assignment: Assignment
) -> Heard | Fault:
    """The answer of a process that has listened for the whole window."""
    if net.packets is None:
        return NO_PROCESS
    until_ns = net.boottime_ns() + assignment.settings.timeout * 1_000
    while True:
        left_s = (until_ns - net.boottime_ns()) / 1e9
        reply = await net.packets.ask(request, max(left_s, 0.1))
        if isinstance(reply, Fault):
            return reply
        if not isinstance(reply, Heard):
            return Fault(kind=FaultKind.PACKET_PROCESS, message="the packet process answered amiss")
        missing_us = window_us - reply.listening_us
        if missing_us <= 0:
            return reply
        if missing_us > left_s * 1e6:
            message = "the packet process began to listen anew; the next look will know more"
            return Fault(kind=FaultKind.PACKET_PROCESS, message=message)
        await asyncio.sleep((missing_us + _SLACK_US) / 1e6)
