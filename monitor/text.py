"""Every sentence a person reads, in English and Indonesian.

Catalogues are `texts/<language>/<area>.toml`, one flat table of `name = "sentence"`; the key
in code is `<area>.<name>`. Placeholders are those of `str.format` and the same in both.
"""

import os
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = ("en", "id")


@cache
def catalogue(lang: Language, area: str) -> dict[str, str]:
    """All sentences of one area in one language."""
    text = (files("monitor") / "texts" / lang / f"{area}.toml").read_text(encoding="utf-8")
    return {name: str(sentence) for name, sentence in tomllib.loads(text).items()}


def say(key: str, lang: Language, **values: object) -> str:
    """The sentence `area.name` in `lang`, filled in; KeyError for a key that does not exist."""
    area, _, name = key.partition(".")
    return catalogue(lang, area)[name].format(**values)


def preferred_language(option: str | None = None) -> Language:
    """`--lang`, else SASANDO_LANG, else the locale's language, else English."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    for wish in (option, os.environ.get("SASANDO_LANG"), locale):
        if wish:
            return "id" if wish.lower().startswith(("id", "in_")) else "en"
    return "en"
