"""The cases written beside the rules: run, and compared with what they promise."""

from dataclasses import dataclass

from monitor.model import VERDICT_WORDS, Indeterminate, Verdict, Violated
from policies.judge import Case, Policy, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What one case came to. `index` counts the rule's cases from 0."""

    policy: str
    rule: str
    index: int
    expected: str
    got: str
    verdict: Verdict
    passed: bool

    @property
    def detail(self) -> str:
        """Reasons, or why there is no verdict; no language."""
        match self.verdict:
            case Violated(reasons=reasons):
                return "; ".join(reasons)
            case Indeterminate(why=why, detail=detail):
                return f"{why} {detail}".strip()
        return ""


def run_cases(policy: Policy) -> list[CaseResult]:
    """Every case of every rule, in the order of the file."""
    return [
        run_case(rule, case, index)
        for rule in policy.rules
        for index, case in enumerate(rule.cases)
    ]


def run_case(rule: Rule, case: Case, index: int) -> CaseResult:
    """One case; expected reasons, where given, must be the exact ones."""
    verdict = rule.judge(case.evidence, {**_EMPTY_TARGET, **case.target})
    got = VERDICT_WORDS[type(verdict)]
    shown = verdict.reasons if isinstance(verdict, Violated) else ()
    return CaseResult(
        policy=rule.policy,
        rule=rule.id,
        index=index,
        expected=case.verdict,
        got=got,
        verdict=verdict,
        passed=got == case.verdict and (case.reasons is None or case.reasons == shown),
    )


_EMPTY_TARGET: dict[str, object] = {
    **dict.fromkeys(("key", "kind", "name", "site", "role", "provider", "medium", "kecamatan"), ""),
    "labels": {},
    "parents": [],
}
"""A target of a case that says nothing of it."""
