"""Which incident step goes to which route. Pure: no clock, no I/O, no Apprise.

`RouteSource` is what `alerts.yaml` says (`routes: {name: {...}}`); `Route` is the same route
ready for work, with its URL resolved and its `applies_to` compiled by the configuration.

Rules enforced here: an opening goes to the enabled routes whose severity and `applies_to` it
meets; every later step of the incident goes to the routes that got its opening, whatever their
filters say by then. Left to others: silences and escalation (they will narrow or widen the
result of `routes_for`), rate limits and order (`alerts.outbox`).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Interval

from monitor.model import Act, IncidentStep, Severity, Target
from monitor.secret import Secret
from monitor.text import Language

SeverityWord = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSource:
    """One route as it is written under `routes:` in `alerts.yaml`; its name is its key there."""

    url: str | Secret = field(repr=False)
    """An Apprise URL, or `{secret: file:PATH | env:NAME | credential:NAME}` that holds one."""
    description: str = ""
    """For people: whose telephone this is."""
    enabled: bool = True
    lang: Language = "id"
    """Language of the messages."""
    severity: SeverityWord = "warning"
    """The least severity whose incidents are told here."""
    applies_to: str = "true"
    """CEL over `target`: the targets this route cares about."""
    recovery: bool = True
    """Whether the end of an incident is told too."""
    per_hour: Annotated[int, Interval(ge=1, le=3600)] = 60
    """At most so many messages leave in any hour; the others wait, none is dropped."""

    digest: str = ""
    """`daily 07:30`: what the last day brought, at that time of day; empty: no digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsSource:
    """The whole of `alerts.yaml`."""

    routes: dict[str, RouteSource] = field(default_factory=dict)


def everything(target: Target) -> bool:
    """The predicate of `applies_to: true`."""
    del target
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route ready for work. `url` is a secret: it is in no repr and must reach no log."""

    name: str
    url: str = field(repr=False)
    enabled: bool = True
    lang: Language = "id"
    severity: Severity = Severity.WARNING
    recovery: bool = True
    per_hour: int = 60
    applies: Callable[[Target], bool] = field(default=everything, repr=False, compare=False)


def route_of(name: str, source: RouteSource, url: str, applies: Callable[[Target], bool]) -> Route:
    """The route `name`, with its URL resolved and its `applies_to` compiled."""
    return Route(
        name=name,
        url=url,
        enabled=source.enabled,
        lang=source.lang,
        severity=Severity[source.severity.upper()],
        recovery=source.recovery,
        per_hour=source.per_hour,
        applies=applies,
    )


def routes_for(
    step: IncidentStep,
    target: Target,
    routes: Mapping[str, Route],
    *,
    opened_to: Collection[str],
) -> tuple[str, ...]:
    """Names of the routes that are told of `step`, sorted.

    `opened_to`: the routes that have an outbox row for the opening of this incident; it is not
    looked at for an opening. A route that was removed or disabled since is told nothing more.
    """
    if step.act is Act.OPENED:
        return tuple(sorted(name for name, r in routes.items() if _opening(step, target, r)))
    return tuple(sorted(name for name in set(opened_to) if _later(step, routes.get(name))))


def _opening(step: IncidentStep, target: Target, route: Route) -> bool:
    return route.enabled and step.severity >= route.severity and route.applies(target)


def _later(step: IncidentStep, route: Route | None) -> bool:
    if route is None or not route.enabled:
        return False
    return route.recovery or step.act is Act.ACKNOWLEDGED
