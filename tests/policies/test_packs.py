"""The bundled packs hold what they promise against the checks as they are."""

import re

import pytest
import yaml
from pydantic import TypeAdapter

from checks.base import CheckKind
from checks.table import KINDS
from checks.tls.profiles import PROFILES, Profile
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


@pytest.mark.parametrize("name", pack_names())
def test_profiles_that_packs_ask_for_exist(name: str) -> None:
    """No rule asks for what is outside of a profile that nobody looks for."""
    asked = re.findall(r"""outside\["([^"]*)"\]""", pack_text(name))
    assert set(asked) <= set(PROFILES)


@pytest.mark.parametrize(
    "profile",
    [one for one in PROFILES.values() if one.name in pack_names()],
    ids=lambda profile: profile.name,
)
def test_packs_say_what_their_profile_says(profile: Profile) -> None:
    """Versions, curves, signatures, key and prime sizes and lifetime are those of the profile."""
    rules = {
        rule.id.removeprefix(f"{profile.name.replace('.', '-')}-"): rule.require.text
        for rule in load(profile.name).rules
    }
    assert _lists(rules["protocols"]) == [list(profile.versions)] * 2
    if profile.curves is not None:
        assert _lists(rules["key"]) == [list(profile.curves)]
    if profile.signatures is not None:
        assert _lists(rules["signature"]) == [list(profile.signatures)]
    if profile.lifetime_days is not None:
        assert f"<= {profile.lifetime_days}.0" in rules["lifetime"]
    if "rsa" in profile.keys:
        assert f"evidence.key_bits >= {profile.keys['rsa']}" in rules["key"]
    if "dh-bits" in rules:
        assert f"evidence.dh_bits >= {profile.dh_bits}" in rules["dh-bits"]
    assert f'evidence.outside["{profile.name}"]' in rules["suites"]
    assert f'evidence.groups_outside["{profile.name}"]' in rules["groups"]


def _lists(text: str) -> list[list[str]]:
    """The lists of texts in an expression."""
    return [re.findall(r'"([^"]*)"', inner) for inner in re.findall(r"\bin\s+\[([^]]*)\]", text)]
