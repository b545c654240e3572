"""Cases beside rules, findings, explanations and the bundled packs."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from monitor.model import Indeterminate, Kind, Target
from policies.books import CONTROLS
from policies.bundled import pack_names, pack_text
from policies.cases import run_cases
from policies.explain import explain
from policies.lint import lint
from policies.rule import CaseSource, ObjectiveSource, Policy, Rule, RuleSource, WaiverSource

GOOD = CaseSource(evidence={"loss": 0}, verdict="compliant")
BAD = CaseSource(evidence={"loss": 0.4}, verdict="violated", reasons=["loss 0.40 > 0.05"])
TITLE: Any = {"en": "Loss", "id": "Kehilangan"}


def loss(**more: Any) -> RuleSource:
    """A rule that lint has nothing against, changed."""
    fields = {"id": "loss", "tests": [GOOD, BAD], "title": TITLE, **more}
    return RuleSource(check="icmp", require="evidence.loss <= 0.05", **fields)


def codes(*policies: Policy, targets: Any = None) -> list[tuple[str, str]]:
    """(rule, code) of each finding; both sentences can be said."""
    findings = lint(policies, targets, ["icmp-available"])
    assert all(finding.sentence("en") and finding.sentence("id") for finding in findings)
    return [(finding.rule, finding.code) for finding in findings]


def test_cases(policy: Callable[..., Policy]) -> None:
    """A case passes when verdict and, where given, reasons are the expected ones."""
    wrong = CaseSource(evidence={"loss": 0.4}, verdict="violated", reasons=["loss"])
    other = CaseSource(evidence={}, verdict="compliant")
    results = run_cases(policy(loss(tests=[GOOD, BAD, wrong, other])))
    assert [(r.index, r.passed, r.got, r.detail) for r in results] == [
        (0, True, "compliant", ""),
        (1, True, "violated", "loss 0.40 > 0.05"),
        (2, False, "violated", "loss 0.40 > 0.05"),
        (3, False, "indeterminate", "undefined loss"),
    ]


def test_case_target(policy: Callable[..., Policy]) -> None:
    """A case may say something of the target; the rest of it is empty."""
    case = CaseSource(evidence={}, verdict="compliant", target={"labels": {"public": "yes"}})
    rule = RuleSource(
        id="r",
        check="icmp",
        require='"public" in target.labels && target.role == ""',
        tests=[case],
    )
    assert [result.passed for result in run_cases(policy(rule))] == [True]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"title": {"en": "x"}}, "lint-no-title-id"),
        ({"title": {"id": "x"}}, "lint-no-title-en"),
        ({"tests": []}, "lint-no-cases"),
        ({"tests": [GOOD]}, "lint-no-violated-case"),
        ({"tests": [BAD]}, "lint-no-compliant-case"),
        ({"controls": ["iso27001:8.24"]}, "lint-control"),
        ({"controls": ["A.8.24"]}, "lint-control"),
        ({"controls": ["iso27001:A.8.24", "bssn-4-2021:33.2.k", "nist-800-53:CP-8(2)"]}, None),
        ({"tests": [GOOD, BAD, CaseSource(evidence={}, verdict="violated")]}, "lint-case-fails"),
        ({}, None),
    ],
)
def test_rule_findings(
    policy: Callable[..., Policy], changed: dict[str, Any], code: str | None
) -> None:
    """One doubt about a rule gives one finding."""
    assert codes(policy(loss(**changed))) == ([("loss", code)] if code else [])


def test_always(policy: Callable[..., Policy]) -> None:
    """A rule whose tests all come out the same is doubted."""
    assert ("loss", "lint-always") in codes(policy(loss(tests=[GOOD, GOOD])))


def test_sets_of_policies(policy: Callable[..., Policy]) -> None:
    """Ids are unique over all policies; objectives name rules, of one check."""
    tls = RuleSource(
        id="trusted",
        check="tls",
        require="evidence.trusted",
        title=TITLE,
        tests=[
            CaseSource(evidence={"trusted": True}, verdict="compliant"),
            CaseSource(evidence={"trusted": False}, verdict="violated"),
        ],
    )
    named = ObjectiveSource(
        id="o",
        indicator="availability",
        target="99%",
        measured_by=["loss", "trusted", "icmp-available", "gone"],
    )
    first = policy(loss(), tls, objectives=[named], policy="a")
    assert codes(first, policy(loss(), policy="b")) == [
        ("loss", "lint-double-id"),
        ("o", "lint-measured-by"),
        ("o", "lint-mixed-checks"),
    ]


def test_empty_is_not_compliant(policy: Callable[..., Policy]) -> None:
    """A policy without rules and a rule without targets are findings, never silence."""
    link = Target(key="l", kind=Kind.LINK, name="L")
    waiver = WaiverSource(target="gone", justification="j", until=date(2026, 1, 1), author="x")
    assert codes(policy()) == [("", "lint-no-rules")]
    made = policy(loss(applies_to='target.kind == "site"', waivers=[waiver]))
    assert codes(made, targets=[(link, {"icmp"})]) == [
        ("loss", "lint-no-target"),
        ("loss", "lint-waiver-target"),
    ]
    assert codes(policy(loss()), targets=[(link, {"tcp"})]) == [("loss", "lint-no-target")]
    assert codes(policy(loss()), targets=[(link, {"icmp"})]) == []


def test_rivals(policy: Callable[..., Policy]) -> None:
    """Two rules that both say what available means for a target are an error."""
    link = Target(key="l", kind=Kind.LINK, name="L")
    made = policy(loss(availability=True), loss(id="more", availability=True))
    assert codes(made, targets=[(link, {"icmp"})]) == [("more", "lint-rival")]


def test_explanation(rule: Callable[..., Rule]) -> None:
    """Every part of the expression stands with its value."""
    built = rule("evidence.loss <= 0.05 && evidence.delay_ms.median <= 10.0 && evidence.sent > 0")
    explanation = explain(built, {"loss": 0.02, "sent": 5}, {})
    whole = "loss <= 0.05 && delay_ms.median <= 10.0 && sent > 0"
    unknown = "undefined delay_ms.median"
    assert [(s.depth, s.text, s.value, s.outcome) for s in explanation.steps] == [
        (0, whole, unknown, "indeterminate"),
        (1, "loss <= 0.05", "true", "true"),
        (2, "loss", "0.02", ""),
        (1, "delay_ms.median <= 10.0", unknown, "indeterminate"),
        (2, "delay_ms.median", unknown, "indeterminate"),
        (1, "sent > 0", "true", "true"),
        (2, "sent", "5", ""),
    ]  # fmt: skip
    assert explanation.verdict == Indeterminate(why="undefined", detail="delay_ms.median")
    assert explanation.facts == (("delay_ms.median", ""), ("loss", "0.02"), ("sent", "5"))
    assert explanation.applies


def test_explanation_inside_all(rule: Callable[..., Rule]) -> None:
    """The body of a comprehension has no value of its own and is not a step."""
    built = rule("evidence.protocols.all(p, p == 'a') && size(evidence.protocols) > 0", check="tls")
    steps = explain(built, {"protocols": ["b"]}, {}).steps
    assert [step.text for step in steps] == [
        "protocols.all(p, p == 'a') && size(protocols) > 0",
        "protocols.all(p, p == 'a')",
        "protocols",
        "size(protocols) > 0",
        "size(protocols)",
        "protocols",
    ]


def test_pack_names() -> None:
    """The packs are those whose evidence exists."""
    assert pack_names() == (
        "agent-health",
        "availability",
        "bssn-4-2021",
        "delay-and-loss",
        "gateway-redundancy",
        "iso27001-2022",
        "mozilla-intermediate-5.8",
        "mozilla-intermediate-6.0",
        "mozilla-modern-5.8",
        "mozilla-modern-6.0",
        "page-integrity",
        "paths",
        "redundancy",
        "rfc9325",
        "tls-baseline",
        "tls-post-quantum",
        "web-posture",
    )
    with pytest.raises(KeyError):
        pack_text("../rule.py")


def test_control_books_have_forms() -> None:
    """Every rule book has a form for its ids."""
    assert all(CONTROLS.values())
