"""`sasando witness serve`: cosign other agents' checkpoints."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import CommandError, LangOption, tell
from monitor.text import Language, preferred_language

if TYPE_CHECKING:
    from monitor.config.witness import WitnessConfiguration
    from monitor.witness.service import Witness
    from monitor.witness.state import WitnessState


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    witness = typer.Typer(help="A witness of other agents' logs.", no_args_is_help=True)
    witness.callback()(_nothing)
    witness.command("serve")(serve)
    app.add_typer(witness, name="witness")


def _nothing() -> None:
    """A witness of other agents' logs."""


def serve(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Configuration of the witness (YAML).")
    ],
    lang: LangOption = None,
) -> None:
    """Serve as a witness in the foreground until SIGTERM.

    Cosigns a checkpoint of a log that it knows, if it continues the one that it cosigned before.

    Example: sasando witness serve /etc/sasando-witness.yaml
    """
    import asyncio

    from monitor.config.witness import load_witness
    from monitor.daemon.log import configure_log

    language = preferred_language(lang)
    configure_log()
    configuration = load_witness(file)
    asyncio.run(_serve(configuration, language))


async def _serve(configuration: "WitnessConfiguration", lang: Language) -> None:
    import asyncio
    import signal

    from monitor.daemon.notify import Notifier
    from monitor.witness.server import WitnessServer
    from monitor.witness.state import WitnessState

    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    host, port = configuration.address
    with WitnessState(Path(configuration.entry.state)) as state:
        witness = _witness(configuration, state)
        server = WitnessServer(witness, host, port)
        try:
            host, port = await server.start()
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError(
                "witness.cannot-listen", host=host, port=port, reason=reason
            ) from error
        count = len(configuration.logs)
        tell("witness.listening", lang, name=witness.name, host=host, port=port, count=count)
        typer.echo(witness.verifier.vkey)
        notifier = Notifier()
        notifier.tell(READY="1", STATUS=f"{witness.name}: {count} logs")
        await stopping.wait()
        notifier.tell(STOPPING="1")
        await server.close()


def _witness(configuration: "WitnessConfiguration", state: "WitnessState") -> "Witness":
    from monitor.clock import SystemClock
    from monitor.ledger.keys import parse_key
    from monitor.witness.service import Witness

    entry = configuration.entry
    passphrase = entry.key.passphrase
    key = parse_key(
        entry.key.private.reveal().encode(),
        None if passphrase is None else passphrase.reveal().encode(),
        source=entry.key.private.reference,
        unencrypted_at_rest=passphrase is None,
    )
    return Witness(
        name=entry.name, key=key, logs=configuration.logs, state=state, clock=SystemClock()
    )
