"""Whether a target could have been seen at all: its parents and the agent's own uplink. Pure.

Unreachable is not down: before a target is accused, some way to it must have been seen working
after its last bad observation. Parents are alternatives (a redundancy group): one that works is
enough, and only when all of them fail is the target unreachable. A site works while any of its
links does. The canaries are such a group for the agent itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

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
    cause: str = ""
    ask: tuple[str, ...] = ()


@dataclass(slots=True)
class Sights:
    """The newest availability of each target, and who stands before whom."""

    parents: Mapping[str, tuple[str, ...]]
    canaries: tuple[str, ...] = ()
    seen: dict[str, dict[int, tuple[State, int]]] = field(default_factory=dict)

    def note(self, target: str, series: int, state: State, at_us: int) -> None:
        """Take in one observation's availability."""
        self.seen.setdefault(target, {})[series] = (state, at_us)

    def look(self, target: str, since_us: int) -> Look:
        """The way to a target, from what was seen at or after `since_us`."""
        if target in self.canaries:
            return Look(way=Way.CLEAR, at_us=since_us)
        own = self.own(since_us)
        if own.way is Way.BLOCKED:
            return own
        way = self._group(self.parents.get(target, ()), since_us)
        if own.way is Way.UNKNOWN:  # both are asked at once: one round of looks, not two
            return replace(own, ask=own.ask + way.ask)
        return replace(way, at_us=max(way.at_us, own.at_us))

    def own(self, since_us: int) -> Look:
        """The agent's own uplink, as its canaries show it; clear where it has none."""
        return replace(self._group(self.canaries, since_us), cause=AGENT)

    def reached(self, target: str, since_us: int) -> Look:
        """Whether the target itself was seen working: then some way to it is clear."""
        up = [at for state, at in self._fresh(target, since_us) if state is State.AVAILABLE]
        return Look(way=Way.CLEAR, at_us=min(up)) if up else Look(way=Way.UNKNOWN)

    def _group(self, members: tuple[str, ...], since_us: int) -> Look:
        if not members:
            return Look(way=Way.CLEAR, at_us=since_us)
        fresh = {m: self._fresh(m, since_us) for m in members}
        up = [at for views in fresh.values() for state, at in views if state is State.AVAILABLE]
        if up:
            return Look(way=Way.CLEAR, at_us=min(up))
        unseen = tuple(m for m, views in fresh.items() if not _all_down(views))
        if unseen:
            return Look(way=Way.UNKNOWN, ask=unseen)
        last = max(at for views in fresh.values() for _, at in views)
        return Look(way=Way.BLOCKED, at_us=last, cause=",".join(members))

    def _fresh(self, member: str, since_us: int) -> list[tuple[State, int]]:
        views = self.seen.get(member, {}).values()
        return [(state, at) for state, at in views if at >= since_us]


def _all_down(views: list[tuple[State, int]]) -> bool:
    return bool(views) and all(state is State.UNAVAILABLE for state, _ in views)


def parents_of(targets: Iterable[Target]) -> dict[str, tuple[str, ...]]:
    """For each target the observed targets that stand before it, sites replaced by their links.

    A link stands behind its site's parents, anything else of a site behind that site's links.
    """
    by_key = {target.key: target for target in targets}
    links: dict[str, list[str]] = {}
    for target in by_key.values():
        if target.kind is Kind.LINK:
            links.setdefault(target.site, []).append(target.key)
    found: dict[str, tuple[str, ...]] = {}
    for target in by_key.values():
        before = list(target.parents)
        site = by_key.get(target.site)
        if target.kind is Kind.LINK and site is not None:
            before += site.parents
        elif target.site:
            before.append(target.site)
        members = [m for key in before for m in _observed(key, by_key, links)]
        found[target.key] = tuple(dict.fromkeys(m for m in members if m != target.key))
    return found


def _observed(key: str, by_key: Mapping[str, Target], links: Mapping[str, list[str]]) -> list[str]:
    target = by_key.get(key)
    if target is None:
        return []
    return links.get(key, []) if target.kind is Kind.SITE else [key]
