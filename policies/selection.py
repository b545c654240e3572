"""Which rules judge an observation, and what stands beside their verdicts. Pure.

Availability first, the rest by policy and id; a waived violation still shows, as waived.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from monitor.model import Verdict, Violated
from policies.compiling import default_rule
from policies.judge import Policy, Rule
from policies.source import WaiverSource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A rule's verdict on one observation; `waiver` only beside a violation it covers."""

    rule: Rule
    verdict: Verdict
    waiver: WaiverSource | None = None


def applicable(
    policies: Mapping[str, Policy] | Iterable[Policy],
    target_facts: Mapping[str, object],
    check: str,
    available: str,
    facts: Mapping[str, str],
) -> tuple[Rule | None, ...]:
    """The rules for one target and check; the first says what available means, or is None.

    A rule marked `availability` replaces the check's own expression `available` (over `facts`)
    where it applies. Of several the first by policy and id does, and the others judge like any
    rule (`policies.lint` reports them).
    """
    listed = policies.values() if isinstance(policies, Mapping) else policies
    rules = sorted(
        (rule for policy in listed for rule in policy.rules if rule.check == check),
        key=lambda rule: (rule.policy, rule.id),
    )
    applying = [rule for rule in rules if rule.applies(target_facts)]
    own = next((rule for rule in applying if rule.availability), None)
    first = own or (_default(check, available, tuple(facts.items())) if available else None)
    return (first, *(rule for rule in applying if rule is not own))


@lru_cache(maxsize=64)
def _default(check: str, available: str, facts: tuple[tuple[str, str], ...]) -> Rule:
    return default_rule(check, available, dict(facts))


def judge_all(
    rules: Iterable[Rule | None],
    facts: Mapping[str, Any],
    target_facts: Mapping[str, Any],
    at_us: int,
) -> tuple[Judged, ...]:
    """Every rule's verdict on an observation made at `at_us` (UTC µs), with its waiver."""
    return tuple(
        Judged(
            rule=rule,
            verdict=(verdict := rule.judge(facts, target_facts)),
            waiver=waiver_of(rule, target_facts, at_us) if isinstance(verdict, Violated) else None,
        )
        for rule in rules
        if rule is not None
    )


def waiver_of(rule: Rule, target_facts: Mapping[str, Any], at_us: int) -> WaiverSource | None:
    """The waiver in force for the target at that time; its last day counts, in UTC."""
    if not rule.waivers:
        return None
    key, day = target_facts.get("key"), (_EPOCH + timedelta(microseconds=at_us)).date()
    return next((w for w in rule.waivers if w.target == key and day <= w.until), None)
