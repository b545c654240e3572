"""The pages of the checks say what the code has, in both languages."""

import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from checks.table import KINDS
from monitor.model import FaultKind, parse_duration

ROOT = Path(__file__).parents[2]
LANGUAGES = {"en": "", "id": ".id"}


def rows(kind: str, suffix: str, heading: str) -> dict[str, list[str]]:
    """The cells of each table row below a heading of a page, by its first cell."""
    text = (ROOT / f"docs/checks/{kind}{suffix}.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = section.splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    return {first.strip("`"): rest for first, *rest in cells}


@pytest.mark.parametrize("suffix", LANGUAGES.values(), ids=LANGUAGES)
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"icmp"}))
def test_every_option_and_fact_is_documented(kind: str, suffix: str) -> None:
    """Each option with its default's duration or number, and each fact with its type, has a row."""
    found = rows(kind, suffix, "Opsi" if suffix else "Options")
    for item in fields(KINDS[kind].settings):
        if item.metadata.get("derived"):
            continue
        assert item.name in found
        if item.default is not MISSING and isinstance(item.default, int):
            default = found[item.name][0].strip("`")
            plain = default == str(item.default).lower()
            assert plain or parse_duration(default) == item.default
    found = rows(kind, suffix, "Fakta" if suffix else "Facts")
    for name, notation in KINDS[kind].evidence.FACTS.items():
        assert notation in found[name]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_check_and_fault_has_its_words(lang: str) -> None:
    """Each kind of check and each kind of fault has a sentence in the catalogue."""
    path = ROOT / f"monitor/texts/{lang}/checks.toml"
    words = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(KINDS) <= set(words)
    assert {f"fault-{kind.value}" for kind in FaultKind} <= set(words)


def test_both_catalogues_have_the_same_sentences() -> None:
    """No sentence is missing in one language."""
    one, two = (
        set(tomllib.loads((ROOT / f"monitor/texts/{lang}/checks.toml").read_text(encoding="utf-8")))
        for lang in LANGUAGES
    )
    assert one == two
