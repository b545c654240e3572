"""What stands now, as the control socket tells it: series, incidents, the agent's own health."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.daemon import show
from monitor.daemon.calendar import Calendar
from monitor.daemon.plan import Item
from monitor.daemon.redundant import Month, Site, month_of, series_of, site_shown, stored_of
from monitor.daemon.reloading import Reloading, refusal
from monitor.daemon.shared import Shared
from monitor.daemon.silencing import silences_shown
from monitor.derive import Fold
from monitor.labels import UNREACHABLE
from monitor.ledger.entry import LabelSet
from monitor.model import State
from monitor.store.connect import place_of
from monitor.store.errors import StoreError
from monitor.store.glance import spans_since

HOUR_S = 3_600
DAY_S = 86_400
COMMIT_US = 3_000_000
"""What is seen may wait so long for its commit before `now` doubts it."""


def standing(daemon: Shared, calendar: Calendar, reloading: Reloading) -> dict[str, Any]:
    """What stands now: series, incidents, the agent's own health."""
    configuration, seen = daemon.plan.configuration, daemon.recorder.accumulator
    now_us = daemon.now_us()
    late, counters = daemon.runner.lateness.total(), daemon.runner.counters()
    return {
        "origin": configuration.agent.origin,
        "vantage": configuration.agent.vantage,
        "at": show.rfc3339(now_us),
        "uptime_s": (now_us - daemon.started_us) // 1_000_000,
        "series": [_series(daemon, item, now_us) for item in daemon.plan.items.values()],
        "incidents": show.incidents(
            list(daemon.writer.view.incidents.values()),
            list(seen.book.labels.values()),
            configuration.targets,
            daemon.writer.view.holds.held,
        ),
        "silences": silences_shown(daemon.writer.view.holds),
        "labels": [
            {
                "label": label.label,
                "target": label.target,
                "cause": label.cause,
                "since": show.rfc3339(label.since_us),
            }
            for label in seen.book.labels.values()
        ],
        "ledger": _ledger(daemon, calendar, now_us),
        "engine": {
            "late_p50_ms": late.p50_ms,
            "late_p99_ms": late.p99_ms,
            "late_max_ms": late.max_ms,
            "in_flight": daemon.runner.under_way,
            "waiting": daemon.runner.waiting,
            "skipped": counters["skipped"] + counters["overload"],
        },
        "lost": dict(seen.lost_ever),
        "counters": daemon.probers.counters(),
        "notes": daemon.probers.notes(),
        "trouble": daemon.committing.trouble.code if daemon.committing.trouble else None,
        "calendar": calendar.told(),
        "alerts_waiting": daemon.sender.waiting(),
        "routes": [show.route(record) for record in daemon.sender.records()],
        "configuration": {
            "refused": reloading.refused is not None,
            "reloads": reloading.count,
            "problems": refusal(reloading.refused, configuration.agent.language)
            if reloading.refused is not None
            else [],
        },
    }


async def redundancy(daemon: Shared) -> list[dict[str, Any]]:
    """The redundant sites; the month is null where the store cannot be read at present."""
    sites = list(daemon.legs.sites())
    if not sites:
        return []
    now_us = daemon.now_us()
    month = month_of(now_us, daemon.plan.configuration.agent.timezone)
    fold = daemon.writer.view  # taken first: what is read later may only be newer
    labels = dict(daemon.recorder.accumulator.book.labels)
    # A month of links that flap is seconds of reading and adding up: not on the loop.
    return await asyncio.to_thread(_sites, daemon.ledger.url, sites, labels, fold, month)


def _sites(
    url: str,
    sites: Sequence[Site],
    labels: Mapping[tuple[str, str], LabelSet],
    fold: Fold,
    month: Month,
) -> list[dict[str, Any]]:
    series = series_of(site.plans for site in sites)
    try:
        read = spans_since(url, series, UNREACHABLE, month.started_us)
    except StoreError:
        stored = None
    else:
        stored = stored_of(*read)
    return [site_shown(site, labels, fold, stored, month) for site in sites]


def _series(daemon: Shared, item: Item, now_us: int) -> dict[str, Any]:
    view = daemon.writer.view
    state, since_us, last_us = view.current(item.number)
    seen = daemon.recorder.accumulator.latest.get(item.number)
    covered_us = (
        max(last_us, seen.at_us if seen else 0) + item.assignment.settings.interval * 3 // 2
    )
    if state is not State.UNOBSERVED and covered_us + COMMIT_US < now_us:
        state, since_us = State.UNOBSERVED, view.until_us(item.number)
    reasons = [
        reason
        for verdict in (seen.judgement.verdicts if seen else ())
        for reason in getattr(verdict, "reasons", ())
    ]
    fault = seen.outcome.fault if seen else None
    return {
        "target": item.target.key,
        "name": item.target.name,
        "kind": item.target.kind.value,
        "site": item.target.site,
        "check": item.kind.name,
        "family": int(item.assignment.family),
        "state": state.word,
        "since": show.rfc3339(since_us) if since_us else None,
        "last": show.rfc3339(seen.at_us if seen else last_us) if seen or last_us else None,
        "reasons": reasons,
        "fault": fault.kind.value if fault else None,
    }


def _ledger(daemon: Shared, calendar: Calendar, now_us: int) -> dict[str, Any]:
    """Size and growth; both undefined until an hour of growth has been seen."""
    agent = daemon.plan.configuration.agent
    place = Path(place_of(daemon.ledger.url))
    stored = daemon.growth.stored_bytes()
    free = shutil.disk_usage(place.parent).free if place.parent.is_dir() else None
    since_us, before = daemon.growth.since(now_us)
    age_s = (now_us - since_us) // 1_000_000
    growth = (stored - before) * DAY_S // age_s if stored and age_s >= HOUR_S else None
    return {
        "size": daemon.ledger.size,
        "checkpoint_size": daemon.ledger.size if daemon.ledger.note else None,
        "bytes": stored or None,
        "growth_bytes_per_day": growth,
        "disk_free_bytes": free,
        "days_left": free // growth if free is not None and growth and growth > 0 else None,
        "retention_days": agent.retention_us // (DAY_S * 1_000_000),
        "unsigned": daemon.committing.unsigned or None,
        "witnesses": daemon.witnesses.told(),
        "time_stamps": calendar.stamps(),
    }


def latest(daemon: Shared, target: str) -> list[dict[str, Any]]:
    """The newest observation of each series of a target."""
    vantage = daemon.plan.configuration.agent.vantage
    found = []
    for item in daemon.plan.items.values():
        seen = daemon.recorder.accumulator.latest.get(item.number)
        if item.target.key == target and seen is not None:
            found.append(
                show.observation(item, vantage, seen.at_us, seen.outcome, seen.judgement, None)
            )
    return found
