"""Rules and policies, compiled: what judges one observation.

A rule promises: the verdict is CEL's of the whole `require`; the same values give the same
verdict; undefined is never zero. Which rules judge an observation is `policies.selection`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from monitor.model import Compliant, Indeterminate, Severity, Verdict, Violated
from policies.confirm import Confirm, Quorum
from policies.expression import Environment, Expression
from policies.facts import frozen
from policies.objective import Objective
from policies.reasons import reasons
from policies.source import WaiverSource

DEFAULT_POLICY: Final = "default"
"""The policy of the rules that checks bring along; no file may take the name."""
_REMEMBERED = 1024
"""Verdicts a rule remembers; a full memory starts anew."""
_ABSENT: Final = object()
"""Stands for a fact without a value in a key."""

_COMPLIANT = Compliant()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A test beside a rule, its evidence and target as dotted facts of their types."""

    evidence: Mapping[str, Any]
    target: Mapping[str, Any]
    verdict: str
    reasons: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """One rule. `mentions` are its facts of evidence, `target_mentions` those of the target."""

    policy: str
    id: str
    title: Mapping[str, str]
    check: str
    severity: Severity
    controls: tuple[str, ...]
    confirm: Confirm
    availability: bool
    waivers: tuple[WaiverSource, ...]
    cases: tuple[Case, ...]
    environment: Environment = field(repr=False)
    applies_to: Expression = field(repr=False)
    require: Expression
    mentions: frozenset[str]
    target_mentions: frozenset[str]
    _evidence_names: tuple[str, ...] = field(init=False, repr=False)
    _target_names: tuple[str, ...] = field(init=False, repr=False)
    _verdicts: dict[object, Verdict] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_evidence_names", tuple(sorted(self.mentions)))
        object.__setattr__(self, "_target_names", tuple(sorted(self.target_mentions)))

    @property
    def open(self) -> Quorum:
        """How many violated observations open an incident: (need, of)."""
        return self.confirm.open

    @property
    def close(self) -> Quorum:
        """How many compliant observations close it: (need, of)."""
        return self.confirm.close

    def applies(self, target_facts: Mapping[str, object]) -> bool:
        """Whether the rule judges this target; undefined is no."""
        values = {f"target.{name}": value for name, value in target_facts.items()}
        return self.applies_to.evaluate(values) is True

    def judge(self, facts: Mapping[str, Any], target_facts: Mapping[str, Any]) -> Verdict:
        """The verdict on one observation's evidence; remembered by the values it mentions."""
        key: object = tuple([facts.get(name, _ABSENT) for name in self._evidence_names])
        if self._target_names:
            key = (key, tuple([target_facts.get(name, _ABSENT) for name in self._target_names]))
        try:
            known = self._verdicts.get(key)
        except TypeError:
            key = frozen(key)
            known = self._verdicts.get(key)
        if known is None:
            known = self._judged(self.values(facts, target_facts))
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            self._verdicts[key] = known
        return known

    def values(
        self, facts: Mapping[str, Any], target_facts: Mapping[str, Any]
    ) -> dict[str, object]:
        """The mentioned facts that have values, by their names in the expression."""
        evidence = {f"evidence.{n}": facts[n] for n in self._evidence_names if n in facts}
        target = {f"target.{n}": target_facts[n] for n in self._target_names if n in target_facts}
        return {**evidence, **target}

    def _judged(self, values: Mapping[str, object]) -> Verdict:
        outcome = self.require.evaluate(values)
        if isinstance(outcome, Indeterminate):
            return outcome
        if outcome is True:
            return _COMPLIANT
        return Violated(reasons=reasons(self.require.text, self.environment, values))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Control:
    """One control of a rule book."""

    id: str
    title: Mapping[str, str]
    attested: bool
    """Only papers can say anything of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """Rules and objectives under one name and version, or the controls of a rule book."""

    name: str
    version: int
    title: Mapping[str, str]
    rules: tuple[Rule, ...]
    objectives: tuple[Objective, ...]
    book: str = ""
    controls: tuple[Control, ...] = ()
