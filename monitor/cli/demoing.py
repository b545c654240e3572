"""`sasando demo`: the whole job on a small city that it starts itself on loopback."""

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import CommandError, LangOption, on_terminal, tell
from monitor.text import preferred_language

FAILED = 1


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("demo")(demo)


def demo(
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="DIR",
            help="Keep configuration and ledger in this new directory.",
            show_default=False,
        ),
    ] = None,
    lang: LangOption = None,
) -> None:
    """Watch a small city on loopback for about a minute: faults, alerts, recovery, proof.

    Starts real servers, some of them faulty, and the agent; needs no root. Exits with 0 only
    when breach, alert and recovery were seen and the ledger is intact, else with 1.

    Example: sasando demo --keep ./demo
    """
    from monitor.demo.failure import DemoFailure
    from monitor.demo.play import Interrupted, run_demo
    from monitor.demo.screen import LiveScreen, PlainScreen, Screen

    language = preferred_language(lang)
    screen: Screen = LiveScreen(language) if on_terminal() else PlainScreen(language)
    try:
        outcome = run_demo(screen, language, keep)
    except DemoFailure as failure:
        raise CommandError(failure.code, FAILED, **failure.values) from None
    except Interrupted as wish:
        tell("demo.interrupted", language)
        raise typer.Exit(wish.exit_code) from None
    finally:
        screen.close()
    for sentence in outcome.sentences(language):
        typer.echo(sentence)
    raise typer.Exit(outcome.exit_code)
