"""Targets of the inventory, and which check looks at which: in the order of the files."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from checks.base import Assignment, Settings
from checks.scope import RangeScope
from checks.table import KINDS
from monitor.config.configuration import AGENT
from monitor.config.inventory import Inventory, Item, parents_of
from monitor.config.looks import asked_looks, default_looks, hosts, legs_of, named_settings
from monitor.config.problem import Place, Problem, problem, shown
from monitor.config.schema import AgentEntry, Entry, LinkEntry, ProbedEntry, ZoneEntry
from monitor.config.settings import CheckTables, Table, read_tables, settle
from monitor.config.values import literal
from monitor.config.yaml_tree import Tree
from monitor.model import Family, Kind, Target

_KINDS = {
    "sites": Kind.SITE,
    "links": Kind.LINK,
    "hotspots": Kind.HOTSPOT,
    "services": Kind.SERVICE,
    "canaries": Kind.CANARY,
}
AGENT_CHECKS = ("host", "clock", "egress")
REDUNDANCY = "redundancy"
AGENT_KIND = next((kind for kind in Kind if kind.value == AGENT), Kind.SERVICE)
"""A kind of its own where the model has one; else told from services by its role."""


def targets_of(inventory: Inventory) -> Iterator[Target]:
    """Every item that is a target, in order; zones are none."""
    return (
        _target(item, inventory.items)
        for item in inventory.items.values()
        if not isinstance(item.entry, ZoneEntry)
    )


def _target(item: Item, items: Mapping[str, Item]) -> Target:
    entry = item.entry
    place = entry if isinstance(entry, Entry) else None
    line = entry if isinstance(entry, ProbedEntry) else None
    labels = place.labels if place else {}
    return Target(
        key=item.key,
        kind=_KINDS[item.section],
        name=getattr(entry, "name", "") or item.key,
        site=line.site if line else "",
        role=line.role if line else "",
        provider=line.provider if line else "",
        medium=line.medium if line else "",
        kecamatan=_kecamatan(item, items),
        labels=dict.fromkeys(labels, "") if isinstance(labels, list) else labels,
        parents=parents_of(item, items),
        formerly=tuple(place.formerly) if place else (),
        definition=definition(item.section, item.plain),
    )


def _kecamatan(item: Item, items: Mapping[str, Item]) -> str:
    """Its own, else its site's."""
    entry = item.entry
    own = entry.kecamatan if isinstance(entry, Entry) else ""
    if own or not isinstance(entry, ProbedEntry) or entry.site not in items:
        return own
    site = items[entry.site].entry
    return site.kecamatan if isinstance(site, Entry) else ""


def definition(section: str, plain: Mapping[str, object]) -> str:
    """SHA-256 (hex) of the canonical JSON of an entry: keys sorted, no spaces, UTF-8."""
    written = [section, plain]
    text = json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def agent_target(entry: AgentEntry) -> Target:
    """The pseudo target of the agent's own checks."""
    return Target(
        key=AGENT,
        kind=AGENT_KIND,
        name=entry.vantage,
        role=AGENT,
        definition=definition(AGENT, {"vantage": entry.vantage, "checks": entry.checks}),
    )


@dataclass(slots=True, kw_only=True)
class Assigning:
    """Builds the assignments of a configuration; one use."""

    scope: RangeScope
    defaults: Mapping[str, Table]
    base: FilePath
    problems: list[Problem]
    warnings: list[Problem]
    assignments: list[Assignment] = field(default_factory=list)
    sites: dict[str, CheckTables] = field(default_factory=dict)
    """The `checks:` of each site."""

    def item(self, item: Item) -> None:
        """The assignments of one entry, and the warnings it deserves."""
        entry = item.entry
        if isinstance(entry, LinkEntry):
            self._check_families(item, entry)
        tables = read_tables(
            getattr(entry, "checks", {}),
            item.tree,
            (*item.path, "checks"),
            self.base,
            self.problems,
        )
        enabled = not isinstance(entry, Entry) or entry.enabled
        looks = default_looks(entry)
        wanted = [*looks, *(check for check in tables.tables if check not in looks)]
        before = len(self.assignments)
        for check in wanted:
            if KINDS[check].derived or item.section == "sites":
                self._require_site(item, check, tables)
            elif check not in tables.off:
                urls = looks.get(check) or asked_looks(entry, check, tables.tables[check])
                settings = {**self.defaults.get(check, {}), **named_settings(entry, check)}
                self._assign(
                    item.key,
                    check,
                    urls,
                    tables,
                    item.place(),
                    enabled=enabled,
                    defaults=settings,
                )
        probed = item.section not in ("sites", "zones")
        if enabled and probed and len(self.assignments) == before:
            self.warnings.append(problem(item.place(), "no-checks", name=shown(item.key)))
        if enabled:
            self._check_scope(item)
        if item.section == "sites":
            self.sites[item.key] = tables

    def redundancy(self, inventory: Inventory) -> None:
        """Each site with two legs or more is looked at as often as its legs are; after `item`."""
        legs, intervals = legs_of(inventory.items.values()), self._shortest()
        for key, tables in self.sites.items():
            own = [intervals[link] for link in legs.get(key, ()) if link in intervals]
            if len(legs.get(key, ())) < 2:
                self._require_no(REDUNDANCY, key, tables)
            elif REDUNDANCY not in tables.off:
                item = inventory.items[key]
                often = {"interval": min(own)} if own else {}
                self._assign(
                    key,
                    REDUNDANCY,
                    ("",),
                    tables,
                    item.place(),
                    enabled=isinstance(item.entry, Entry) and item.entry.enabled,
                    defaults={**often, **self.defaults.get(REDUNDANCY, {})},
                )

    def _shortest(self) -> dict[str, int]:
        """For each target the shortest interval (µs) of the checks that show it available."""
        found: dict[str, int] = {}
        for one in self.assignments:
            if KINDS[one.check].available:
                interval = one.settings.interval
                found[one.target] = min(interval, found.get(one.target, interval))
        return found

    def _require_no(self, check: str, site: str, tables: CheckTables) -> None:
        if check in tables.tables:
            place = tables.tree.of_key(tables.place_of(check))
            self.problems.append(problem(place, "few-legs", name=shown(site)))

    def _require_site(self, item: Item, check: str, tables: CheckTables) -> None:
        """A site is looked at by what derives its state from its links, and nothing else is."""
        fits = KINDS[check].derived and item.section == "sites"
        if not fits:
            place = tables.tree.of_key(tables.place_of(check))
            code = "site-check" if item.section == "sites" else "only-sites"
            self.problems.append(problem(place, code, check=shown(check)))

    def of_agent(self, entry: AgentEntry, tree: Tree) -> None:
        """The agent's own checks: the host always, the clock where time servers are named."""
        tables = read_tables(entry.checks, tree, ("checks",), self.base, self.problems)
        own = ("host", "clock") if entry.ntp else ("host",)
        for check in (*own, *(one for one in tables.tables if one not in own)):
            if check not in AGENT_CHECKS:
                place = tree.of_key(("checks", check))
                self.problems.append(problem(place, "agent-check", name=shown(check)))
            elif check not in tables.off:
                self._assign(AGENT, check, ("",), tables, tree.of_value(()), enabled=True)

    def _assign(
        self,
        key: str,
        check: str,
        urls: Iterable[str],
        tables: CheckTables,
        place: Place,
        *,
        enabled: bool,
        defaults: Table | None = None,
    ) -> None:
        if check in tables.refused:
            return
        own = tables.tables.get(check, {})
        if own:
            place = tables.tree.of_key(tables.place_of(check))
        before = self.defaults.get(check, {}) if defaults is None else defaults
        for url in urls:
            settings = settle(check, url, before, own, place, self.problems)
            if settings is None:
                continue
            if settings.timeout > settings.interval and not KINDS[check].derived:
                self.warnings.append(problem(place, "timeout-long", check=shown(check)))
            if enabled:
                self._append(key, check, settings)

    def _append(self, key: str, check: str, settings: Settings) -> None:
        for family in KINDS[check].families(settings):
            self.assignments.append(
                Assignment(target=key, check=check, family=family, settings=settings)
            )

    def _check_families(self, item: Item, entry: LinkEntry) -> None:
        """A series is a target, a check and a family: two addresses of one family collide."""
        if isinstance(entry.address, str):
            return
        taken: dict[Family, str] = {}
        for position, address in enumerate(entry.address):
            place = item.place("address", position)
            if literal(address) is None:
                self.problems.append(problem(place, "address-list-name", value=shown(address)))
                continue
            family = Family.IPV6 if ":" in address else Family.IPV4
            if family in taken:
                self.problems.append(
                    problem(
                        place,
                        "address-family-twice",
                        value=shown(address),
                        other=shown(taken[family]),
                        family=f"IPv{family.value}",
                    )
                )
            taken[family] = address

    def _check_scope(self, item: Item) -> None:
        for host in hosts(item.entry):
            if literal(host) and self.scope.refusal(host):
                values = {"name": shown(item.key), "address": host}
                self.warnings.append(problem(item.place(), "outside-scope", **values))
