"""What the commands share by which people act: declarations, acknowledgements, silences."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Annotated, Any

import typer

from monitor.cli.common import BAD_INPUT, CommandError, print_json
from monitor.text import Language, say

ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the entry.")
]


def number_of(text: str, usage: str) -> int:
    """The number of an entry; CommandError with this text for anything else."""
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    raise CommandError(usage, BAD_INPUT)


def tell_entry(found: Mapping[str, Any], as_json: bool, lang: Language) -> None:
    """Where the act stands in the log."""
    if as_json:
        print_json(found)
    else:
        typer.echo(say("declare.entry", lang, entry=found["entry"]))


def local(moment: str, zone: tzinfo) -> str:
    """A moment of the daemon's (RFC 3339) by the city's clock, to the minute."""
    return f"{datetime.fromisoformat(moment).astimezone(zone):%Y-%m-%d %H:%M}"
