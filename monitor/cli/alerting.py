"""`sasando alert test`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import (
    CommandError,
    ConfigOption,
    JsonOption,
    LangOption,
    load_configuration,
    print_json,
)
from monitor.nearest import unknown
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Configuration, RoutePlan

FAILED = 1


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    alert = typer.Typer(help="Alerts.", no_args_is_help=True)
    alert.callback()(_group)
    alert.command("test")(try_routes)
    app.add_typer(alert, name="alert")


def _group() -> None:
    """Alerts."""


def try_routes(
    routes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ROUTE]...",
            help="Routes of alerts.yaml, disabled ones too; without a name every enabled one.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Send a test message and show the receipt.

    Example: sasando alert test noc
    """
    language = preferred_language(lang)
    configuration = load_configuration(config)
    results = [_try(configuration, plan) for plan in _plans(configuration, routes or [])]
    if as_json:
        print_json([_as_object(one, language) for one in results])
    else:
        for one in results:
            told = _as_object(one, language)
            word = say("cli.alert-delivered" if told["delivered"] else "cli.alert-failed", language)
            typer.echo(f"{told['route']}: {word}: {told['receipt']}")
            if told["id"]:
                typer.echo(say("cli.alert-id", language, id=told["id"]))
    if not all(one["delivered"] for one in results):
        raise typer.Exit(FAILED)


def _plans(configuration: "Configuration", names: Sequence[str]) -> "list[RoutePlan]":
    """The named routes, else every enabled one."""
    plans = configuration.routes
    for name in names:
        if name not in plans:
            code, told = unknown("cli.unknown-route", name, plans)
            raise CommandError(code, **told)
    chosen = [plans[name] for name in names] or [p for p in plans.values() if p.source.enabled]
    if not chosen:
        raise CommandError("cli.no-route", count=len(plans))
    return chosen


def _try(configuration: "Configuration", plan: "RoutePlan") -> dict[str, Any]:
    """One attempt; what is kept of it holds no address and no secret."""
    from alerts.message import compose_test
    from alerts.payload import NO_INCIDENT, alert_id
    from alerts.sender import send_once
    from monitor.clock import SystemClock
    from monitor.secret import SecretError

    agent, at_us = configuration.agent, SystemClock().wall_us()
    try:
        route = plan.route()
    except SecretError as error:
        return {"route": plan.name, "delivered": False, "id": None, "secret": error}
    identity = alert_id(agent.origin, NO_INCIDENT, at_us, plan.name)
    message = compose_test(
        plan.name,
        route.lang,
        origin=agent.origin,
        at_us=at_us,
        timezone=agent.timezone,
        id_=identity,
    )
    receipt = send_once(route, message)
    return {
        "route": plan.name,
        "delivered": receipt.delivered,
        "id": identity,
        "code": receipt.code,
    }


def _as_object(result: dict[str, Any], lang: Language) -> dict[str, Any]:
    """The result with its receipt in words."""
    from alerts.receipt import receipt_sentence

    secret = result.get("secret")
    said = secret.sentence(lang) if secret else receipt_sentence(result["code"], lang)
    return {
        "route": result["route"],
        "delivered": result["delivered"],
        "id": result["id"],
        "receipt": said,
    }
