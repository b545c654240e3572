"""The two catalogues of the alerts say the same things."""

import re
import string
from pathlib import Path

from alerts.message import EMERGENCIES
from alerts.receipt import receipt_sentence
from monitor.text import LANGUAGES, catalogue

SOURCES = Path(__file__).parents[2] / "alerts"


def placeholders(sentence: str) -> set[str]:
    """The names that a sentence wants to be filled in."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    """Nothing is missing or extra on either side."""
    english, indonesian = catalogue("en", "alerts"), catalogue("id", "alerts")
    assert english.keys() == indonesian.keys()
    for key, sentence in english.items():
        assert placeholders(sentence) == placeholders(indonesian[key]), key


def test_no_sentence_was_left_untranslated() -> None:
    """Only words that are the same in both languages may be equal."""
    english, indonesian = catalogue("en", "alerts"), catalogue("id", "alerts")
    same = {key for key in english if english[key] == indonesian[key]}
    assert same == {"title-opened", "severity-info"}


def test_every_key_that_the_code_names_exists() -> None:
    """Each `alerts.<name>` literal, and each emergency, is in the catalogue."""
    code = "".join(path.read_text() for path in SOURCES.glob("*.py"))
    named = set(re.findall(r'say\(\s*f?"alerts\.([a-z-]+)"', code))
    named |= set(re.findall(r'_(?:line|moment)\("([a-z-]+)"', code))
    named |= {f"emergency-{name}" for name in EMERGENCIES}
    assert len(named) > 30
    assert named <= catalogue("en", "alerts").keys()


def test_every_receipt_has_its_own_sentence() -> None:
    """A code that nobody knows reads as a plain refusal."""
    names = [key for key in catalogue("en", "alerts") if key.startswith("receipt-")]
    for lang in LANGUAGES:
        codes = [name.removeprefix("receipt-") for name in names]
        assert len({receipt_sentence(code, lang) for code in codes}) == len(names)
        assert "503" in receipt_sentence("http-503", lang)
        assert "451" in receipt_sentence("smtp-451", lang)
        assert "JSON" in receipt_sentence("accepted:JSON", lang)
        assert receipt_sentence("what", lang) == receipt_sentence("failed", lang)
