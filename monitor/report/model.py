"""Everything that a report says of a period, in no language and for no medium. Pure.

Built by `monitor.report.build` from the entries alone; what renders it reads nothing else. Times
are UTC µs, lengths µs; what is undefined is None and never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from monitor.accounting import Accounting
from monitor.declared import DeclarationRow
from monitor.figures import Asked, Figure
from monitor.goals import Outcome
from monitor.holds import SilenceRow
from monitor.report.gather import Incident
from monitor.rulebook import BookTerms, ControlTerms, RuleTerms, Waiver
from policies.aspects import Aspect, AspectOutcome, RuleSum
from policies.availability import Availability, Piece
from policies.debt import RedundancyTime

VERSION = 1
"""Of the report's own form; in its JSON."""


NOT_COMPUTED = "not-computed"
"""Outcome of an objective that is not computed, as redundancy debt of what has no two links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveLine:
    """What one objective came to on one target, of whatever indicator."""

    policy: str
    objective: str
    target: str
    outcome: str
    """A word of `monitor.figures.Outcome`, or NOT_COMPUTED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtLine:
    """An objective of redundancy debt on one site: the share of its time with a link down.

    Undecided time was no debt in `least` and was debt in `most`.
    """

    policy: str
    objective: str
    site: str
    goal: Fraction
    least: Fraction
    most: Fraction
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class AspectLine:
    """One aspect, what it came to, and by what."""

    aspect: Aspect
    outcome: AspectOutcome
    sums: tuple[RuleSum, ...]
    against: tuple[RuleSum, ...]
    """Of rules whose violations alone count to it: those that were violated."""
    objectives: tuple[ObjectiveLine, ...]
    """Those measured by a rule that counts to it."""
    drills: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLine:
    """One control of a rule book, what it came to, and by what."""

    terms: ControlTerms
    outcome: AspectOutcome
    """Never met: a control asks for more than a probe can see."""
    rules: tuple[str, ...]
    """Those that said yes or no of it, or were violated, by their keys."""
    targets: int
    decided: int
    """Observations that said yes or no."""
    standing: int
    """Violations that neither a waiver nor an objective answers for."""
    objectives: int
    missed: int
    drills: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLine:
    """A rule book that the measurements are held against."""

    terms: BookTerms
    controls: tuple[ControlLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was seen and not seen of one target, by its rules of availability together."""

    target: str
    sums: Availability
    pieces: tuple[Piece, ...]
    watched: bool
    """Whether any series of it is judged by a rule of availability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Some hours of one series: its singletons, and the delay of those that came back."""

    started_us: int
    sent: int
    received: int
    least_us: int | None
    mean_us: int | None
    most_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayTrack:
    """Round-trip delay and loss of one series over the period."""

    series: int
    target: str
    check: str
    family: int
    bucket_us: int
    buckets: tuple[Bucket, ...]

    @property
    def sent(self) -> int:
        """Singletons in all."""
        return sum(one.sent for one in self.buckets)

    @property
    def lost(self) -> int:
        """Singletons that did not come back."""
        return self.sent - sum(one.received for one in self.buckets)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLine:
    """How the period divides for a site with at least two links."""

    site: str
    links: tuple[str, ...]
    time: RedundancyTime


@dataclass(frozen=True, slots=True, kw_only=True)
class GapLine:
    """One gap of a drill; times since its first probe."""

    since_us: int
    until_us: int | None
    """None: nothing answered any more."""
    least_us: int
    most_us: int | None
    lost: int
    first_path: bool | None
    """Whether the path after it was the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillLine:
    """One failover that was measured."""

    entry: int
    link: str
    address: str
    started_us: int | None
    outcome: str
    ended: str
    length_us: int | None
    """From the first numbered probe to the last."""
    sent: int | None
    answered: int | None
    lost: int | None
    unmeasured: int | None
    gaps: tuple[GapLine, ...]
    """The longest ones, in the order of time."""
    gap_count: int
    longest_least_us: int | None
    longest_most_us: int | None
    """Between these two lies the longest gap; the upper one is None where it never ended."""
    allowed_us: int | None
    paths: tuple[tuple[str, ...] | None, ...]
    """Routers before, during and after; None: no look found them."""
    path_changed: bool | None
    path_returned: bool | None
    authorised_by: str
    letter: str
    author: str
    reason: str

    @property
    def kept(self) -> bool | None:
        """Whether service was interrupted no longer than allowed; None: it cannot be said."""
        if self.outcome == "stayed-up":
            return True
        if self.outcome == "down":
            return False
        if self.outcome != "interrupted" or self.allowed_us is None:
            return None
        if self.longest_most_us is not None and self.longest_most_us <= self.allowed_us:
            return True
        least_us = self.longest_least_us
        return False if least_us is not None and least_us > self.allowed_us else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """The newest TLS posture of a series in the period."""

    target: str
    family: int
    seen_us: int
    outcome: str
    protocol: str | None
    trusted: bool | None
    hostname_matches: bool | None
    not_after_us: int | None
    key: str | None
    post_quantum: bool | None
    """Whether a post-quantum group is accepted; None: nobody asked, or the answer told nothing."""
    client_certificate: str | None
    """Whether the server asks for one: no, asked, required."""
    outside: Mapping[str, int]
    """How many accepted suites lie outside each profile that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLine:
    """What somebody without a name was shown of one target; None: nothing measured it."""

    target: str
    family: int | None
    """None: nothing of it was measured at all."""
    seen_us: int | None
    open: tuple[str, ...] | None
    """Paths that should be closed and are not; empty only when each of them was decided."""
    undecided: tuple[str, ...]
    insecure_logins: tuple[str, ...] | None
    """What is wrong with the login's transport; empty only when page and login were read."""
    client_certificate: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationLine:
    """A configuration that was put in force in the period, or stood at its beginning."""

    entry: int
    at_us: int
    program: str
    accounting_sha256: str
    rules_sha256: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryLine:
    """Which entries were pruned: nothing that the report says rests on them alone."""

    entries: int
    told: int
    """The entry that says so."""
    until_us: int
    """The newest moment that they told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report."""

    origin: str
    vantage: str
    size: int
    root: str
    """Of the checkpoint that it was made at, base64."""
    asked: Asked
    accounting: Accounting
    accounting_sha256: str
    rules: Mapping[str, RuleTerms]
    rules_sha256: str
    configurations: tuple[ConfigurationLine, ...]
    aspects: tuple[AspectLine, ...]
    books: tuple[BookLine, ...]
    figures: tuple[Figure, ...]
    standings: Mapping[tuple[str, str, str], tuple[Piece, ...]]
    """How each moment counts, by policy, objective and target."""
    coverage: tuple[Coverage, ...]
    delays: tuple[DelayTrack, ...]
    incidents: tuple[Incident, ...]
    sites: tuple[SiteLine, ...]
    debts: tuple[DebtLine, ...]
    drills: tuple[DrillLine, ...]
    certificates: tuple[CertificateLine, ...]
    access: tuple[AccessLine, ...]
    zones_measured: bool
    """Whether any rule judged what one zone reaches of another, or which ports are open."""
    waivers: tuple[Waiver, ...]
    declarations: tuple[DeclarationRow, ...]
    silences: tuple[SilenceRow, ...]
    """Those that stood in the period; they change no figure."""
    losses: Mapping[str, int]
    boundary: BoundaryLine | None = None
    """Where the log begins, if it was pruned."""

    @property
    def changed_terms(self) -> bool:
        """Whether the accounting terms were others for some of the period."""
        return any(one.accounting_sha256 != self.accounting_sha256 for one in self.configurations)

    def name(self, target: str) -> str:
        """A target as people call it."""
        terms = self.accounting.targets.get(target)
        return terms.name if terms and terms.name else target
