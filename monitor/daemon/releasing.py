"""What people are told when a hold is over: each incident that still stands, and the sum. Pure.

The late message about an opening has the id of the one that was held back: whoever was told has
an outbox row of step 0, as if it had left at once, so that a restart tells nobody twice.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from alerts.payload import Held, SilenceOver, alert_id, payload_of, silence_payload
from monitor.daemon.consequences import Consequences
from monitor.daemon.holding import Release
from monitor.derive import IncidentRow
from monitor.holds import HeldRow
from monitor.incident import Proposal
from monitor.model import Act, IncidentStep, OutboxRow, Severity, Target
from monitor.store.ledger import Message

if TYPE_CHECKING:
    from monitor.daemon.recorder import Recorder

SUMMARY_STEP = 1
"""Of the message at a silence's end; its incident is the silence's own number."""


def released_messages(
    recorder: "Recorder", proposal: Proposal, release: Release, now_us: int
) -> list[Message]:
    """The late openings, with what hangs on them by now, then the sum of a silence."""
    subjects = {one.incident: key for key, one in recorder.accumulator.book.standings.items()}
    hanging = Consequences(recorder, proposal) if release.standing else None
    found: list[Message] = []
    for row, incident in release.standing:
        subject = subjects.get(incident.id)
        told = hanging.of(subject, _opening(incident)) if hanging and subject else []
        found += _openings(recorder, release, row, incident, told, now_us)
    if release.silence is not None:
        found += _summary(recorder, release, now_us)
    return found


def _openings(
    recorder: "Recorder",
    release: Release,
    row: HeldRow,
    incident: IncidentRow,
    consequences: Sequence[Target],
    now_us: int,
) -> Iterator[Message]:
    target = recorder.targets.get(incident.target)
    site = recorder.targets.get(target.site) if target else None
    payload = payload_of(
        _opening(incident),
        target.name if target else incident.target,
        site.name if site else "",
        recorder.titles.get((incident.policy, incident.rule), {}),
        consequences=consequences,
        held=_held(recorder, release),
    )
    for route in _enabled(recorder, row.routes):
        yield Message(row=_row(recorder, route, 0, payload, now_us), incident=incident.id)


def _held(recorder: "Recorder", release: Release) -> Held:
    cause, by = release.hold
    reason = release.silence.reason if release.silence is not None else ""
    for row in recorder.holding.view.declarations.open(by):
        reason = row.reason
    return Held(cause=cause, by=by, reason=reason)


def _opening(incident: IncidentRow) -> IncidentStep:
    """The step that opened it, again."""
    return IncidentStep(
        incident=None,
        step=0,
        act=Act.OPENED,
        target=incident.target,
        check=incident.check,
        family=incident.family,
        policy=incident.policy,
        rule=incident.rule,
        severity=Severity(incident.severity),
        reasons=incident.reasons,
        since_us=incident.since_us,
        at_us=incident.opened_us,
    )


def _summary(recorder: "Recorder", release: Release, now_us: int) -> Iterator[Message]:
    silence = release.silence
    assert silence is not None
    standing = [*(incident for _, incident in release.standing), *release.known]
    routes = {route for row, _ in release.standing for route in row.routes}
    routes |= {route for row in release.over for route in row.routes}
    routes |= {route for row, _ in release.held_on for route in row.routes}
    routes |= {route for one in release.known for route in recorder.opened_to.get(one.id, ())}
    over = SilenceOver(
        id=silence.id,
        author=silence.author,
        reason=silence.reason,
        since_us=silence.at_us,
        ended_us=now_us,
        counts=dict(release.counts),
        standing=[_named(recorder, one) for one in standing],
    )
    payload = silence_payload(over)
    for route in _enabled(recorder, sorted(routes)):
        row = _row(recorder, route, SUMMARY_STEP, payload, now_us)
        yield Message(row=row, incident=silence.id)


def _named(recorder: "Recorder", incident: IncidentRow) -> dict[str, Any]:
    target = recorder.targets.get(incident.target)
    return {
        "incident": incident.id,
        "target": target.name if target and target.name else incident.target,
        "rule": incident.rule,
        "titles": dict(recorder.titles.get((incident.policy, incident.rule), {})),
    }


def _enabled(recorder: "Recorder", routes: Sequence[str]) -> list[str]:
    """A route that was removed or disabled since is told nothing."""
    return [name for name in routes if name in recorder.routes and recorder.routes[name].enabled]


def _row(
    recorder: "Recorder", route: str, step: int, payload: str, now_us: int
) -> Callable[[int], OutboxRow]:
    def row(number: int) -> OutboxRow:
        return OutboxRow(
            id=alert_id(recorder.origin, number, step, route),
            incident=number,
            step=step,
            route=route,
            payload=payload,
            created_us=now_us,
        )

    return row
