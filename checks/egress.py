"""egress: which way does traffic leave, and does each uplink carry it?"""

import asyncio
import errno
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

from checks.base import Assignment, CheckKind, Evidence, Net, Prober, Settings
from checks.datagram import Endpoint
from checks.egress_evidence import UNMEASURED, EgressEvidence, EgressSettings, Uplink
from checks.hops.answer import Answer, plain
from checks.hops.binding import Binding, LeavingError
from checks.hops.flow import Asker, Desk, Route
from checks.hops.opening import leaving_fault, open_flow
from checks.hops.prober import HopsProber
from checks.hops.walk import FULL
from monitor.model import Family, Fault, FaultKind

_FIRST_FLOW: Final = 100
"""Numbers of these flows, so that they take no source port of the path check."""
_AT_ONCE: Final = 3
_SPACING_S: Final = 1.0
"""As for flows of a path: the destination may answer only six times at once."""
_MARK_REMEDY: Final = (
    "a mark needs CAP_NET_ADMIN, or since Linux 5.17 CAP_NET_RAW, which the daemon does not have: "
    "use source or interface"
)
_NO_WAY = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EINVAL, errno.EACCES}
)
_OUTCOMES: Mapping[FaultKind, str] = {
    FaultKind.LOCAL_NETWORK: "no-route",
    FaultKind.PERMISSION: "permission",
}
_FAULTS: Mapping[str, FaultKind] = {
    "permission": FaultKind.PERMISSION,
    "resource": FaultKind.LOCAL_RESOURCE,
    "timeout": FaultKind.OVERLOAD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What came of leaving one way."""

    outcome: str
    reason: str = ""
    first_hop: str = ""
    source: str = ""
    delay_us: int | None = None


_OUT_OF_TIME = Leaving(outcome="timeout", reason="the time was over")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One probe under way."""

    desk: Desk
    settings: EgressSettings
    where: Endpoint

    async def leave(self, number: int, binding: Binding) -> Leaving:
        """Ask the first hop, and the destination, out by one way."""
        await asyncio.sleep(max(0, number - _AT_ONCE + 1) * _SPACING_S)
        route = Route(address=self.where.address, port=self.where.port, binding=binding)
        try:
            flow, _ = open_flow(self.desk, self.settings.protocol, route, _FIRST_FLOW + number)
            with closing(flow):
                first, last = await self._asked(flow, 1), await self._asked(flow, FULL)
                return replace(left(first, last), source=flow.own)
        except LeavingError as error:
            return refused(error)
        except OSError as error:
            return of_fault(leaving_fault(error))

    async def _asked(self, asker: Asker, hops: int) -> Answer | Fault | None:
        for _ in range(self.settings.tries):
            answer = await asker.ask(hops, self.settings.wait)
            if answer is not None:
                return answer
        return None


def left(first: Answer | Fault | None, last: Answer | Fault | None) -> Leaving:
    """What the first hop and the destination said, together."""
    if isinstance(last, Fault):
        return of_fault(last)
    hop = first.address if isinstance(first, Answer) and first.kind != "too-big" else ""
    if last is None:
        return Leaving(outcome="silent", first_hop=hop)
    if last.kind == "arrived":
        return Leaving(outcome="reached", first_hop=hop, delay_us=last.delay_us)
    reason = "loop" if last.kind == "exceeded" else last.word or last.kind
    return Leaving(outcome="unreachable", reason=reason, first_hop=hop)


def refused(error: LeavingError) -> Leaving:
    """What this host refused: the uplink's own failure, or nothing that was measured."""
    if error.step == "mark":
        return Leaving(outcome="permission", reason=_MARK_REMEDY)
    if error.step == "interface" and error.number == errno.ENODEV:
        return Leaving(outcome="no-interface", reason="this host has no such interface")
    if error.step == "source" and error.number == errno.EADDRNOTAVAIL:
        return Leaving(outcome="no-address", reason="this host does not have the source address")
    if error.step == "connect" and error.number in _NO_WAY:
        return Leaving(outcome="no-route", reason=leaving_fault(error).message)
    return of_fault(leaving_fault(error))


def of_fault(fault: Fault) -> Leaving:
    """A fault of this host on one uplink."""
    return Leaving(outcome=_OUTCOMES.get(fault.kind, "resource"), reason=fault.message)


def taken(uplinks: Mapping[str, Uplink], ways: Mapping[str, Leaving], unasked: Leaving) -> str:
    """The uplink that traffic takes unasked: by its source, else by its first hop; empty: unknown.

    Where two fit, none is named.
    """
    for fitting in (
        [n for n, one in uplinks.items() if one.source and plain(one.source) == unasked.source],
        [n for n, way in ways.items() if way.first_hop and way.first_hop == unasked.first_hop],
    ):
        if len(fitting) == 1:
            return fitting[0]
    return ""


def as_expected(uplinks: Mapping[str, Uplink], ways: Mapping[str, Leaving]) -> bool | None:
    """Whether the first hops are the expected ones; None: none is expected, or some are silent."""
    expected = {n: plain(one.first_hop) for n, one in uplinks.items() if one.first_hop}
    seen = {name: ways[name].first_hop for name in expected}
    if any(hop and hop != expected[name] for name, hop in seen.items()):
        return False
    return True if expected and all(seen.values()) else None


class EgressProbe:
    """Leaves by every uplink, and once unbound."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def observe(
        self, assignment: Assignment, where: Endpoint, until: float
    ) -> Evidence | Fault:
        """See `checks.hops.prober.Observe`."""
        settings = assignment.settings
        assert isinstance(settings, EgressSettings)
        attempt = _Attempt(desk=self._desk, settings=settings, where=where)
        bindings = [Binding()] + [
            Binding(source=one.source, interface=one.interface, mark=one.mark)
            for one in settings.uplinks.values()
        ]
        tasks = [
            asyncio.ensure_future(attempt.leave(number, binding))
            for number, binding in enumerate(bindings)
        ]
        try:
            left_s = max(0.0, until - asyncio.get_running_loop().time())
            await asyncio.wait(tasks, timeout=left_s)
            unasked, *ways = [task.result() if task.done() else _OUT_OF_TIME for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        # An authority that ended meanwhile says nothing about an uplink.
        return self._desk.net.scope.refusal(where.address) or evidence_of(
            plain(where.address), settings.uplinks, dict(zip(settings.uplinks, ways, strict=True)),
            unasked,
        )  # fmt: skip


def evidence_of(
    address: str, uplinks: Mapping[str, Uplink], ways: Mapping[str, Leaving], unasked: Leaving
) -> EgressEvidence | Fault:
    """What all ways showed; a fault when no uplink could be measured."""
    if all(way.outcome in UNMEASURED for way in ways.values()):
        first = next(iter(ways.values()))
        return Fault(
            kind=_FAULTS[first.outcome], message=f"no uplink could be measured: {first.reason}"
        )
    return EgressEvidence(
        delays_us=tuple(way.delay_us for way in ways.values()),
        address=address,
        names=tuple(ways),
        outcomes=tuple(way.outcome for way in ways.values()),
        reasons=tuple(way.reason for way in ways.values()),
        first_hops=tuple(way.first_hop for way in ways.values()),
        as_expected=as_expected(uplinks, ways),
        default_uplink=taken(uplinks, ways, unasked) or None,
        default_source=unasked.source or None,
        default_first_hop=unasked.first_hop or None,
        default_outcome=unasked.outcome,
    )


def where(assignment: Assignment) -> Endpoint:
    """What the settings name."""
    settings = assignment.settings
    assert isinstance(settings, EgressSettings)
    return Endpoint(settings.address, settings.port)


def nameless() -> Fault:
    """A name without an address says nothing about the uplinks."""
    return Fault(kind=FaultKind.ABSENT, message="the name of the destination has no address")


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return HopsProber(net, where, lambda desk: EgressProbe(desk).observe, nameless)


def families(settings: Settings) -> tuple[Family, ...]:
    """Those in which every uplink can be asked."""
    assert isinstance(settings, EgressSettings)
    return settings.families()


KIND = CheckKind(
    name="egress",
    settings=EgressSettings,
    evidence=EgressEvidence,
    prober=prober,
    families=families,
)
