"""`sasando check`: probe now, print evidence and verdicts, append a signed entry."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import ConfigOption, JsonOption, LangOption, default_directory, print_json
from monitor.cli.evidence_lines import lines_of
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config.configuration import Configuration

UNKNOWN = 3
ASK_TIMEOUT_S = 120


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("check")(check)


def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET]...", help="Names of the inventory, or bare targets."),
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--check", metavar="KIND", help="Only these checks.")
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="K=V", help="Only targets so labelled.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Find out everything, not only what policies ask.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="IP", help="Connect to this address of a bare target."),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the entry.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Probe now, print evidence and verdicts, and append a signed entry.

    Example: sasando check website --reason "after the change"
    """
    from monitor.daemon.control import ControlError
    from monitor.daemon.show import exit_code

    language = preferred_language(lang)
    request = {
        "targets": list(targets or ()),
        "kinds": list(kinds or ()),
        "tags": _tags(tags or (), language),
        "reason": reason,
        "full": full,
        "address": address,
    }
    try:
        observations, note = _observe(config or default_directory(), request)
    except ControlError as error:
        typer.echo(say(error.code, language, **error.values), err=True)
        raise typer.Exit(UNKNOWN) from None
    if note:
        typer.echo(say(note, language), err=True)
    if as_json:
        print_json(observations)
    else:
        _print(observations, language)
    raise typer.Exit(exit_code(observations))


def _tags(tags: Sequence[str], lang: Language) -> Mapping[str, str]:
    pairs = [tag.partition("=") for tag in tags]
    if any(not name or not mark for name, mark, _ in pairs):
        typer.echo(say("cli.tag", lang), err=True)
        raise typer.Exit(UNKNOWN)
    return {name: value for name, _, value in pairs}


def _observe(
    directory: "Path", request: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], str | None]:
    """(observations, a text key to tell on stderr): by the daemon, or by ourselves."""
    from monitor.daemon.control import NoDaemonError, ask

    if not (directory / "agent.yaml").exists():
        return asyncio.run(_unrecorded(request)), "cli.check-unrecorded"
    from monitor.cli.running import read_configuration

    configuration = read_configuration(directory)
    try:
        found = ask(configuration.agent.control, "check", ASK_TIMEOUT_S, **request)
    except NoDaemonError:
        return asyncio.run(_recorded(configuration, request)), None
    return list(found), None


async def _unrecorded(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Bare targets on loopback, without configuration: nothing is appended."""
    from checks.scope import loopback_scope
    from monitor.clock import SystemClock, anchor_now
    from monitor.daemon.answers import bare_items, in_full
    from monitor.daemon.control import ControlError
    from monitor.daemon.net import Probers, build_net
    from monitor.daemon.ondemand import probe_at, shown

    names = request["targets"]
    if not names or not all("://" in name for name in names):
        raise ControlError("cli.check-no-configuration")
    items = [item for name in names for item in bare_items(name, None)]
    if request["kinds"]:
        items = [item for item in items if item.kind.name in request["kinds"]]
    items = in_full(items, request["full"])
    clock = SystemClock()
    probers = Probers(build_net(clock, loopback_scope()))
    try:
        items, outcomes = await probe_at(items, probers, request["address"], ticking=False)
        return shown(items, outcomes, anchor_now(clock), "", None)
    finally:
        await probers.close()


async def _recorded(
    configuration: "Configuration", request: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Without a daemon: take the writer's lock, probe, append the act."""
    from monitor.daemon.standalone import check_alone

    return await check_alone(configuration, request)


def _print(observations: Sequence[Mapping[str, Any]], lang: Language) -> None:
    """One block a series: what was seen, then each verdict with its reasons."""
    for one in observations:
        family = f" IPv{one['family']}" if one["family"] else ""
        typer.echo(f"{one['target']}  {one['check']}{family}  {one['elapsed_ms']:.1f} ms")
        if one["fault"] is not None:
            kind, message = one["fault"]["kind"], one["fault"]["message"]
            typer.echo(f"  {say('cli.check-fault', lang)} {kind}: {message}")
        for line in lines_of(one["evidence"] or {}):
            typer.echo(line)
        for verdict in one["verdicts"]:
            word = say(f"cli.verdict-{verdict['verdict']}", lang)
            reasons = "; ".join(verdict["reasons"])
            name = f"{verdict['policy']}/{verdict['rule']}"
            typer.echo(f"  {word:<18} {name}" + (f": {reasons}" if reasons else ""))
            if verdict["waiver"]:
                typer.echo(f"  {'':<18} {say('cli.check-waived', lang, **verdict['waiver'])}")
    if observations and observations[0]["entry"] is not None:
        typer.echo(say("cli.check-entry", lang, entry=observations[0]["entry"]))
