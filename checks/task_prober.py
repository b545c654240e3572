"""The prober of the checks whose probe is a coroutine in a bounded pool."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from checks.base import Assignment, Done, Evidence, Net, Outcome, Probe
from checks.connection import internal
from checks.pool import Pool
from monitor.model import Fault, FaultKind

_GRACE_S = 1.0
"""What a probe may take beyond its own timeout before it counts as a defect."""

Measure = Callable[[Net, Assignment], Awaitable[Evidence | Fault]]


class TaskProber:
    """See `checks.base.Prober`. The coroutine keeps to the timeout of its settings itself."""

    def __init__(self, net: Net, measure: Measure) -> None:
        self._net = net
        self._measure = measure
        self._pool = Pool()
        self._counts: Counter[str] = Counter()

    def begin(self, batch: Sequence[Probe], done: Done) -> None:
        """Start or queue every probe; one that finds the queue full is told at once."""
        for probe in batch:
            if not self._pool.submit(lambda probe=probe: self._run(probe, done)):  # type: ignore[misc]
                fault = Fault(kind=FaultKind.OVERLOAD, message="too many probes wait")
                self._tell(probe, done, self._net.boottime_ns(), fault)

    def tick(self) -> None:
        """Nothing is driven by the tick."""

    def counters(self) -> Mapping[str, int]:
        """Faults and defects since the start."""
        return dict(self._counts)

    def notes(self) -> Sequence[str]:
        """Nothing restricts these checks."""
        return ()

    async def close(self) -> None:
        """Cancel what is under way; nothing more is told."""
        await self._pool.close()

    async def _run(self, probe: Probe, done: Done) -> None:
        since = self._net.boottime_ns()
        result: Evidence | Fault
        try:
            async with asyncio.timeout(probe.assignment.settings.timeout / 1e6 + _GRACE_S):
                result = await self._measure(self._net, probe.assignment)
        except Exception as error:  # noqa: BLE001 - a probe's boundary: its defect is its fault
            result = internal(error)
        self._tell(probe, done, since, result)

    def _tell(self, probe: Probe, done: Done, since: int, result: Evidence | Fault) -> None:
        elapsed_us = max(0, self._net.boottime_ns() - since) // 1_000
        if isinstance(result, Fault):
            self._counts["defects" if result.kind is FaultKind.INTERNAL else "faults"] += 1
            done(probe.slot, Outcome(started_ns=since, elapsed_us=elapsed_us, fault=result))
        else:
            done(probe.slot, Outcome(started_ns=since, elapsed_us=elapsed_us, evidence=result))
