"""Restitution (restitusi) for unavailable time under a contract: exact, then rounded once. Pure.

Of a fee X for a period whose base is Z, with unavailable time Y and a target S:

- downtime-over-target: X·Y / (Z·S)
- shortfall: (S - actual)·X, actual = 1 - Y/Z
- pro-rata: X·Y / Z

Y is unavailable time that was seen; beside it stands the worst case, in which unobserved time was
unavailable too. A late-delivery penalty (denda) is another thing and is not mixed in.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

Formula = Literal["downtime-over-target", "shortfall", "pro-rata"]
Rounding = Literal["half-up", "half-even", "down", "up"]


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


class Restitution(NamedTuple):
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
    paid, paid_in = fee.as_integer_ratio()
    agreed, of = target.as_integer_ratio()
    if not 0 < agreed <= of or paid < 0:
        raise ValueError(f"a target of {target}, or a fee of {fee}, is none")
    if not base_us:
        return None
    if not 0 <= unavailable_us <= base_us:
        raise ValueError(f"{unavailable_us} µs unavailable in a base of {base_us} µs")
    # Fractions by hand: numerators over one denominator, reduced once.
    owed, owed_in = _owed(terms.formula, (agreed, of), unavailable_us, base_us)
    owed, owed_in = max(0, owed * paid), owed_in * paid_in
    if terms.only_below_target and (base_us - unavailable_us) * of >= agreed * base_us:
        owed = 0
    cap, cap_in = terms.cap.as_integer_ratio()
    most, most_in = paid * cap, paid_in * cap_in
    capped = owed * most_in > most * owed_in
    exact = Fraction(most, most_in) if capped else Fraction(owed, owed_in)
    return Restitution(
        amount=rounded(exact, terms.step, terms.rounding), exact=exact, capped=capped
    )


def _owed(
    formula: Formula, target: tuple[int, int], unavailable_us: int, base_us: int
) -> tuple[int, int]:
    """The part of the fee, as numerator and denominator; negative above the target."""
    agreed, of = target
    match formula:
        case "downtime-over-target":
            return unavailable_us * of, base_us * agreed
        case "shortfall":
            return agreed * base_us - (base_us - unavailable_us) * of, of * base_us
        case "pro-rata":
            return unavailable_us, base_us


def rounded(exact: Fraction, step: Decimal, rounding: Rounding = "half-up") -> Decimal:
    """The multiple of `step` nearest to an exact amount; no digit is lost on the way."""
    size, size_in = step.as_integer_ratio()
    steps_in = exact.denominator * size
    whole, rest = divmod(abs(exact.numerator) * size_in, steps_in)
    if _up(rounding, whole, 2 * rest - steps_in, rest):
        whole += 1
    return Decimal(-whole if exact < 0 else whole) * step


def _up(rounding: Rounding, whole: int, past_half: int, rest: int) -> bool:
    """Whether an amount is rounded away from zero."""
    match rounding:
        case "half-up":
            return past_half >= 0
        case "half-even":
            return past_half > 0 or (past_half == 0 and whole % 2 == 1)
        case "down":
            return False
        case "up":
            return rest > 0
