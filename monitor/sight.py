"""Whether a target could have been seen at all: its parents and the agent's own uplink. Pure.

Unreachable is not down: before a target is accused, some way to it must have been seen working
after its last bad observation. Parents are alternatives (a redundancy group): one that works is
enough, and only when all of them fail is the target unreachable. A site works while any of its
links does. The canaries are such a group for the agent itself. A target of which anything
answers was reached, whatever its parents say.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from monitor.model import Kind, State, Target

AGENT = "agent"
"""The cause of blindness, and the pseudo-target of the agent's own observations."""


class Way(Enum):
    """What is known of the way to a target since some moment."""

    CLEAR = "clear"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """An answer: the way, when it was seen, who blocks it, whom to look at to find out."""

    way: Way
    at_us: int = 0
    clear_us: int = 0
    """Of a clear way: it was not seen blocked since this sight. 0: nothing can block it."""
    cause: str = ""
    ask: tuple[str, ...] = ()


class View(NamedTuple):
    """The newest availability of a series."""

    state: State
    at_us: int
    up_us: int | None
    """First sight of it working since it was last seen down; None when it was not since."""


@dataclass(slots=True)
class Sights:
    """The newest availability of each target, and who stands before whom."""

    parents: Mapping[str, tuple[str, ...]]
    canaries: tuple[str, ...] = ()
    seen: dict[str, dict[int, View]] = field(default_factory=dict)

    def note(self, target: str, series: int, state: State, at_us: int, *, took_us: int = 0) -> None:
        """Take in one observation's availability; one older than the newest is passed over.

        `took_us`: from its start to its answer. It may have been sent twice, and the way may
        have been clear for the second only: clear it is from the answer on.
        """
        views = self.seen.setdefault(target, {})
        before = views.get(series)
        if before is not None and at_us < before.at_us:
            return
        up_us = None if before is None or state is State.UNAVAILABLE else before.up_us
        if up_us is None and state is State.AVAILABLE:
            up_us = at_us + took_us
        views[series] = View(state, at_us, up_us)

    def forget(self, target: str, series: int) -> None:
        """There is nothing to see there any more: what was seen before says nothing now."""
        self.seen.get(target, {}).pop(series, None)

    def shift(self, by_us: int) -> None:
        """Every moment onto another scale: the clock was anchored anew."""
        for views in self.seen.values():
            for number, view in views.items():
                up_us = None if view.up_us is None else view.up_us + by_us
                views[number] = View(view.state, view.at_us + by_us, up_us)

    def answers(self, target: str) -> bool:
        """Whether anything of a target was seen working when it was last looked at."""
        return any(v.state is State.AVAILABLE for v in self.seen.get(target, {}).values())

    def look(self, target: str, since_us: int, but: int | None = None) -> Look:
        """The way to a target, from what was seen at or after `since_us`.

        `but`: the series whose failure is in question; what else answers shows the way.
        """
        if target in self.canaries:
            return Look(way=Way.CLEAR, at_us=since_us)
        own = self.own(since_us)
        if own.way is Way.BLOCKED:
            return own
        way = self._reached(target, since_us, but)
        if way.way is not Way.CLEAR:
            way = self._group(self.parents.get(target, ()), since_us)
        if own.way is Way.UNKNOWN:  # both are asked at once: one round of looks, not two
            return replace(own, ask=own.ask + way.ask)
        return replace(
            way, at_us=max(way.at_us, own.at_us), clear_us=max(way.clear_us, own.clear_us)
        )

    def own(self, since_us: int) -> Look:
        """The agent's own uplink, as its canaries show it; clear where it has none."""
        return replace(self._group(self.canaries, since_us), cause=AGENT)

    def _reached(self, target: str, since_us: int, but: int | None) -> Look:
        """Whether the target itself was seen working: then some way to it is clear."""
        views = self.seen.get(target, {}).items()
        fresh = [view for number, view in views if number != but and view.at_us >= since_us]
        return _clear(fresh) or Look(way=Way.UNKNOWN)

    def _group(self, members: tuple[str, ...], since_us: int) -> Look:
        if not members:
            return Look(way=Way.CLEAR, at_us=since_us)
        fresh = {m: self._fresh(m, since_us) for m in members}
        clear = _clear([view for views in fresh.values() for view in views])
        if clear is not None:
            return clear
        unseen = tuple(m for m, views in fresh.items() if not _all_down(views))
        if unseen:
            return Look(way=Way.UNKNOWN, ask=unseen)
        last = max(view.at_us for views in fresh.values() for view in views)
        return Look(way=Way.BLOCKED, at_us=last, cause=",".join(members))

    def _fresh(self, member: str, since_us: int) -> list[View]:
        return [view for view in self.seen.get(member, {}).values() if view.at_us >= since_us]


def _all_down(views: list[View]) -> bool:
    return bool(views) and all(view.state is State.UNAVAILABLE for view in views)


def _clear(views: list[View]) -> Look | None:
    """The answer of those that work; None where none does."""
    up = [view for view in views if view.state is State.AVAILABLE]
    if not up:
        return None
    return Look(
        way=Way.CLEAR,
        at_us=min(view.at_us for view in up),
        clear_us=min(view.at_us if view.up_us is None else view.up_us for view in up),
    )


class Ways:
    """Who stands before whom, for the question what hangs on a failure."""

    def __init__(self, parents: Mapping[str, tuple[str, ...]]) -> None:
        self.parents = parents
        self._children: dict[str, list[str]] = {}
        for target, members in parents.items():
            for member in members:
                self._children.setdefault(member, []).append(target)

    def cut_off(self, down: Collection[str]) -> frozenset[str]:
        """Every target whose every way leads through one of `down`, however far away."""
        blocked, cut = set(down), set[str]()
        lost = list(blocked)
        while lost:
            for child in self._children.get(lost.pop(), ()):
                if child not in cut and all(member in blocked for member in self.parents[child]):
                    cut.add(child)
                    if child not in blocked:
                        blocked.add(child)
                        lost.append(child)
        return frozenset(cut)

    def consequences(self, cause: str, down: Collection[str]) -> tuple[str, ...]:
        """What is cut off behind `cause` while `down` (with it) do not answer, in their order.

        What is down itself is no consequence: it is told of by itself, or was.
        """
        if cause not in self._children:
            return ()
        lost = {cause, *down}
        cut = self.cut_off(lost)
        found: dict[str, None] = {}
        behind = [cause]
        for parent in behind:
            for child in self._children.get(parent, ()):
                if child in cut and child not in found:
                    found[child] = None
                    behind.append(child)
        return tuple(child for child in found if child not in lost)

    def regained(self, cause: str, down: Collection[str]) -> tuple[str, ...]:
        """What hung on `cause`, which answers again, while `down` (without it) still do not."""
        still = self.cut_off(down)
        return tuple(t for t in self.consequences(cause, down) if t not in still)


def parents_of(targets: Iterable[Target]) -> dict[str, tuple[str, ...]]:
    """For each target the observed targets that stand before it, sites replaced by their links.

    A target's own `parents` say it: the configuration has put there those of its site where it
    names none. A site hangs on its links; one without links stands for what is before it.
    """
    by_key = {target.key: target for target in targets}
    links: dict[str, list[str]] = {}
    for target in by_key.values():
        if target.kind is Kind.LINK:
            links.setdefault(target.site, []).append(target.key)
    found: dict[str, tuple[str, ...]] = {}
    for target in by_key.values():
        before = (target.key,) if target.kind is Kind.SITE else target.parents
        members = [m for key in before for m in _observed(key, by_key, links, {target.key})]
        found[target.key] = tuple(dict.fromkeys(m for m in members if m != target.key))
    return found


def _observed(
    key: str, by_key: Mapping[str, Target], links: Mapping[str, list[str]], asked: set[str]
) -> list[str]:
    """What can be looked at in place of `key`; `asked`: sites on the way here, never twice."""
    target = by_key.get(key)
    if target is None:
        return []
    if target.kind is not Kind.SITE:
        return [key]
    if key in links:
        return links[key]
    asked = asked | {key}
    above = [parent for parent in target.parents if parent not in asked]
    return [m for parent in above for m in _observed(parent, by_key, links, asked)]
