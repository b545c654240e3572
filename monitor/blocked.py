"""The label `blocked`: the national filter answered in place of the target. Pure.

It stands while the newest observation of any series of the target says so, with the entry of the
filter's list that was recognised as its cause. The time below it is unobserved: the filter's page
says nothing about the site. What is observed of a series and is not the filter's answer ends its
part at that moment; where nothing was measured, the last observation holds as long as it does for
the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.ledger.entry import LabelSet
from monitor.marked import Mark, Marked

BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """The newest observation of a series; moments of the boot clock (ns)."""

    by: str
    """Empty: it was not the filter that answered."""
    since_ns: int
    """When the series turned to this."""
    until_ns: int


@dataclass(slots=True)
class Blocks:
    """What each series of the checks that know the filter saw last, and the labels that follow."""

    marked: Marked = field(default_factory=lambda: Marked(BLOCKED))
    _series: Mapping[int, str] = field(default_factory=dict)
    """Target of each series."""
    _seen: dict[int, _Sight] = field(default_factory=dict)

    def watch(self, series: Mapping[int, str], now_ns: int) -> None:
        """The series observed from now on, each with its target; others are forgotten."""
        kept = {n: seen for n, seen in self._seen.items() if series.get(n) == self._series[n]}
        touched = {self._series[n] for n in self._seen.keys() - kept.keys()}
        self._seen, self._series = kept, dict(series)
        self.marked.watch(frozenset(series.values()))
        for target in touched & set(series.values()):
            self._mark(target, now_ns)

    def note(self, number: int, by: str, started_ns: int, until_ns: int) -> None:
        """Take in an observation with evidence; `by` empty: it was not the filter that answered."""
        before = self._seen.get(number)
        since_ns = started_ns
        if before is not None and before.by == by and (not by or started_ns <= before.until_ns):
            since_ns = before.since_ns
        self._seen[number] = _Sight(by=by, since_ns=since_ns, until_ns=until_ns)
        if by or (before is not None and before.by):
            self._mark(self._series[number], started_ns)

    def restore(self, label: LabelSet, until_ns: int) -> None:
        """A label that stood when the program ended: which series saw it is not known any more."""
        sight = _Sight(by=label.cause, since_ns=0, until_ns=until_ns)
        self._seen |= {n: sight for n, target in self._series.items() if target == label.target}
        self.marked.restore(label, until_ns)

    def _mark(self, target: str, now_ns: int) -> None:
        """What its series say together: the longest that is still blocked names the cause."""
        sights = [s for n, s in self._seen.items() if self._series[n] == target]
        blocked = [s for s in sights if s.by and s.until_ns >= now_ns]
        if blocked:
            first = min(blocked, key=lambda sight: sight.since_ns)
            until_ns = max(sight.until_ns for sight in blocked)
            mark = Mark(stands=True, cause=first.by, since_ns=first.since_ns, until_ns=until_ns)
        else:
            mark = Mark(stands=False, cause="", since_ns=now_ns, until_ns=0)
        self.marked.note(target, mark)
