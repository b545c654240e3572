"""What stands, as lines and tables for people. Takes the JSON of `sasando now --json`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import typer

from alerts.receipt import receipt_sentence
from monitor.cli.common import on_terminal, print_table, printable, spoken_bytes
from monitor.cli.standing_calendar import calendar_lines, stamp_lines
from monitor.cli.standing_redundancy import print_redundancy
from monitor.cli.standing_witnesses import witness_lines
from monitor.text import Language, catalogue, say

UNOBSERVED = "unobserved"


def print_now(found: Mapping[str, Any], zone: tzinfo, lang: Language) -> None:
    """The answer to `now` for people."""
    at = _local(found["at"], zone, named=True)
    typer.echo(f"{found['origin']}  {found['vantage']}  {at}")
    typer.echo("")
    _print_series(found["series"], zone, lang)
    typer.echo("")
    if found.get("redundancy"):
        print_redundancy(found["redundancy"], lambda moment: _local(moment, zone), lang)
        typer.echo("")
    if found["incidents"]:
        print_incidents(found["incidents"], zone, lang)
    else:
        typer.echo(say("cli.now-no-incident", lang))
    typer.echo("")
    for line in (
        *_silences(found, zone, lang),
        *_labels(found, zone, lang),
        *_health(found, lang),
        *_routes(found, zone, lang),
        *_ledger(found, zone, lang),
        *witness_lines(found["ledger"].get("witnesses") or (), lambda at: _local(at, zone), lang),
        *stamp_lines(found["ledger"].get("time_stamps") or (), lambda at: _local(at, zone), lang),
        *calendar_lines(found.get("calendar") or (), lambda at: _local(at, zone), lang),
    ):
        typer.echo(printable(line))


def _print_series(series: Sequence[Mapping[str, Any]], zone: tzinfo, lang: Language) -> None:
    """By site; a terminal shows each site's name once."""
    if not series:
        typer.echo(say("cli.now-no-series", lang))
        return
    rows, before = [], None
    for one in sorted(series, key=lambda s: (s["site"] or s["target"], s["target"], s["check"])):
        site = one["site"] or (one["target"] if one["kind"] == "site" else "–")
        family = f" IPv{one['family']}" if one["family"] else ""
        shown = "" if on_terminal() and site == before else site
        before = site
        rows.append(
            (
                shown,
                one["target"],
                f"{one['check']}{family}",
                say(f"cli.state-{one['state']}", lang),
                _local(one["since"], zone),
                _local(one["last"], zone),
                _why(one, lang),
            )
        )
    names = ("site", "target", "check", "state", "since", "last", "why")
    colours = {"available": "green", "unavailable": "bold red", UNOBSERVED: "yellow"}
    styles = {say(f"cli.state-{state}", lang): colour for state, colour in colours.items()}
    print_table([say(f"cli.head-{name}", lang) for name in names], rows, styles)


def _why(one: Mapping[str, Any], lang: Language) -> str:
    if one["fault"]:
        key = f"fault-{one['fault']}"
        return catalogue(lang, "checks").get(key, str(one["fault"]))
    return "; ".join(str(reason) for reason in one["reasons"])


def _silences(found: Mapping[str, Any], zone: tzinfo, lang: Language) -> list[str]:
    """Who wants no messages about what, and for how long."""
    said = []
    for one in found["silences"]:
        parts = [",".join(one[name]) for name in ("targets", "tags", "rules") if one[name]]
        values = {name: one[name] for name in ("id", "held", "author", "reason")}
        until = _local(one["until"], zone)
        said.append(say("silence.now-stands", lang, about=" & ".join(parts), until=until, **values))
    return said


def _labels(found: Mapping[str, Any], zone: tzinfo, lang: Language) -> list[str]:
    """What else is true of a target's time; above all, whether the agent can see at all."""
    said = []
    for one in found["labels"]:
        key = "cli.now-blind" if one["label"] == "blind" else "cli.now-label"
        values = {name: one[name] for name in ("label", "target", "cause")}
        said.append(say(key, lang, since=_local(one["since"], zone), **values))
    return said


def _health(found: Mapping[str, Any], lang: Language) -> list[str]:
    """The agent's own health: what is well in one line, what is not in one line each."""
    engine = found["engine"]
    if engine is None:
        return [say("cli.now-not-running", lang)]
    hours, rest = divmod(found["uptime_s"] or 0, 3_600)
    values = {
        "days": hours // 24,
        "hours": hours % 24,
        "minutes": rest // 60,
        "p99": _number(engine["late_p99_ms"]),
        "worst": _number(engine["late_max_ms"]),
        "flying": engine["in_flight"],
    }
    said = [say("cli.now-running", lang, **values)]
    lost = {name: count for name, count in (found["lost"] or {}).items() if count}
    if engine["skipped"]:
        lost["skipped"] = engine["skipped"]
    if lost:
        listed = ", ".join(f"{name} {count}" for name, count in lost.items())
        said.append(say("cli.now-lost", lang, lost=listed))
    if found["trouble"]:
        said.append(say("cli.now-trouble", lang, code=found["trouble"]))
    if found["alerts_waiting"]:
        said.append(say("cli.now-alerts", lang, count=found["alerts_waiting"]))
    if (found["configuration"] or {}).get("refused"):
        said.append(say("cli.now-refused", lang))
    return [*said, *(_note(note, lang) for note in found["notes"])]


def _routes(found: Mapping[str, Any], zone: tzinfo, lang: Language) -> list[str]:
    """The routes whose last attempt failed."""
    return [
        say(
            "cli.now-route",
            lang,
            route=one["name"],
            receipt=receipt_sentence(one["last_failure"]["receipt"], lang),
            failed=_local(one["last_failure"]["at"], zone),
            count=one["waiting"],
            oldest=_local(one["waiting_since"], zone),
            delivered=_local(one["last_delivery"], zone),
        )
        for one in found["routes"] or ()
        if one["failing"]
    ]


def _note(key: str, lang: Language) -> str:
    """A note of a prober: a key of the texts where there is one."""
    area, dot, name = key.partition(".")
    if not dot:
        area, name = "checks", key
    try:
        return catalogue(lang, area)[name]
    except (KeyError, FileNotFoundError):
        return key


def _ledger(found: Mapping[str, Any], zone: tzinfo, lang: Language) -> list[str]:
    ledger = found["ledger"]
    values = {
        "size": ledger["size"],
        "bytes": _bytes(ledger["bytes"]),
        "retention": ledger["retention_days"],
    }
    said = [say("cli.now-ledger", lang, **values)]
    if ledger["growth_bytes_per_day"] is None:
        said.append(say("cli.now-growth-unknown", lang, free=_bytes(ledger["disk_free_bytes"])))
    else:
        values = {
            "growth": _bytes(ledger["growth_bytes_per_day"]),
            "free": _bytes(ledger["disk_free_bytes"]),
            "days": "–" if ledger["days_left"] is None else ledger["days_left"],
        }
        said.append(say("cli.now-growth", lang, **values))
    if ledger["checkpoint_size"] is None:
        said.append(say("cli.now-no-checkpoint", lang))
    else:
        moment = _local(ledger["checkpoint_at"], zone)
        said.append(say("cli.now-checkpoint", lang, size=ledger["checkpoint_size"], moment=moment))
    if ledger["unsigned"]:
        said.append(say("cli.now-unsigned", lang, why=ledger["unsigned"]))
    return said


def _cut_off(incident: Mapping[str, Any], lang: Language) -> list[str]:
    """How much is, or was, unreachable because of it."""
    count = incident["consequences"]["count"]
    return [say("cli.incident-cut-off", lang, count=count)] if count else []


def _untold(incident: Mapping[str, Any], lang: Language) -> list[str]:
    """That people have not been told of it, and why."""
    held = incident["held"]
    if held is None or held["released"] is not None:
        return []
    return [say(f"silence.now-held-{held['cause']}", lang, by=held["by"])]


def _taken(incident: Mapping[str, Any], zone: tzinfo, lang: Language) -> str:
    """Who acknowledged it, since when, and what they said."""
    if incident["acknowledged_by"] is None:
        return "–"
    key = "silence.now-acknowledged" + ("-why" if incident["acknowledgement"] else "")
    return say(
        key,
        lang,
        author=incident["acknowledged_by"],
        at=_local(incident["acknowledged"], zone),
        reason=incident["acknowledgement"],
    )


def _bytes(count: int | None) -> str:
    return "–" if count is None else spoken_bytes(count)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _local(moment: str | None, zone: tzinfo, *, named: bool = False) -> str:
    """An RFC 3339 time in the city's zone, whole seconds."""
    if moment is None:
        return "–"
    at = datetime.fromisoformat(moment).astimezone(zone)
    return f"{at:%Y-%m-%d %H:%M:%S}" + (f" {at.tzname()}" if named else "")


def print_incidents(listed: Sequence[Mapping[str, Any]], zone: tzinfo, lang: Language) -> None:
    """A table of incidents."""
    names = ("id", "severity", "target", "check", "rule", "since", "ended", "act", "taken", "why")
    rows = []
    for one in listed:
        family = f" IPv{one['family']}" if one["family"] else ""
        rows.append(
            (
                str(one["id"]),
                say(f"cli.severity-{one['severity']}", lang),
                one["target"],
                f"{one['check']}{family}",
                f"{one['policy']}/{one['rule']}",
                _local(one["since"], zone),
                _local(one["ended_since"], zone),
                say(f"cli.act-{one['act']}", lang),
                _taken(one, zone, lang),
                "; ".join([*_untold(one, lang), *_cut_off(one, lang), *one["reasons"]]),
            )
        )
    styles = {say("cli.severity-critical", lang): "bold red"}
    heads = [say(f"cli.head-{name}", lang) for name in names]
    print_table(heads, rows, styles, title=say("cli.incidents", lang, count=len(rows)))
