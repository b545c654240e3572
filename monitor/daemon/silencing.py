"""Acknowledgements and silences, from the request to the entry.

Whoever asks is the author, as the kernel tells it. Neither changes a figure, and neither ends an
incident. An acknowledgement is a step of its incident and so goes through the book; a silence is
an entry of its own, which holds from the next commit on.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.config.configuration import Configuration
from monitor.daemon.control import Answer, ControlError
from monitor.daemon.declaring import EVER_US, Desk, reason_of
from monitor.daemon.recorder import Acknowledgement
from monitor.daemon.shared import Shared
from monitor.daemon.show import rfc3339
from monitor.derive import IncidentRow
from monitor.holds import SILENCE, Holds, SilenceRow
from monitor.ledger.entry import IncidentStepped, Record, SilenceDeclared, SilenceEnded
from monitor.model import Act, Kind, format_duration
from monitor.nearest import unknown
from monitor.store.errors import StoreError
from monitor.store.glance import incident_by_id, silences_since

LONGEST_US = 7 * 86_400_000_000
"""A silence that nobody renews ends by then at the latest."""
MOST_SELECTORS = 100
MOST_SILENCES = 500
ACKNOWLEDGE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceDesk:
    """What a silence is checked against."""

    configuration: Configuration
    holds: Holds
    now_us: int
    author: str


def silence_entry(request: Mapping[str, Any], desk: SilenceDesk) -> Record:
    """The entry that a request asks for; ControlError says why there is none."""
    match request.get("act"):
        case "silence":
            return _silence(request, desk)
        case "silence-end":
            return _end(request, desk)
        case _:
            raise ControlError("cli.request")


def _silence(request: Mapping[str, Any], desk: SilenceDesk) -> SilenceDeclared:
    if len(desk.holds.silences) >= MOST_SILENCES:
        raise ControlError("silence.too-many", count=MOST_SILENCES)
    length_us = _integer(request.get("length_us"))
    if not 0 < length_us <= LONGEST_US:
        raise ControlError("silence.length", longest=format_duration(LONGEST_US))
    targets, tags, rules = (_texts(request.get(name)) for name in ("targets", "tags", "rules"))
    for name in targets:
        _require_target(name, desk.configuration)
    for tag in tags:
        if not tag.partition("=")[0] or "=" not in tag:
            raise ControlError("silence.tag", value=tag[:60])
    for rule in rules:
        _require_rule(rule, desk.configuration)
    if not (targets or tags or rules):
        raise ControlError("silence.nothing")
    return SilenceDeclared(
        targets=targets,
        tags=tags,
        rules=rules,
        until_us=desk.now_us + length_us,
        author=desk.author,
        reason=reason_of(request),
        at_us=desk.now_us,
    )


def _end(request: Mapping[str, Any], desk: SilenceDesk) -> SilenceEnded:
    number = _integer(request.get("id"))
    if number not in desk.holds.silences:
        raise ControlError("silence.none-stands", id=number)
    return SilenceEnded(
        silence=number,
        author=desk.author,
        reason=reason_of(request, needed=False),
        at_us=desk.now_us,
    )


def acknowledged_step(row: IncidentRow | None, desk: Desk, request: Mapping[str, Any]) -> Record:
    """The step of an acknowledgement without a daemon; ControlError where none can follow."""
    number = _integer(request.get("id"))
    require_standing(number, row)
    assert row is not None
    reason = reason_of(request, needed=False)
    return IncidentStepped(
        incident=row.id,
        step=row.step + 1,
        act=Act.ACKNOWLEDGED.value,
        target=row.target,
        check=row.check,
        family=row.family,
        policy=row.policy,
        rule=row.rule,
        severity=row.severity,
        reasons=(reason,) if reason else (),
        since_us=row.since_us,
        at_us=desk.now_us,
        author=desk.author,
    )


def require_standing(number: int, row: IncidentRow | None) -> None:
    """ControlError unless the incident is there, open, and nobody has acknowledged it."""
    if row is None:
        raise ControlError("declare.no-incident", id=number)
    if row.ended_us is not None:
        raise ControlError("silence.ack-over", id=number)
    if row.acknowledged_by:
        raise ControlError("silence.ack-twice", id=number, author=row.acknowledged_by)


def answers(daemon: Shared) -> Mapping[str, Answer]:
    """The commands of the socket that acknowledge and silence."""
    turn = asyncio.Lock()

    async def ack(request: Mapping[str, Any], author: str) -> Any:
        async with turn:
            number = _integer(request.get("id"))
            row = daemon.writer.view.incidents.get(number)
            if row is None:  # not open: tell apart what is over and what never was
                row = await asyncio.to_thread(_incident, daemon.ledger.url, number)
            require_standing(number, row)
            reason = reason_of(request, needed=False)
            return {"entry": await acknowledged(daemon, number, author, reason)}

    async def silence(request: Mapping[str, Any], author: str) -> Any:
        async with turn:
            desk = SilenceDesk(
                configuration=daemon.plan.configuration,
                holds=daemon.writer.view.holds,
                now_us=daemon.now_us(),
                author=author,
            )
            entry = silence_entry(request, desk)
            found: dict[str, Any] = {"entry": await daemon.entries.appended(entry, {})}
            if isinstance(entry, SilenceDeclared):
                found["until"] = rfc3339(entry.until_us)
            return found

    async def silences(request: Mapping[str, Any], _author: str) -> Any:
        now_us = daemon.now_us()
        since_us = 0 if request.get("all") is True else now_us
        try:
            rows, counts = await asyncio.to_thread(silences_since, daemon.ledger.url, since_us)
        except StoreError as error:
            raise ControlError(error.code, **error.values) from error
        return [silence_shown(row, counts.get(row.id, 0)) for row in rows]

    return {"ack": ack, "silence": silence, "silences": silences}


async def acknowledged(daemon: Shared, number: int, author: str, reason: str) -> int:
    """The index of the step, once it is committed; ControlError where it cannot be."""
    daemon.entries.require_writing()
    index: asyncio.Future[int | None] = daemon.loop.create_future()

    def told(position: int | None) -> None:
        if not index.done():  # who asked may have gone meanwhile
            index.set_result(position)

    daemon.recorder.acknowledging.append(
        Acknowledgement(incident=number, author=author, reason=reason, told=told)
    )
    try:
        found = await asyncio.wait_for(index, ACKNOWLEDGE_S)
    except TimeoutError:
        raise ControlError("daemon.not-committed", seconds=int(ACKNOWLEDGE_S)) from None
    if found is None:  # it ended while the request was on its way
        raise ControlError("silence.ack-over", id=number)
    return found


def silences_shown(holds: Holds) -> list[dict[str, Any]]:
    """The silences that stand."""
    return [
        silence_shown(row, len(holds.of((SILENCE, number))))
        for number, row in sorted(holds.silences.items())
    ]


def silence_shown(row: SilenceRow, held: int) -> dict[str, Any]:
    """One object of `silence list` and `now`."""
    return {
        "id": row.id,
        "targets": list(row.targets),
        "tags": list(row.tags),
        "rules": list(row.rules),
        "since": rfc3339(row.at_us),
        "until": rfc3339(row.until_us),
        "author": row.author,
        "reason": row.reason,
        "ended": None if row.ended_us is None else rfc3339(row.ended_us),
        "ended_by": row.ended_by or None,
        "held": held,
    }


def _incident(url: str, number: int) -> IncidentRow | None:
    try:
        return incident_by_id(url, number)
    except StoreError as error:
        raise ControlError(error.code, **error.values) from error


def _integer(value: object) -> int:
    if type(value) is int and 0 <= value < EVER_US:
        return value
    raise ControlError("cli.request")


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MOST_SELECTORS:
        raise ControlError("cli.request")
    if not all(isinstance(one, str) and 0 < len(one) <= 200 for one in value):
        raise ControlError("cli.request")
    return tuple(dict.fromkeys(value))


def _require_target(name: str, configuration: Configuration) -> None:
    targets = configuration.targets
    if name in targets and targets[name].kind is not Kind.AGENT:
        return
    code, told = unknown("cli.unknown-target", name, targets)
    raise ControlError(code, **told)


def _require_rule(name: str, configuration: Configuration) -> None:
    known = _rules(configuration)
    if name not in known:
        code, told = unknown("silence.rule", name, known)
        raise ControlError(code, **told)


def _rules(configuration: Configuration) -> Sequence[str]:
    """Every rule, alone and with its policy; those that checks bring along too."""
    from checks.table import KINDS
    from policies.judge import DEFAULT_POLICY

    found = [
        name
        for policy in configuration.policies
        for rule in policy.rules
        for name in (rule.id, f"{policy.name}/{rule.id}")
    ]
    usual = [f"{kind}-available" for kind in KINDS]
    return [*found, *usual, *(f"{DEFAULT_POLICY}/{name}" for name in usual)]
