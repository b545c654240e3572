"""Labels that stand while observations say so: what was last said, and what follows from it. Pure.

A mark that says so begins a label, or lets it go on; one that says otherwise ends it at the moment
when that turned. Without a new mark it ends where the last one holds no longer: what the agent
does not see is neither.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from monitor.ledger.entry import LabelSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the newest look that decided it said; moments of the boot clock (ns)."""

    stands: bool
    cause: str
    since_ns: int
    until_ns: int
    """How long that look holds."""


@dataclass(slots=True)
class Marked:
    """What was last said of each target, and which labels of one name follow from it."""

    label: str
    targets: Collection[str] = ()
    """Targets that are looked at; the label of any other one ends."""
    marks: dict[str, Mark] = field(default_factory=dict)
    _ended_ns: dict[str, int] = field(default_factory=dict)
    """When the last label of a target ended: the next one does not begin before."""

    def watch(self, targets: Collection[str]) -> None:
        """The targets looked at from now on; what was said of others is forgotten."""
        self.targets = frozenset(targets)
        self.marks = {key: mark for key, mark in self.marks.items() if key in self.targets}
        self._ended_ns = {key: at for key, at in self._ended_ns.items() if key in self.targets}

    def note(self, target: str, mark: Mark) -> None:
        """Take in what a look decided."""
        self.marks[target] = mark

    def restore(self, label: LabelSet, until_ns: int) -> None:
        """A label that stood when the program ended; its target's last look holds until then."""
        self.marks[label.target] = Mark(
            stands=True, cause=label.cause, since_ns=0, until_ns=until_ns
        )

    def labels(
        self,
        standing: Mapping[tuple[str, str], LabelSet],
        now_ns: int,
        at_us: Callable[[int], int],
    ) -> list[LabelSet]:
        """The entries by which the standing labels become what the marks say."""
        known = [(key, mark) for key, mark in self.marks.items() if key in self.targets]
        found = [
            entry
            for key, mark in known
            for entry in self._steps(key, mark, standing.get((self.label, key)), now_ns, at_us)
        ]
        gone = [
            label
            for (name, key), label in standing.items()
            if name == self.label and key not in self.targets
        ]
        return [*found, *(_ended(label, at_us(now_ns)) for label in gone)]

    def _steps(
        self,
        target: str,
        mark: Mark,
        label: LabelSet | None,
        now_ns: int,
        at_us: Callable[[int], int],
    ) -> Iterator[LabelSet]:
        stands = mark.stands and now_ns <= mark.until_ns
        if label is not None and not (stands and label.cause == mark.cause):
            self._ended_ns[target] = mark.until_ns if mark.stands and not stands else mark.since_ns
            yield _ended(label, at_us(self._ended_ns[target]))
            label = None
        if label is None and stands:
            since_ns = max(mark.since_ns, self._ended_ns.get(target, 0))
            yield LabelSet(
                label=self.label,
                target=target,
                cause=mark.cause,
                since_us=at_us(since_ns),
                until_us=None,
            )


def _ended(label: LabelSet, until_us: int) -> LabelSet:
    """Never before it began: a clock that was set back counts from another anchor."""
    return replace(label, until_us=max(label.since_us, until_us))
