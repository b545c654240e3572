"""Policies that list the controls of a rule book."""

from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from policies.aspects import ASPECTS
from policies.books import CONTROLS
from policies.bundled import pack_names, pack_text
from policies.lint import lint
from policies.rule import Policy, PolicyErrors, PolicySource, compile_policy

PACKS = ("iso27001-2022", "bssn-4-2021")


def book(**more: Any) -> Policy:
    """A policy of one control, with what a test changes."""
    plain = {
        "policy": "own",
        "version": 1,
        "book": "cis-8",
        "controls": [{"id": "12.2", "title": {"en": "Networks", "id": "Jaringan"}}],
        **more,
    }
    return compile_policy(TypeAdapter(PolicySource).validate_python(plain), {})


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_lists_what_aspects_and_rules_name(name: str) -> None:
    """No control of the book that an aspect or a bundled rule names is absent from its report."""
    pack = yaml.safe_load(pack_text(name))
    rules = [
        rule for one in pack_names() for rule in yaml.safe_load(pack_text(one)).get("rules", [])
    ]
    named = {c for one in ASPECTS for c in one.controls} | {
        c for rule in rules for c in rule.get("controls", [])
    }
    listed = {f"{pack['book']}:{one['id']}" for one in pack["controls"]}
    assert {one for one in named if one.startswith(f"{pack['book']}:")} <= listed


def test_a_control_that_no_probe_can_see_is_of_attested_aspects_alone() -> None:
    """What is attested in a pack belongs to no aspect that some check counts to."""
    for name in PACKS:
        pack = yaml.safe_load(pack_text(name))
        for one in pack["controls"]:
            naming = [a for a in ASPECTS if a.names([f"{pack['book']}:{one['id']}"])]
            if one.get("attested"):
                assert not any(aspect.checks for aspect in naming), one["id"]


def test_a_policy_of_controls_needs_no_rules() -> None:
    """And one with neither is still an error: empty is not compliant."""
    assert lint([book()], None) == []
    found = lint([book(controls=[])], None)
    assert [(one.level, one.code) for one in found] == [("error", "lint-no-rules")]


def test_a_control_without_a_title_is_doubtful() -> None:
    """In each language on its own."""
    (one,) = lint([book(controls=[{"id": "12.2", "title": {"en": "x"}}])], None)
    assert (one.code, one.values) == ("lint-control-title-id", {"control": "12.2"})


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"book": ""}, "control-book"),
        ({"book": "iso9001"}, "control-book"),
        ({"controls": [{"id": "cis-8:12.2"}]}, "control-id"),
        ({"controls": [{"id": "12.2"}, {"id": "12.2"}]}, "double-id"),
    ],
)
def test_a_wrong_book_is_told(more: dict[str, Any], code: str) -> None:
    """With what to write instead, in both languages."""
    with pytest.raises(PolicyErrors) as caught:
        book(**more)
    (error,) = caught.value.errors
    assert error.code == code
    assert error.sentence("en") != error.sentence("id")


def test_every_book_is_named_by_its_form() -> None:
    """A pack of this program is of a book that rules can name."""
    assert {yaml.safe_load(pack_text(name))["book"] for name in PACKS} <= CONTROLS.keys()
