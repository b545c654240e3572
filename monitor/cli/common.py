"""What the commands share: options, the configuration's directory, output for people and scripts.

Nothing heavy is imported here; a terminal's tables import rich when the first one is printed.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.text import Language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Configuration

BAD_INPUT = 2

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        metavar="DIR",
        help="Directory of the configuration.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print data instead of prose.")]
LangOption = Annotated[
    str | None, typer.Option("--lang", metavar="LANG", help="id or en.", show_default=False)
]


class CommandError(Exception):
    """A command cannot do what it was asked; `code` is a key of the texts, `values` fill it in."""

    def __init__(self, code: str, exit_code: int = BAD_INPUT, /, **values: object) -> None:
        super().__init__(code, values)
        self.code = code
        self.exit_code = exit_code
        self.values = values


def default_directory() -> Path:
    """/etc/sasando where it exists, else ./sasando."""
    system = Path("/etc/sasando")
    return system if system.is_dir() else Path("sasando")


def load_configuration(directory: Path | None) -> "Configuration":
    """The configuration in force today; ConfigurationError with every problem."""
    from monitor.config.loader import load

    return load(directory or default_directory(), today())


def today() -> date:
    """The day in UTC, for warnings about authorities that end."""
    return datetime.now(UTC).date()


def print_json(value: object) -> None:
    """Data for scripts: UTF-8, two spaces, keys in the order of the contract."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def tell(key: str, lang: Language, **values: object) -> None:
    """A sentence that is not the result: to stderr."""
    typer.echo(say(key, lang, **values), err=True)


def on_terminal() -> bool:
    """Whether a person watches stdout."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    """A text of unknown origin that cannot steer a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def print_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    styles: Mapping[str, str] | None = None,
    title: str = "",
) -> None:
    """A table: rich on a terminal, aligned columns elsewhere.

    `styles`: rich styles by a cell's text; what they say never hangs on colour alone.
    """
    clean = [[printable(cell) for cell in row] for row in rows]
    if on_terminal():
        _print_rich(heads, clean, styles or {}, title)
        return
    if title:
        typer.echo(title)
    lines = [list(heads), *clean]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _print_rich(
    heads: Sequence[str], rows: Sequence[Sequence[str]], styles: Mapping[str, str], title: str
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, title=title or None, title_justify="left")
    for head in heads:
        table.add_column(Text(head))
    for row in rows:
        table.add_row(*(Text(cell, styles.get(cell, "")) for cell in row))
    Console().print(table)


def spoken_bytes(count: int) -> str:
    """A number of bytes with a binary unit."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1_024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1_024
    return f"{size:.1f} TiB"
