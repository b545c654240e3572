"""clock: is the agent's own clock right? SNTP to several servers, the majority counts."""

import asyncio
import secrets
from collections.abc import Sequence

from checks.base import Assignment, CheckKind, Evidence, Net, Prober
from checks.clock_evidence import ClockEvidence, ClockSettings
from checks.datagram import Endpoint, endpoint, exchange, failure_of
from checks.reach import reached
from checks.sntp import NoSample, Sample, agreement, request, sample
from checks.task_prober import TaskProber
from monitor.model import Family, Fault, FaultKind

_STEP_US = 100_000
"""A wall clock that moved this much against the boot clock was stepped while we measured."""
_KISSED_NS = 3_600_000_000_000
"""How long a server that said so is left alone (RFC 5905, 7.4)."""
_ORDER = ("kiss", "unsynchronised", "malformed", "refused", "unreachable", "timeout")

Told = Sample | NoSample | Fault


class ClockProbe:
    """Asks all servers at once and compares; remembers which of them asked to be left alone."""

    def __init__(self) -> None:
        self._left_alone: dict[Endpoint, tuple[int, NoSample]] = {}

    async def measure(self, net: Net, assignment: Assignment) -> Evidence | Fault:
        """One request to each server; see `checks.task_prober.Measure`."""
        settings = assignment.settings
        assert isinstance(settings, ClockSettings)
        servers = [endpoint(text, 123) for text in settings.servers or net.time_servers]
        if not servers:
            return Fault(
                kind=FaultKind.CLOCK,
                message="no time servers to ask: set servers, or time_servers in agent.yaml",
            )
        wall_us, boot_ns = net.wall_us(), net.boottime_ns()
        told = await asyncio.gather(
            *(self._told(net, server, settings.timeout / 1e6) for server in servers)
        )
        moved_us = (net.wall_us() - wall_us) - (net.boottime_ns() - boot_ns) // 1_000
        if abs(moved_us) > _STEP_US:
            return Fault(
                kind=FaultKind.CLOCK, message=f"the wall clock moved {moved_us} µs meanwhile"
            )
        return compared(told, settings.tolerance)

    async def _told(self, net: Net, server: Endpoint, limit_s: float) -> Told:
        until_ns, kiss = self._left_alone.get(server, (0, NoSample(outcome="kiss")))
        if until_ns > net.boottime_ns():
            return kiss
        phase_fault: Fault | None = Fault(
            kind=FaultKind.RESOLVER, message="no answer from the resolvers in time"
        )
        try:
            async with asyncio.timeout(limit_s):
                where = await reached(net, server, Family.NONE)
                phase_fault = None
                if isinstance(where, Fault):
                    return where
                if where is None:
                    return NoSample(outcome="unreachable", reason=f"no such name: {server.address}")
                told = await _asked(net, where)
        except TimeoutError:
            return phase_fault or NoSample(outcome="timeout")
        except OSError as error:
            return _failed(error)
        if isinstance(told, NoSample) and told.outcome == "kiss":
            self._left_alone[server] = (net.boottime_ns() + _KISSED_NS, told)
        return told


async def _asked(net: Net, where: Endpoint) -> Sample | NoSample:
    nonce = secrets.randbits(64)
    sent_us = net.wall_us()

    def accept(message: bytes, arrived_ns: int | None) -> Sample | NoSample | None:
        """The kernel's stamp leaves out how long the loop was busy; it must fit our clock."""
        now_us = net.wall_us()
        stamp_us = now_us if arrived_ns is None else arrived_ns // 1_000
        arrived_us = stamp_us if sent_us <= stamp_us <= now_us else now_us
        return sample(message, nonce, sent_us, arrived_us)

    return await exchange(where, request(nonce), accept)


def _failed(error: OSError) -> NoSample | Fault:
    why = failure_of(error)
    if isinstance(why, Fault):
        return why
    outcome = "refused" if why.outcome == "refused" else "unreachable"
    return NoSample(outcome=outcome, reason=why.reason)  # type: ignore[arg-type]


def compared(told: Sequence[Told], tolerance_us: int) -> Evidence | Fault:
    """The evidence of all answers together; a fault when every server was one."""
    faults = [item for item in told if isinstance(item, Fault)]
    if len(faults) == len(told):
        return faults[0]
    samples = [item for item in told if isinstance(item, Sample)]
    agreed, agreeing = agreement(samples, tolerance_us)
    outcome, reason = "answered", ""
    if not samples:
        first = min(
            (item for item in told if isinstance(item, NoSample)),
            key=lambda item: _ORDER.index(item.outcome),
        )
        outcome, reason = first.outcome, first.reason
    elif agreed is None:
        outcome = "disagreement"
    return ClockEvidence(
        offset_us=agreed.offset_us if agreed else None,
        delay_us=agreed.delay_us if agreed else None,
        stratum=agreed.stratum if agreed else None,
        servers=len(told),
        answered=len(samples),
        agreeing=agreeing,
        outcome=outcome,
        reason=reason or None,
    )


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return TaskProber(net, ClockProbe().measure)


KIND = CheckKind(name="clock", settings=ClockSettings, evidence=ClockEvidence, prober=prober)
