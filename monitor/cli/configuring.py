"""`sasando init`, `config check`, `config schema`, `inventory import`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.config.configuration import AGENT, Configuration
from monitor.config.importing import ImportFailure, import_csv
from monitor.config.initial import InitialFailure, write_initial
from monitor.config.json_schema import document
from monitor.config.loader import load
from monitor.config.problem import ConfigurationError, Problem
from monitor.model import Kind
from monitor.text import Language, preferred_language, say

ConfigOption = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="Directory of the configuration.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print data instead of prose.")]
LangOption = Annotated[str | None, typer.Option("--lang", help="id or en.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("init")(init)
    configuration = typer.Typer(help="The configuration.", no_args_is_help=True)
    configuration.command("check")(check)
    configuration.command("schema")(schema)
    app.add_typer(configuration, name="config")
    inventory = typer.Typer(help="The inventory.", no_args_is_help=True)
    inventory.command("import")(import_inventory)
    app.add_typer(inventory, name="inventory")


def default_directory() -> Path:
    """/etc/sasando where it exists, else ./sasando."""
    system = Path("/etc/sasando")
    return system if system.is_dir() else Path("sasando")


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory that is new.")],
    lang: LangOption = None,
) -> None:
    """Write a commented, valid configuration of Kota Kupang, every target disabled.

    Example: sasando init ./sasando
    """
    language = preferred_language(lang)
    try:
        vkey = write_initial(directory)
    except InitialFailure as failure:
        typer.echo(failure.sentence(language), err=True)
        raise typer.Exit(2) from None
    typer.echo(say("config.init-done", language, directory=directory))
    typer.echo(say("config.init-vkey", language, vkey=vkey))


def check(
    config: ConfigOption = None, as_json: JsonOption = False, lang: LangOption = None
) -> None:
    """Validate every file and print every problem with its place.

    Example: sasando config check -c /etc/sasando
    """
    language = preferred_language(lang)
    directory = config or default_directory()
    try:
        configuration = load(directory, datetime.now(UTC).astimezone().date())
    except ConfigurationError as error:
        _print_problems(error.problems, language, as_json=as_json)
        raise typer.Exit(2) from None
    if as_json:
        _print_json(_summary(configuration, language))
        return
    for warning in configuration.warnings:
        sentence = warning.sentence(language)
        typer.echo(say("config.warning", language, sentence=sentence), err=True)
    typer.echo(say("config.intact", language, directory=directory))
    typer.echo(say("config.counts", language, **counts(configuration)))


def counts(configuration: Configuration) -> dict[str, int]:
    """How much of everything there is; the agent itself is not counted."""
    kinds = [one.kind for one in configuration.targets.values() if one.key != AGENT]
    return {
        "sites": kinds.count(Kind.SITE),
        "links": kinds.count(Kind.LINK),
        "hotspots": kinds.count(Kind.HOTSPOT),
        "services": kinds.count(Kind.SERVICE),
        "canaries": kinds.count(Kind.CANARY),
        "disabled": len(configuration.disabled),
        "assignments": len(configuration.assignments),
        "policies": len(configuration.policies),
        "routes": len(configuration.routes),
    }


def _summary(configuration: Configuration, lang: Language) -> dict[str, Any]:
    warnings = [as_object(one, lang) for one in configuration.warnings]
    return {"valid": True, "problems": [], "warnings": warnings, "counts": counts(configuration)}


def as_object(problem: Problem, lang: Language) -> dict[str, Any]:
    """A problem as JSON: place, key and sentence."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "key": problem.key,
        "what": problem.text(lang),
    }


def _print_problems(problems: tuple[Problem, ...], lang: Language, *, as_json: bool) -> None:
    if as_json:
        listed = [as_object(one, lang) for one in problems]
        _print_json({"valid": False, "problems": listed, "warnings": [], "counts": None})
        return
    for one in problems:
        typer.echo(one.sentence(lang), err=True)
    name = "config.problem-count-one" if len(problems) == 1 else "config.problem-count"
    typer.echo(say(name, lang, count=len(problems)), err=True)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def schema() -> None:
    """Print the JSON Schema of agent.yaml, the inventory, the policies and alerts.yaml.

    Example: sasando config schema > sasando.schema.json
    """
    _print_json(document())


def import_inventory(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A table, comma or semicolon.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write.", show_default=False)
    ] = None,
    lang: LangOption = None,
) -> None:
    """Turn a table of sites, links, hotspots and services into an inventory file.

    Example: sasando inventory import links.csv --out /etc/sasando/inventory/links.yaml
    """
    language = preferred_language(lang)
    target = out or file.with_suffix(".yaml")
    try:
        count = import_csv(file, target)
    except ConfigurationError as error:
        _print_problems(error.problems, language, as_json=False)
        raise typer.Exit(2) from None
    except ImportFailure as failure:
        typer.echo(failure.sentence(language), err=True)
        raise typer.Exit(2) from None
    typer.echo(say("config.import-done", language, count=count, file=target))
