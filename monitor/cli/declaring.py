"""`sasando maintenance` and `sasando exclude`: what people declare about time, before and after."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.acts import ReasonOption, local, number_of, tell_entry
from monitor.cli.common import (
    BAD_INPUT,
    CommandError,
    ConfigOption,
    JsonOption,
    LangOption,
    load_configuration,
    print_json,
    print_table,
    tell,
)
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Configuration

MomentHelp = "A local time of the city such as 2026-12-01T22:00, or now."


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    maintenance = typer.Typer(no_args_is_help=True)
    maintenance.command("add")(maintenance_add)
    maintenance.command("cancel")(maintenance_cancel)
    maintenance.command("list")(maintenance_list)
    app.add_typer(maintenance, name="maintenance", help="Work that is told before it begins.")
    app.command("exclude")(exclude)


def maintenance_add(
    targets: Annotated[list[str], typer.Argument(metavar="TARGET…", help="Targets or sites.")],
    since: Annotated[str, typer.Option("--from", metavar="TIME", help=MomentHelp)],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help=MomentHelp)],
    reason: ReasonOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Declare maintenance: its time leaves the base of availability.

    A notice that begins in the past is refused. One on a site holds for everything there.

    Example: sasando maintenance add core --from 2026-12-01T22:00 --until 2026-12-02T02:00
    """
    configuration = load_configuration(config)
    zone = configuration.agent.timezone
    request = {
        "act": "maintenance",
        "targets": list(targets),
        "since_us": moment_us(since, zone),
        "until_us": moment_us(until, zone),
        "reason": reason,
    }
    tell_entry(_declare(configuration, request), as_json, preferred_language(lang))


def maintenance_cancel(
    number: Annotated[int, typer.Argument(metavar="ID", help="The notice: its entry's number.")],
    reason: ReasonOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """End maintenance now, or call it off before it began.

    Example: sasando maintenance cancel 1204 --reason "done earlier"
    """
    request = {"act": "maintenance-cut", "id": number, "reason": reason}
    tell_entry(_declare(load_configuration(config), request), as_json, preferred_language(lang))


def maintenance_list(
    config: ConfigOption = None, as_json: JsonOption = False, lang: LangOption = None
) -> None:
    """List declared maintenance, the oldest first.

    Example: sasando maintenance list
    """
    _list(load_configuration(config), "maintenance", as_json, preferred_language(lang))


def exclude(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="ID | approve ID | refuse ID | list", help="An incident, or a proposal."
        ),
    ],
    cause: Annotated[
        str,
        typer.Option(
            "--cause", metavar="CAUSE", help="power, force-majeure, upstream, customer or other."
        ),
    ] = "",
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="TARGET", help="Instead of an incident: of whom."),
    ] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help=MomentHelp)] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help=MomentHelp)] = None,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Propose that an outage leaves the base of availability, or decide on a proposal.

    A proposal counts once another account has approved it. `exclude time` with --target, --from
    and --until is about time without an incident. Nothing is rewritten: each act is an entry.

    Example: sasando exclude 1187 --cause power --reason "letter 12/PLN"
    """
    configuration, language = load_configuration(config), preferred_language(lang)
    match words:
        case ["list"]:
            _list(configuration, "exclusion", as_json, language)
            return
        case ["approve" | "refuse" as word, number]:
            request: dict[str, Any] = {
                "act": "exclude-decide",
                "id": number_of(number, "declare.usage"),
                "approved": word == "approve",
            }
        case ["time"] if target and since and until:
            zone = configuration.agent.timezone
            request = {
                "act": "exclude",
                "target": target,
                "since_us": moment_us(since, zone, now_in_us=0),
                "until_us": moment_us(until, zone, now_in_us=0),
                "cause": cause,
            }
        case [number]:
            incident = number_of(number, "declare.usage")
            request = {"act": "exclude", "incident": incident, "cause": cause}
        case _:
            raise CommandError("declare.usage", BAD_INPUT)
    tell_entry(_declare(configuration, {**request, "reason": reason}), as_json, language)


def moment_us(text: str, zone: tzinfo, *, now_in_us: int = 1_000_000) -> int:
    """UTC µs of a time as people write it; without an offset it is the city's.

    `now_in_us`: how far ahead now lies.
    """
    if text == "now":
        from monitor.clock import SystemClock

        # A notice given for now begins when it is committed, not before it was given.
        return SystemClock().wall_us() + now_in_us
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError("declare.moment", BAD_INPUT, value=text) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp()) * 1_000_000


def _declare(configuration: "Configuration", request: Mapping[str, Any]) -> dict[str, Any]:
    """By the daemon, else by ourselves with the writer's lock."""
    from monitor.daemon.control import NoDaemonError, ask

    try:
        return dict(ask(configuration.agent.control, "declare", **request))
    except NoDaemonError:
        from monitor.daemon.standalone import declare_alone

        return declare_alone(configuration, request)


def _list(configuration: "Configuration", kind: str, as_json: bool, lang: Language) -> None:
    from monitor.daemon.control import NoDaemonError, ask

    try:
        rows = ask(configuration.agent.control, "declarations", kind=kind)
    except NoDaemonError:
        from monitor.daemon.declaring import EVER_US, shown
        from monitor.store.glance import declared_within

        every = declared_within(configuration.agent.store_url(), 0, EVER_US)
        rows = [shown(row) for row in every if row.kind == kind]
        tell("cli.now-offline", lang)
    if as_json:
        print_json(rows)
    elif rows:
        _print(rows, configuration.agent.timezone, lang)
    else:
        typer.echo(say(f"declare.none-{kind}", lang))


def _print(rows: Sequence[Mapping[str, Any]], zone: tzinfo, lang: Language) -> None:
    heads = ("id", "target", "since", "until", "cause", "standing", "by", "reason")
    table = [
        (
            str(row["id"]),
            row["target"],
            local(row["since"], zone),
            local(row["until"], zone),
            say(f"declare.cause-{row['cause']}", lang) if row["cause"] else "–",
            say(f"declare.standing-{row['standing']}", lang),
            " → ".join(name for name in (row["author"], row["decided_by"]) if name),
            row["reason"],
        )
        for row in rows
    ]
    print_table([say(f"declare.head-{name}", lang) for name in heads], table)
