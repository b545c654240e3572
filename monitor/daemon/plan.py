"""What is probed and by what it is judged: a configuration made ready for the engine. Pure.

A judgement's digits follow the order of a series' rules; the first digit decides availability
and is "indeterminate" where the check says nothing of it (certificates, clocks, the host).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from checks.base import Assignment, CheckKind, Outcome
from checks.table import KINDS
from monitor.incident import Confirm
from monitor.ledger.wire import encode
from monitor.model import (
    Compliant,
    FaultKind,
    Indeterminate,
    State,
    Target,
    Verdict,
    Violated,
)
from policies.rule import DEFAULT_POLICY, Policy, Rule
from policies.selection import applicable

NO_RULE = ""
_DIGIT = {Compliant: 0, Violated: 1, Indeterminate: 2}
_STATE = (State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED)
UNAVAILABLE_WHY = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdicts on one observation, in the order of the rules, and their stored number."""

    verdicts: tuple[Verdict, ...]
    number: int
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One series of the plan, with everything that judging an observation of it needs."""

    number: int
    assignment: Assignment
    target: Target
    target_facts: Mapping[str, object]
    kind: CheckKind
    rules: tuple[Rule | None, ...]
    """None in the first place: the check says nothing of availability."""
    confirms: tuple[Confirm, ...]
    measures: tuple[str, ...]
    postures: tuple[str, ...]
    mentions: frozenset[str]
    """Every fact of evidence that a rule of this series speaks of."""

    def judge(self, outcome: Outcome, blind: bool) -> Judgement:
        """Every rule's verdict on what a probe brought back.

        While the agent is blind a violation proves nothing about the target. While the target
        is unavailable its other rules are Indeterminate: the outage is the one thing to tell.
        """
        if outcome.evidence is None:
            why = outcome.fault.kind.value if outcome.fault else FaultKind.INTERNAL.value
            return _judgement([Indeterminate(why=why)] * len(self.rules))
        facts = outcome.evidence.facts_of(self.mentions)
        verdicts = [
            Indeterminate(why="no-rule") if rule is None else rule.judge(facts, self.target_facts)
            for rule in self.rules
        ]
        if blind:
            unseen = Indeterminate(why=FaultKind.AGENT_UPLINK.value)
            verdicts = [unseen if isinstance(v, Violated) else v for v in verdicts]
        if isinstance(verdicts[0], Violated):
            down = Indeterminate(why=UNAVAILABLE_WHY)
            verdicts[1:] = [down if isinstance(v, Violated) else v for v in verdicts[1:]]
        return _judgement(verdicts)

    def tells(self, rule: Rule) -> bool:
        """Whether its violations may open an incident; see `CheckKind.derived`."""
        return not (self.kind.derived and rule.policy == DEFAULT_POLICY)

    def stored(
        self, outcome: Outcome
    ) -> tuple[tuple[int | tuple[int | None, ...] | None, ...], bytes | None]:
        """(integer columns, canonical bytes of the posture) of an outcome."""
        evidence = outcome.evidence
        if evidence is None:
            return (None,) * len(self.measures), None
        columns = tuple(getattr(evidence, name) for name in self.measures)
        if not self.postures:
            return columns, None
        posture = {name: getattr(evidence, name) for name in self.postures}
        return columns, encode({"check": self.kind.name, **posture})


def _judgement(verdicts: Sequence[Verdict]) -> Judgement:
    number = 0
    for verdict in reversed(verdicts):
        number = number * 3 + _DIGIT[type(verdict)]
    return Judgement(verdicts=tuple(verdicts), number=number, state=_STATE[number % 3])


def rules_of(policies: Iterable[Policy], target: Target, check: str) -> tuple[Rule | None, ...]:
    """The rules that judge a check on a target, availability first."""
    kind = KINDS[check]
    return applicable(policies, target.facts(), check, kind.available, kind.evidence.FACTS)


def rule_names(rules: Sequence[Rule | None]) -> tuple[str, ...]:
    """What `SeriesDefined.rules` says of them."""
    return tuple(NO_RULE if rule is None else f"{rule.policy}/{rule.id}" for rule in rules)


def item_of(
    number: int, assignment: Assignment, target: Target, rules: tuple[Rule | None, ...]
) -> Item:
    """A series made ready."""
    kind = KINDS[assignment.check]
    return Item(
        number=number,
        assignment=assignment,
        target=target,
        target_facts=target.facts(),
        kind=kind,
        rules=rules,
        confirms=tuple(_confirm(rule) for rule in rules),
        measures=kind.evidence.measures(),
        postures=kind.evidence.postures(),
        mentions=frozenset(name for rule in rules if rule for name in rule.mentions),
    )


def _confirm(rule: Rule | None) -> Confirm:
    if rule is None:
        return Confirm()
    opening, closing = rule.confirm.open, rule.confirm.close
    return Confirm(open_n=opening.need, open_m=opening.of, close_n=closing.need, close_m=closing.of)
