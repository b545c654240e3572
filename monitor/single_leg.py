"""The label `single-leg`: a site that is up on its last leg. Pure.

It stands while looks at the site say so, with the links that are down as its cause. A look that
decides otherwise ends it at the moment when the legs turned. Looks that decide nothing leave it
until the last one that did no longer holds: what the agent does not see is neither.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.labels import joined
from monitor.ledger.entry import LabelSet

SINGLE_LEG = "single-leg"
MOST_NAMED = 16
"""Links that a cause names; of the others it says how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the newest look that decided it said; moments of the boot clock (ns)."""

    single: bool
    cause: str
    since_ns: int
    until_ns: int
    """How long that look holds."""


@dataclass(slots=True)
class SingleLegs:
    """What was last said of each site, and which labels follow from it."""

    sites: Collection[str] = ()
    """Sites that are looked at; the label of any other one ends."""
    marks: dict[str, Mark] = field(default_factory=dict)
    _ended_ns: dict[str, int] = field(default_factory=dict)
    """When the last label of a site ended: the next one does not begin before."""

    def watch(self, sites: Collection[str]) -> None:
        """The sites that are looked at from now on; what was said of others is forgotten."""
        self.sites = frozenset(sites)
        self.marks = {site: mark for site, mark in self.marks.items() if site in self.sites}
        self._ended_ns = {site: at for site, at in self._ended_ns.items() if site in self.sites}

    def note(self, site: str, mark: Mark) -> None:
        """Take in what a look decided."""
        self.marks[site] = mark

    def restore(self, label: LabelSet, until_ns: int) -> None:
        """A label that stood when the program ended; its site's last look holds until then."""
        self.marks[label.target] = Mark(
            single=True, cause=label.cause, since_ns=0, until_ns=until_ns
        )

    def labels(
        self,
        standing: Mapping[tuple[str, str], LabelSet],
        now_ns: int,
        at_us: Callable[[int], int],
    ) -> list[LabelSet]:
        """The entries by which the standing labels become what the marks say."""
        known = [(site, mark) for site, mark in self.marks.items() if site in self.sites]
        found = [
            entry
            for site, mark in known
            for entry in self._steps(site, mark, standing.get((SINGLE_LEG, site)), now_ns, at_us)
        ]
        gone = [
            label
            for (name, site), label in standing.items()
            if name == SINGLE_LEG and site not in self.sites
        ]
        return [*found, *(_ended(label, at_us(now_ns)) for label in gone)]

    def _steps(
        self,
        site: str,
        mark: Mark,
        label: LabelSet | None,
        now_ns: int,
        at_us: Callable[[int], int],
    ) -> Iterator[LabelSet]:
        stands = mark.single and now_ns <= mark.until_ns
        if label is not None and not (stands and label.cause == mark.cause):
            self._ended_ns[site] = mark.until_ns if mark.single and not stands else mark.since_ns
            yield _ended(label, at_us(self._ended_ns[site]))
            label = None
        if label is None and stands:
            since_ns = max(mark.since_ns, self._ended_ns.get(site, 0))
            yield LabelSet(
                label=SINGLE_LEG,
                target=site,
                cause=mark.cause,
                since_us=at_us(since_ns),
                until_us=None,
            )


def cause_of(down: Sequence[str]) -> str:
    """The links that are down as the cause of a label: an entry is bounded, a site may not be."""
    return joined(down, MOST_NAMED)


def _ended(label: LabelSet, until_us: int) -> LabelSet:
    """Never before it began: a clock that was set back counts from another anchor."""
    return replace(label, until_us=max(label.since_us, until_us))
