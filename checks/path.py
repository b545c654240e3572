"""path: through which routers do packets reach an address, and how large may they be?"""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult

from checks.address import families_of
from checks.base import Assignment, CheckKind, Evidence, Net, Prober, Settings
from checks.datagram import Endpoint
from checks.hops.answer import plain
from checks.hops.binding import LeavingError
from checks.hops.datagram_flow import DatagramFlow
from checks.hops.flow import Asker, Desk, Route
from checks.hops.opening import Flow, open_flow
from checks.hops.path_mtu import SMALLEST, MtuSearch
from checks.hops.prober import HopsProber
from checks.hops.walk import FULL, Walk
from checks.path_evidence import PathEvidence, PathSettings
from checks.path_memory import PathMemory
from monitor.model import Family, Fault

_AT_ONCE: Final = 3
_SPACING_S: Final = 1.0
"""Flows beyond the first three begin a second apart: Linux gives one address six ICMP errors at
once and then one a second (icmp_ratelimit), and a hop that all flows share answers them all."""
_MTU_PORT: Final = 33_434
_ORDER: Final = ("loop", "unreachable", "beyond", "silent", "timeout")


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One probe under way."""

    desk: Desk
    settings: PathSettings
    where: Endpoint
    until: float
    """When the loop's clock says that the time is over."""
    stack: ExitStack

    async def observe(self, memory: PathMemory, series: tuple[str, Family]) -> Evidence | Fault:
        """Walk all flows, then look for the path MTU."""
        flows: list[Flow] = []
        ports: list[int] = []
        for number in range(self.settings.flows):
            route = Route(address=self.where.address, port=self.where.port)
            flow, port = open_flow(self.desk, self.settings.protocol, route, number)
            self.stack.callback(flow.close)
            flows.append(flow)
            ports.append(port)
        walks = [self._walk(flow) for flow in flows]
        fault = await self._walked(walks)
        if fault is not None:
            return fault
        search = await self._mtu(*_best(flows, walks)) if self.settings.mtu else None
        if isinstance(search, Fault):
            return search
        evidence = evidence_of(plain(self.where.address), walks, tuple(ports), search)
        return memory.compared(series, evidence)

    def _walk(self, asker: Asker) -> Walk:
        settings = self.settings
        return Walk(
            asker=asker,
            max_hops=settings.max_hops,
            tries=settings.tries,
            wait_us=settings.wait,
        )

    async def _walked(self, walks: list[Walk]) -> Fault | None:
        """All of them, as far as the time allows; a fault of one is the fault of the probe."""

        async def one(number: int, walk: Walk) -> Fault | None:
            await asyncio.sleep(max(0, number - _AT_ONCE + 1) * _SPACING_S)
            return await walk.go()

        tasks = [asyncio.ensure_future(one(*item)) for item in enumerate(walks)]
        try:
            async with asyncio.timeout_at(self.until):
                await asyncio.gather(*tasks)
        except TimeoutError:
            pass  # what was walked counts
        finally:
            for task in tasks:
                task.cancel()
        faults = [task.result() for task in tasks if not task.cancelled()]
        return next((fault for fault in faults if fault is not None), None)

    async def _mtu(self, flow: Flow, walk: Walk) -> MtuSearch | Fault:
        """By UDP, which measures the way there alone; else by echo, which measures both ways."""
        search = self._search(flow)
        try:
            async with asyncio.timeout_at(self.until):
                asker = await self._sounder(flow, walk)
                if isinstance(asker, Fault):
                    return asker
                if asker is None:
                    search.outcome = "unanswered"
                    return search
                search.asker = asker
                return await search.go() or search
        except TimeoutError:
            return search

    def _search(self, asker: Asker) -> MtuSearch:
        return MtuSearch(
            asker=asker,
            version=6 if ":" in self.where.address else 4,
            tries=self.settings.tries,
            wait_us=self.settings.wait,
        )

    async def _sounder(self, flow: Flow, walk: Walk) -> Asker | Fault | None:
        """What the destination answers; None: nothing that can be of any size."""
        by_udp = isinstance(flow, DatagramFlow)
        if by_udp and walk.outcome == "arrived":
            return flow
        for echo in (True,) if by_udp else (False, True):
            route = Route(address=self.where.address, port=_MTU_PORT)
            try:
                other = DatagramFlow(self.desk, route, echo=echo)
            except (OSError, LeavingError):
                continue  # no ping sockets for us: then the path MTU stays undefined
            self.stack.callback(other.close)
            if await self._answers(other):
                return other
        return None

    async def _answers(self, asker: Asker) -> bool:
        """Whether the destination answers the smallest packets that the search uses."""
        smallest = SMALLEST[6 if ":" in self.where.address else 4]
        for _ in range(self.settings.tries):
            answer = await asker.ask(FULL, self.settings.wait, smallest)
            if answer is not None:
                return not isinstance(answer, Fault) and answer.kind == "arrived"
        return False


def _best(flows: list[Flow], walks: list[Walk]) -> tuple[Flow, Walk]:
    """A flow that arrives, for it can be measured; else the first."""
    pairs = list(zip(flows, walks, strict=True))
    return next((pair for pair in pairs if pair[1].outcome == "arrived"), pairs[0])


def evidence_of(
    address: str, walks: list[Walk], ports: tuple[int, ...], search: MtuSearch | None
) -> PathEvidence:
    """What the walks and the search found."""
    ends = tuple(walk.outcome for walk in walks)
    delays = [walk.delay_us for walk in walks if walk.delay_us is not None]
    refused = next((walk for walk in walks if walk.outcome == "unreachable"), None)
    return PathEvidence(
        delay_us=min(delays, default=None),
        delays_us=tuple(delay for walk in walks for delay in walk.delays_us()),
        changed=None,
        outcome=outcome_of(ends),
        reason=refused.word if refused else None,
        unreachable_by=(refused.by or None) if refused else None,
        address=address,
        ends=ends,
        paths=tuple(walk.addresses() for walk in walks),
        source_ports=ports,
        mtu=search.mtu if search else None,
        mtu_by=search.by if search else None,
        mtu_hole=search.hole if search else None,
        mtu_outcome=search.outcome if search else None,
    )


def outcome_of(ends: tuple[str, ...]) -> str:
    """One word for all flows; one that was not walked to its end contradicts no other."""
    if "arrived" in ends:
        return "reached" if set(ends) <= {"arrived", "timeout"} else "partial"
    return next(word for word in _ORDER if word in ends)


class PathProbe:
    """Walks, and remembers what each series saw."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._memory = PathMemory()

    async def observe(
        self, assignment: Assignment, where: Endpoint, until: float
    ) -> Evidence | Fault:
        """See `checks.hops.prober.Observe`."""
        settings = assignment.settings
        assert isinstance(settings, PathSettings)
        with ExitStack() as stack:
            attempt = _Attempt(
                desk=self._desk, settings=settings, where=where, until=until, stack=stack
            )
            return await attempt.observe(self._memory, (assignment.target, assignment.family))


def nameless() -> PathEvidence:
    """There is no way to a name that has no address."""
    return PathEvidence(
        delay_us=None,
        delays_us=(),
        changed=None,
        outcome="dns",
        reason="no such name",
        unreachable_by=None,
        address=None,
        ends=(),
        paths=(),
        source_ports=(),
        mtu=None,
        mtu_by=None,
        mtu_hole=None,
        mtu_outcome=None,
    )


def where(assignment: Assignment) -> Endpoint:
    """What the settings name."""
    settings = assignment.settings
    assert isinstance(settings, PathSettings)
    return Endpoint(settings.address, settings.port)


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return HopsProber(net, where, lambda desk: PathProbe(desk).observe, nameless)


def from_url(url: SplitResult) -> PathSettings:
    """Settings of `path://host`, or `path://host:port` for another UDP port."""
    if url.hostname is None or url.path not in ("", "/") or url.query:
        raise ValueError("write path://host or path://host:port")
    if url.port is None:
        return PathSettings(address=url.hostname)
    return PathSettings(address=url.hostname, port=url.port)


def families(settings: Settings) -> tuple[Family, ...]:
    """A literal's own family, both of a name."""
    assert isinstance(settings, PathSettings)
    return families_of(settings.address)


KIND = CheckKind(
    name="path",
    settings=PathSettings,
    evidence=PathEvidence,
    prober=prober,
    reached="reached",
    from_url=from_url,
    families=families,
)
