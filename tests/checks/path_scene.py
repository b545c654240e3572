"""What the tests of path and egress share: a network of routers, and a probe from its agent."""

import asyncio
from collections.abc import Sequence
from typing import Any

from checks import path
from checks.base import Evidence, Outcome, Prober
from checks.path_evidence import PathEvidence, PathSettings
from monitor.model import Family
from tests.checks.harness import assignment, facts, gather, net_of, scope_of
from tests.lab.routers import Routers

DIAMOND = (
    ("agent", "r1"),
    ("r1", "r2"),
    ("r1", "r3"),
    ("r2", "r4"),
    ("r3", "r4"),
    ("r4", "r5"),
    ("r5", "far"),
)
"""Five hops to `far`; the second is r2 or r3."""
LINE = (("agent", "r1"), ("r1", "r2"), ("r2", "r3"), ("r3", "r4"), ("r4", "far"))
WAIT_US = 400_000


def wish(address: str, **wishes: Any) -> PathSettings:
    """Settings for the lab, where silence is known after less than half a second."""
    return PathSettings(**{"address": address, "wait": WAIT_US, "mtu": False, **wishes})


def everywhere() -> Any:
    """A seam whose scope admits every address."""
    return net_of(scope=scope_of("0.0.0.0/0", "::/0"))


def family_of(address: str) -> Family:
    """The family of a literal."""
    return Family.IPV6 if ":" in address else Family.IPV4


async def probes(prober: Prober, settings: PathSettings) -> Outcome:
    """One probe by a prober that lives on."""
    one = assignment(path.KIND, settings, family_of(settings.address))
    return (await gather(prober, [one]))[0]


def walk(net: Routers, settings: PathSettings) -> PathEvidence:
    """The evidence of one probe from the agent, on a loop of its own."""
    return walks(net, [settings])[0]


def walks(net: Routers, wishes: Sequence[PathSettings]) -> list[PathEvidence]:
    """The evidence of probes by one prober, one after another."""
    found: list[PathEvidence] = []

    async def scenario() -> None:
        prober = path.KIND.prober(everywhere())
        try:
            found.extend([evidence(await probes(prober, settings)) for settings in wishes])
        finally:
            await prober.close()

    with net["agent"].inside():
        asyncio.run(asyncio.wait_for(scenario(), 60))
    return found


def evidence(outcome: Outcome) -> Any:
    """The evidence of an outcome, made sure of as the harness does."""
    facts(outcome)
    got: Evidence | None = outcome.evidence
    assert got is not None
    return got
