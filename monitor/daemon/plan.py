"""What is probed and by what it is judged: a configuration made ready for the engine. Pure.

A judgement's digits follow the order of a series' rules; the first digit decides availability
and is "indeterminate" where the check says nothing of it (certificates, clocks, the host).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from checks.base import Assignment, CheckKind, Outcome
from checks.table import KINDS
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
from policies.confirm import Confirm
from policies.rule import DEFAULT_POLICY, Policy, Rule
from policies.selection import applicable

NO_RULE = ""
_DIGIT = {Compliant: 0, Violated: 1, Indeterminate: 2}
_COMPLIANT = Compliant()
_NO_VERDICT = Indeterminate(why="no-rule")
_NO_FACTS: Mapping[str, object] = MappingProxyType({})
_KEPT = 1_024
"""What series of the same rules share is made once for this many sets of rules."""
_STATE = (State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED)
UNAVAILABLE_WHY = "unavailable"
Stored = tuple[tuple[int | tuple[int | None, ...] | None, ...], bytes | None]
"""Integer columns, and the canonical bytes of the posture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdicts on one observation, in the order of the rules, and their stored number."""

    verdicts: tuple[Verdict, ...]
    number: int
    state: State
    violated: bool
    """Whether any verdict is Violated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One series of the plan, with everything that judging an observation of it needs."""

    number: int
    assignment: Assignment
    target: Target
    kind: CheckKind
    rules: tuple[Rule | None, ...]
    """None in the first place: the check says nothing of availability."""
    confirms: tuple[Confirm, ...]
    measures: tuple[str, ...]
    postures: tuple[str, ...]
    mentions: frozenset[str]
    """Every fact of evidence that a rule of this series speaks of."""
    of_target: bool
    """Whether a rule of this series speaks of its target too."""

    @property
    def target_facts(self) -> Mapping[str, object]:
        """What rules may say of the target; made when asked for, for few ask."""
        return self.target.facts()

    def judge(self, outcome: Outcome, blind: bool) -> Judgement:
        """Every rule's verdict on what a probe brought back.

        While the agent is blind a violation proves nothing about the target, unless it was
        reached. While the target
        is unavailable its other rules are Indeterminate: the outage is the one thing to tell.
        """
        if outcome.evidence is None:
            why = outcome.fault.kind.value if outcome.fault else FaultKind.INTERNAL.value
            return _judgement([Indeterminate(why=why)] * len(self.rules))
        facts = outcome.evidence.facts_of(self.mentions)
        target_facts = self.target_facts if self.of_target else _NO_FACTS
        verdicts = [
            _NO_VERDICT if rule is None else rule.judge(facts, target_facts) for rule in self.rules
        ]
        if verdicts.count(_COMPLIANT) == len(verdicts):
            return _calm(len(verdicts))
        if blind and not self.reached(outcome):
            unseen = Indeterminate(why=FaultKind.AGENT_UPLINK.value)
            verdicts = [unseen if isinstance(v, Violated) else v for v in verdicts]
        if isinstance(verdicts[0], Violated):
            down = Indeterminate(why=UNAVAILABLE_WHY)
            verdicts[1:] = [down if isinstance(v, Violated) else v for v in verdicts[1:]]
        return _judgement(verdicts)

    def reached(self, outcome: Outcome) -> bool:
        """Whether what was seen came over the way to the target; see `CheckKind.reached`."""
        name, evidence = self.kind.reached, outcome.evidence
        return bool(name and evidence and evidence.facts_of(frozenset({name})).get(name))

    def tells(self, rule: Rule) -> bool:
        """Whether its violations may open an incident; see `CheckKind.derived`."""
        return not (self.kind.derived and rule.policy == DEFAULT_POLICY)

    def stored(self, outcome: Outcome) -> Stored:
        """(integer columns, canonical bytes of the posture) of an outcome."""
        evidence = outcome.evidence
        if evidence is None:
            return (None,) * len(self.measures), None
        columns = tuple(getattr(evidence, name) for name in self.measures)
        if not self.postures:
            return columns, None
        posture = {name: getattr(evidence, name) for name in self.postures}
        return columns, encode({"check": self.kind.name, **posture})


@cache
def _calm(rules: int) -> Judgement:
    """Every rule is met: the usual case, and always the same judgement."""
    return _judgement([_COMPLIANT] * rules)


def _judgement(verdicts: Sequence[Verdict]) -> Judgement:
    digits = [_DIGIT[type(verdict)] for verdict in verdicts]
    number = 0
    for digit in reversed(digits):
        number = number * 3 + digit
    return Judgement(
        verdicts=tuple(verdicts),
        number=number,
        state=_STATE[number % 3],
        violated=_DIGIT[Violated] in digits,
    )


def rules_of(policies: Iterable[Policy], target: Target, check: str) -> tuple[Rule | None, ...]:
    """The rules that judge a check on a target, availability first."""
    kind = KINDS[check]
    return applicable(policies, target.facts(), check, kind.available, kind.evidence.FACTS)


@lru_cache(maxsize=_KEPT)
def rule_names(rules: tuple[Rule | None, ...]) -> tuple[str, ...]:
    """What `SeriesDefined.rules` says of them."""
    return tuple(NO_RULE if rule is None else f"{rule.policy}/{rule.id}" for rule in rules)


def item_of(
    number: int, assignment: Assignment, target: Target, rules: tuple[Rule | None, ...]
) -> Item:
    """A series made ready."""
    measures, postures = _columns(assignment.check)
    return Item(
        number=number,
        assignment=assignment,
        target=target,
        kind=KINDS[assignment.check],
        rules=_shared(rules),
        confirms=_confirms(rules),
        measures=measures,
        postures=postures,
        mentions=_mentions(rules),
        of_target=any(rule.target_mentions for rule in rules if rule),
    )


@cache
def _columns(check: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the measures and of the postures of a check's evidence."""
    evidence = KINDS[check].evidence
    return evidence.measures(), evidence.postures()


@lru_cache(maxsize=_KEPT)
def _shared(rules: tuple[Rule | None, ...]) -> tuple[Rule | None, ...]:
    return rules


@lru_cache(maxsize=_KEPT)
def _mentions(rules: tuple[Rule | None, ...]) -> frozenset[str]:
    return frozenset(name for rule in rules if rule for name in rule.mentions)


@lru_cache(maxsize=_KEPT)
def _confirms(rules: tuple[Rule | None, ...]) -> tuple[Confirm, ...]:
    return tuple(Confirm() if rule is None else rule.confirm for rule in rules)
