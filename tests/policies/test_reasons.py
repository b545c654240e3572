"""Reasons: the parts that broke a rule, with their values."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Compliant, Violated
from policies.rule import Rule
from policies.show import LONGEST, cut, decimals, show

ICMP = {"sent": 5, "received": 3, "loss": 0.4, "delay_ms.median": 812.4567891}
TLS = {
    "trusted": False,
    "protocols": ["TLSv1.0", "TLSv1.2", "SSLv3"],
    "not_after": "2026-01-01T00:00:00Z",
    "chain": [{"subject": "x"}],
    "subject": "x\ny\u202e",
    "days_left": 9,
    "lifetime_days": 90,
}


@pytest.mark.parametrize(
    ("require", "reasons"),
    [
        ("evidence.loss <= 0.05", ["loss 0.40 > 0.05"]),
        ("0.05 >= evidence.loss", ["loss 0.40 > 0.05"]),
        ("evidence.loss < 0.4", ["loss 0.4 >= 0.4"]),
        ("evidence.loss <= 0.39999999", ["loss 0.40000000 > 0.39999999"]),
        ("evidence.delay_ms.median <= 750.0", ["delay_ms.median 812.4568 > 750"]),
        ("evidence.sent != 5", ["sent 5 == 5"]),
        ("evidence.sent in [1, 2]", ["sent 5 not in [1, 2]"]),
        ("evidence.received == evidence.sent", ["received 3 != sent 5"]),
        ("evidence.loss <= 0.05 && evidence.sent == 5", ["loss 0.40 > 0.05"]),
        (
            "evidence.loss <= 0.05 && (evidence.sent == 4 && evidence.received == 3)",
            ["loss 0.40 > 0.05", "sent 5 != 4"],
        ),
        ("evidence.loss <= 0.05 || evidence.sent == 4", ["loss 0.40 > 0.05 && sent 5 != 4"]),
        ("evidence.delay_ms.max <= 1.0 && evidence.sent == 4", ["sent 5 != 4"]),
        (
            "evidence.sent - evidence.received <= 1",
            ["sent - received 2 > 1 (sent 5, received 3)"],
        ),
        ("!(evidence.sent == 5)", ["!(sent == 5) false (sent 5)"]),
        (
            "evidence.sent > 9 ? true : evidence.loss < 0.1",
            ["sent > 9 ? true : loss < 0.1 false (sent 5, loss 0.4)"],
        ),
        ("target.kind == 'site'", ["target.kind link != site"]),
        ("'public' in target.labels", ["public not in target.labels {}"]),
    ],
)
def test_icmp(rule: Callable[..., Rule], require: str, reasons: list[str]) -> None:
    """The failing parts speak, each with its value and the negated operator."""
    verdict = rule(require).judge(ICMP, {"kind": "link", "labels": {}})
    assert verdict == Violated(reasons=tuple(reasons))


@pytest.mark.parametrize(
    ("require", "reasons"),
    [
        (
            'evidence.protocols.all(p, p in ["TLSv1.2", "TLSv1.3"])',
            ["protocols TLSv1.0, SSLv3 not in [TLSv1.2, TLSv1.3]"],
        ),
        (
            'evidence.protocols.all(p, !(p in ["SSLv3", "SSLv2"]))',
            ["protocols SSLv3 in [SSLv3, SSLv2]"],
        ),
        (
            'evidence.protocols.all(p, p != "SSLv3" && !(p in ["x"]))',
            ['protocols SSLv3: !(p != "SSLv3" && !(p in ["x"]))'],
        ),
        (
            'evidence.protocols.all(p, p.startsWith("TLS"))',
            ['protocols SSLv3: !(p.startsWith("TLS"))'],
        ),
        (
            'evidence.protocols.exists(p, p == "x")',
            ['protocols.exists(p, p == "x") false (protocols [TLSv1.0, TLSv1.2, SSLv3])'],
        ),
        (
            'evidence.chain.all(c, c["subject"] == "y")',
            ['chain {subject: x}: !(c["subject"] == "y")'],
        ),
        ("evidence.trusted", ["trusted false"]),
        ("!(!evidence.trusted)", ["!(!trusted) false (trusted false)"]),
        ("evidence.subject == 'x'", ['subject "x\\ny\\u202e" != x']),
        (
            "evidence.not_after > timestamp('2027-01-01T00:00:00Z')",
            ["not_after 2026-01-01T00:00:00Z <= 2027-01-01T00:00:00Z"],
        ),
        (
            "evidence.days_left / evidence.lifetime_days >= 0.33",
            ["days_left / lifetime_days 0.10 < 0.33 (days_left 9, lifetime_days 90)"],
        ),
        (
            "evidence.subject == 'evidence.trusted'",
            ['subject "x\\ny\\u202e" != evidence.trusted'],
        ),
    ],
)
def test_tls(rule: Callable[..., Rule], require: str, reasons: list[str]) -> None:
    """Elements that break an `all` are named; hostile characters are escaped."""
    verdict = rule(require, check="tls").judge(TLS, {})
    assert verdict == Violated(reasons=tuple(reasons))


def test_long_values_are_cut(rule: Callable[..., Rule]) -> None:
    """A peer's megabyte becomes two hundred characters."""
    verdict = rule("evidence.subject == 'x'", check="tls").judge({"subject": "y" * 10**6}, {})
    assert isinstance(verdict, Violated)
    assert len(verdict.reasons[0]) == LONGEST


@given(st.text())
def test_shown_text_is_printable(text: str) -> None:
    """Nothing a peer sends can move the cursor or turn the line."""
    assert show(text).isprintable()
    assert len(cut(text)) <= LONGEST


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimals_read_back_near(value: float) -> None:
    """A shown float is the value to four decimals or four digits."""
    assert float(decimals(value)) == pytest.approx(value, rel=6e-4, abs=6e-5)


@given(st.floats(0, 1), st.floats(0, 1).map(lambda bound: round(bound, 3)))
def test_reason_is_true(loss: float, bound: float) -> None:
    """The numbers in a reason stand to each other as the reason says."""
    rule = _loss_rule(bound)
    verdict = rule.judge({"loss": loss}, {})
    if isinstance(verdict, Compliant):
        assert loss <= float(f"{bound:f}")
        return
    assert isinstance(verdict, Violated)
    name, value, operator, limit = verdict.reasons[0].split(" ")
    assert (name, operator) == ("loss", ">")
    assert float(value) > float(limit)


def _loss_rule(bound: float) -> Rule:
    from policies.rule import PolicySource, RuleSource, compile_policy

    source = RuleSource(id="r", check="icmp", require=f"evidence.loss <= {bound:f}")
    policy = PolicySource(policy="p", version=1, rules=[source])
    return compile_policy(policy, {"icmp": {"loss": "double"}}).rules[0]
