"""Runs ICMP probes: asks the scope, fills the lanes of both families, gives outcomes back."""

import asyncio
import errno
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from checks.address import locate
from checks.base import Assignment, Done, Evidence, Net, Outcome, Probe
from checks.ping.lane import Lane
from checks.ping.samples import LOST, UNSENT, Ended, Wish
from checks.ping.wire import HEADER_BYTES, socket_address
from monitor.model import Family, Fault, FaultKind

_RESOURCE_ERRORS = {
    errno.EAGAIN,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
}
"""What ran out; every other errno of a send is about the local network."""
_EXPLAINED = {
    errno.EPERM: "the agent's own firewall drops it",
    errno.EACCES: "a prohibit route, or it is a broadcast address",
    errno.EINVAL: "a blackhole route, or a link-local address without its interface",
    errno.EMSGSIZE: "the packet is larger than the path's MTU",
    errno.ENOBUFS: "no room in the socket's buffer or the device's queue, or replies were dropped",
}
_COUNTERS = (
    *("answer", "corrupt", "forged", "wrong_source", "duplicate", "late"),
    *("unsent", "unmeasured", "dropped", "no_timestamp", "socket_errors"),
)


_KEPT_WISHES = 65_536


class _Pending(NamedTuple):
    slot: int
    address: str
    done: Done


class IcmpProber:
    """A `checks.base.Prober`. `evidence` makes the record of one sample from its delays (µs).

    Left to others: names (`Net.resolver`), what may be probed (`Net.scope`).
    """

    def __init__(self, net: Net, evidence: Callable[..., Evidence]) -> None:
        self._net, self._evidence = net, evidence
        self._tally: Counter[str] = Counter()
        self._lanes = {
            family: Lane(family, net.boottime_ns, self._tally, net.tick_ms * 1_000_000)
            for family in (Family.IPV4, Family.IPV6)
        }
        self._pending: dict[Family, dict[int, _Pending]] = {f: {} for f in self._lanes}
        self._wishes: dict[int, tuple[Assignment, str, Wish]] = {}
        self._refused: dict[Family, Fault] = {}
        self._readers: dict[Family, tuple[asyncio.AbstractEventLoop, int]] = {}
        self._closed = False

    def begin(self, batch: Sequence[Probe], done: Done) -> None:
        """Start every probe; packets leave at the next `tick`."""
        ready: dict[Family, list[tuple[Probe, str]]] = {family: [] for family in self._lanes}
        starting = True

        def found(probe: Probe, place: str | Fault | None) -> None:
            if not isinstance(place, str):
                self._end_unsent(probe, place, done)
            elif starting:
                ready[_family_of(place)].append((probe, place))
            elif not self._closed:  # a name that took its time
                self._start(_family_of(place), [(probe, place)], done)

        for probe in batch:
            self._locate(probe, found)
        starting = False
        for family, probes in ready.items():
            if probes:
                self._start(family, probes, done)

    def tick(self) -> None:
        """Read, send and expire in both families; hand over what ended."""
        for family, lane in self._lanes.items():
            over = lane.step()
            now_ns = self._net.boottime_ns()
            for ended in over:
                self._end(family, ended, now_ns)
            if lane.wants_reader != (family in self._readers):
                self._switch_reader(family, lane)

    def pace_ns(self) -> int:
        """The longest tick with which no receive buffer overflows and every spacing is kept."""
        return min(lane.pace_ns() for lane in self._lanes.values())

    def counters(self) -> Mapping[str, int]:
        """Replies by what they were, packets that never left, and what could not be measured."""
        return {name: self._tally[name] for name in _COUNTERS}

    def notes(self) -> Sequence[str]:
        """Restrictions in force: no socket, a raw socket, delays by user-space clocks."""
        lanes = self._lanes.values()
        raw = any(lane.endpoint is not None and lane.endpoint.raw for lane in lanes)
        refused = any(f.kind is FaultKind.PERMISSION for f in self._refused.values())
        unstamped = any(lane.user_clock for lane in lanes)
        found = (
            (refused, "icmp.no-socket"),
            (raw, "icmp.raw-socket"),
            (unstamped, "icmp.user-clock"),
        )
        return [key for present, key in found if present]

    async def close(self) -> None:
        """Close both sockets; probes under way are forgotten."""
        self._closed = True
        for family, lane in self._lanes.items():
            self._stop_reader(family)
            lane.close()
            self._pending[family].clear()

    def _locate(self, probe: Probe, found: Callable[[Probe, str | Fault | None], None]) -> None:
        assignment: Any = probe.assignment
        host, family = assignment.settings.address, assignment.family
        locate(self._net, host, family, lambda place: found(probe, place))

    def _start(self, family: Family, probes: list[tuple[Probe, str]], done: Done) -> None:
        lane, pending = self._lanes[family], self._pending[family]
        fault = lane.open()
        if fault is not None:
            self._refused[family] = fault
            for probe, _ in probes:
                self._end_unsent(probe, fault, done)
            return
        self._refused.pop(family, None)
        wishes, waiting = [], []
        for probe, address in probes:
            try:
                wishes.append(self._wish(probe.assignment, address))
            except ValueError as error:
                self._end_unsent(probe, Fault(kind=FaultKind.SCOPE, message=str(error)), done)
            else:
                waiting.append(_Pending(probe.slot, address, done))
        if wishes:
            pending.update(zip(lane.add(wishes), waiting, strict=True))

    def _wish(self, assignment: Assignment, address: str) -> Wish:
        """What the lane shall do; made once for an assignment, as long as its address stays."""
        kept = self._wishes.get(id(assignment))
        if kept is not None and kept[0] is assignment and kept[1] == address:
            return kept[2]
        settings: Any = assignment.settings
        wish = Wish(
            socket_address(address),
            settings.count,
            settings.spacing * 1_000,
            settings.timeout * 1_000,
            HEADER_BYTES + settings.size,
        )
        if "%" not in address:  # the index of an interface can change
            if len(self._wishes) >= _KEPT_WISHES:
                self._wishes.clear()
            self._wishes[id(assignment)] = (assignment, address, wish)
        return wish

    def _end(self, family: Family, ended: Ended, now_ns: int) -> None:
        waiting = self._pending[family].pop(ended.row)
        kept: list[int] | list[int | None] = ended.delays_us
        if min(ended.delays_us) < 0:
            kept = [None if d == LOST else d for d in ended.delays_us if d != UNSENT]
        started_ns = ended.first_left_ns if kept else now_ns
        outcome = Outcome(
            started_ns=started_ns,
            elapsed_us=(now_ns - started_ns) // 1_000,
            evidence=self._evidence(delays_us=tuple(kept)) if kept else None,
            fault=None if kept else local_fault(waiting.address, ended.errno),
        )
        waiting.done(waiting.slot, outcome)

    def _end_unsent(self, probe: Probe, why: Fault | None, done: Done) -> None:
        """No packet leaves: a fault, or evidence without singletons for a name without address."""
        evidence = self._evidence(delays_us=()) if why is None else None
        now_ns = self._net.boottime_ns()
        outcome = Outcome(started_ns=now_ns, elapsed_us=0, evidence=evidence, fault=why)
        done(probe.slot, outcome)

    def _switch_reader(self, family: Family, lane: Lane) -> None:
        """Without kernel stamps, read when a reply comes and not at the next tick."""
        if family in self._readers:
            self._stop_reader(family)
            return
        endpoint = lane.endpoint
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if endpoint is not None:
            loop.add_reader(endpoint.fd, lane.read, endpoint)
            self._readers[family] = (loop, endpoint.fd)

    def _stop_reader(self, family: Family) -> None:
        if family in self._readers:
            loop, fd = self._readers.pop(family)
            loop.remove_reader(fd)


def local_fault(address: str, number: int) -> Fault:
    """Why no packet to `address` left this host, from the errno of the last attempt."""
    kind = FaultKind.LOCAL_RESOURCE if number in _RESOURCE_ERRORS else FaultKind.LOCAL_NETWORK
    why = _EXPLAINED.get(number)
    text = os.strerror(number) + (f" ({why})" if why else "")
    return Fault(kind=kind, message=f"no packet to {address} left this host: {text}")


def _family_of(address: str) -> Family:
    return Family.IPV6 if ":" in address else Family.IPV4
