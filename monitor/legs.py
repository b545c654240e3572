"""The legs of each redundant site, as their newest observations show them. Pure.

Rules kept here
1. An observation holds for 1.5 of its series' intervals, then the leg is unobserved.
2. A leg that stopped answering counts as unobserved until some way to it was seen working at or
   after that; once its ways were seen blocked, until it was seen down after they were clear again.
   Unreachable is not down. A site that was so observed is *pending*: `due` finds out when that
   changes.
3. `note` names a site when the state of one of its series turns, not at each observation.

All moments are CLOCK_BOOTTIME, so that a stepped wall clock moves nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checks.base import Evidence, Leg
from monitor.model import State
from monitor.redundancy import leg_state
from monitor.sight import Look, Way

WayTo = Callable[[str, int], Look]
"""What is known of the way to a link since a moment of the boot clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPlan:
    """One link of a site and its series: those that show it available, those of its path."""

    link: str
    role: str
    series: tuple[int, ...]
    paths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The newest state of a series and since when it has it without a gap."""

    state: State
    since_ns: int
    last_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLook:
    """The legs of a site at one moment."""

    legs: tuple[Leg, ...]
    hidden: bool = False
    """A leg looks down, but no way to it is known to be clear."""
    ask: tuple[str, ...] = ()
    """Whom to look at to find out."""
    basis: tuple[str, int] = ("", 0)
    """(link, moment of its newest observation) of the leg that turned last."""

    @property
    def states(self) -> tuple[State, ...]:
        """The state of each leg, in order."""
        return tuple(leg.state for leg in self.legs)

    @property
    def since_ns(self) -> int:
        """Since when all legs together stand as they do."""
        return max((leg.since_ns for leg in self.legs), default=0)


@dataclass(slots=True, kw_only=True)
class Legs:
    """What was seen of the legs; `plans` by site, `intervals_ns` by series."""

    plans: Mapping[str, Sequence[LegPlan]]
    intervals_ns: Mapping[int, int]
    views: dict[int, View] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    """Series of a family that the link's name has no address of: nothing to observe."""
    blocked_ns: dict[str, int] = field(default_factory=dict)
    """When the ways to a link were last found blocked since it stopped answering."""
    cleared_ns: dict[str, int] = field(default_factory=dict)
    """When they were first found clear again after that."""
    pending: dict[str, tuple[State, ...]] = field(default_factory=dict)
    """States, as last observed, of the sites with a leg whose way is not known to be clear."""
    _sites: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self._sites = {
            number: site
            for site, plans in self.plans.items()
            for plan in plans
            for number in plan.series
        }

    def note(self, series: int, state: State, at_ns: int) -> str | None:
        """Take in one observation; the site to look at anew where it was a turn."""
        site, before = self._sites.get(series), self.views.get(series)
        if site is None or (before is not None and at_ns <= before.last_ns):
            return None
        self.absent.discard(series)
        same = before is not None and before.state is state and at_ns <= before.until_ns
        since_ns = before.since_ns if before is not None and same else at_ns
        until_ns = at_ns + self.intervals_ns[series] * 3 // 2
        self.views[series] = View(state=state, since_ns=since_ns, last_ns=at_ns, until_ns=until_ns)
        return None if same else site

    def note_absent(self, series: int) -> None:
        """The link has no address of this family: the series says nothing from now on."""
        if series in self._sites:
            self.views.pop(series, None)
            self.absent.add(series)

    def look(self, site: str, now_ns: int, way: WayTo) -> SiteLook:
        """The legs of a site now; empty for a site that is not redundant."""
        ask: list[str] = []
        hidden = False
        legs: list[Leg] = []
        for plan in self.plans.get(site, ()):
            state, since_ns = self._own(plan, now_ns)
            if state is State.UNAVAILABLE:
                look = self._way(plan, since_ns, now_ns, way)
                since_ns = max(since_ns, self.cleared_ns.get(plan.link, 0))
                if look.way is not Way.CLEAR:
                    state, since_ns, hidden = State.UNOBSERVED, 0, True
                    ask += look.ask
            elif state is State.AVAILABLE:
                self.blocked_ns.pop(plan.link, None)
                self.cleared_ns.pop(plan.link, None)
            legs.append(Leg(link=plan.link, role=plan.role, state=state, since_ns=since_ns))
        return SiteLook(
            legs=tuple(legs), hidden=hidden, ask=tuple(ask), basis=self._basis(site, legs)
        )

    def observed(self, site: str, look: SiteLook) -> None:
        """This look became an observation of the site; others (of a person) change nothing."""
        self.pending.pop(site, None)
        if look.hidden:
            self.pending[site] = look.states

    def due(self, now_ns: int, way: WayTo) -> Iterator[str]:
        """The pending sites whose legs stand otherwise than they were observed."""
        for site, before in self.pending.items():
            if self.look(site, now_ns, way).states != before:
                yield site

    def _basis(self, site: str, legs: Sequence[Leg]) -> tuple[str, int]:
        series = {plan.link: plan.series for plan in self.plans.get(site, ())}
        turned = max(legs, key=lambda leg: leg.since_ns, default=None)
        if turned is None:
            return "", 0
        views = [self.views[n] for n in series[turned.link] if n in self.views]
        return turned.link, max((view.last_ns for view in views), default=0)

    def _own(self, plan: LegPlan, now_ns: int) -> tuple[State, int]:
        """(state, since when) of a leg by its series alone."""
        views = [self.views.get(n) for n in plan.series if n not in self.absent]
        fresh = [view for view in views if view is not None and now_ns <= view.until_ns]
        unseen = [State.UNOBSERVED] * (len(views) - len(fresh))
        state = leg_state([view.state for view in fresh] + unseen)
        own = [view.since_ns for view in fresh if view.state is state]
        if state is State.UNOBSERVED or not own:
            return State.UNOBSERVED, 0
        return state, min(own) if state is State.AVAILABLE else max(own)

    def _way(self, plan: LegPlan, since_ns: int, now_ns: int, way: WayTo) -> Look:
        """Clear only where the newest bad observation proves something against the leg itself."""
        link, blocked_ns = plan.link, self.blocked_ns.get(plan.link, 0)
        look = way(link, max(since_ns, blocked_ns))
        if look.way is Way.BLOCKED:
            self.blocked_ns[link] = now_ns
            self.cleared_ns.pop(link, None)
        elif look.way is Way.CLEAR and blocked_ns:
            cleared_ns = self.cleared_ns.setdefault(link, now_ns)
            if max(self.views[n].last_ns for n in plan.series if n in self.views) <= cleared_ns:
                return Look(way=Way.UNKNOWN)
        return look


def routers_in(paths: Iterable[Evidence]) -> tuple[str, ...] | None:
    """The routers that observations of a path name; None where they name none.

    Of such an observation nothing but the fact `routers` is read.
    """
    found: dict[str, None] = {}
    for evidence in paths:
        routers = evidence.facts().get("routers")
        if isinstance(routers, list):
            found.update(dict.fromkeys(map(str, routers)))
    return tuple(found) or None
