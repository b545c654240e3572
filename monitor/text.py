"""Every sentence a person reads, in English and Indonesian.

Catalogues are `texts/<language>/<area>.toml`, one flat table of `name = "sentence"`; the key
in code is `<area>.<name>`. Placeholders are those of `str.format` and the same in both.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = ("en", "id")


@cache
def catalogue(lang: Language, area: str) -> dict[str, str]:
    """All sentences of one area in one language."""
    text = (files("monitor") / "texts" / lang / f"{area}.toml").read_text(encoding="utf-8")
    return {name: str(sentence) for name, sentence in tomllib.loads(text).items()}


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence that no language was chosen for yet; it may stand among another one's values."""

    code: str
    """The key of the text."""
    values: "Mapping[str, str | int | Reason]" = field(default_factory=dict)

    def __str__(self) -> str:
        """For logs: people get it through `say`."""
        listed = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{self.code} ({listed})" if listed else self.code


def say(key: str, lang: Language, **values: object) -> str:
    """The sentence `area.name` in `lang`, filled in; KeyError for a key that does not exist.

    A reason among the values is told by its own sentence, without the full stop.
    """
    area, _, name = key.partition(".")
    told = {n: _told(v, lang) if isinstance(v, Reason) else v for n, v in values.items()}
    return catalogue(lang, area)[name].format(**told)


def _told(reason: Reason, lang: Language) -> str:
    return say(reason.code, lang, **reason.values).rstrip(".")


def plain(values: Mapping[str, object]) -> dict[str, object]:
    """Values for JSON: a reason becomes its `code` with its `values`."""
    return {
        name: {"code": value.code, "values": plain(value.values)}
        if isinstance(value, Reason)
        else value
        for name, value in values.items()
    }


def values_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `plain`."""
    return {name: _restored(value) for name, value in told.items()}


def _restored(value: Any) -> Any:
    return Reason(value["code"], values_of(value["values"])) if isinstance(value, dict) else value


def preferred_language(option: str | None = None) -> Language:
    """`--lang`, else SASANDO_LANG, else the locale's language, else English."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    for wish in (option, os.environ.get("SASANDO_LANG"), locale):
        if wish:
            return "id" if wish.lower().startswith(("id", "in_")) else "en"
    return "en"
