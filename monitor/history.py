"""What the ledger holds of targets' time, made ready for accounting. Pure.

A series says something from its first observation on, until it is withdrawn; in between, where no
observation covers a moment, it says "unobserved". So a target whose check was replaced is
accounted for by the old series and then by the new one. So does a series of a name that has no
address of its family any more: nothing is written of it while the other family is observed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.blocked import BLOCKED
from monitor.declared import MAINTENANCE, DeclarationRow
from monitor.derive import Fold, IntervalRow, LabelRow
from monitor.labels import BLIND, UNREACHABLE
from monitor.ledger.entry import SeriesDefined
from monitor.model import State
from policies.availability import Excluded, History
from policies.debt import Span
from policies.period import Moments

_STATES = tuple(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledgered:
    """Rows of the ledger that reach into a window; who reads them may bring more."""

    series: Sequence[SeriesDefined]
    fold: Fold
    intervals: Mapping[int, Sequence[Span]]
    """The closed intervals of each series, in order."""
    labels: Sequence[LabelRow] = ()
    declarations: Sequence[DeclarationRow] = ()


@dataclass(slots=True)
class Histories:
    """The histories of targets up to a moment, made as they are asked for."""

    ledgered: Ledgered
    until_us: int
    """Nothing is known after it: now, or the end of the log."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """The key in force of each one that is not any more (`Accounting.renamed`)."""
    _series: dict[str, list[SeriesDefined]] = field(init=False)
    _labels: dict[tuple[str, str], list[Moments]] = field(init=False)
    _declared: dict[str, list[DeclarationRow]] = field(init=False)
    _blind: list[Moments] = field(init=False)
    _standings: list[tuple[State, int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self._series, self._labels, self._declared = {}, {}, {}
        self._standings = self.ledgered.fold.standings()
        for one in self.ledgered.series:
            self._series.setdefault(self.key_of(one.target), []).append(one)
        for label in self.ledgered.labels:
            until_us = self.until_us if label.until_us is None else label.until_us
            key = label.label, self.key_of(label.target)
            self._labels.setdefault(key, []).append((label.since_us, until_us))
        named = self._labels.items()
        self._blind = [cut for key, cuts in named if key[0] == BLIND for cut in cuts]
        for row in self.ledgered.declarations:
            if row.counts:
                self._declared.setdefault(self.key_of(row.target), []).append(row)

    def key_of(self, target: str) -> str:
        """The key in force of what an entry names."""
        return self.renamed.get(target, target)

    def series_of(
        self, target: str, measured_by: Iterable[str], *, deciding: bool = True
    ) -> list[SeriesDefined]:
        """The target's series whose availability is decided by one of these rules; or all that
        one of them judges, unless `deciding`.

        One that never was observed says nothing: a name may lack an address family.
        """
        wanted = set(measured_by)
        return [
            one
            for one in self._series.get(target, ())
            if any(
                rule.rpartition("/")[2] in wanted
                for rule in (one.rules[:1] if deciding else one.rules)
            )
            and self._standing(one.number)[2]
        ]

    def of(self, target: str, site: str, series: Iterable[SeriesDefined]) -> History:
        """The target's history by these series; declarations about its site hold for it too."""
        declared = self._declared.get(target, [])
        if site and site != target and site in self._declared:
            declared = [*declared, *self._declared[site]]
        return History(
            series=[self.track(one) for one in series],
            unreachable=self._labels.get((UNREACHABLE, target), ()),
            blind=self._blind,
            blocked=self._labels.get((BLOCKED, target), ()),
            maintenance=[(d.since_us, d.until_us) for d in declared if d.kind == MAINTENANCE],
            exclusions=[
                Excluded(started_us=d.since_us, ended_us=d.until_us, cause=d.cause)
                for d in declared
                if d.kind != MAINTENANCE
            ],
        )

    def _standing(self, number: int) -> tuple[State, int, int]:
        known = self._standings
        return known[number] if number < len(known) else (State.UNOBSERVED, 0, 0)

    def track(self, one: SeriesDefined) -> list[Span]:
        """What a series says, up to the moment that is known."""
        closed = self.ledgered.intervals.get(one.number, ())
        ended = one.withdrawn or self._absent(one)
        return track_of(closed, self._standing(one.number), withdrawn=ended, until_us=self.until_us)

    def _absent(self, one: SeriesDefined) -> bool:
        """Whether the other family of its check went on being observed without it.

        A probe that ends otherwise than by an absent address is an observation, be it a fault.
        """
        if not one.family:
            return False
        fold, covered_us = self.ledgered.fold, self._standing(one.number)[2]
        return any(
            other.family not in (0, one.family)
            and (other.check, other.vantage) == (one.check, one.vantage)
            and fold.current(other.number)[2] > covered_us
            for other in self._series.get(self.key_of(one.target), ())
        )


def span_of(row: IntervalRow) -> Span:
    """A closed interval as accounting takes it."""
    return Span(row.started_us, row.ended_us, _STATES[row.state])


def track_of(
    closed: Sequence[Span],
    standing: tuple[State, int, int],
    *,
    withdrawn: bool,
    until_us: int,
) -> list[Span]:
    """Closed intervals, the open one as far as it holds, then unobserved unless withdrawn.

    `standing` is the state of the open one, since when, and how long it holds.
    """
    state, since_us, covered_us = standing
    spans = list(closed)
    if covered_us and spans and spans[-1].ended_us > since_us:
        # The fold may be older than what was read.
        spans = [span for span in spans if span.ended_us <= since_us]
    if not covered_us:
        return spans
    spans.append(Span(since_us, covered_us, state))
    if not withdrawn and covered_us < until_us:
        spans.append(Span(covered_us, until_us, State.UNOBSERVED))
    return spans
