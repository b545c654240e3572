"""The catalogues: the same keys and placeholders in both languages, nothing empty or the same."""

from pathlib import Path
from string import Formatter

import pytest

from monitor.text import LANGUAGES, Language, Reason, catalogue, plain, say, values_of

TEXTS = Path(__file__).parents[2] / "monitor" / "texts"
AREAS = sorted({p.stem for p in TEXTS.glob("*/*.toml")} - {"help"})
SAME = {
    "declare.head-target",
    "sla.column-target",
    "alerts.agent",
    "alerts.severity-info",
    "alerts.title-opened",
    "cli.head-target",
    "cli.keys-origin",
    "cli.severity-info",
    "demo.closed",
    "demo.head-target",
    "demo.opened",
    "report.fact-origin",
    "report.head-program",
    "report.head-target",
}
"""Sentences that are rightly the same in both languages."""


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("area", AREAS)
def test_both_languages_have_the_same_keys(area: str) -> None:
    """A key that one language lacks would be a KeyError in front of a user."""
    english, own = (catalogue(lang, area) for lang in LANGUAGES)
    assert sorted(english) == sorted(own)


@pytest.mark.parametrize("area", AREAS)
def test_both_languages_have_the_same_placeholders(area: str) -> None:
    """A placeholder that one language lacks hides a value from its readers."""
    english, own = (catalogue(lang, area) for lang in LANGUAGES)
    assert [k for k in english if _placeholders(english[k]) != _placeholders(own[k])] == []


@pytest.mark.parametrize("area", AREAS)
def test_no_sentence_is_empty_or_untranslated(area: str) -> None:
    """A sentence says something, and in its own language."""
    english, own = (catalogue(lang, area) for lang in LANGUAGES)
    assert [k for k in english if not english[k].strip() or not own[k].strip()] == []
    same = {f"{area}.{k}" for k in english if english[k] == own[k]} - SAME
    assert same == set()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_reason_stands_in_another_sentence_without_its_full_stop(lang: Language) -> None:
    """In the same language, however it came: also as JSON from the running daemon."""
    why = Reason("verify.empty")
    alone = say("verify.empty", lang)
    assert alone.endswith(".")
    values = {"folder": "a", "what": why}
    for one in (values, values_of(plain(values))):
        told = say("report.archive", lang, **one)
        assert alone.removesuffix(".") in told
        assert ".." not in told
