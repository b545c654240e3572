"""Runs probes against real servers on loopback, on both loops."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import date
from ipaddress import ip_network
from typing import Any

import uvloop

from checks.base import Assignment, CheckKind, Net, Outcome, Probe, Prober, Settings
from checks.scope import RangeScope, ScopeRange, loopback_scope
from monitor.model import Family, Fault

GUARD_S = 20
SHORT = 300_000
"""A probe's timeout where silence is the point, in µs."""


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the scenario on asyncio's loop, then on uvloop's."""
    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(scenario(), GUARD_S))


def boottime_ns() -> int:
    """The boot clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def wall_us() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000


class Names:
    """A resolver from a table; a name that is not in it is unknown; a fault is given as it is."""

    def __init__(self, table: Mapping[str, Sequence[str] | Fault] | None = None) -> None:
        self.table = dict(table or {})
        self.asked: list[str] = []

    def lookup(
        self, name: str, family: Family, found: Callable[[Sequence[str] | Fault], None]
    ) -> None:
        self.asked.append(name)
        known = self.table.get(name, ())
        if isinstance(known, Fault):
            found(known)
        else:
            found([item for item in known if (":" in item) == (family is Family.IPV6)])


class NeverAnswers:
    """A resolver that is silent."""

    def lookup(
        self, name: str, family: Family, found: Callable[[Sequence[str] | Fault], None]
    ) -> None:
        """Say nothing."""


def scope_of(*networks: str) -> RangeScope:
    """A scope of these networks, without end."""
    return RangeScope(
        [
            ScopeRange(network=ip_network(text), authorised_by="lab", letter="1", until=date.max)
            for text in networks
        ],
        today=lambda: date(2026, 11, 1),
    )


def net_of(names: Mapping[str, Sequence[str] | Fault] | None = None, **wishes: Any) -> Net:
    """A seam to loopback alone, with names from a table."""
    values: dict[str, Any] = {
        "scope": loopback_scope(),
        "resolver": Names(names),
        "boottime_ns": boottime_ns,
        "wall_us": wall_us,
    }
    return Net(**{**values, **wishes})


def assignment(kind: CheckKind, settings: Settings, family: Family) -> Assignment:
    """A series to probe."""
    return Assignment(target="t", check=kind.name, family=family, settings=settings)


async def observe(
    kind: CheckKind, settings: Settings, net: Net | None = None, family: Family = Family.IPV4
) -> Outcome:
    """One probe, from begin to its one outcome."""
    prober = kind.prober(net or net_of())
    try:
        return (await gather(prober, [assignment(kind, settings, family)]))[0]
    finally:
        await prober.close()


async def gather(prober: Prober, assignments: Sequence[Assignment]) -> list[Outcome]:
    """A batch of probes; each slot must be told exactly once."""
    outcomes: dict[int, Outcome] = {}
    ended = asyncio.Event()

    def done(slot: int, outcome: Outcome) -> None:
        assert slot not in outcomes, "told twice"
        outcomes[slot] = outcome
        if len(outcomes) == len(assignments):
            ended.set()

    prober.begin([Probe(slot, item) for slot, item in enumerate(assignments)], done)
    ticking = asyncio.ensure_future(_tick(prober))
    try:
        await asyncio.wait_for(ended.wait(), GUARD_S)
    finally:
        ticking.cancel()
    return [outcomes[slot] for slot in range(len(assignments))]


async def _tick(prober: Prober) -> None:
    while True:
        prober.tick()
        await asyncio.sleep(0.01)


def facts(outcome: Outcome) -> dict[str, Any]:
    """The facts of an outcome that has evidence; each is declared, and stored fields restore."""
    assert outcome.evidence is not None, outcome.fault
    evidence = outcome.evidence
    stored = {
        name: getattr(evidence, name) for name in (*evidence.measures(), *evidence.postures())
    }
    assert type(evidence).restored(stored) == evidence
    found = evidence.facts()
    assert set(found) <= set(type(evidence).FACTS)
    assert None not in found.values()
    return found


def fault(outcome: Outcome) -> Fault:
    """The fault of an outcome that has no evidence."""
    assert outcome.fault is not None, outcome.evidence
    assert outcome.evidence is None
    return outcome.fault
