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
TIMED = frozenset({"delay", "mttr", "mtbf", "longest-outage"})
"""Indicators whose target is a duration."""
COUNTED = frozenset({"outages"})
"""Indicators whose target is a number; those of all others are percentages."""
BY_INTERVALS = frozenset({"availability", "mttr", "mtbf", "outages", "longest-outage"})
"""Indicators of available and unavailable time, which loss may decide."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """One objective. Exactly one of `ratio` (0 to 1), `duration_us` and `count` is its target."""

    policy: str
    id: str
    source: ObjectiveSource
    ratio: Decimal | None
    duration_us: int | None
    loss_over_us: int | None
    applies_to: Expression
    hours: ServiceHours = field(default_factory=ServiceHours)
    terms: Terms | None = None
    percentile: Decimal | None = None
    """Of delay: which part of the probes must come back within `duration_us`."""
    count: int | None = None

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


def parse_count(text: str) -> int:
    """3 of "3"; ValueError for anything but a whole number of at most six digits."""
    if re.fullmatch(r"\d{1,6}", text) is None:
        raise ValueError(f"{text!r} is not a number")
    return int(text)
