"""Which routes are told of which step."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from alerts.routing import AlertsSource, Route, RouteSource, everything, route_of, routes_for
from monitor.model import Act, Severity
from tests.alerts.samples import LINK, a_step


def route(name: str, **changes: object) -> Route:
    """A route that is told everything from a warning up, as changed."""
    return dataclasses.replace(Route(name=name, url="json://127.0.0.1"), **changes)  # type: ignore[arg-type]


def told(act: Act, *routes: Route, opened_to: tuple[str, ...] = (), **step: object) -> set[str]:
    """The routes that hear of a step with this act."""
    by_name = {r.name: r for r in routes}
    return set(routes_for(a_step(act, **step), LINK, by_name, opened_to=opened_to))


def test_an_opening_goes_to_the_routes_whose_severity_it_reaches() -> None:
    """A warning is told where info or warning is the least, and not where critical is."""
    routes = [route(s.word, severity=s) for s in Severity]
    assert told(Act.OPENED, *routes, severity=Severity.WARNING) == {"info", "warning"}


def test_an_opening_goes_only_where_the_predicate_holds() -> None:
    """`applies_to` decides by the target."""
    mine = route("mine", applies=lambda target: target.site == "dukcapil")
    other = route("other", applies=lambda target: target.site == "core")
    assert told(Act.OPENED, mine, other) == {"mine"}


def test_a_disabled_route_is_told_nothing() -> None:
    """Neither openings nor the end of what it was told before."""
    off = route("off", enabled=False)
    assert told(Act.OPENED, off) == set()
    assert told(Act.CLOSED, off, opened_to=("off",)) == set()


@pytest.mark.parametrize("act", [Act.CLOSED, Act.WITHDRAWN, Act.ACKNOWLEDGED])
def test_a_later_step_follows_its_opening_whatever_the_filters_say_now(act: Act) -> None:
    """A route that got the opening gets the rest; one that did not gets nothing."""
    stricter = route("stricter", severity=Severity.CRITICAL, applies=lambda _: False)
    fresh = route("fresh", severity=Severity.INFO)
    step = {"severity": Severity.INFO}
    assert told(act, stricter, fresh, opened_to=("stricter", "removed"), **step) == {"stricter"}


def test_a_route_without_recovery_still_hears_who_acknowledged() -> None:
    """`recovery: false` leaves out the end of an incident only."""
    quiet = route("quiet", recovery=False)
    assert told(Act.CLOSED, quiet, opened_to=("quiet",)) == set()
    assert told(Act.ACKNOWLEDGED, quiet, opened_to=("quiet",)) == {"quiet"}


@given(least=st.sampled_from(Severity), severity=st.sampled_from(Severity), enabled=st.booleans())
def test_an_opening_is_told_exactly_when_enabled_and_severe_enough(
    least: Severity, severity: Severity, enabled: bool
) -> None:
    """The rule holds for every combination."""
    one = route("one", severity=least, enabled=enabled)
    assert told(Act.OPENED, one, severity=severity) == (
        {"one"} if enabled and severity >= least else set()
    )


def test_the_configuration_s_shape_is_validated_by_the_dataclass_itself() -> None:
    """Defaults apply, and a limit of zero or an unknown severity is refused."""
    shape = TypeAdapter(AlertsSource)
    source = shape.validate_python({"routes": {"noc": {"url": "json://127.0.0.1"}}}).routes["noc"]
    assert (source.lang, source.severity, source.recovery) == ("id", "warning", True)
    for wrong in ({"per_hour": 0}, {"severity": "fatal"}, {"lang": "fr"}):
        with pytest.raises(ValidationError):
            shape.validate_python({"routes": {"noc": {"url": "json://127.0.0.1", **wrong}}})


def test_a_url_shows_in_no_repr() -> None:
    """Neither the source nor the route prints its URL."""
    source = RouteSource(url="json://user:hunter2@127.0.0.1")
    ready = route_of("noc", source, "json://user:hunter2@127.0.0.1", everything)
    assert "hunter2" not in f"{source!r} {ready!r} {ready}"
    assert ready.severity is Severity.WARNING
