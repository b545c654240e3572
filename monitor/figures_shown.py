"""Figures as the JSON of `sasando sla --json` has them. Pure; keys are stable.

Every ratio follows from the sums in µs that stand beside it; money is a text, exact.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

from monitor.accounting import Accounting, TargetTerms
from monitor.figures import Asked, Figure, Owed
from monitor.goals import UNITS
from monitor.spoken import length, number, percent, rounded
from monitor.text import Language, say
from policies.availability import Availability
from policies.outages import Outage
from policies.probes import Probes

RATIO_DIGITS = 9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY = TargetTerms(name="", kind="")


def rfc3339(at_us: int, zone: tzinfo) -> str:
    """A moment with the offset of a zone, to the µs."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone).isoformat()


def figures_shown(accounting: Accounting, asked: Asked, found: list[Figure]) -> dict[str, Any]:
    """The whole answer, but for the ledger it was computed from."""
    zone = asked.period.zone
    start, end = asked.period.window
    known = asked.window[1]
    return {
        "period": asked.period.text,
        "from": rfc3339(start, zone),
        "until": rfc3339(end, zone),
        "known_until": rfc3339(known, zone),
        "complete": known == end,
        "timezone": zone.key,
        "accounting_rules": accounting.version,
        "figures": [_figure(accounting, one, zone) for one in found],
    }


def _figure(accounting: Accounting, figure: Figure, zone: tzinfo) -> dict[str, Any]:
    terms = accounting.targets.get(figure.target, _NOBODY)
    unit = UNITS.get(figure.indicator, "ratio")
    return {
        "policy": figure.policy,
        "objective": figure.objective,
        "indicator": figure.indicator,
        "target": figure.target,
        "name": terms.name,
        "provider": terms.provider or None,
        "outcome": figure.outcome.value,
        "goal": float(figure.goal) / 1_000 if unit == "ms" else float(figure.goal),
        "worst": _shown(figure.worst, unit),
        "best": _shown(figure.best, unit),
        "unit": unit,
        "probes": None if figure.probes is None else _probes(figure.probes, figure.bound_us),
        "time_us": _sums(figure.sums),
        "outages": {
            "count": figure.times.count,
            "longest_ms": _ms(figure.times.longest_us),
            "mttr_ms": _ms(figure.times.mttr_us),
            "mtbf_ms": _ms(figure.times.mtbf_us),
            "list": [_outage(one, zone) for one in figure.outages],
        },
        "error_budget": None
        if figure.budget is None
        else {
            "allowed_ms": _ms(figure.budget.allowed_us),
            "spent_ms": _ms(figure.budget.spent_us),
            "left_ms": _ms(figure.budget.left_us),
            "left_at_worst_ms": _ms(figure.budget.left_at_worst_us),
        },
        "restitution": None if figure.owed is None else _owed(figure.owed),
    }


def _sums(sums: Availability) -> dict[str, Any]:
    return {
        "window": sums.window_us,
        "base": sums.base_us,
        "available": sums.available_us,
        "unavailable": sums.unavailable_us,
        "unobserved": sums.unseen_us,
        "unobserved_by_cause": dict(sums.unobserved_us),
        "maintenance": sums.maintenance_us,
        "excluded_by_cause": dict(sums.excluded_us),
        "outside_service_hours": sums.outside_us,
    }


def _outage(outage: Outage, zone: tzinfo) -> dict[str, Any]:
    return {
        "since": rfc3339(outage.started_us, zone),
        "until": None if outage.ended_us is None else rfc3339(outage.ended_us, zone),
        "unavailable_ms": _ms(outage.unavailable_us),
    }


def _owed(owed: Owed) -> dict[str, Any]:
    return {
        "fee": _money(owed.fee),
        "amount": _money(owed.seen.amount),
        "capped": owed.seen.capped,
        "worst_amount": _money(owed.worst.amount),
    }


def _money(amount: Decimal) -> str:
    return f"{amount:f}"


def _probes(probes: Probes, bound_us: int | None) -> dict[str, Any]:
    """The singletons that were sent while the service was owed."""
    return {
        "sent": probes.sent,
        "received": probes.received,
        "within": None if bound_us is None else probes.within,
        "bound_ms": _ms(bound_us),
    }


def spoken(value: Fraction | None, figure: Figure, lang: Language) -> str:
    """A worst or best case for people; "–": undefined."""
    unit = UNITS.get(figure.indicator)
    if unit == "ms":
        return length(value, lang)
    if unit == "count":
        return "–" if value is None else number(int(value), lang)
    return percent(value, lang, Fraction(figure.goal))


def goal_spoken(figure: Figure, lang: Language) -> str:
    """What was to be reached, for people; of delay with the bound in ms."""
    shown = spoken(Fraction(figure.goal), figure, lang)
    if figure.bound_us is None:
        return shown
    bound = number(rounded(Fraction(figure.bound_us, 1_000), 3).normalize(), lang)
    return say("sla.within", lang, share=shown, bound=bound)


def _shown(value: Fraction | None, unit: str) -> float | None:
    if unit == "count":
        return None if value is None else float(value)
    return _ms(value) if unit == "ms" else _ratio(value)


def _ratio(value: Fraction | None) -> float | None:
    return None if value is None else float(rounded(value, RATIO_DIGITS))


def _ms(us: int | Fraction | None) -> float | None:
    return None if us is None else float(Fraction(us) / 1_000)
