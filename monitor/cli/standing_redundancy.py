"""Redundant sites in `sasando now`: read from the database, and as a table for people."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from monitor.cli.common import print_table
from monitor.text import Language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Configuration
    from monitor.store.glance import Glance


def offline_redundancy(
    configuration: "Configuration", seen: "Glance", now_us: int
) -> list[dict[str, Any]]:
    """What the daemon would say, from its database; shared hops are the daemon's to know."""
    from monitor.daemon.redundant import (
        Site,
        month_of,
        series_of,
        site_shown,
        stored_legs,
        stored_of,
    )
    from monitor.daemon.registry import Registry
    from monitor.daemon.setup import legs_of, plan_of
    from monitor.labels import UNREACHABLE
    from monitor.ledger.entry import LabelSet
    from monitor.store.glance import spans_since

    agent = configuration.agent
    plans = legs_of(plan_of(configuration, Registry(agent.vantage, seen.series))).plans
    if not plans:
        return []
    month = month_of(now_us, agent.timezone)
    series = series_of(plans.values())
    stored = stored_of(*spans_since(agent.store_url(), series, UNREACHABLE, month.started_us))
    labels = {
        key: LabelSet(
            label=row.label,
            target=row.target,
            cause=row.cause,
            since_us=row.since_us,
            until_us=None,
        )
        for key, row in seen.fold.labels.items()
    }
    shown = []
    for key, legs in plans.items():
        found = stored_legs(legs, seen.fold, now_us)
        site = Site(
            key=key,
            name=configuration.targets[key].name,
            plans=legs,
            legs=[leg for leg, _ in found],
            legs_since=[since_us for _, since_us in found],
            shared_hops=None,
        )
        shown.append(site_shown(site, labels, seen.fold, stored, month))
    return shown


def print_redundancy(
    sites: Sequence[Mapping[str, Any]], local: Callable[[str | None], str], lang: Language
) -> None:
    """One row a leg; what is the site's stands in the row of its first one."""
    names = ("site", "leg", "state", "since", "single-leg", "debt", "shared")
    rows = []
    for site in sites:
        of_site = (local(site["single_leg_since"]), _debt(site["month"]), _hops(site, lang))
        for number, leg in enumerate(site["legs"]):
            role = f" ({leg['role']})" if leg["role"] else ""
            state = say(f"cli.state-{leg['state']}", lang)
            own = of_site if number == 0 else ("", "", "")
            first = site["site"] if number == 0 else ""
            rows.append((first, f"{leg['link']}{role}", state, local(leg["since"]), *own))
    period = next((site["month"]["period"] for site in sites if site["month"]), "–")
    title = say("cli.now-redundancy", lang, period=period)
    colours = {"available": "green", "unavailable": "bold red", "unobserved": "yellow"}
    styles = {say(f"cli.state-{state}", lang): colour for state, colour in colours.items()}
    print_table([say(f"cli.head-{name}", lang) for name in names], rows, styles, title=title)


def _debt(month: Mapping[str, Any] | None) -> str:
    """Hours, minutes and seconds, the same in every language."""
    if month is None:
        return "–"
    minutes, seconds = divmod(int(month["debt_ms"]) // 1_000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _hops(site: Mapping[str, Any], lang: Language) -> str:
    hops = site["shared_hops"]
    if hops is None:
        return "–"
    return ", ".join(hops) if hops else say("cli.now-none-shared", lang)
