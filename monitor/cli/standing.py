"""`sasando now` and `sasando incidents`: told by the agent, or read from its database."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import (
    ConfigOption,
    JsonOption,
    LangOption,
    load_configuration,
    print_json,
    tell,
)
from monitor.cli.standing_calendar import offline_calendar, offline_stamps
from monitor.cli.standing_lines import UNOBSERVED, print_incidents, print_now
from monitor.cli.standing_redundancy import offline_redundancy
from monitor.cli.standing_witnesses import offline_witnesses
from monitor.text import preferred_language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Configuration
    from monitor.store.glance import Glance

DAY_S = 86_400


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("now")(now)
    app.command("incidents")(incidents)


def now(config: ConfigOption = None, as_json: JsonOption = False, lang: LangOption = None) -> None:
    """Show what stands: targets, open incidents, the agent's own health.

    Without a running agent its database is read instead.

    Example: sasando now
    """
    from monitor.daemon.control import NoDaemonError, ask

    language = preferred_language(lang)
    configuration = load_configuration(config)
    try:
        found = {"running": True, **ask(configuration.agent.control, "now")}
    except NoDaemonError:
        found = {"running": False, **_offline(configuration)}
        tell("cli.now-offline", language)
    found["ledger"]["checkpoint_at"] = _marked_at(configuration.agent.high_water_mark)
    if as_json:
        print_json(found)
        return
    print_now(found, configuration.agent.timezone, language)


def _marked_at(mark: Path) -> str | None:
    """When the newest checkpoint was set down; it carries no time itself (C2SP)."""
    try:
        written_ns = mark.stat().st_mtime_ns
    except OSError:
        return None
    return _rfc3339(written_ns // 1_000)


def _rfc3339(at_us: int) -> str:
    from monitor.daemon.show import rfc3339

    return rfc3339(at_us)


def _offline(configuration: "Configuration") -> dict[str, Any]:
    """The daemon's answer as far as the database can give it."""
    from monitor.clock import SystemClock
    from monitor.daemon.show import incidents as incidents_of
    from monitor.daemon.silencing import silences_shown
    from monitor.store.glance import glance

    agent, now_us = configuration.agent, SystemClock().wall_us()
    seen = glance(agent.store_url())
    return {
        "origin": seen.origin,
        "vantage": agent.vantage,
        "at": _rfc3339(now_us),
        "uptime_s": None,
        "series": _offline_series(configuration, seen, now_us),
        "redundancy": offline_redundancy(configuration, seen, now_us),
        "incidents": incidents_of(
            seen.fold.incidents.values(),
            seen.fold.labels.values(),
            configuration.targets,
            seen.fold.holds.held,
        ),
        "silences": silences_shown(seen.fold.holds),
        "labels": [
            {
                "label": label.label,
                "target": label.target,
                "cause": label.cause,
                "since": _rfc3339(label.since_us),
            }
            for label in seen.fold.labels.values()
        ],
        "ledger": {
            "size": seen.size,
            "checkpoint_size": _signed_size(agent.high_water_mark, seen.note),
            **_disk(agent.store_url()),
            "growth_bytes_per_day": None,
            "days_left": None,
            "retention_days": agent.retention_us // (DAY_S * 1_000_000),
            "unsigned": None,
            "witnesses": offline_witnesses(agent, seen.cosigned),
            "time_stamps": offline_stamps(agent, seen.stamped, now_us),
        },
        "calendar": offline_calendar(configuration, seen.fold.runs, now_us),
        "engine": None,
        "lost": None,
        "notes": [],
        "trouble": None,
        "alerts_waiting": None,
        "routes": None,
        "configuration": None,
    }


def _signed_size(mark: Path, kept: bytes | None) -> int | None:
    """How many entries the newest checkpoint claims to vouch for; `verify` checks the claim."""
    from monitor.ledger import anchor
    from monitor.ledger.checkpoint import read_unverified

    sizes = [read_unverified(note).size for note in (anchor.read(mark), kept) if note]
    return max(sizes, default=None)


def _offline_series(
    configuration: "Configuration", seen: "Glance", now_us: int
) -> list[dict[str, Any]]:
    """Each series as its newest observation left it; what it does not cover is unobserved."""
    rows = []
    for one in seen.series:
        if one.withdrawn:
            continue
        target = configuration.targets.get(one.target)
        state, since_us, last_us = seen.fold.current(one.number)
        until_us = seen.fold.until_us(one.number)
        gone = bool(last_us) and now_us > until_us
        since_us = until_us if gone and state.word != UNOBSERVED else since_us
        rows.append(
            {
                "target": one.target,
                "name": target.name if target else one.target,
                "kind": one.kind,
                "site": target.site if target else "",
                "check": one.check,
                "family": one.family,
                "state": UNOBSERVED if gone else state.word,
                "since": _rfc3339(since_us) if since_us else None,
                "last": _rfc3339(last_us) if last_us else None,
                "reasons": [],
                "fault": None,
            }
        )
    return rows


def _disk(url: str) -> dict[str, int | None]:
    from monitor.store.connect import place_of

    if not url.startswith("sqlite"):
        return {"bytes": None, "disk_free_bytes": None}
    place = Path(place_of(url))
    stored = sum(p.stat().st_size for p in (place, Path(f"{place}-wal")) if p.is_file())
    return {"bytes": stored, "disk_free_bytes": shutil.disk_usage(place.parent).free}


def incidents(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that still stand.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="At most so many.")
    ] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """List incidents, the newest first.

    Example: sasando incidents --open
    """
    from monitor.daemon.control import NoDaemonError, ask

    language = preferred_language(lang)
    configuration = load_configuration(config)
    try:
        found = ask(configuration.agent.control, "incidents", open=only_open, limit=limit)
    except NoDaemonError:
        found = _stored_incidents(configuration, only_open, limit)
        tell("cli.now-offline", language)
    if as_json:
        print_json(found)
    elif found:
        print_incidents(found, configuration.agent.timezone, language)
    else:
        typer.echo(say("cli.now-no-incident" if only_open else "cli.no-incident", language))


def _stored_incidents(
    configuration: "Configuration", only_open: bool, limit: int
) -> list[dict[str, Any]]:
    from monitor.daemon.show import incidents as incidents_of
    from monitor.store.glance import recent_incidents

    seen = recent_incidents(configuration.agent.store_url(), only_open=only_open, limit=limit)
    return incidents_of(seen.incidents, seen.labels, configuration.targets, seen.held)
