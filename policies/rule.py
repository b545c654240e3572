"""The policy language's front door: sources, compiled rules, and the way from one to the other."""

from policies.compiling import Facts, compile_applies, compile_policy, default_rule
from policies.errors import ExpressionError, PolicyError, PolicyErrors
from policies.judge import DEFAULT_POLICY, Case, Control, Policy, Rule
from policies.objective import Objective
from policies.source import (
    CaseSource,
    ConfirmSource,
    ControlSource,
    LossSource,
    ObjectiveSource,
    PolicySource,
    RuleSource,
    Title,
    WaiverSource,
    WindowSource,
)

__all__ = [
    "DEFAULT_POLICY",
    "Case",
    "CaseSource",
    "ConfirmSource",
    "Control",
    "ControlSource",
    "ExpressionError",
    "Facts",
    "LossSource",
    "Objective",
    "ObjectiveSource",
    "Policy",
    "PolicyError",
    "PolicyErrors",
    "PolicySource",
    "Rule",
    "RuleSource",
    "Title",
    "WaiverSource",
    "WindowSource",
    "compile_applies",
    "compile_policy",
    "default_rule",
]
