"""Error budgets and burn rates of an availability objective: exact Fractions. Pure."""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


class ErrorBudget(NamedTuple):
    """How much unavailable time a window allows, and how much of it is spent."""

    agreed: Fraction
    """The objective, from 0 to 1."""
    base_us: int
    spent_us: int
    """Unavailable time that was seen."""
    unseen_us: int
    """Unobserved time: at worst it was unavailable too."""

    @property
    def allowed_us(self) -> Fraction:
        """Unavailable time that the objective allows of the base."""
        return (1 - self.agreed) * self.base_us

    @property
    def left_us(self) -> Fraction:
        """What is left at best; negative when the objective is missed."""
        return self.allowed_us - self.spent_us

    @property
    def left_at_worst_us(self) -> Fraction:
        """What is left when all that nobody saw was unavailable."""
        return self.left_us - self.unseen_us

    @property
    def spent(self) -> Fraction | None:
        """The part that is spent; None where nothing is allowed."""
        return Fraction(self.spent_us) / self.allowed_us if self.allowed_us else None


def burn_rate(target: Fraction, available_us: int, unavailable_us: int) -> Fraction | None:
    """How many times faster than allowed the budget is spent, over observed time.

    At 1 the budget of a window ends with the window. None where nothing was observed or
    nothing is allowed.
    """
    observed = available_us + unavailable_us
    if not observed or target >= 1:
        return None
    return Fraction(unavailable_us, observed) / (1 - target)


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnAlarm:
    """Somebody is told when both the long and the short window burn at `rate` or faster.

    Google, The Site Reliability Workbook, chapter 5 (multiwindow, multi-burn-rate alerts).
    """

    name: str
    long_us: int
    short_us: int
    budget: Fraction
    """The part of a 30-day budget that is gone after the long window at this rate."""

    @property
    def rate(self) -> Fraction:
        """The burn rate from which on it tells."""
        return self.budget * 30 * DAY_US / self.long_us

    def tells(self, long: Fraction | None, short: Fraction | None) -> bool:
        """Whether these burn rates of the two windows are to be told; undefined ones are not."""
        return long is not None and short is not None and min(long, short) >= self.rate


BURN_ALARMS = (
    BurnAlarm(name="page-1h", long_us=HOUR_US, short_us=HOUR_US // 12, budget=Fraction(2, 100)),
    BurnAlarm(name="page-6h", long_us=6 * HOUR_US, short_us=HOUR_US // 2, budget=Fraction(5, 100)),
    BurnAlarm(name="ticket-1d", long_us=DAY_US, short_us=2 * HOUR_US, budget=Fraction(10, 100)),
    BurnAlarm(name="ticket-3d", long_us=3 * DAY_US, short_us=6 * HOUR_US, budget=Fraction(10, 100)),
)
