"""A configuration directory into one frozen Configuration, or every problem of every file.

Enforced here: all or nothing; all problems at once, sorted; references are judged only when
every file could be read, so that one broken file does not accuse the others.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from checks.scope import RangeScope
from monitor.config.agent import (
    agent_warnings,
    build_agent,
    check_keys,
    check_time_stamps,
    check_witnesses,
)
from monitor.config.assignment import Assigning, agent_target, targets_of
from monitor.config.configuration import AGENT, Agent, Configuration, Drill, RoutePlan
from monitor.config.drills import Declaring
from monitor.config.inventory import Inventory, check_references, read_inventory, read_section
from monitor.config.judging import (
    RouteReading,
    check_rule_counts,
    check_rule_names,
    lines_of,
    needed,
    read_policies,
    unmatched,
)
from monitor.config.problem import ConfigurationError, Place, Problem, problem, shown
from monitor.config.reading import Reading, bundled_packs, table
from monitor.config.schema import AgentEntry, Entry, LinkEntry, ZoneEntry
from monitor.config.settings import CheckTables, read_tables
from monitor.config.validation import validate
from monitor.config.yaml_tree import Tree
from monitor.nearest import nearest
from policies.rule import Policy


def load(directory: Path, today: date, packs: Mapping[str, bytes] | None = None) -> Configuration:
    """The configuration of a directory; ConfigurationError with everything that is wrong.

    `today`, in the agent's zone, is only for warnings about authorities that end. `packs`: texts
    of packs by name, in place of the bundled ones.
    """
    return _Loading(directory.absolute(), today, packs).configuration()


class _Loading:
    """One loading, step by step; each step adds to `problems` and `warnings`."""

    def __init__(self, directory: Path, today: date, packs: Mapping[str, bytes] | None) -> None:
        self.directory = directory
        self.today = today
        self.reading = Reading(directory, packs=packs)
        self.problems = self.reading.problems
        self.warnings = self.reading.warnings
        self.inventory = Inventory()

    def configuration(self) -> Configuration:
        if not self.directory.is_dir():
            raise ConfigurationError([problem(Place(str(self.directory)), "no-directory")])
        tree = self.reading.one("agent.yaml", required=True)
        entry = self._agent_entry(tree)
        self._inventory(tree)
        policies = self._policies(entry, tree)
        alerts = self.reading.one("alerts.yaml")
        routes = self._routes(alerts) if alerts else {}
        if entry is None or tree is None:
            raise ConfigurationError(self.problems)
        check_witnesses(entry, tree, self.problems)
        check_time_stamps(entry, self.directory, tree, self.problems)
        before = len(self.problems)
        check_keys(entry, tree, self.problems)
        if len(self.problems) > before:
            raise ConfigurationError(self.problems)
        agent = build_agent(entry, self.directory)
        self.warnings.extend(agent_warnings(entry, tree, self.today))
        targets = {target.key: target for target in targets_of(self.inventory)}
        targets[AGENT] = agent_target(entry)
        defaults, assigning = self._assign(agent, entry, tree)
        drills = self._drills(agent)
        if self.problems:
            raise ConfigurationError(self.problems)
        looked = {(one.target, one.check) for one in assigning.assignments}
        check_rule_counts(policies, targets, looked, self.problems)
        if self.problems:
            raise ConfigurationError(self.problems)
        self.warnings.extend(unmatched(policies, targets, looked))
        items = self.inventory.items.values()
        listed = tuple(policy for policy, _ in policies)
        return Configuration(
            directory=self.directory,
            agent=agent,
            targets=MappingProxyType(targets),
            disabled=frozenset(
                one.key for one in items if isinstance(one.entry, Entry) and not one.entry.enabled
            ),
            assignments=needed(assigning.assignments, listed, targets),
            policies=listed,
            routes=MappingProxyType(routes),
            fees={
                one.key: one.entry.fee
                for one in items
                if isinstance(one.entry, LinkEntry) and one.entry.fee is not None
            },
            zones={one.key: one.entry for one in items if isinstance(one.entry, ZoneEntry)},
            access=tuple(entry for entry, _, _ in self.inventory.access),
            defaults=MappingProxyType(dict(defaults.tables)),
            texts=MappingProxyType(self.reading.texts),
            drills=MappingProxyType(drills),
            warnings=tuple(sorted(self.warnings)),
        )

    def _agent_entry(self, tree: Tree | None) -> AgentEntry | None:
        if tree is None:
            return None
        plain = table(tree, self.problems)
        return validate(AgentEntry, plain, tree, (), self.problems, self.directory)

    def _inventory(self, tree: Tree | None) -> None:
        trees = list(self.reading.folder("inventory"))
        read_inventory(trees, self.inventory, self.directory, self.problems)
        if tree is not None:
            read_section(
                tree, "canaries", ("canaries",), self.inventory, self.directory, self.problems
            )
        if self.reading.whole:
            check_references(self.inventory, self.problems)

    def _policies(self, entry: AgentEntry | None, tree: Tree | None) -> list[tuple[Policy, Tree]]:
        trees = self._policy_trees(entry, tree)
        before = len(self.problems)
        policies = read_policies(trees, self.directory, self._raw(), self.problems)
        # A policy that does not compile hides its rules: then nobody else's reference is judged.
        if self.reading.whole and entry is not None and len(self.problems) == before:
            check_rule_names(policies, self.problems)
        return policies

    def _policy_trees(self, entry: AgentEntry | None, tree: Tree | None) -> list[Tree]:
        trees = list(self.reading.folder("policies"))
        for position, name in enumerate(entry.packs if entry else []):
            pack = self.reading.pack(name)
            if pack is not None:
                trees.append(pack)
            elif tree is not None and name not in bundled_packs():
                self.problems.append(_no_pack(tree.of_value(("packs", position)), name))
        return trees

    def _routes(self, tree: Tree) -> dict[str, RoutePlan]:
        return RouteReading(
            tree=tree,
            base=self.directory,
            text=lines_of(self.reading.texts["alerts.yaml"]),
            problems=self.problems,
            warnings=self.warnings,
        ).routes()

    def _raw(self) -> dict[str, bytes]:
        """The bytes of each file by the name its tree has."""
        texts = self.reading.texts
        return {
            name if name.startswith("packs/") else str(self.directory / name): raw
            for name, raw in texts.items()
        }

    def _assign(self, agent: Agent, entry: AgentEntry, tree: Tree) -> tuple[CheckTables, Assigning]:
        defaults = read_tables(entry.defaults, tree, ("defaults",), self.directory, self.problems)
        host = defaults.tables.get("host", {})
        assigning = Assigning(
            scope=RangeScope(agent.scope, today=lambda: self.today),
            defaults={**defaults.tables, "host": {"path": entry.state, **host}},
            base=self.directory,
            problems=self.problems,
            warnings=self.warnings,
        )
        for item in self.inventory.items.values():
            assigning.item(item)
        assigning.redundancy(self.inventory)
        assigning.of_agent(entry, tree)
        return defaults, assigning

    def _drills(self, agent: Agent) -> dict[str, tuple[Drill, ...]]:
        return Declaring(
            inventory=self.inventory,
            zone=agent.timezone,
            scope=RangeScope(agent.scope, today=lambda: self.today),
            today=self.today,
            problems=self.problems,
            warnings=self.warnings,
        ).drills()


def _no_pack(place: Place, name: str) -> Problem:
    known = ", ".join(bundled_packs())
    near = nearest(name, bundled_packs())
    if near:
        return problem(place, "pack-unknown-near", name=shown(name), near=shown(near))
    return problem(place, "pack-unknown", name=shown(name), known=known)
