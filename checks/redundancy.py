"""redundancy: are all legs of a site alive, and do they share hops? Sends no packet.

It reads what other checks saw of the site's links, through `checks.base.Net.legs`, so that what it
finds is judged, stored and told like any observation.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from checks.base import Assignment, CheckKind, Done, Evidence, Net, Outcome, Probe, Prober
from checks.redundancy_evidence import RedundancyEvidence, RedundancySettings
from checks.shared_fate import shared_hops
from monitor.model import Fault, FaultKind, State


class RedundancyProber:
    """See `checks.base.Prober`. Every probe ends before `begin` returns."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._counts: Counter[str] = Counter()

    def begin(self, batch: Sequence[Probe], done: Done) -> None:
        """Look at the newest observations of each site's links."""
        for probe in batch:
            since = self._net.boottime_ns()
            found = measured(self._net, probe.assignment)
            if isinstance(found, Fault):
                self._counts["faults"] += 1
                done(probe.slot, Outcome(started_ns=since, elapsed_us=0, fault=found))
            else:
                done(probe.slot, Outcome(started_ns=since, elapsed_us=0, evidence=found))

    def tick(self) -> None:
        """Nothing is driven by the tick."""

    def counters(self) -> Mapping[str, int]:
        """How often no link was seen at all."""
        return dict(self._counts)

    def notes(self) -> Sequence[str]:
        """Nothing restricts it."""
        return ()

    async def close(self) -> None:
        """Nothing is under way."""


def measured(net: Net, assignment: Assignment) -> Evidence | Fault:
    """The evidence; a fault where no observation of any link holds."""
    settings = assignment.settings
    assert isinstance(settings, RedundancySettings)
    legs = net.legs(assignment.target)
    if all(leg.state is State.UNOBSERVED for leg in legs):
        return Fault(
            kind=FaultKind.UNSEEN,
            message="no observation of the site's links holds: "
            "let the agent run, or check the whole site",
        )
    primary = next((leg.link for leg in legs if leg.role == "primary"), None)
    paths = {leg.link: leg.routers for leg in legs if leg.routers}
    return RedundancyEvidence(
        legs={leg.link: leg.state.word for leg in legs},
        primary=primary,
        paths=tuple(paths),
        shared_hops=shared_hops(
            [leg.link for leg in legs], paths, primary=primary, common=settings.common
        ),
    )


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return RedundancyProber(net)


KIND = CheckKind(
    name="redundancy",
    settings=RedundancySettings,
    evidence=RedundancyEvidence,
    prober=prober,
    available="evidence.up",
    derived=True,
)
