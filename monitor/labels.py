"""Labels over the states of time: unreachable and blind, their beginnings, causes and ends. Pure.

- A label ends when the way was seen clear after it was last seen blocked, or when an incident
  opens on its target. No time is told twice.
- Its cause is what failed itself, not what is cut off as well. A cause that comes to light later
  is written as the same label again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from monitor.ledger.entry import LabelSet
from monitor.sight import AGENT, Look, Sights, Way

UNREACHABLE = "unreachable"
BLIND = "blind"
MOST_NAMED = 256
"""Names in a cause; of the others it says how many there are: an entry is bounded."""
Key = tuple[str, str]
"""(label, target)."""


class Bounds(NamedTuple):
    """What the end of a label depends on beside the label itself."""

    blocked_us: int
    """The way was seen blocked here, on the scale in force; any later sight of it counts."""
    earliest_us: int
    """It ends no earlier: up to here its time was told already."""


@dataclass(slots=True)
class Change:
    """The labels that begin, end or get another cause, on their way into a commit."""

    begun: dict[Key, LabelSet] = field(default_factory=dict)
    bounds: dict[Key, Bounds] = field(default_factory=dict)
    """Of those that begin."""
    renamed: dict[Key, LabelSet] = field(default_factory=dict)
    ended: dict[Key, LabelSet] = field(default_factory=dict)

    def add(self, entries: Iterable[LabelSet]) -> None:
        """Labels that others decide on, as they shall be written."""
        for label in entries:
            into = self.begun if label.until_us is None else self.ended
            into[label.label, label.target] = label

    def entries(self) -> list[LabelSet]:
        """What is to be written, ends first."""
        return [*self.ended.values(), *self.begun.values(), *self.renamed.values()]


class Labels:
    """The labels that stand."""

    def __init__(self) -> None:
        self.standing: dict[Key, LabelSet] = {}
        """As they were written: `since_us` is on the scale of the anchor of that time."""
        self._bounds: dict[Key, Bounds] = {}

    def begin(self, target: str, since_us: int, look: Look, out: Change) -> None:
        """What a blocked way makes of a target's time; nothing where it is said already."""
        key = (BLIND, AGENT) if look.cause == AGENT else (UNREACHABLE, target)
        if key in out.begun or (key in self.standing and key not in out.ended):
            return
        out.bounds[key] = Bounds(look.at_us, since_us + 1)
        out.begun[key] = LabelSet(
            label=key[0],
            target=key[1],
            cause=joined(look.cause.split(","), MOST_NAMED),
            since_us=since_us,
            until_us=None,
        )

    def end(self, key: Key, until_us: int, out: Change) -> None:
        """End a label at a moment, or at the earliest after it; nothing where none stands."""
        label = self.standing.get(key)
        if label is not None and key not in out.ended:
            earliest_us = self._of(key, label).earliest_us
            out.ended[key] = replace(label, until_us=max(until_us, earliest_us))

    def look(self, sights: Sights, now_us: int, out: Change) -> None:
        """End what the newest sights end, and name the causes of what stands.

        Where nothing stands before the target any more (a removed or renamed one, other
        parents), its label ends now. Labels of other names are others' to end.
        """
        for key, label in self.standing.items():
            if key[0] not in (BLIND, UNREACHABLE):
                continue
            since_us = self._of(key, label).blocked_us + 1
            look = sights.own(since_us) if key[0] == BLIND else sights.look(key[1], since_us)
            if look.way is Way.CLEAR:
                self.end(key, look.at_us if look.clear_us else now_us, out)
        self._name_causes(sights, out)

    def accept(self, change: Change) -> None:
        """After the commit."""
        for key in change.ended:
            del self.standing[key]
            self._bounds.pop(key, None)
        self.standing |= {**change.begun, **change.renamed}
        self._bounds |= change.bounds

    def shift(self, by_us: int, reached_us: int) -> None:
        """Onto the scale of a new anchor, which differs by so much.

        `reached_us`: the moment of the change on the old scale. A label that goes on covers at
        least the time up to there, for the observations of that time stand in it.
        """
        for key, label in self.standing.items():
            bounds = self._of(key, label)
            earliest_us = max(bounds.earliest_us, reached_us)
            self._bounds[key] = Bounds(bounds.blocked_us + by_us, earliest_us)

    def _of(self, key: Key, label: LabelSet) -> Bounds:
        """Of a label from before a start there is no sight left: any one is later."""
        return self._bounds.get(key, Bounds(0, label.since_us + 1))

    def _name_causes(self, sights: Sights, out: Change) -> None:
        standing = {key: one for key, one in self.standing.items() if key not in out.ended}
        now = {**standing, **out.begun}
        cut = {target for name, target in now if name == UNREACHABLE}
        known: dict[str, dict[str, None]] = {}
        for target in sorted(cut):
            key = (UNREACHABLE, target)
            cause = joined(list(_roots(target, sights.parents, cut, known)), MOST_NAMED)
            if not cause or cause == now[key].cause:
                continue
            kept = out.begun if key in out.begun else out.renamed
            kept[key] = replace(now[key], cause=cause)


def joined(names: Sequence[str], most: int) -> str:
    """Names as the cause of a label, `most` of them, and how many more there are."""
    more = len(names) - most
    return ",".join(names[:most]) + (f",+{more}" if more > 0 else "")


def _roots(
    target: str,
    parents: Mapping[str, tuple[str, ...]],
    cut: Collection[str],
    known: dict[str, dict[str, None]],
) -> dict[str, None]:
    """Who failed before a target that is cut off; `known`: what was found for others."""
    if target not in known:
        found = known[target] = {}
        for parent in parents.get(target, ()):
            found |= _roots(parent, parents, cut, known) if parent in cut else {parent: None}
    return known[target]
