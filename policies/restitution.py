"""Restitution (restitusi) for unavailable time under a contract: exact, then rounded once. Pure.

Of a fee X for a period whose base is Z, with unavailable time Y and a target S:

- downtime-over-target: X·Y / (Z·S)
- shortfall: (S - actual)·X, actual = 1 - Y/Z
- pro-rata: X·Y / Z

Y is unavailable time that was seen; beside it stands the worst case, in which unobserved time was
unavailable too. A late-delivery penalty (denda) is another thing and is not mixed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction
from typing import Literal

Formula = Literal["downtime-over-target", "shortfall", "pro-rata"]
Rounding = Literal["half-up", "half-even", "down", "up"]
_MODES: Mapping[Rounding, str] = {
    "half-up": ROUND_HALF_UP,
    "half-even": ROUND_HALF_EVEN,
    "down": ROUND_DOWN,
    "up": ROUND_UP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a contract turns unavailable time into money, whatever the fee."""

    formula: Formula = "downtime-over-target"
    only_below_target: bool = True
    """Nothing is owed while availability is at or above the target."""
    longer_than_us: int = 0
    """Only outages longer than this count; see `policies.outages.counted_us`."""
    cap: Decimal = Decimal(1)
    """The most that is owed, as a part of the fee."""
    step: Decimal = Decimal("0.01")
    """What is rounded to."""
    rounding: Rounding = "half-up"

    def __post_init__(self) -> None:
        if self.cap < 0 or self.step <= 0 or self.longer_than_us < 0:
            raise ValueError("cap and shortest outage are not negative, and the step is above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restitution:
    """What is owed for one period; `exact` is before rounding, after the cap."""

    amount: Decimal
    exact: Fraction
    capped: bool


def restitution(
    terms: Terms, fee: Decimal, target: Decimal, unavailable_us: int, base_us: int
) -> Restitution | None:
    """What is owed of a fee for so much unavailable time in a base; None where the base is empty.

    `target`: the availability that was agreed, above 0 and at most 1. ValueError for another one,
    for a negative fee, and when more was unavailable than there was.
    """
    if not 0 < target <= 1 or fee < 0:
        raise ValueError(f"a target of {target}, or a fee of {fee}, is none")
    if not base_us:
        return None
    if not 0 <= unavailable_us <= base_us:
        raise ValueError(f"{unavailable_us} µs unavailable in a base of {base_us} µs")
    whole, agreed = Fraction(fee), Fraction(target)
    missed = Fraction(unavailable_us, base_us)
    owed = max(Fraction(0), _owed(terms.formula, whole, agreed, missed))
    if terms.only_below_target and 1 - missed >= agreed:
        owed = Fraction(0)
    most = whole * Fraction(terms.cap)
    exact = min(owed, most)
    return Restitution(
        amount=rounded(exact, terms.step, terms.rounding), exact=exact, capped=owed > most
    )


def _owed(formula: Formula, fee: Fraction, target: Fraction, missed: Fraction) -> Fraction:
    match formula:
        case "downtime-over-target":
            return fee * missed / target
        case "shortfall":
            return (target - (1 - missed)) * fee
        case "pro-rata":
            return fee * missed


def rounded(exact: Fraction, step: Decimal, rounding: Rounding = "half-up") -> Decimal:
    """The multiple of `step` nearest to an exact amount; no digit is lost on the way."""
    steps = exact / Fraction(step)
    whole, rest = divmod(steps.numerator, steps.denominator)
    # A rest below, at or above one half says all that a rounding mode asks for.
    half = (2 * rest > steps.denominator) - (2 * rest < steps.denominator)
    part = Decimal(0) if rest == 0 else Decimal("0.5") + half * Decimal("0.25")
    return (Decimal(whole) + part).quantize(Decimal(1), rounding=_MODES[rounding]) * step
