"""Facts and a way to compile one rule, for the tests of the policy language."""

from collections.abc import Callable
from typing import Any

import pytest

from policies.rule import Policy, PolicySource, Rule, RuleSource, compile_policy

FACTS: dict[str, dict[str, str]] = {
    "icmp": {
        "sent": "int",
        "received": "int",
        "loss": "double",
        "delay_ms.median": "double",
        "delay_ms.max": "double",
    },
    "tls": {
        "trusted": "bool",
        "protocols": "list<string>",
        "not_after": "timestamp",
        "chain": "list<map<string,string>>",
        "subject": "string",
        "days_left": "double",
        "lifetime_days": "double",
    },
}


@pytest.fixture
def facts() -> dict[str, dict[str, str]]:
    """The facts of two checks."""
    return FACTS


@pytest.fixture
def rule() -> Callable[..., Rule]:
    """Compiles one rule."""

    def build(require: str, check: str = "icmp", **more: Any) -> Rule:
        source = RuleSource(id="r", check=check, require=require, **more)
        return compile_policy(PolicySource(policy="p", version=1, rules=[source]), FACTS).rules[0]

    return build


@pytest.fixture
def policy() -> Callable[..., Policy]:
    """Compiles one policy."""

    def build(*rules: RuleSource, **more: Any) -> Policy:
        named = {"policy": "p", "version": 1, **more}
        return compile_policy(PolicySource(rules=list(rules), **named), FACTS)

    return build
