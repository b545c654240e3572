"""`--help` in Indonesian: the finished tree of commands, put into other words.

The English sentences stand where the commands are; `texts/id/help.toml` is a table from them to
the Indonesian ones, by paragraph. A sentence that is missing there stays English, and fails a test.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from monitor.text import Language, preferred_language, say

EXAMPLE = "Example: "
FRAMEWORK = (
    "Usage: ",
    EXAMPLE,
    "Arguments",
    "Options",
    "Commands",
    "Show this message and exit.",
    "[required]",
    "[default: ",
    "; required]",
)
"""What typer itself writes into a help page."""

_USAGE: tuple[tuple[str, str], ...] = (
    (r"No such option: (?P<name>\S+)(?P<rest>.*)", "cli.usage-option"),
    (r"No such command '(?P<name>.*?)'\.?(?P<rest>.*)", "cli.usage-command"),
    (r"Missing (?:argument|option|parameter) '?(?P<name>.*?)'?\..*", "cli.usage-missing"),
    (r"Missing command\.", "cli.usage-no-command"),
    (
        r"Invalid value for '?(?P<name>.*?)'?: Input should be greater than or equal to"
        r" (?P<rest>.*)",
        "cli.usage-least",
    ),
    (
        r"Invalid value for '?(?P<name>.*?)'?: Input should be less than or equal to (?P<rest>.*)",
        "cli.usage-most",
    ),
    (
        r"Invalid value for '?(?P<name>.*?)'?: Input should be a valid integer.*(?P<rest>)",
        "cli.usage-whole",
    ),
    (r"Invalid value for '?(?P<name>.*?)'?: (?P<rest>.*)", "cli.usage-value"),
    (r"Option '?(?P<name>.*?)'? requires an argument\.", "cli.usage-needs-value"),
    (r"Got unexpected extra argument(?:s|\(s\))? \((?P<name>.*)\)", "cli.usage-extra"),
)


def asked_language(words: Sequence[str]) -> Language:
    """The last `--lang` anywhere in the command line, else SASANDO_LANG, else the locale."""
    asked = None
    for word, after in zip(words, [*words, ""][1:], strict=True):
        if word == "--lang":
            asked = after
        elif word.startswith("--lang="):
            asked = word.removeprefix("--lang=")
    return preferred_language(asked or None)


def remember_language(lang: Language) -> None:
    """Let `sasando --lang id now` mean what `sasando now --lang id` does."""
    os.environ["SASANDO_LANG"] = lang


@cache
def indonesian() -> dict[str, str]:
    """English sentence → Indonesian sentence."""
    text = (files("monitor") / "texts" / "id" / "help.toml").read_text(encoding="utf-8")
    return {english: str(own) for english, own in tomllib.loads(text).items()}


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a help text, each on one line."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def spoken(text: str | None, lang: Language) -> str | None:
    """A help text in `lang`; examples keep their commands."""
    if not text or lang == "en":
        return text
    return "\n\n".join(_paragraph(part) for part in paragraphs(text))


def _paragraph(text: str) -> str:
    if text.startswith(EXAMPLE):
        return indonesian()[EXAMPLE] + text.removeprefix(EXAMPLE)
    return indonesian().get(text, text)


def translate(command: Any, lang: Language) -> Any:
    """The command, its options and what is below it, in `lang`; the same object."""
    if lang == "en":
        return command
    command.context_class = _spoken_context(command.context_class)
    command.help = spoken(command.help, lang)
    command.short_help = spoken(command.short_help, lang)
    for param in command.params:
        if getattr(param, "help", None):
            param.help = spoken(param.help, lang)
    for below in getattr(command, "commands", {}).values():
        translate(below, lang)
    return command


def texts_of(command: Any) -> Iterator[str]:
    """Every sentence of a tree of commands that needs a translation."""
    texts: Iterable[str | None] = (
        command.help,
        command.short_help,
        *(getattr(param, "help", None) for param in command.params),
    )
    for text in texts:
        yield from (p for p in paragraphs(text or "") if not p.startswith(EXAMPLE))
    for below in getattr(command, "commands", {}).values():
        yield from texts_of(below)


@cache
def _spoken_context(english_context: Any) -> Any:
    """The framework's context, whose help pages have its own words in Indonesian too."""
    english: Any = english_context.formatter_class

    class Formatter(english):  # type: ignore[misc]  # the framework's, whichever it is
        """Headings, usage and marks in Indonesian."""

        def write_heading(self, heading: str) -> None:
            super().write_heading(indonesian().get(heading, heading))

        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            super().write_usage(prog, args, prefix or indonesian()["Usage: "])

        def write_dl(self, rows: Sequence[tuple[str, str]], *more: Any, **named: Any) -> None:
            marked = [(first, _marks(second)) for first, second in rows]
            super().write_dl(marked, *more, **named)

    return type("SpokenContext", (english_context,), {"formatter_class": Formatter})


def _marks(text: str) -> str:
    for english in FRAMEWORK:
        if english[0] in "[;S":
            text = text.replace(english, indonesian()[english])
    return text


def usage_sentence(message: str, lang: Language) -> str:
    """What typer says of a command line that it cannot read, in `lang`."""
    if lang == "en":
        return message
    for pattern, key in _USAGE:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            values = {"name": "", "rest": "", **found.groupdict()}
            return say(key, lang, name=values["name"], rest=_rest(values["rest"]))
    return message


def _rest(text: str) -> str:
    return text.replace("Did you mean", "Maksud Anda").replace("Possible options", "Pilihan")
