"""What the person sees: one plain line an event, and on a terminal a live table below them."""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import typer

from monitor.text import Language, catalogue, say

EVENTS = ("city", "breach", "alert", "recovery", "unreachable", "note", "proof")
_COLOURS = {
    "city": "cyan",
    "breach": "bold red",
    "alert": "yellow",
    "recovery": "bold green",
    "unreachable": "magenta",
    "note": "dim",
    "proof": "bold",
}
_WIDTH = 17


class Screen(Protocol):
    """Shows events and the newest table."""

    def event(self, kind: str, text: str) -> None:
        """Something happened; `kind` is one of EVENTS."""

    def table(
        self, series: Sequence[Mapping[str, Any]], labels: Collection[tuple[str, str]]
    ) -> None:
        """What stands now."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def printable(text: str) -> str:
    """A text that may come from a peer, on one line, unable to steer a terminal."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


class PlainScreen:
    """One line an event, with the seconds since the start."""

    def __init__(self, lang: Language) -> None:
        self._lang = lang
        self._since = time.monotonic()

    def event(self, kind: str, text: str) -> None:
        """See `Screen`."""
        word = say(f"demo.event-{kind}", self._lang)
        typer.echo(f"{time.monotonic() - self._since:5.1f} s  {word:<{_WIDTH}} {printable(text)}")

    def table(
        self, series: Sequence[Mapping[str, Any]], labels: Collection[tuple[str, str]]
    ) -> None:
        """Nothing: a table is for those who watch."""

    def close(self) -> None:
        """Nothing to leave."""


class LiveScreen:
    """The same lines in colour, and the table of targets below them, renewed as it changes."""

    def __init__(self, lang: Language) -> None:
        from rich.console import Console
        from rich.live import Live

        self._lang = lang
        self._since = time.monotonic()
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def event(self, kind: str, text: str) -> None:
        """See `Screen`."""
        from rich.text import Text

        seconds = time.monotonic() - self._since
        word = say(f"demo.event-{kind}", self._lang)
        line = Text(f"{seconds:5.1f} s  ", "dim")
        line.append(f"{word:<{_WIDTH}} ", _COLOURS[kind])
        line.append(printable(text))
        self._console.print(line)

    def table(
        self, series: Sequence[Mapping[str, Any]], labels: Collection[tuple[str, str]]
    ) -> None:
        """See `Screen`."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE, pad_edge=False)
        for head in ("target", "check", "state", "why"):
            table.add_column(say(f"demo.head-{head}", self._lang), no_wrap=True)
        for target, check, state, why in rows(series, labels, self._lang):
            table.add_row(Text(target), check, Text(*_state(state, self._lang)), Text(why))
        self._live.update(table, refresh=True)

    def close(self) -> None:
        """Take the table away; the lines stay."""
        self._live.stop()


_STATES = {
    "available": "green",
    "unavailable": "bold red",
    "unobserved": "yellow",
    "unreachable": "magenta",
    "violating": "red",
}


def _state(state: str, lang: Language) -> tuple[str, str]:
    return say(f"demo.state-{state}", lang), _STATES[state]


def rows(
    series: Sequence[Mapping[str, Any]], labels: Collection[tuple[str, str]], lang: Language
) -> list[tuple[str, str, str, str]]:
    """Name, check, state (a key of _STATES) and reason of every series. Pure."""
    listed = []
    for one in series:
        state = str(one["state"])
        why = "; ".join(one["reasons"])
        if one["fault"]:
            why = catalogue(lang, "checks").get(f"fault-{one['fault']}", str(one["fault"]))
        elif ("unreachable", one["target"]) in labels and state != "available":
            state, why = "unreachable", ""
        elif one["check"] == "tls":
            # A certificate says nothing of availability; whether it is in order is what counts.
            state = "violating" if one["reasons"] else state
        elif state == "available" and one["reasons"]:
            state = "violating"
        listed.append((printable(str(one["name"])), str(one["check"]), state, printable(why)))
    return listed
