"""inventory/*.yaml into typed items, and what holds between them: names, references, parents."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path as FilePath

from monitor.config.problem import Place, Problem, problem, shown
from monitor.config.reading import table
from monitor.config.schema import (
    SECTIONS,
    AccessEntry,
    CanaryEntry,
    Entry,
    HotspotEntry,
    LinkEntry,
    ProbedEntry,
    ServiceEntry,
    SiteEntry,
    ZoneEntry,
)
from monitor.config.validation import offending, unknown, validate
from monitor.config.values import KEY_PATTERN
from monitor.config.yaml_tree import Path, Tree
from monitor.nearest import nearest

AnyEntry = SiteEntry | LinkEntry | HotspotEntry | ServiceEntry | ZoneEntry | CanaryEntry

RESERVED = frozenset({"agent"})
_CYCLES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One named entry with the spot it stands at. `plain` is as written."""

    key: str
    section: str
    entry: AnyEntry
    plain: dict[str, object]
    tree: Tree
    path: Path

    def place(self, *path: str | int) -> Place:
        """Where a value of the entry stands; without a path: its key."""
        return self.tree.of_value((*self.path, *path)) if path else self.tree.of_key(self.path)


@dataclass(slots=True)
class Inventory:
    """Every entry of every file, in order. `names` holds the keys of faulty entries too."""

    items: dict[str, Item] = field(default_factory=dict)
    names: dict[str, tuple[str, Place]] = field(default_factory=dict)
    """Section and place, by key."""
    access: list[tuple[AccessEntry, Tree, Path]] = field(default_factory=list)

    def of(self, *sections: str) -> list[Item]:
        """The items of some sections, in order."""
        return [item for item in self.items.values() if item.section in sections]

    def keys_of(self, *sections: str) -> tuple[str, ...]:
        """Names of some sections, those of faulty entries too."""
        return tuple(key for key, (section, _) in self.names.items() if section in sections)


def read_inventory(
    trees: Iterable[Tree], into: Inventory, base: FilePath, problems: list[Problem]
) -> None:
    """Every file of the inventory, validated entry by entry."""
    for tree in trees:
        for section, content in table(tree, problems).items():
            if section in SECTIONS:
                read_section(tree, section, (section,), into, base, problems)
            elif section == "access":
                _read_access(tree, content, into, base, problems)
            else:
                near = nearest(section, (*SECTIONS, "access"))
                problems.append(unknown(tree, (section,), near))


def read_section(
    tree: Tree, section: str, path: Path, into: Inventory, base: FilePath, problems: list[Problem]
) -> None:
    """The named entries of one table."""
    kind = SECTIONS.get(section, CanaryEntry)
    content = _at(tree, path)
    if content is None:
        return
    if not isinstance(content, dict):
        value = offending(path, content)
        problems.append(problem(tree.of_value(path), "want-table", field=section, value=value))
        return
    for key, plain in content.items():
        where = (*path, key)
        if not _take_name(key, section, tree.of_key(where), into, problems):
            continue
        entry = validate(kind, plain, tree, where, problems, base)
        if entry is not None:
            written = plain if isinstance(plain, dict) else {}
            into.items[key] = Item(
                key=key, section=section, entry=entry, plain=written, tree=tree, path=where
            )


def _at(tree: Tree, path: Path) -> object:
    node = tree.plain
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _take_name(
    key: str, section: str, place: Place, into: Inventory, problems: list[Problem]
) -> bool:
    """Whether the key is well formed and nobody else's."""
    if not is_key(key):
        problems.append(problem(place, "key-form", value=shown(key)))
    elif key in RESERVED:
        problems.append(problem(place, "name-reserved", name=shown(key)))
    elif key in into.names:
        other = into.names[key][1]
        problems.append(problem(place, "name-twice", name=shown(key), other=other))
    else:
        into.names[key] = (section, place)
        return True
    return False


def is_key(text: str) -> bool:
    """Whether a text can name a thing."""
    return re.fullmatch(KEY_PATTERN, text) is not None


def _read_access(
    tree: Tree, content: object, into: Inventory, base: FilePath, problems: list[Problem]
) -> None:
    if content is not None and not isinstance(content, list):
        value = offending(("access",), content)
        place = tree.of_value(("access",))
        problems.append(problem(place, "want-list", field="access", value=value))
        return
    for position, plain in enumerate(content or []):
        path: Path = ("access", position)
        entry = validate(AccessEntry, plain, tree, path, problems, base)
        if entry is not None:
            into.access.append((entry, tree, path))


def check_references(inventory: Inventory, problems: list[Problem]) -> None:
    """Everything that one entry says of another."""
    for item in inventory.items.values():
        entry = item.entry
        if isinstance(entry, ProbedEntry):
            _check_site(item, entry, inventory, problems)
        if isinstance(entry, Entry):
            _check_parents(item, entry, inventory, problems)
        if isinstance(entry, ZoneEntry):
            _check_zone(item, entry, inventory, problems)
    for access, tree, path in inventory.access:
        for name, zone in (("from", access.from_), ("to", access.to)):
            if zone not in inventory.keys_of("zones"):
                place = tree.of_value((*path, name))
                problems.append(_missing(place, "zone-unknown", zone, inventory, ("zones",)))
    _check_former_names(inventory, problems)
    _check_cycles(inventory, problems)


def _check_site(
    item: Item, entry: ProbedEntry, inventory: Inventory, problems: list[Problem]
) -> None:
    """A hotspot may be its own site: a square or a beach with nothing else in it."""
    if not (item.section == "hotspots" and entry.site == item.key):
        _known(item, ("site",), entry.site, "site-unknown", inventory, ("sites",), problems)


def _known(
    item: Item,
    path: Path,
    name: str,
    text: str,
    inventory: Inventory,
    sections: tuple[str, ...],
    problems: list[Problem],
) -> None:
    if name not in inventory.names or inventory.names[name][0] not in sections:
        problems.append(_missing(item.place(*path), text, name, inventory, sections))


def _missing(
    place: Place, text: str, name: str, inventory: Inventory, sections: tuple[str, ...]
) -> Problem:
    near = nearest(name, inventory.keys_of(*sections))
    if near:
        return problem(place, f"{text}-near", name=shown(name), near=shown(near))
    return problem(place, text, name=shown(name))


def _check_parents(item: Item, entry: Entry, inventory: Inventory, problems: list[Problem]) -> None:
    allowed = ("sites", "links", "hotspots", "services")
    for position, parent in enumerate(entry.parents or []):
        path: Path = ("parents", position)
        _known(item, path, parent, "parent-unknown", inventory, allowed, problems)


def _check_zone(item: Item, zone: ZoneEntry, inventory: Inventory, problems: list[Problem]) -> None:
    if (zone.from_ is None) == (not zone.hosts):
        problems.append(problem(item.place(), "zone-shape", name=shown(item.key)))
    elif zone.from_ is not None:
        allowed = ("sites", "hotspots")
        _known(item, ("from",), zone.from_, "zone-from-unknown", inventory, allowed, problems)


def _check_former_names(inventory: Inventory, problems: list[Problem]) -> None:
    """A former name must be nobody's name now, and one thing's only."""
    claimed: dict[str, str] = {}
    for item in inventory.items.values():
        former = item.entry.formerly if isinstance(item.entry, Entry) else []
        for position, name in enumerate(former):
            place = item.place("formerly", position)
            if name in inventory.names:
                other = inventory.names[name][1]
                problems.append(problem(place, "formerly-exists", name=shown(name), other=other))
            elif name in claimed:
                owner = shown(claimed[name])
                problems.append(problem(place, "formerly-twice", name=shown(name), owner=owner))
            claimed.setdefault(name, item.key)


def parents_of(item: Item, items: Mapping[str, Item]) -> tuple[str, ...]:
    """What must be up for an item to be reachable: named, or by its site.

    A link's site hangs on its links, so a link's own parents are those of its site.
    """
    entry = item.entry
    if not isinstance(entry, Entry):
        return ()
    if entry.parents is not None:
        return tuple(entry.parents)
    if isinstance(entry, LinkEntry):
        site = items.get(entry.site)
        return tuple(site.entry.parents or ()) if site and isinstance(site.entry, Entry) else ()
    return (entry.site,) if isinstance(entry, ProbedEntry) and entry.site != item.key else ()


def _check_cycles(inventory: Inventory, problems: list[Problem]) -> None:
    """Nothing may hang on itself; a site hangs on its links."""
    graph: dict[str, set[str]] = {
        key: set(parents_of(item, inventory.items)) for key, item in inventory.items.items()
    }
    for item in inventory.of("links"):
        if isinstance(item.entry, LinkEntry) and item.entry.site in graph:
            graph[item.entry.site].add(item.key)
    for _ in range(_CYCLES_SHOWN):
        try:
            TopologicalSorter(graph).prepare()
            return
        except CycleError as error:
            ring: list[str] = error.args[1]
        first = min(ring)
        start = ring[:-1].index(first)
        # graphlib names each node before the ones that hang on it: turn round.
        shown_ring = [*(ring[:-1][start:] + ring[:-1][:start]), first][::-1]
        place = inventory.items[first].place()
        problems.append(problem(place, "parents-ring", ring=shown(" → ".join(shown_ring))))
        graph[first].discard(shown_ring[1])
