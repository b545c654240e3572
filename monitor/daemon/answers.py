"""What the daemon answers on its control socket."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from checks.base import Assignment
from checks.table import KINDS
from monitor.config.configuration import Configuration
from monitor.config.judging import needs_told
from monitor.daemon import declaring, issuing, jobs, rotating, show, silencing
from monitor.daemon.control import Answer, ControlError, Told
from monitor.daemon.drilling import Drills
from monitor.daemon.ondemand import act_of, probe_at, shown
from monitor.daemon.plan import Item, item_of, rules_of
from monitor.daemon.redundant import Month, Site, month_of, series_of, site_shown, stored_of
from monitor.daemon.reloading import refusal
from monitor.daemon.silencing import silences_shown
from monitor.derive import Fold
from monitor.labels import UNREACHABLE
from monitor.ledger.entry import LabelSet
from monitor.model import Kind, State, Target
from monitor.nearest import unknown
from monitor.store.connect import place_of
from monitor.store.errors import StoreError
from monitor.store.glance import Incidents, recent_incidents, spans_since

if TYPE_CHECKING:
    from monitor.daemon.service import Daemon

MOST_INCIDENTS = 10_000
HOUR_S = 3_600
DAY_S = 86_400
_SCHEMES = {"https": ("http", "tls")}
"""The checks that look at a bare URL of a scheme that is not the name of one."""
COMMIT_US = 3_000_000
"""What is seen may wait so long for its commit before `now` doubts it."""
UNNUMBERED = -1
"""Series number of a bare target: it is in no inventory, and its observation in no batch."""


def answers(daemon: "Daemon") -> Mapping[str, Answer]:
    """Every command of the socket."""

    async def now(_request: Mapping[str, Any], _author: str) -> Any:
        return {**standing(daemon), "redundancy": await redundancy(daemon)}

    async def incidents(request: Mapping[str, Any], _author: str) -> Any:
        limit = request.get("limit", 100)
        if type(limit) is not int or not 0 <= limit <= MOST_INCIDENTS:
            raise ControlError("cli.request")
        # Neither on the loop nor on the writer's engine, whose every transaction takes the lock.
        seen = await asyncio.to_thread(_incidents, daemon.ledger.url, request.get("open"), limit)
        targets = daemon.plan.configuration.targets
        return show.incidents(seen.incidents, seen.labels, targets, seen.held)

    async def latest(request: Mapping[str, Any], _author: str) -> Any:
        return _latest(daemon, str(request.get("target", "")))

    async def check(request: Mapping[str, Any], author: str) -> Any:
        return await checked(daemon, request, author)

    return {
        "now": now,
        "incidents": incidents,
        "latest": latest,
        "check": check,
        **declaring.answers(daemon),
        **silencing.answers(daemon),
        **issuing.answers(daemon),
        **jobs.answers(daemon),
        **rotating.answers(daemon),
    }


def told(daemon: "Daemon") -> Mapping[str, Told]:
    """Every command of the socket that takes its time."""
    return {"drill": Drills(daemon).answer}


def _incidents(url: str, only_open: object, limit: int) -> Incidents:
    try:
        return recent_incidents(url, only_open=bool(only_open), limit=limit)
    except StoreError as error:
        raise ControlError(error.code, **error.values) from error


def select_items(
    items: Sequence[Item],
    configuration: Configuration,
    names: Sequence[str],
    kinds: Sequence[str],
    tags: Mapping[str, str],
) -> list[Item]:
    """The series that a request names; ControlError for a name that nothing has.

    A site stands for everything of it. Without names and tags: everything.
    """
    chosen: list[Item] = []
    for name in names:
        if "://" in name:
            chosen += bare_items(name, configuration)
            continue
        if name not in configuration.targets:
            code, told = unknown("cli.unknown-target", name, configuration.targets)
            raise ControlError(code, **told)
        chosen += [i for i in items if name in (i.target.key, i.target.site)]
    if not names:
        chosen = list(items)
    if tags:
        wanted = tags.items()
        chosen = [i for i in chosen if all(i.target.labels.get(k) == v for k, v in wanted)]
    if kinds:
        chosen = [i for i in chosen if i.kind.name in kinds]
    unique = {(i.target.key, i.kind.name, int(i.assignment.family)): i for i in chosen}
    return list(unique.values())


def bare_items(url: str, configuration: Configuration | None) -> list[Item]:
    """The series of a bare target such as `icmp://192.0.2.1`; ControlError when it is none."""
    try:
        parts = urlsplit(url)
    except ValueError as error:  # a bracket that does not close
        raise ControlError("cli.bare-target", url=url, why=str(error)) from error
    target = Target(key=url, kind=Kind.SERVICE, name=url)
    names = _SCHEMES.get(parts.scheme, (parts.scheme,))
    return [one for name in names for one in _bare(target, name, parts, configuration)]


def _bare(
    target: Target, check: str, parts: SplitResult, configuration: Configuration | None
) -> list[Item]:
    """The series of one check on a bare target."""
    kind = KINDS.get(check)
    if kind is None or kind.from_url is None:
        known = ", ".join(f"{k.name}://" for k in KINDS.values() if k.from_url)
        raise ControlError("cli.bare-scheme", url=target.key, known=known)
    if check == "tls" and parts.scheme == "https":  # the page says nothing to its server's TLS
        parts = parts._replace(scheme="tls", path="", query="", fragment="")
    try:
        settings = kind.from_url(parts)
    except ValueError as error:
        raise ControlError("cli.bare-target", url=target.key, why=str(error)) from error
    policies = () if configuration is None else configuration.policies
    if configuration is not None:
        settings = configuration.settings(kind.name, settings)
        settings = needs_told(kind.name, settings, policies, target)
    found = []
    for family in kind.families(settings):
        assignment = Assignment(target=target.key, check=check, family=family, settings=settings)
        rules = rules_of(policies, target, check)
        found.append(item_of(UNNUMBERED, assignment, target, rules))
    return found


def in_full(items: Sequence[Item], full: bool) -> list[Item]:
    """The series again, told to find out everything where `full` is asked for."""
    return [one if one.kind.full is None or not full else _full(one) for one in items]


def _full(item: Item) -> Item:
    assert item.kind.full is not None
    settings = item.kind.full(item.assignment.settings)
    return replace(item, assignment=replace(item.assignment, settings=settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a `check` asks for; every text is one that an entry can hold."""

    targets: Sequence[str]
    kinds: Sequence[str]
    tags: Mapping[str, str]
    address: str | None
    reason: str
    full: bool


def asked_of(request: Mapping[str, Any]) -> Asked:
    """The request, with its types made sure of; ControlError("cli.request") for anything else."""
    targets, kinds = request.get("targets", []), request.get("kinds", [])
    tags, address = request.get("tags", {}), request.get("address")
    if not isinstance(targets, list) or not isinstance(kinds, list) or not isinstance(tags, dict):
        raise ControlError("cli.request")
    return Asked(
        targets=[_text(name) for name in targets],
        kinds=[_text(kind) for kind in kinds],
        tags={_text(name): _text(value) for name, value in tags.items()},
        address=None if address is None else _text(address),
        reason=_text(request.get("reason", "")),
        full=request.get("full") is True,
    )


def _text(value: object) -> str:
    """A text that UTF-8 has; JSON can bring half a surrogate pair."""
    try:
        if isinstance(value, str) and value.encode():
            return value
    except UnicodeEncodeError:
        pass
    if value == "":
        return ""
    raise ControlError("cli.request")


async def checked(daemon: "Daemon", request: Mapping[str, Any], author: str) -> Any:
    """Probe now, append the act, answer with the observations."""
    asked = asked_of(request)
    items = select_items(
        list(daemon.plan.items.values()),
        daemon.plan.configuration,
        asked.targets,
        asked.kinds,
        asked.tags,
    )
    items = in_full(items, asked.full)
    daemon.require_writing()
    items, outcomes = await probe_at(items, daemon.probers, asked.address, ticking=True)
    anchor = daemon.recorder.anchor
    act, records = act_of(
        items,
        outcomes,
        anchor,
        author,
        asked.reason,
        anchor.wall_at(daemon.clock.boottime_ns()),
    )
    index = await daemon.appended(act, records)
    return shown(items, outcomes, anchor, daemon.plan.configuration.agent.vantage, index)


def standing(daemon: "Daemon") -> dict[str, Any]:
    """What stands now: series, incidents, the agent's own health."""
    configuration, seen = daemon.plan.configuration, daemon.recorder.accumulator
    now_us = daemon.recorder.anchor.wall_at(daemon.clock.boottime_ns())
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
        "ledger": _ledger(daemon, now_us),
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
        "calendar": daemon.calendar.told(),
        "alerts_waiting": daemon.sender.waiting(),
        "routes": [show.route(record) for record in daemon.sender.records()],
        "configuration": {
            "refused": daemon.refused is not None,
            "reloads": daemon.reloads,
            "problems": refusal(daemon.refused, configuration.agent.language)
            if daemon.refused is not None
            else [],
        },
    }


async def redundancy(daemon: "Daemon") -> list[dict[str, Any]]:
    """The redundant sites; the month is null where the store cannot be read at present."""
    sites = list(daemon.legs.sites())
    if not sites:
        return []
    now_us = daemon.recorder.anchor.wall_at(daemon.clock.boottime_ns())
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


def _series(daemon: "Daemon", item: Item, now_us: int) -> dict[str, Any]:
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


def _ledger(daemon: "Daemon", now_us: int) -> dict[str, Any]:
    """Size and growth; both undefined until an hour of growth has been seen."""
    agent = daemon.plan.configuration.agent
    place = Path(place_of(daemon.ledger.url))
    stored = daemon.stored_bytes()
    free = shutil.disk_usage(place.parent).free if place.parent.is_dir() else None
    since_us, before = daemon.growth_from(now_us)
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
        "time_stamps": daemon.calendar.stamps(),
    }


def _latest(daemon: "Daemon", target: str) -> list[dict[str, Any]]:
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
