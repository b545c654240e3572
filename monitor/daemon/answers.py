"""What the daemon answers on its control socket."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, urlsplit

from checks.base import Assignment
from checks.table import KINDS
from monitor.config.configuration import Configuration
from monitor.config.judging import needs_told
from monitor.daemon import declaring, issuing, jobs, rotating, show, silencing
from monitor.daemon.calendar import Calendar
from monitor.daemon.control import Answer, ControlError, Told
from monitor.daemon.drilling import Drills
from monitor.daemon.ondemand import act_of, probe_at, shown
from monitor.daemon.plan import Item, item_of, rules_of
from monitor.daemon.reloading import Reloading
from monitor.daemon.shared import Shared
from monitor.daemon.standing import latest, redundancy, standing
from monitor.model import Kind, Target
from monitor.nearest import unknown
from monitor.store.errors import StoreError
from monitor.store.glance import Incidents, recent_incidents

MOST_INCIDENTS = 10_000
_SCHEMES = {"https": ("http", "tls")}
"""The checks that look at a bare URL of a scheme that is not the name of one."""
UNNUMBERED = -1
"""Series number of a bare target: it is in no inventory, and its observation in no batch."""


def answers(daemon: Shared, calendar: Calendar, reloading: Reloading) -> Mapping[str, Answer]:
    """Every command of the socket."""

    async def now(_request: Mapping[str, Any], _author: str) -> Any:
        stands = standing(daemon, calendar, reloading)
        return {**stands, "redundancy": await redundancy(daemon)}

    async def incidents(request: Mapping[str, Any], _author: str) -> Any:
        limit = request.get("limit", 100)
        if type(limit) is not int or not 0 <= limit <= MOST_INCIDENTS:
            raise ControlError("cli.request")
        # Neither on the loop nor on the writer's engine, whose every transaction takes the lock.
        seen = await asyncio.to_thread(_incidents, daemon.ledger.url, request.get("open"), limit)
        targets = daemon.plan.configuration.targets
        return show.incidents(seen.incidents, seen.labels, targets, seen.held)

    async def newest(request: Mapping[str, Any], _author: str) -> Any:
        return latest(daemon, str(request.get("target", "")))

    async def check(request: Mapping[str, Any], author: str) -> Any:
        return await checked(daemon, request, author)

    return {
        "now": now,
        "incidents": incidents,
        "latest": newest,
        "check": check,
        **declaring.answers(daemon),
        **silencing.answers(daemon),
        **issuing.answers(daemon, calendar.jobs.issued),
        **jobs.answers(calendar.jobs),
        **rotating.answers(daemon),
    }


def told(daemon: Shared) -> Mapping[str, Told]:
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


async def checked(daemon: Shared, request: Mapping[str, Any], author: str) -> Any:
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
    daemon.entries.require_writing()
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
    index = await daemon.entries.appended(act, records)
    return shown(items, outcomes, anchor, daemon.plan.configuration.agent.vantage, index)
