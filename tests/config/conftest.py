"""A good configuration, and the same with one file spoiled."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from monitor.config.configuration import Configuration
from monitor.config.loader import load
from monitor.config.problem import ConfigurationError
from monitor.text import Language

TODAY = date(2026, 11, 23)
Sentences = Callable[[str, bytes, Language], list[str]]
Loaded = Callable[[str, str], Configuration]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A copy of the good configuration that a test may spoil."""
    directory = tmp_path / "good"
    shutil.copytree(Path(__file__).parent / "good", directory)
    return directory


@pytest.fixture
def sentences(good: Path) -> Sentences:
    """Every problem, as sentences, of the good configuration with one file replaced or added."""

    def found(file: str, raw: bytes, lang: Language) -> list[str]:
        (good / file).write_bytes(raw)
        try:
            load(good, TODAY)
        except ConfigurationError as error:
            return [one.sentence(lang).replace(f"{good}/", "") for one in error.problems]
        return []

    return found


@pytest.fixture
def loaded(good: Path) -> Loaded:
    """The good configuration with one more file."""

    def configuration(file: str, text: str) -> Configuration:
        (good / file).write_text(text)
        return load(good, TODAY)

    return configuration
