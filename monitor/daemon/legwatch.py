"""The daemon's side of redundancy: feeds the legs, and has a site looked at when one turns.

The check `redundancy` reads the legs through `of_site`, the seam `checks.base.Net.legs`; what it
finds comes back through `take` like any observation and moves the label `single-leg`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from checks.base import Leg
from checks.redundancy_evidence import RedundancyEvidence
from monitor.clock import Clock
from monitor.daemon.plan import Item
from monitor.daemon.recorder import Recorder
from monitor.daemon.redundant import Site
from monitor.daemon.setup import Plan, legs_of, sites_of
from monitor.legs import SiteLook, routers_in
from monitor.marked import Mark
from monitor.model import FaultKind
from monitor.sight import Look
from monitor.single_leg import cause_of


class LegWatch:
    """Lives as long as the daemon; `adopt` follows each reload."""

    def __init__(
        self,
        plan: Plan,
        recorder: Recorder,
        clock: Clock,
        *,
        look: Callable[[set[str]], None],
        request: Callable[[int], None],
    ) -> None:
        """`look` probes targets now, `request` one slot of the configuration's assignments."""
        self._recorder, self._clock = recorder, clock
        self._look, self._request = look, request
        self._looked: dict[str, SiteLook] = {}
        """What the check was given last. An observation of the engine is taken in in the same step
        in which it looked, so that nothing comes between."""
        self._counted: dict[str, tuple[str, int]] = {}
        """By site the basis of the last look that counted; see `counts`."""
        self._asked: set[str] = set()
        """Sites whose legs' parents were asked already: once for each time."""
        self.legs = legs_of(plan)
        self.adopt(plan)

    def adopt(self, plan: Plan) -> None:
        """Another plan; what was seen of series that stay is kept."""
        self.legs = legs_of(plan, self.legs)
        self._plan, self._slots = plan, sites_of(plan)
        self._recorder.single_legs.watch(self._slots)
        self._looked = {site: look for site, look in self._looked.items() if site in self._slots}
        self._counted = {site: at for site, at in self._counted.items() if site in self._slots}
        self._asked &= self._slots.keys()

    def counts(self, item: Item) -> bool:
        """Whether an observation may confirm anything, asked once, before it is taken in.

        A site is looked at more often than its links are observed: looks that rest on the same
        observation of the leg that turned last would make one bad probe confirm itself.
        """
        look = self._looked.get(item.target.key) if item.kind.derived else None
        if look is None:
            return True
        before = self._counted.get(item.target.key)
        self._counted[item.target.key] = look.basis
        return look.basis != before

    def take(self, item: Item) -> None:
        """After the accumulator took in an observation of this series."""
        seen = self._recorder.accumulator.latest[item.number]
        started_ns = seen.outcome.started_ns
        fault, evidence = seen.outcome.fault, seen.outcome.evidence
        if item.kind.derived:
            look = self._looked.get(item.target.key, SiteLook(legs=()))
            self.legs.observed(item.target.key, look)
            if isinstance(evidence, RedundancyEvidence):
                self._judge(item, evidence, look.since_ns or started_ns, started_ns)
        elif fault is not None and fault.kind is FaultKind.ABSENT:
            self.legs.note_absent(item.number)
        else:
            site = self.legs.note(item.number, seen.judgement.state, started_ns)
            if site is not None:
                self._request(self._slots[site])

    def second(self) -> None:
        """Once a second: sites whose links turned out to be reachable, or not, meanwhile."""
        for site in self.legs.due(self._clock.boottime_ns(), self._way):
            self._request(self._slots[site])

    def of_site(self, site: str) -> Sequence[Leg]:
        """See `checks.base.Net.legs`; asks at once after ways that are not known."""
        look = self._looked[site] = self._site(site)
        if not look.hidden:
            self._asked.discard(site)
        elif site not in self._asked:
            self._asked.add(site)
            self._look(set(look.ask))
        now_ns = self._clock.boottime_ns()
        plans = self.legs.plans.get(site, ())
        return [
            replace(leg, routers=self._routers(plan.paths, now_ns))
            for plan, leg in zip(plans, look.legs, strict=True)
        ]

    def sites(self) -> Iterator[Site]:
        """Every redundant site as it stands, for people who ask."""
        recorder = self._recorder
        for key, slot in self._slots.items():
            look, target = self._site(key), recorder.targets[key]
            yield Site(
                key=key,
                name=target.name,
                plans=self.legs.plans.get(key, ()),
                legs=look.legs,
                legs_since=[_at(recorder, leg.since_ns) for leg in look.legs],
                shared_hops=self._shared(slot),
            )

    def _shared(self, slot: int) -> Sequence[str] | None:
        """The hops that the newest look at a site found shared; None: not known."""
        item = self._plan.item(self._plan.configuration.assignments[slot])
        seen = self._recorder.accumulator.latest.get(item.number) if item else None
        evidence = seen.outcome.evidence if seen else None
        return evidence.shared_hops if isinstance(evidence, RedundancyEvidence) else None

    def _site(self, site: str) -> SiteLook:
        return self.legs.look(site, self._clock.boottime_ns(), self._way)

    def _way(self, link: str, since_ns: int) -> Look:
        recorder = self._recorder
        return recorder.accumulator.sights.look(link, recorder.anchor.wall_at(since_ns))

    def _routers(self, paths: Sequence[int], now_ns: int) -> tuple[str, ...] | None:
        """Routers of every path observation that still holds; None where there is none."""
        holding = []
        for number in paths:
            seen = self._recorder.accumulator.latest.get(number)
            if seen is None or seen.outcome.evidence is None:
                continue
            if now_ns <= seen.outcome.started_ns + self.legs.intervals_ns[number] * 3 // 2:
                holding.append(seen.outcome.evidence)
        return routers_in(holding)

    def _judge(self, item: Item, evidence: RedundancyEvidence, since_ns: int, at_ns: int) -> None:
        facts, site = evidence.facts(), item.target.key
        if "single_leg" not in facts:
            return  # the legs that were seen decide nothing
        mark = Mark(
            stands=facts["single_leg"] is True,
            cause=cause_of(evidence.lost()),
            since_ns=since_ns,
            until_ns=at_ns + item.assignment.settings.interval * 1_500,
        )
        self._recorder.single_legs.note(site, mark)


def _at(recorder: Recorder, moment_ns: int) -> int:
    return recorder.anchor.wall_at(moment_ns) if moment_ns else 0
