"""Declarations about time, from the request to the entry: maintenance and exclusions.

Whoever asks is the author, as the kernel tells it. A refusal is told before anything is written;
what the fold would refuse never reaches it. Declarations of one daemon are taken one after the
other, so that two decisions on one exclusion cannot both be on their way.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.config.configuration import Configuration
from monitor.daemon.control import Answer, ControlError
from monitor.daemon.ondemand import REASON_LIMIT
from monitor.daemon.shared import Shared
from monitor.daemon.show import rfc3339
from monitor.declared import EXCLUSION, MAINTENANCE, DeclarationRow, Declarations
from monitor.derive import IncidentRow
from monitor.ledger.entry import (
    EXCLUSION_CAUSES,
    MAX_INTERVAL_US,
    ExclusionDecided,
    ExclusionProposed,
    MaintenanceCut,
    MaintenanceDeclared,
    Record,
)
from monitor.model import Kind
from monitor.nearest import unknown
from monitor.store.errors import StoreError
from monitor.store.glance import declared_within, incident_by_id

MOST_TARGETS = 500
MOST_OPEN = 1_000
"""Declarations that may still change; more are refused."""
EVER_US = 1 << 60
Incident = Callable[[int], IncidentRow | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a declaration is checked against."""

    configuration: Configuration
    declarations: Declarations
    incident: Incident
    now_us: int
    author: str


def declaration_of(request: Mapping[str, Any], desk: Desk) -> Record:
    """The entry that a request asks for; ControlError says why there is none."""
    makes = {
        "maintenance": _maintenance,
        "maintenance-cut": _cut,
        "exclude": _exclusion,
        "exclude-decide": _decision,
    }
    make = makes.get(str(request.get("act")))
    if make is None:
        raise ControlError("cli.request")
    # Whoever cuts or decides makes room; those who declare more wait for them.
    if make in (_maintenance, _exclusion) and len(desk.declarations.rows()) >= MOST_OPEN:
        raise ControlError("declare.too-many", count=MOST_OPEN)
    return make(request, desk)


def _maintenance(request: Mapping[str, Any], desk: Desk) -> Record:
    targets = request.get("targets")
    if not isinstance(targets, list) or not 0 < len(targets) <= MOST_TARGETS:
        raise ControlError("cli.request")
    known = tuple(dict.fromkeys(_target(name, desk) for name in targets))
    since_us, until_us = _moment(request, "since_us"), _moment(request, "until_us")
    _require_order(since_us, until_us)
    if since_us < desk.now_us:
        raise ControlError("declare.past", since=rfc3339(since_us), now=rfc3339(desk.now_us))
    return MaintenanceDeclared(
        targets=known,
        since_us=since_us,
        until_us=until_us,
        author=desk.author,
        reason=reason_of(request),
        at_us=desk.now_us,
    )


def _cut(request: Mapping[str, Any], desk: Desk) -> Record:
    row = _open(request, MAINTENANCE, desk)
    if row.until_us <= desk.now_us:
        raise ControlError("declare.over", id=row.id, until=rfc3339(row.until_us))
    return MaintenanceCut(
        maintenance=row.id,
        until_us=desk.now_us,
        author=desk.author,
        reason=reason_of(request, needed=False),
        at_us=desk.now_us,
    )


def _exclusion(request: Mapping[str, Any], desk: Desk) -> Record:
    cause, number = request.get("cause"), request.get("incident")
    if cause not in EXCLUSION_CAUSES:
        raise ControlError(
            "declare.cause", cause=str(cause)[:60], known=", ".join(EXCLUSION_CAUSES)
        )
    if number is None:
        target = _target(request.get("target"), desk)
        since_us, until_us = _moment(request, "since_us"), _moment(request, "until_us")
    else:
        row = desk.incident(_integer(number))
        if row is None:
            raise ControlError("declare.no-incident", id=_integer(number))
        _require_availability(row, desk.configuration)
        target, since_us = row.target, row.since_us
        until_us = row.ended_since_us if row.ended_since_us is not None else desk.now_us
    _require_order(since_us, until_us)
    if until_us > desk.now_us:
        raise ControlError("declare.future", until=rfc3339(until_us), now=rfc3339(desk.now_us))
    return ExclusionProposed(
        target=target,
        since_us=since_us,
        until_us=until_us,
        cause=str(cause),
        incident=None if number is None else _integer(number),
        author=desk.author,
        reason=reason_of(request),
        at_us=desk.now_us,
    )


def _require_availability(row: IncidentRow, configuration: Configuration) -> None:
    """An incident of another rule is no outage: its time may be months in which all was well."""
    for rule in (rule for policy in configuration.policies for rule in policy.rules):
        if (rule.policy, rule.id) == (row.policy, row.rule) and not rule.availability:
            raise ControlError("declare.no-outage", id=row.id, rule=rule.id)


def _decision(request: Mapping[str, Any], desk: Desk) -> Record:
    row, approved = _open(request, EXCLUSION, desk), request.get("approved")
    if not isinstance(approved, bool):
        raise ControlError("cli.request")
    if row.author == desk.author:
        raise ControlError("declare.own", id=row.id, author=desk.author)
    return ExclusionDecided(
        exclusion=row.id,
        approved=approved,
        author=desk.author,
        reason=reason_of(request, needed=False),
        at_us=desk.now_us,
    )


def _open(request: Mapping[str, Any], kind: str, desk: Desk) -> DeclarationRow:
    number = _integer(request.get("id"))
    rows = desk.declarations.open(number)
    if not rows or rows[0].kind != kind:
        raise ControlError(f"declare.no-open-{kind}", id=number)
    return rows[0]


def _target(name: object, desk: Desk) -> str:
    targets = desk.configuration.targets
    if isinstance(name, str) and name in targets and targets[name].kind is not Kind.AGENT:
        return name
    code, told = unknown("cli.unknown-target", str(name), targets)
    raise ControlError(code, **told)


def _integer(value: object) -> int:
    if type(value) is int and 0 <= value < EVER_US:
        return value
    raise ControlError("cli.request")


def _moment(request: Mapping[str, Any], name: str) -> int:
    return _integer(request.get(name))


def _require_order(since_us: int, until_us: int) -> None:
    if not since_us < until_us <= since_us + MAX_INTERVAL_US:
        raise ControlError("declare.order", since=rfc3339(since_us), until=rfc3339(until_us))


def reason_of(request: Mapping[str, Any], *, needed: bool = True) -> str:
    """What the person says why; ControlError where it is needed and missing."""
    reason = request.get("reason", "")
    if not isinstance(reason, str) or (needed and not reason.strip()):
        raise ControlError("declare.reason")
    try:
        reason.encode()
    except UnicodeEncodeError:  # JSON can bring half a surrogate pair
        raise ControlError("cli.request") from None
    return reason[:REASON_LIMIT]


def shown(row: DeclarationRow) -> dict[str, Any]:
    """One object of `maintenance list` and `exclude list`."""
    return {
        "id": row.id,
        "target": row.target,
        "kind": row.kind,
        "since": rfc3339(row.since_us),
        "until": rfc3339(row.until_us),
        "cause": row.cause or None,
        "incident": row.incident,
        "author": row.author,
        "reason": row.reason,
        "declared": rfc3339(row.at_us),
        "standing": row.standing,
        "decided_by": row.decided_by or None,
        "decided": None if row.decided_us is None else rfc3339(row.decided_us),
        "counts": row.counts,
    }


def answers(daemon: Shared) -> Mapping[str, Answer]:
    """The commands of the socket that declare, and that tell what was declared."""
    turn = asyncio.Lock()

    async def declare(request: Mapping[str, Any], author: str) -> Any:
        async with turn:
            # The incident is read before the loop goes on to the checks, off the loop.
            incident = await asyncio.to_thread(_incident_of, daemon.ledger.url, request)
            desk = Desk(
                configuration=daemon.plan.configuration,
                declarations=daemon.writer.view.declarations,
                incident=lambda number: incident if incident and incident.id == number else None,
                now_us=daemon.now_us(),
                author=author,
            )
            entry = declaration_of(request, desk)
            return {"entry": await daemon.entries.appended(entry, {})}

    async def declarations(request: Mapping[str, Any], _author: str) -> Any:
        rows = await asyncio.to_thread(_declared, daemon.ledger.url, request)
        return [shown(row) for row in rows]

    return {"declare": declare, "declarations": declarations}


def _incident_of(url: str, request: Mapping[str, Any]) -> IncidentRow | None:
    number = request.get("incident")
    if type(number) is not int or not 0 <= number < EVER_US:
        return None
    try:
        return incident_by_id(url, number)
    except StoreError as error:
        raise ControlError(error.code, **error.values) from error


def _declared(url: str, request: Mapping[str, Any]) -> list[DeclarationRow]:
    kind, since_us = request.get("kind"), request.get("since_us", 0)
    try:
        rows = declared_within(url, _integer(since_us), EVER_US)
    except StoreError as error:
        raise ControlError(error.code, **error.values) from error
    return [row for row in rows if kind in (None, row.kind)]
