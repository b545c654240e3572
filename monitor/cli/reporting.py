"""`sasando report`: a period's report in its files, its audit bundle, and its issue in the log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import (
    BAD_INPUT,
    CommandError,
    ConfigOption,
    JsonOption,
    LangOption,
    load_configuration,
    print_json,
)
from monitor.text import LANGUAGES, preferred_language, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.cli.report_making import Made
    from monitor.config.configuration import Configuration
    from policies.period import Period


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("report")(report)


def report(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A directory that does not exist yet.")
    ],
    period: Annotated[
        str,
        typer.Option(
            "--period",
            metavar="PERIOD",
            help="2026-10, 2026-Q4, 2026 or 2026-10-01..2026-10-15; without it last month.",
        ),
    ] = "",
    formats: Annotated[
        str,
        typer.Option("--format", metavar="LIST", help="Some of pdf,html,json,oscal,csv,bundle."),
    ] = "pdf,html,json,oscal,csv,bundle",
    draft: Annotated[
        bool, typer.Option("--draft", help="Append nothing to the log: no issued report.")
    ] = False,
    sign: Annotated[
        str | None,
        typer.Option(
            "--sign",
            metavar="FILE|URI",
            help="Sign the PDF (PAdES): key in a PKCS#12 or PEM file, or a token's PKCS#11 URI.",
            show_default=False,
        ),
    ] = None,
    passphrase: Annotated[
        Path | None,
        typer.Option(
            "--passphrase",
            metavar="FILE",
            help="File with the passphrase of the key file, or the PIN of the token.",
            show_default=False,
        ),
    ] = None,
    archives: Annotated[
        list[Path] | None,
        typer.Option(
            "--archive",
            metavar="DIR",
            help="Report from this archive of what was pruned, not from the log; may be repeated.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Write the report of a period (PDF, HTML, JSON, OSCAL, CSV) and its audit bundle.

    Computed from the entries up to the newest signed checkpoint. Without --lang the documents are
    written in both languages. The SHA-256 of every file is appended to the log.

    Example: sasando report --period 2026-10 --out ./report-2026-10
    """
    from monitor.cli.outside import tell_outside
    from monitor.cli.report_making import Wish, make

    configuration, language = load_configuration(config), preferred_language(lang)
    wish = Wish(
        configuration=configuration,
        period=_period(period, configuration),
        formats=_formats(formats),
        languages=(language,) if lang else LANGUAGES,
        folder=out,
        lang=language,
        sign=_signing(sign, passphrase, formats),
        archives=archives or (),
    )
    made = make(wish)
    tell_outside(wish.period, made.began_us, made.reached_us, language)
    entry = None if draft else _issued(configuration, wish.period, made)
    if as_json:
        print_json(
            {
                "period": wish.period.text,
                "size": made.size,
                "root": made.root_text,
                "folder": str(out),
                "files": {name: digest.hex() for name, digest in made.files.items()},
                "entry": entry,
            }
        )
        return
    typer.echo(
        say(
            "report.done",
            language,
            count=len(made.files),
            period=wish.period.text,
            folder=out,
            size=made.size,
        )
    )
    if entry is not None:
        typer.echo(say("report.issued", language, entry=entry))


def _signing(
    key: str | None, passphrase: Path | None, formats: str
) -> "Callable[[bytes], bytes] | None":
    if key is None:
        return None
    if "pdf" not in _formats(formats):
        raise CommandError("report.signing-pdf", BAD_INPUT)
    from monitor.report.signing import pdf_signer

    return pdf_signer(key, passphrase)


def _formats(text: str) -> frozenset[str]:
    from monitor.report.files import FORMATS

    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names or [text]:
        if name not in FORMATS:
            raise CommandError("report.format", BAD_INPUT, name=name, known=",".join(FORMATS))
    return frozenset(names)


def _period(text: str, configuration: "Configuration") -> "Period":
    """The period asked for, else the last whole month; CommandError for one that is none."""
    from datetime import timedelta

    from monitor.clock import SystemClock
    from policies.period import PeriodError, calendar_period, day_of, parse_period

    zone, now_us = configuration.agent.timezone, SystemClock().wall_us()
    try:
        if text:
            found = parse_period(text, zone)
        else:
            first = day_of(now_us, zone).replace(day=1)
            found = calendar_period("month", first - timedelta(days=1), zone)
    except PeriodError:
        raise CommandError("sla.period", BAD_INPUT, value=text) from None
    if found.window[0] > now_us:
        raise CommandError("report.not-begun", BAD_INPUT, period=found.text)
    return found


def _issued(configuration: "Configuration", period: "Period", made: "Made") -> int:
    """The entry's index: by the daemon, else by ourselves with the writer's lock."""
    from monitor.daemon.control import NoDaemonError, ask

    start, _ = period.window
    request: dict[str, Any] = {
        "period": period.text,
        "from_us": start,
        "until_us": made.until_us,
        "size": made.size,
        "root": made.root.hex(),
        "files": {name: digest.hex() for name, digest in made.files.items()},
    }
    try:
        found = ask(configuration.agent.control, "report-issued", **request)
    except NoDaemonError:
        from monitor.daemon.standalone import issue_alone

        found = issue_alone(configuration, request)
    return int(found["entry"])
