"""What the ICMP tests share: a prober with an open scope, names in memory, and a driver."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from ipaddress import ip_network

from checks.base import Assignment, Net, Outcome, Probe, Scope
from checks.icmp import IcmpEvidence, IcmpSettings
from checks.ping.prober import IcmpProber
from checks.scope import RangeScope, ScopeRange
from monitor.clock import SystemClock
from monitor.model import Family, Fault

GUARD_S = 30.0
"""Only keeps a broken prober from hanging a test."""


class Names:
    """Knows a few names; answers at once, or when the test says so (`later`)."""

    def __init__(
        self, known: Mapping[tuple[str, Family], Sequence[str] | Fault], *, later: bool = False
    ) -> None:
        self._known, self._later = known, later
        self._waiting: list[Callable[[], None]] = []

    def lookup(
        self, name: str, family: Family, found: Callable[[Sequence[str] | Fault], None]
    ) -> None:
        """See `checks.base.Resolver`."""
        answer = self._known.get((name, family), ())
        if self._later:
            self._waiting.append(lambda: found(answer))
        else:
            found(answer)

    def answer(self) -> None:
        """Give every answer that waits."""
        while self._waiting:
            self._waiting.pop(0)()


def anywhere() -> RangeScope:
    """A scope that admits every address."""
    ranges = [
        ScopeRange(network=ip_network(text), authorised_by="test", letter="-", until=date.max)
        for text in ("0.0.0.0/0", "::/0")
    ]
    return RangeScope(ranges, today=lambda: date.min)


def make_prober(scope: Scope | None = None, names: Names | None = None) -> IcmpProber:
    """A prober that may probe every address, and knows only the names given."""
    clock = SystemClock()
    net = Net(
        scope=scope or anywhere(),
        resolver=names or Names({}),
        boottime_ns=clock.boottime_ns,
        wall_us=clock.wall_us,
    )
    return IcmpProber(net, IcmpEvidence)


def assignment(
    address: str,
    *,
    count: int = 3,
    spacing_ms: int = 5,
    timeout_ms: int = 5_000,
    size: int = 56,
    family: Family | None = None,
) -> Assignment:
    """One ICMP series; short spacing, and a timeout that a stalled machine does not reach."""
    settings = IcmpSettings(
        address=address,
        count=count,
        spacing=spacing_ms * 1_000,
        timeout=timeout_ms * 1_000,
        size=size,
    )
    family = family or (Family.IPV6 if ":" in address else Family.IPV4)
    return Assignment(target=address, check="icmp", family=family, settings=settings)


def run(prober: IcmpProber, assignments: Sequence[Assignment]) -> list[Outcome]:
    """Probe them all at once and tick until each has ended, exactly once."""
    outcomes: dict[int, Outcome] = {}

    def done(slot: int, outcome: Outcome) -> None:
        assert slot not in outcomes
        outcomes[slot] = outcome

    prober.begin([Probe(slot, item) for slot, item in enumerate(assignments)], done)
    give_up = time.monotonic() + GUARD_S
    while len(outcomes) < len(assignments):
        assert time.monotonic() < give_up, "a probe did not end"
        prober.tick()
        time.sleep(0.002)
    return [outcomes[slot] for slot in range(len(assignments))]


def delays(outcome: Outcome) -> tuple[int | None, ...]:
    """The delays of an outcome that must be evidence."""
    assert isinstance(outcome.evidence, IcmpEvidence), outcome
    return outcome.evidence.delays_us
