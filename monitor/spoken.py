"""Numbers, money, times and lengths as people of either language write them. Pure.

Indonesian: 98,889 % · Rp111.669,46 · 23 November 2026 · 3 jam 5 menit.
English: 98.889 % · Rp111,669.46 · 23 November 2026 · 3 h 5 min.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from monitor.text import Language, say

_POINTS: Mapping[Language, tuple[str, str]] = {"en": (",", "."), "id": (".", ",")}
"""What parts thousands, and what stands before decimals."""
_MONTHS: Mapping[Language, str] = {
    "en": "January February March April May June July August September October November December",
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_DIGITS = 9


def number(value: Decimal | int, lang: Language) -> str:
    """With thousands parted; as many decimals as the value has."""
    thousands, point = _POINTS[lang]
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return text.replace(",", " ").replace(".", point).replace(" ", thousands)


def rounded(exact: Fraction, digits: int) -> Decimal:
    """The nearest decimal, half to even."""
    whole = exact * 10**digits
    return Decimal(round(whole)).scaleb(-digits)


def percent(exact: Fraction | None, lang: Language, goal: Fraction | None = None) -> str:
    """With three decimals, or with more where three would move it over the goal; "–": undefined.

    Rounding must not make a missed objective look met, nor a met one missed.
    """
    if exact is None:
        return "–"
    digits = 3
    while digits < MOST_DIGITS and goal is not None:
        shown = Fraction(rounded(exact * 100, digits)) / 100
        if (shown >= goal, shown > goal) == (exact >= goal, exact > goal):
            break
        digits += 1
    return f"{number(rounded(exact * 100, digits), lang)} %"


def rupiah(amount: Decimal, lang: Language) -> str:
    """An amount of money; the sen are left out where there are none."""
    exact = amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)
    whole = exact == exact.to_integral_value()
    return f"Rp{number(int(exact) if whole else exact, lang)}"


def day(value: date, lang: Language) -> str:
    """23 November 2026."""
    return f"{value.day} {_MONTHS[lang].split()[value.month - 1]} {value.year}"


def month(value: date, lang: Language) -> str:
    """November 2026."""
    return f"{_MONTHS[lang].split()[value.month - 1]} {value.year}"


def moment(at_us: int, zone: tzinfo, lang: Language) -> str:
    """A moment in a zone: 23 November 2026 14:05:00."""
    local = (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)
    return f"{day(local.date(), lang)} {local:%H:%M:%S}"


def milliseconds(us: int | Fraction | None, lang: Language) -> str:
    """A delay in milliseconds to the tenth; "–": undefined."""
    return "–" if us is None else f"{number(rounded(Fraction(us) / 1_000, 1), lang)} ms"


def length(us: int | Fraction | None, lang: Language) -> str:
    """A length of time in its two largest units; below a minute with decimals; "–": undefined."""
    if us is None:
        return "–"
    seconds = Fraction(us) / 1_000_000
    if seconds < 60:
        shown = rounded(seconds, 1)
        return say("cli.length-seconds", lang, count=number(shown, lang))
    left = round(seconds)
    parts = []
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("whole-seconds", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(say(f"cli.length-{unit}", lang, count=count))
    return " ".join(parts[:2])
