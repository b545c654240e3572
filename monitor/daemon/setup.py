"""A configuration made into a plan, and the entries that put it in force. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from checks.base import Assignment
from checks.table import KINDS
from monitor.accounting import TEXT_NAME, Accounting, accounting_of
from monitor.config.configuration import Configuration
from monitor.daemon.plan import Item, item_of, rule_names, rules_of
from monitor.daemon.registry import Registry
from monitor.incident import Subject
from monitor.ledger.entry import ConfigurationInForce, Record, SeriesDefined
from monitor.legs import LegPlan, Legs
from monitor.model import Kind
from monitor.rulebook import RULES_TEXT, rulebook_of
from monitor.sight import Sights, parents_of
from policies.rule import Rule

Key = tuple[str, str, int]
"""(target, check, family)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the engine and the recorder need of one configuration."""

    configuration: Configuration
    items: Mapping[Key, Item]
    defined: Sequence[SeriesDefined]
    titles: Mapping[tuple[str, str], Mapping[str, str]]
    slots: Mapping[str, tuple[int, ...]]
    """By target: the places of its assignments in the configuration's."""

    def item(self, assignment: Assignment) -> Item | None:
        """The series of an assignment; None when a reload removed it meanwhile."""
        return self.items.get((assignment.target, assignment.check, int(assignment.family)))

    def assignments_of(self, target: str) -> tuple[int, ...]:
        """Slots of one target. Thousands of targets may be asked after at once."""
        return self.slots.get(target, ())


def plan_of(configuration: Configuration, registry: Registry) -> Plan:
    """The plan of a configuration; the registry agrees with it from here on."""
    assignments = configuration.assignments
    rules = [
        rules_of(configuration.policies, configuration.targets[one.target], one.check)
        for one in assignments
    ]
    defined = registry.define(
        assignments, configuration.targets, [rule_names(one) for one in rules]
    )
    items = {
        (one.target, one.check, int(one.family)): item_of(
            registry.number(one), one, configuration.targets[one.target], judging
        )
        for one, judging in zip(assignments, rules, strict=True)
    }
    return Plan(
        configuration=configuration,
        items=items,
        defined=defined,
        titles=_titles(rules),
        slots=_slots(assignments),
    )


def _slots(assignments: Sequence[Assignment]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for slot, one in enumerate(assignments):
        found.setdefault(one.target, []).append(slot)
    return {target: tuple(slots) for target, slots in found.items()}


def in_force(
    configuration: Configuration, at_us: int
) -> tuple[ConfigurationInForce, Mapping[bytes, bytes]]:
    """The entry that puts a configuration in force, and the texts that it names."""
    derived = {
        TEXT_NAME: terms_of(configuration).to_bytes(),
        RULES_TEXT: rulebook_of(configuration.policies).to_bytes(),
    }
    written = {**configuration.texts, **derived}
    records = {hashlib.sha256(text).digest(): text for text in written.values()}
    texts = {name: hashlib.sha256(text).digest() for name, text in written.items()}
    program = f"sasando {version('sasando')}"
    return ConfigurationInForce(at_us=at_us, texts=texts, program=program), records


def terms_of(configuration: Configuration) -> Accounting:
    """The accounting terms of a configuration; disabled targets are owed by nobody."""
    return accounting_of(
        [one for policy in configuration.policies for one in policy.objectives],
        [t for key, t in configuration.targets.items() if key not in configuration.disabled],
        configuration.fees,
        configuration.agent.timezone.key,
    )


def entries_of(plan: Plan, at_us: int) -> tuple[list[Record], Mapping[bytes, bytes]]:
    """What a start or a reload appends."""
    entry, records = in_force(plan.configuration, at_us)
    return [entry, *plan.defined], records


def sights_of(configuration: Configuration, before: Sights | None = None) -> Sights:
    """Who stands before whom; what was seen before a reload stays seen."""
    targets = [t for key, t in configuration.targets.items() if key not in configuration.disabled]
    canaries = tuple(t.key for t in targets if t.kind is Kind.CANARY)
    return Sights(
        parents=parents_of(targets),
        canaries=canaries,
        seen={} if before is None else before.seen,
    )


def sites_of(plan: Plan) -> dict[str, int]:
    """The sites whose redundancy is looked at, each with the slot that looks."""
    return {
        one.target: slot
        for slot, one in enumerate(plan.configuration.assignments)
        if KINDS[one.check].derived
    }


def legs_of(plan: Plan, before: Legs | None = None) -> Legs:
    """The legs of these sites; what was seen before a reload stays seen."""
    sites, series, paths = sites_of(plan), _grouped(plan, "available"), _grouped(plan, "path")
    plans: dict[str, list[LegPlan]] = {site: [] for site in sites}
    for key, target in plan.configuration.targets.items():
        if target.kind is Kind.LINK and target.site in sites:
            if key in plan.configuration.disabled:
                continue
            leg = LegPlan(
                link=key, role=target.role, series=series.get(key, ()), paths=paths.get(key, ())
            )
            plans[target.site].append(leg)
    intervals = {i.number: i.assignment.settings.interval * 1_000 for i in plan.items.values()}
    if before is None:
        return Legs(plans=plans, intervals_ns=intervals)
    links = {leg.link for legs in plans.values() for leg in legs}
    return Legs(
        plans=plans,
        intervals_ns=intervals,
        views={n: view for n, view in before.views.items() if n in intervals},
        absent=before.absent & intervals.keys(),
        blocked_ns={link: at for link, at in before.blocked_ns.items() if link in links},
        cleared_ns={link: at for link, at in before.cleared_ns.items() if link in links},
        pending={site: states for site, states in before.pending.items() if site in plans},
    )


def _grouped(plan: Plan, which: str) -> dict[str, tuple[int, ...]]:
    """Series by target: those that show it `available`, or those of its `path`."""
    found: dict[str, tuple[int, ...]] = {}
    for item in plan.items.values():
        if item.kind.name == which or (which == "available" and item.rules[0] is not None):
            found[item.target.key] = (*found.get(item.target.key, ()), item.number)
    return found


def subjects_of(plan: Plan) -> Mapping[Subject, bool]:
    """Everything that an incident may be about while this plan is in force.

    True: it decides availability, so that what is behind its target hangs on it.
    """
    return {
        Subject(item.number, rule.policy, rule.id): place == 0
        for item in plan.items.values()
        for place, rule in enumerate(item.rules)
        if rule is not None and item.tells(rule)
    }


def _titles(
    rules: Sequence[tuple[Rule | None, ...]],
) -> Mapping[tuple[str, str], Mapping[str, str]]:
    return {
        (rule.policy, rule.id): rule.title
        for judging in rules
        for rule in judging
        if rule is not None
    }
