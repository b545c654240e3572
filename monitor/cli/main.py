"""The console command: which commands there are, and the one boundary where errors become words.

A command's module is imported when the command is called, so that `sasando --help` and
`sasando verify` pay for nothing else.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from monitor.cli.common import BAD_INPUT, CommandError
from monitor.cli.help import asked_language, remember_language, spoken, translate
from monitor.cli.sentences import sentences
from monitor.text import Language

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": (
        "configuring",
        "Write a commented, valid configuration of Kota Kupang, every target disabled.",
    ),
    "config": ("configuring", "The configuration."),
    "inventory": ("configuring", "The inventory."),
    "run": ("running", "Run the agent in the foreground until SIGTERM."),
    "demo": (
        "demoing",
        "Watch a small city on loopback for about a minute: faults, alerts, recovery, proof.",
    ),
    "check": ("checking", "Probe now, print evidence and verdicts, and append a signed entry."),
    "drill": (
        "drilling",
        "Measure a declared failover: ten numbered probes a second, gaps, path, signed entry.",
    ),
    "now": ("standing", "Show what stands: targets, open incidents, the agent's own health."),
    "incidents": ("standing", "List incidents, the newest first."),
    "ack": ("silencing", "Take note of an open incident: people see who has it, and since when."),
    "silence": ("silencing", "Hold back messages for a while; incidents and figures go on."),
    "maintenance": ("declaring", "Work that is told before it begins."),
    "exclude": (
        "declaring",
        "Propose that an outage leaves the base of availability, or decide on a proposal.",
    ),
    "sla": (
        "figuring",
        "Show availability as worst and best case, outages, unobserved time and restitution.",
    ),
    "report": (
        "reporting",
        "Write the report of a period (PDF, HTML, JSON, OSCAL, CSV) and its audit bundle.",
    ),
    "policy": ("policing", "The policies."),
    "verify": (
        "proving",
        "Verify a database, an exported log, a state directory, an audit bundle or a proof.",
    ),
    "ledger": ("proving", "The signed log."),
    "backup": (
        "backing",
        "Copy the ledger while the agent runs, and verify the copy before it counts.",
    ),
    "keys": ("keying", "Signing keys and verifier keys."),
    "witness": ("witnessing", "A witness of other agents' logs."),
    "alert": ("alerting", "Alerts."),
}
"""Module and first sentence of each command, in the order people see them."""

UNKNOWN_IS_THREE = frozenset({"check", "drill"})
"""Commands whose exit code for bad input is 3, as monitoring plugins have it."""
INTERRUPTED, BROKEN_PIPE = 130, 141


class Late(dict[str, Any]):
    """The commands by name; a command is imported when it is asked for."""

    def __init__(self, lang: Language) -> None:
        super().__init__()
        self.lang = lang

    def get(self, name: str, default: Any = None) -> Any:
        """The command, or the default where there is none of this name."""
        return self[name] if name in COMMANDS else default

    def __missing__(self, name: str) -> Any:
        app = _typer()
        import_module(f"monitor.cli.{COMMANDS[name][0]}").register(app)
        self[name] = translate(typer.main.get_group(app).commands[name], self.lang)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def keys(self) -> Any:
        """Every name, imported or not: for suggestions."""
        return COMMANDS.keys()

    def values(self) -> Any:
        """Every command; imports all of them."""
        return [self[name] for name in COMMANDS]


class Commands(TyperGroup):
    """The root; lists its commands without importing them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of COMMANDS."""
        del ctx
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of `sasando --help`."""
        del ctx
        late: Any = self.commands
        with formatter.section("Commands"):
            formatter.write_dl([(name, spoken(COMMANDS[name][1], late.lang)) for name in late])


def _typer(**options: Any) -> typer.Typer:
    return typer.Typer(
        rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, **options
    )


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sasando {version('sasando')}")
        raise typer.Exit


def _options(
    shown: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version),
    ] = False,
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="LANG", help="id or en.", show_default=False)
    ] = None,
) -> None:
    """Measured, signed and independently verifiable evidence about a city's network.

    Example: sasando demo
    """
    del shown, lang  # the one has acted, the other was read before anything else


def commands(lang: Language = "en") -> Any:
    """The whole tree of commands, with its help texts in `lang`."""
    app = _typer(cls=Commands, name="sasando", no_args_is_help=True)
    app.callback()(_options)
    root = typer.main.get_group(app)
    root.commands = Late(lang)
    return translate_root(root, lang)


def translate_root(root: Any, lang: Language) -> Any:
    """The root's own texts in `lang`, without importing what is below."""
    below, root.commands = root.commands, {}
    translate(root, lang)
    root.commands = below
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; its exit code. Defects keep their traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    lang = asked_language(words)
    remember_language(lang)
    try:
        code = _run(words, lang)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_pipe()
        return BROKEN_PIPE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        told = sentences(error, lang)
        if told is None:
            raise
        for sentence in told:
            typer.echo(sentence, err=True)
        return _exit_code(error, words)
    return code


def _run(words: Sequence[str], lang: Language) -> int:
    root = commands(lang)
    try:
        with root.make_context("sasando", list(words)) as context:
            root.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0


def _exit_code(error: Exception, words: Sequence[str]) -> int:
    command = next((word for word in words if word in COMMANDS), "")
    if command in UNKNOWN_IS_THREE:
        return 3
    return error.exit_code if isinstance(error, CommandError) else BAD_INPUT


def _close_pipe() -> None:
    """Let the interpreter's last flush meet nobody: the reader of our output has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
