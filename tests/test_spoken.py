"""Numbers, money and times as people write them."""

from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.spoken import day, length, moment, month, number, percent, rounded, rupiah
from monitor.text import Language
from policies.period import parse_period

KUPANG = ZoneInfo("Asia/Makassar")


@pytest.mark.parametrize(
    ("lang", "money", "share", "count"),
    [
        ("id", "Rp111.669,46", "98,889 %", "1.234.567,5"),
        ("en", "Rp111,669.46", "98.889 %", "1,234,567.5"),
    ],
)
def test_each_language_has_its_points(lang: Language, money: str, share: str, count: str) -> None:
    """Thousands and decimals are parted as readers expect."""
    assert rupiah(Decimal("111669.46"), lang) == money
    assert percent(Fraction(712, 720), lang) == share
    assert number(Decimal("1234567.5"), lang) == count
    assert rupiah(Decimal("10000000.00"), lang) in ("Rp10.000.000", "Rp10,000,000")


def test_dates_have_the_names_of_months() -> None:
    """23 November 2026, and Maret is March."""
    period = parse_period("2026-03-23..2026-11-23", KUPANG)
    assert day(period.last, "id") == day(period.last, "en") == "23 November 2026"
    assert (day(period.first, "id"), month(period.first, "en")) == ("23 Maret 2026", "March 2026")
    assert moment(period.window[0], KUPANG, "id") == "23 Maret 2026 00:00:00"


@pytest.mark.parametrize(
    ("us", "said"),
    [
        (None, "–"),
        (0, "0.0 s"),
        (1_500_000, "1.5 s"),
        (61_000_000, "1 min 1 s"),
        (3 * 3_600_000_000 + 300_000_000, "3 h 5 min"),
        (2 * 86_400_000_000, "2 d"),
    ],
)
def test_lengths_show_their_two_largest_units(us: int | None, said: str) -> None:
    """What is undefined is a dash, never 0."""
    assert length(us, "en") == said


@given(st.fractions(0, 1), st.fractions(0, 1, max_denominator=1000))
def test_rounding_never_crosses_the_goal(exact: Fraction, goal: Fraction) -> None:
    """A missed objective never reads as met, nor a met one as missed, down to nine decimals."""
    said = percent(exact, "en", goal)
    shown = Fraction(said.removesuffix(" %").replace(",", "")) / 100
    if abs(exact - goal) > Fraction(1, 10**11):
        assert (shown >= goal) == (exact >= goal)
    assert abs(shown - exact) <= Fraction(1, 10**5)
    assert percent(None, "en", goal) == "–"
    assert rounded(exact, 3) * 1000 == int(rounded(exact, 3) * 1000)
