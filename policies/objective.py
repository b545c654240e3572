"""Objectives, compiled: what judges a window. Their arithmetic is not here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from policies.expression import Expression
from policies.period import ServiceHours
from policies.restitution import Terms
from policies.source import ObjectiveSource

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s?%")
TIMED = frozenset({"delay", "mttr"})
"""Indicators whose target is a duration; the others' is a percentage."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """One objective. Exactly one of `ratio` (0 to 1) and `duration_us` is its target."""

    policy: str
    id: str
    source: ObjectiveSource
    ratio: Decimal | None
    duration_us: int | None
    loss_over_us: int | None
    applies_to: Expression
    hours: ServiceHours = field(default_factory=ServiceHours)
    terms: Terms | None = None

    def applies(self, target_facts: Mapping[str, object]) -> bool:
        """Whether it judges this target; undefined is no."""
        values = {f"target.{name}": value for name, value in target_facts.items()}
        return self.applies_to.evaluate(values) is True


def parse_ratio(text: str) -> Decimal:
    """0.995 of "99.5%"; ValueError for anything but 0 to 100 %."""
    match = _PERCENT.fullmatch(text)
    if match is None or Decimal(match[1]) > 100:
        raise ValueError(f"{text!r} is not a percentage")
    return Decimal(match[1]) / 100
