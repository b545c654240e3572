"""A check is told what the rules in force speak of; no user can write that."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from checks.tls.settings import TlsSettings, wishes_of
from monitor.config.json_schema import document
from monitor.config.loader import load
from monitor.config.problem import ConfigurationError
from monitor.daemon.answers import bare_items, in_full

RULES = """
policy: ours
version: 1
rules:
  - id: ours-suites
    title: {en: Suites, id: Suites}
    check: tls
    applies_to: target.key == "s"
    require: evidence.outside["rfc9325"] == [] && evidence.trusted
    severity: warning
    controls: [iso27001:A.8.24]
  - id: ours-order
    title: {en: Order, id: Urutan}
    check: tls
    applies_to: target.key == "t"
    require: evidence.cipher_suites.all(version, version != "SSLv2")
    severity: warning
    controls: [iso27001:A.8.24]
"""
SERVICES = """
services:
  s: {site: core, url: "tls://192.0.2.9"}
  t: {site: core, url: "tls://192.0.2.10", checks: {tls: {at_once: 2}}}
"""


def needs(folder: Path) -> dict[str, TlsSettings]:
    """The settings of the tls check, by target."""
    found = load(folder, date(2026, 11, 1)).assignments
    return {one.target: one.settings for one in found if isinstance(one.settings, TlsSettings)}


def test_each_series_is_told_the_facts_and_keys_of_its_own_rules(good: Path) -> None:
    """Facts by name, of a map the key that is written out, or that the whole is spoken of."""
    (good / "policies" / "ours.yaml").write_text(RULES)
    (good / "inventory" / "more.yaml").write_text(SERVICES)
    told = needs(good)
    assert told["s"].needs is not None
    assert told["t"].needs is not None
    assert {"trusted", "outside", "outside[rfc9325]"} <= told["s"].needs
    assert "cipher_suites" not in told["s"].needs
    assert {"cipher_suites", "cipher_suites[]"} <= told["t"].needs
    assert told["t"].at_once == 2
    wishes = wishes_of(told["s"], full=False)
    assert set(wishes.profiles) == {"rfc9325"}
    assert "cipher_suites" not in wishes.facts
    assert "cipher_suites" in wishes_of(told["s"], full=True).facts


def test_what_rules_need_is_no_setting(good: Path) -> None:
    """The schema has no such field, and a file that writes it is told that there is none."""
    assert "needs" not in document()["$defs"]["TlsSettings"]["properties"]
    wrong = SERVICES.replace("at_once: 2", "needs: [outside]")
    (good / "inventory" / "more.yaml").write_text(wrong)
    with pytest.raises(ConfigurationError) as caught:
        load(good, date(2026, 11, 1))
    assert any("needs" in str(one.values) for one in caught.value.problems)


def test_full_changes_the_checks_that_can_find_out_more() -> None:
    """`--full` turns a tls check to full and leaves the others as they are."""
    items = bare_items("https://127.0.0.1:8443/", None)
    assert [one.kind.name for one in items] == ["http", "tls"]
    http, tls = in_full(items, full=True)
    assert http is items[0]
    settings = tls.assignment.settings
    assert isinstance(settings, TlsSettings)
    assert (settings.mode, settings.port) == ("full", 8_443)
    assert replace(settings, mode="verdict") == items[1].assignment.settings
    assert in_full(items, full=False) == items
