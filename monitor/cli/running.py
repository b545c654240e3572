"""`sasando run`: the daemon in the foreground."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import ConfigOption, LangOption, default_directory
from monitor.text import preferred_language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Configuration

REFUSED = 1
"""Exit code of a start that must not be repeated: systemd does not restart it."""
BAD_INPUT = 2
TRY_AGAIN = 75
"""Exit code (EX_TEMPFAIL) while the database is held by another process, or its server or the key's
token is away."""


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("run")(run)


def run(
    config: ConfigOption = None,
    lang: LangOption = None,
    tick_ms: Annotated[
        int, typer.Option("--tick-ms", min=5, max=1_000, help="Length of the engine's tick.")
    ] = 40,
) -> None:
    """Run the agent in the foreground until SIGTERM.

    Example: sasando run -c /etc/sasando
    """
    from monitor.daemon.log import configure_log
    from monitor.ledger.errors import LedgerError
    from monitor.ledger.token import PinRefusedError, TokenError
    from monitor.secret import SecretError
    from monitor.store.errors import RolledBackError, StoreBusyError, StoreError

    language = preferred_language(lang)
    directory = config or default_directory()
    configure_log()
    configuration = read_configuration(directory)
    try:
        code = serve(configuration, lambda: read_configuration(directory), tick_ms)
    except SecretError as error:
        code = _refused(error.sentence(language), REFUSED)
    except TokenError as error:
        again = not isinstance(error, PinRefusedError)
        told = say(error.code, language, **error.values)
        code = _refused(told, TRY_AGAIN if again else REFUSED)
    except (RolledBackError, LedgerError) as error:
        code = _refused(say(error.code, language, **error.values), REFUSED)
    except StoreBusyError as error:
        code = _refused(say(error.code, language, **error.values), TRY_AGAIN)
    except StoreError as error:
        code = _refused(say(error.code, language, **error.values), BAD_INPUT)
    raise typer.Exit(code)


def _refused(sentence: str, code: int) -> int:
    typer.echo(sentence, err=True)
    return code


def read_configuration(directory: Path) -> "Configuration":
    """The configuration as of today; ConfigurationError with every problem."""
    from monitor.config.loader import load

    return load(directory, datetime.now(UTC).date())


_SWITCH_S = 0.001
"""How long the loop waits for the writer's thread to give up the interpreter: probes are due."""


def serve(configuration: "Configuration", load: "Load", tick_ms: int) -> int:
    """Open the ledger and run a daemon on it; the exit code."""
    import gc
    import signal
    import sys

    import uvloop

    from monitor.clock import SystemClock
    from monitor.daemon.folders import make_folders
    from monitor.daemon.keyring import open_ledger
    from monitor.daemon.service import Daemon, Start

    # Until the daemon takes it as "reload", a hangup must not end what is starting.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    agent = configuration.agent
    make_folders(agent)
    opened = open_ledger(agent)

    async def main() -> int:
        start = Start(
            configuration=configuration,
            ledger=opened.ledger,
            key=opened.key,
            clock=SystemClock(),
            load=load,
            tick_ms=tick_ms,
        )
        daemon = Daemon(start)
        # The inventory stays for good: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(_SWITCH_S)
        return await daemon.run()

    return uvloop.run(main())


if TYPE_CHECKING:
    from collections.abc import Callable

    Load = Callable[[], Configuration]
