"""What a reload may change, and the routes of a configuration."""

import structlog

from alerts.routing import Route
from monitor.config.configuration import Configuration, KeyPlan
from monitor.config.problem import ConfigurationError, Place, problem
from monitor.secret import SecretError
from monitor.text import Language

_FIXED = (
    "origin",
    "vantage",
    "timezone",
    "store",
    "state",
    "high_water_mark",
    "control",
    "resolvers",
    "time_servers",
    "ca_file",
    "packets",
    "witnesses",
    "time_stamps",
)
"""Settings of agent.yaml that a running daemon cannot change: they need a restart."""
_log = structlog.get_logger("sasando.daemon")


def routes_of(configuration: Configuration) -> dict[str, Route]:
    """The routes ready for work; one whose secret cannot be read is left out and logged."""
    routes = {}
    for name, plan in configuration.routes.items():
        try:
            if plan.source.enabled:
                routes[name] = plan.route()
        except SecretError as error:
            _log.error("route-without-secret", route=name, why=error.sentence("en"))
    return routes


def require_same_log(before: Configuration, after: Configuration, key: KeyPlan) -> None:
    """ConfigurationError when what cannot change under a running daemon has changed.

    `key` is the one in force: it must be named, as the key or as the next one.
    """
    place = Place(str(after.directory / "agent.yaml"))
    names = [n for n in _FIXED if getattr(before.agent, n) != getattr(after.agent, n)]
    if key not in (after.agent.key, after.agent.next_key):
        names.append("key")
    changed = [problem(place, "cli.fixed-setting", name=name) for name in names]
    if changed:
        raise ConfigurationError(changed)


def refusal(error: ConfigurationError | OSError, lang: Language) -> list[str]:
    """Why a changed configuration was refused, for people; the first 20 problems."""
    if isinstance(error, ConfigurationError):
        return [one.sentence(lang) for one in error.problems[:20]]
    return [str(error)]
