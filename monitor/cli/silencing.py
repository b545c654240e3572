"""`sasando ack` and `sasando silence`: who takes note of an incident, and who wants no messages."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
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


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("ack")(ack)
    app.command("silence")(silence)


def ack(
    number: Annotated[int, typer.Argument(metavar="ID", help="The incident.")],
    reason: ReasonOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Take note of an open incident: people see who has it, and since when.

    It stays open, and no figure changes.

    Example: sasando ack 1187 --reason "called provider A"
    """
    from monitor.daemon.control import NoDaemonError, ask

    configuration, language = load_configuration(config), preferred_language(lang)
    request: dict[str, Any] = {"id": number, "reason": reason}
    try:
        found = dict(ask(configuration.agent.control, "ack", **request))
    except NoDaemonError:
        from monitor.daemon.standalone import acknowledge_alone

        found = acknowledge_alone(configuration, request)
    tell_entry(found, as_json, language)


def silence(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET… | list | end ID", help="Targets or sites."),
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="K=V", help="Only targets of this label.")
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="RULE", help="Only this rule, or policy/rule."),
    ] = None,
    length: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long, such as 2h; at most 7d.")
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="With list: those that are over too.")
    ] = False,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Hold back messages for a while; incidents and figures go on.

    What is named must all fit. At its end people are told of what still stands.

    Example: sasando silence dukcapil-fo --for 2h --reason "fibre is being moved"
    """
    configuration, language = load_configuration(config), preferred_language(lang)
    match words or []:
        case ["list"]:
            _list(configuration, every, as_json, language)
            return
        case ["end", number]:
            entry = number_of(number, "silence.usage")
            request: dict[str, Any] = {"act": "silence-end", "id": entry}
        case targets:
            request = {
                "act": "silence",
                "targets": list(targets),
                "tags": tags or [],
                "rules": rules or [],
                "length_us": _length_us(length),
            }
    found = _ask(configuration, {**request, "reason": reason})
    if "until" in found and not as_json:
        until = local(found["until"], configuration.agent.timezone)
        typer.echo(say("silence.stands", language, entry=found["entry"], until=until))
    else:
        tell_entry(found, as_json, language)


def _length_us(text: str) -> int:
    from monitor.model import parse_duration

    if not text:
        raise CommandError("silence.usage", BAD_INPUT)
    try:
        return parse_duration(text)
    except ValueError:
        raise CommandError("silence.duration", BAD_INPUT, value=text) from None


def _ask(configuration: "Configuration", request: Mapping[str, Any]) -> dict[str, Any]:
    """By the daemon, else by ourselves with the writer's lock."""
    from monitor.daemon.control import NoDaemonError, ask

    try:
        return dict(ask(configuration.agent.control, "silence", **request))
    except NoDaemonError:
        from monitor.daemon.standalone import silence_alone

        return silence_alone(configuration, request)


def _list(configuration: "Configuration", every: bool, as_json: bool, lang: Language) -> None:
    from monitor.daemon.control import NoDaemonError, ask

    try:
        rows = ask(configuration.agent.control, "silences", all=every)
    except NoDaemonError:
        from monitor.clock import SystemClock
        from monitor.daemon.silencing import silence_shown
        from monitor.store.glance import silences_since

        since_us = 0 if every else SystemClock().wall_us()
        found, counts = silences_since(configuration.agent.store_url(), since_us)
        rows = [silence_shown(row, counts.get(row.id, 0)) for row in found]
        tell("cli.now-offline", lang)
    if as_json:
        print_json(rows)
    elif rows:
        _print(rows, configuration.agent.timezone, lang)
    else:
        typer.echo(say("silence.none", lang))


def _print(rows: Sequence[Mapping[str, Any]], zone: tzinfo, lang: Language) -> None:
    heads = ("id", "about", "since", "until", "ended", "held", "by", "reason")
    table = [
        (
            str(row["id"]),
            about(row),
            local(row["since"], zone),
            local(row["until"], zone),
            local(row["ended"], zone) if row["ended"] else "–",
            str(row["held"]),
            " → ".join(name for name in (row["author"], row["ended_by"]) if name),
            row["reason"],
        )
        for row in rows
    ]
    print_table([say(f"silence.head-{name}", lang) for name in heads], table)


def about(row: Mapping[str, Any]) -> str:
    """What a silence is about: all of these must fit."""
    parts = [",".join(row[name]) for name in ("targets", "tags", "rules") if row[name]]
    return " & ".join(parts)
