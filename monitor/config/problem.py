"""What can be wrong with a configuration, where, and in which words."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monitor.secret import mask_all
from monitor.text import Language, say

SHOWN_LIMIT = 60
"""Characters of an offending value that a sentence shows."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A spot of a file of the configuration; line and column count from 1, in characters."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One error or warning.

    `key` names its sentence in `config.toml`, or with its area in front (`policies.syntax`) in
    another catalogue; `values` fill it in.
    """

    file: str
    line: int
    column: int
    key: str
    values: Mapping[str, str] = field(default_factory=dict, compare=False)

    def text(self, lang: Language) -> str:
        """What is wrong, and what to do, without the place."""
        key = self.key if "." in self.key else f"config.{self.key}"
        return say(key, lang, **self.values)

    def sentence(self, lang: Language) -> str:
        """`file:line:column: what, and what to do`."""
        return f"{self.file}:{self.line}:{self.column}: {self.text(lang)}"


def problem(place: Place, key: str, **values: object) -> Problem:
    """A problem at a place; values are made fit for print."""
    texts = {name: str(value) for name, value in values.items()}
    return Problem(place.file, place.line, place.column, key, texts)


def shown(value: object) -> str:
    """A value as a sentence shows it: as JSON, its URLs masked, at most SHOWN_LIMIT characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = mask_all(text)
    return text if len(text) <= SHOWN_LIMIT else f"{text[: SHOWN_LIMIT - 1]}…"


class ConfigurationError(Exception):
    """The configuration is not accepted; `problems` lists everything that is wrong, sorted."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        told = {(one, tuple(sorted(one.values.items()))): one for one in problems}
        self.problems = tuple(sorted(told.values()))
        super().__init__("\n".join(one.sentence("en") for one in self.problems))
