"""The bundled packs hold what they promise against the checks as they are."""

import pytest
import yaml
from pydantic import TypeAdapter

from checks.base import CheckKind
from checks.table import KINDS
from policies.bundled import pack_names, pack_text
from policies.cases import run_cases
from policies.lint import lint
from policies.rule import Policy, PolicySource, compile_policy, default_rule

FACTS = {name: kind.evidence.FACTS for name, kind in KINDS.items()}


def load(name: str) -> Policy:
    """A pack, compiled."""
    source = TypeAdapter(PolicySource).validate_python(yaml.safe_load(pack_text(name)))
    return compile_policy(source, FACTS)


@pytest.mark.parametrize("name", pack_names())
def test_cases_pass(name: str) -> None:
    """Every case beside a bundled rule passes."""
    failed = [result for result in run_cases(load(name)) if not result.passed]
    assert failed == []


def test_lint_finds_nothing() -> None:
    """Bundled packs are clean together: titles, cases, controls, unique ids."""
    defaults = [f"{name}-available" for name, kind in KINDS.items() if kind.available]
    assert lint([load(name) for name in pack_names()], None, defaults) == []


def test_pack_is_its_policy() -> None:
    """A pack's file carries its policy's name."""
    assert [load(name).name for name in pack_names()] == list(pack_names())


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.available])
def test_default_availability_compiles(kind: CheckKind) -> None:
    """Each check's own idea of available fits its own evidence."""
    assert default_rule(kind.name, kind.available, kind.evidence.FACTS).availability
