"""Which rules judge, in which order, and waivers."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from monitor.model import Compliant, Violated
from policies.rule import Policy, Rule, RuleSource, WaiverSource
from policies.selection import applicable, judge_all, waiver_of

ICMP = {"received": "int"}


def us(text: str) -> int:
    """UTC µs of a time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def ids(rules: tuple[Rule | None, ...]) -> list[str]:
    """policy/rule of each."""
    return ["-" if rule is None else f"{rule.policy}/{rule.id}" for rule in rules]


def test_order(policy: Callable[..., Policy]) -> None:
    """The check's own rule comes first, then policies and rules by name; others are left out."""
    b = policy(RuleSource(id="z", check="icmp", require="true"), policy="b")
    a = policy(
        RuleSource(id="y", check="icmp", require="true"),
        RuleSource(id="x", check="icmp", require="true"),
        RuleSource(id="other", check="tls", require="true"),
        RuleSource(id="no", check="icmp", require="true", applies_to="false"),
        policy="a",
    )
    selected = applicable([b, a], {}, "icmp", "evidence.received > 0", ICMP)
    assert ids(selected) == ["default/icmp-available", "a/x", "a/y", "b/z"]


def test_own_availability(policy: Callable[..., Policy]) -> None:
    """A rule with `availability` replaces the check's own one only where it applies."""
    own = policy(
        RuleSource(
            id="own",
            check="icmp",
            require="true",
            availability=True,
            applies_to='target.kind == "link"',
        )
    )
    link = applicable((own,), {"kind": "link"}, "icmp", "evidence.received > 0", ICMP)
    site = applicable((own,), {"kind": "site"}, "icmp", "evidence.received > 0", ICMP)
    assert (ids(link), ids(site)) == (["p/own"], ["default/icmp-available"])


def test_check_without_availability() -> None:
    """Where the check says nothing of availability the first place is empty."""
    assert applicable((), {}, "tls", "", {}) == (None,)


@pytest.mark.parametrize(
    ("target", "at", "waived"),
    [
        ("a", "2026-10-31T23:59:59", True),
        ("a", "2026-11-01T00:00:00", False),
        ("b", "2026-10-01T00:00:00", False),
    ],
)
def test_waiver(policy: Callable[..., Policy], target: str, at: str, waived: bool) -> None:
    """A waiver covers its target through its last day; the violation still shows."""
    waiver = WaiverSource(target="a", justification="j", until=date(2026, 10, 31), author="x")
    made = policy(RuleSource(id="r", check="icmp", require="evidence.sent > 0", waivers=[waiver]))
    (judged,) = judge_all(made.rules, {"sent": 0}, {"key": target}, us(at))
    assert judged.verdict == Violated(reasons=("sent 0 <= 0",))
    assert judged.waiver == (waiver if waived else None)
    (good,) = judge_all(made.rules, {"sent": 1}, {"key": target}, us(at))
    assert (good.verdict, good.waiver) == (Compliant(), None)
    assert (waiver_of(made.rules[0], {"key": target}, us(at)) is not None) == waived


def test_second_availability_rule_still_judges(policy: Callable[..., Policy]) -> None:
    """Of two rules that say what available means the first does, and the other is not lost."""
    one = RuleSource(id="b", check="icmp", require="true", availability=True)
    two = RuleSource(id="c", check="icmp", require="true", availability=True)
    other = RuleSource(id="a", check="icmp", require="true")
    selected = applicable((policy(one, two, other),), {}, "icmp", "evidence.received > 0", ICMP)
    assert ids(selected) == ["p/b", "p/a", "p/c"]
