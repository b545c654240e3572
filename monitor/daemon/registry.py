"""Which integer names which series, for ever. Pure.

A series is (target, check, address family, vantage). Its integer is never reused; a renamed
target keeps its integers through `formerly:`; a removed one is withdrawn and keeps its history.
"""

from collections.abc import Iterable, Mapping, Sequence

from checks.base import Assignment
from monitor.ledger.entry import SeriesDefined
from monitor.model import Target

Key = tuple[str, str, int]
"""(target, check, family) within one vantage."""


class Registry:
    """Every series ever defined at this vantage."""

    def __init__(self, vantage: str, known: Iterable[SeriesDefined]) -> None:
        self.vantage = vantage
        self.count = 0
        self.series: dict[Key, SeriesDefined] = {}
        for series in known:
            self.count = max(self.count, series.number + 1)
            if series.vantage == vantage:
                self._place(series)

    def define(
        self,
        assignments: Sequence[Assignment],
        targets: Mapping[str, Target],
        rules: Sequence[tuple[str, ...]],
    ) -> list[SeriesDefined]:
        """Entries that make the registry agree with a plan; the registry agrees from here on.

        `rules[i]` are the names of the rules that judge `assignments[i]`.
        """
        changed, present = [], set()
        for assignment, names in zip(assignments, rules, strict=True):
            target = targets[assignment.target]
            before = self._before(assignment, target)
            after = SeriesDefined(
                number=self.count if before is None else before.number,
                target=target.key,
                kind=target.kind.value,
                definition=target.definition,
                check=assignment.check,
                family=int(assignment.family),
                vantage=self.vantage,
                interval_us=assignment.settings.interval,
                rules=names,
                withdrawn=False,
            )
            self.count = max(self.count, after.number + 1)
            present.add(after.number)
            if after != before:
                changed.append(after)
                self._replace(before, after)
        return changed + self._withdraw(present)

    def number(self, assignment: Assignment) -> int:
        """The integer of a defined series."""
        return self.series[_key(assignment)].number

    def _before(self, assignment: Assignment, target: Target) -> SeriesDefined | None:
        for name in (target.key, *target.formerly):
            found = self.series.get((name, assignment.check, int(assignment.family)))
            if found is not None:
                return found
        return None

    def _withdraw(self, present: set[int]) -> list[SeriesDefined]:
        gone = []
        for series in list(self.series.values()):
            if series.number not in present and not series.withdrawn:
                after = _withdrawn(series)
                self._replace(series, after)
                gone.append(after)
        return gone

    def _replace(self, before: SeriesDefined | None, after: SeriesDefined) -> None:
        if before is not None:
            self.series.pop((before.target, before.check, before.family), None)
        self._place(after)

    def _place(self, series: SeriesDefined) -> None:
        self.series[series.target, series.check, series.family] = series


def _key(assignment: Assignment) -> Key:
    return assignment.target, assignment.check, int(assignment.family)


def _withdrawn(series: SeriesDefined) -> SeriesDefined:
    return SeriesDefined(
        number=series.number,
        target=series.target,
        kind=series.kind,
        definition=series.definition,
        check=series.check,
        family=series.family,
        vantage=series.vantage,
        interval_us=series.interval_us,
        rules=series.rules,
        withdrawn=True,
    )
