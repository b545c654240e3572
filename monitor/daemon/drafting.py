"""One commit being put together: entries, messages, and who waits for which of them. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.payload import alert_id, payload_of
from alerts.routing import routes_for
from monitor.clock import Anchor
from monitor.daemon.accumulator import Accumulator
from monitor.daemon.consequences import Consequences
from monitor.daemon.holding import Release
from monitor.daemon.releasing import released_messages
from monitor.holds import Hold
from monitor.incident import Proposal, Subject
from monitor.ledger.entry import (
    AlertHeld,
    AlertSettled,
    AlertsReleased,
    ClockAnchored,
    IncidentStepped,
    LossCounted,
    Record,
)
from monitor.ledger.stamp import Stamped
from monitor.model import Act, Delivery, IncidentStep, OutboxRow, Target
from monitor.store.ledger import Commit, Message

if TYPE_CHECKING:
    from monitor.daemon.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry, or the batch of what was seen before a reload or a new anchor; what belongs to it.

    `told` gets its index, `rows` make messages of that.
    """

    entry: Record | bytes
    told: Callable[[int], None] | None = None
    rows: Sequence[Callable[[int], OutboxRow]] = ()
    stamps: Sequence[Stamped] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A commit, and what is to be accepted once it succeeded."""

    commit: Commit
    proposal: Proposal
    positions: Mapping[Subject, int]
    """Place of each opening entry in the commit."""
    opened_to: Mapping[Subject, tuple[str, ...]]
    anchor: tuple[int, Anchor] | None
    """(place in the commit, anchor) of the newest clock anchor in it."""
    told: tuple[tuple[int, Callable[[int], None]], ...] = ()
    """Who waits for the index of an entry: (place, callback)."""
    releases: tuple[Release, ...] = ()


class Drafting:
    """A commit being put together."""

    def __init__(self, recorder: "Recorder") -> None:
        self.recorder = recorder
        self.raw: list[bytes] = []
        self.messages: list[Message] = []
        self.stamps: list[Stamped] = []
        self.positions: dict[Subject, int] = {}
        self.opened_to: dict[Subject, tuple[str, ...]] = {}
        self.anchor: tuple[int, Anchor] | None = None
        self.told: list[tuple[int, Callable[[int], None]]] = []
        self.places: dict[int, int] = {}
        """Where acknowledgements stand, by incident."""
        self.releases: list[Release] = []

    def first_entries(self, entries: Sequence[Waiting]) -> None:
        """What people and the start or a reload wrote, and what was seen before."""
        for one in entries:
            place, entry = len(self.raw), one.entry
            if one.told is not None:
                self.told.append((place, one.told))
            self.messages += [Message(row=row, position=place) for row in one.rows]
            self.stamps += one.stamps
            self.raw.append(entry if isinstance(entry, bytes) else entry.to_bytes())

    def anchored(self, entry: ClockAnchored | None) -> None:
        """Last of all: everything else in this commit counts from the anchor before."""
        if entry is not None:
            anchor = Anchor(
                wall_us=entry.wall_us, boottime_ns=entry.boottime_ns, boot_id=entry.boot_id
            )
            self.anchor = (len(self.raw), anchor)
            self.raw.append(entry.to_bytes())

    def records(self, entries: Iterable[Record]) -> None:
        """Entries in their order."""
        self.raw += [entry.to_bytes() for entry in entries]

    def steps(self, proposal: Proposal) -> None:
        """Steps of incidents, each with the messages about it, or what holds them back."""
        told = Consequences(self.recorder, proposal) if proposal.steps else None
        for subject, step in proposal.steps:
            routes, hold = self._routes(step), None
            if step.incident is None:
                target = self.recorder.targets.get(step.target)
                hold = self.recorder.holding.of_step(step, target) if routes else None
                self.positions[subject] = len(self.raw)
                self.opened_to[subject] = routes if hold is None else ()
            elif step.act is Act.ACKNOWLEDGED:
                self.places[step.incident] = len(self.raw)
            if told is not None and routes and hold is None:
                self._messages(step, routes, told.of(subject, step))
            self.raw.append(IncidentStepped.of(step).to_bytes())
            if hold is not None:
                self._held(hold, None, routes, step.at_us)

    def _held(self, hold: Hold, incident: int | None, routes: tuple[str, ...], at_us: int) -> None:
        """The entry stands right behind the opening, where that is in this commit."""
        cause, by = hold
        entry = AlertHeld(incident=incident, cause=cause, by=by, routes=routes, at_us=at_us)
        self.raw.append(entry.to_bytes())

    def acknowledged(
        self, proposal: Proposal, taken: Mapping[int, Callable[[int | None], None]]
    ) -> None:
        """Who acknowledged hears of the entry."""
        for _, step in proposal.steps:
            number = step.incident
            if step.act is Act.ACKNOWLEDGED and number is not None and number in taken:
                self.told.append((self.places[number], taken[number]))

    def let_go(self, proposal: Proposal, now_us: int) -> None:
        """Silences that are over, and what holds that are over held back."""
        recorder = self.recorder
        ending = frozenset(
            step.incident
            for _, step in proposal.steps
            if step.incident is not None and step.act in (Act.CLOSED, Act.WITHDRAWN)
        )
        self.records(recorder.holding.expired(now_us))
        for one in recorder.holding.releases(now_us, ending, recorder.targets):
            self.releases.append(one)
            cause, by = one.hold
            for row, other in one.held_on:
                self._held(other, row.incident, row.routes, now_us)
            if one.counts["held"]:
                entry = AlertsReleased(cause=cause, by=by, counts=one.counts, at_us=now_us)
                self.raw.append(entry.to_bytes())
            self.messages += released_messages(recorder, proposal, one, now_us)

    def _routes(self, step: IncidentStep) -> tuple[str, ...]:
        recorder = self.recorder
        target = recorder.targets.get(step.target)
        opened_to = recorder.opened_to.get(-1 if step.incident is None else step.incident, ())
        if target is None:
            return tuple(name for name in opened_to if name in recorder.routes)
        return routes_for(step, target, recorder.routes, opened_to=opened_to)

    def _messages(
        self, step: IncidentStep, routes: Iterable[str], consequences: Sequence[Target]
    ) -> None:
        recorder = self.recorder
        target = recorder.targets.get(step.target)
        site = recorder.targets.get(target.site) if target else None
        payload = payload_of(
            step,
            target.name if target else step.target,
            site.name if site else "",
            recorder.titles.get((step.policy, step.rule), {}),
            opened_us=recorder.since.get(step.incident) if step.incident is not None else None,
            consequences=consequences,
        )
        opening = step.incident is None
        self.messages += [
            Message(
                row=_row(recorder.origin, step, route, payload),
                position=len(self.raw) if opening else None,
                incident=step.incident,
            )
            for route in routes
        ]

    def losses(self, seen: Accumulator, now_us: int) -> None:
        """What the agent could not do or keep since the last commit."""
        if seen.lost:
            counts, seen.lost = seen.lost, {}
            since_us, self.recorder.loss_since_us = self.recorder.loss_since_us, now_us
            self.records(
                [LossCounted(since_us=min(since_us, now_us), until_us=now_us, counts=counts)]
            )
        else:
            self.recorder.loss_since_us = now_us

    def receipts(self, settled: Iterable[Delivery]) -> None:
        """What became of messages."""
        self.records(
            AlertSettled(
                alert=one.id,
                route=one.route,
                attempt=one.attempt,
                at_us=one.at_us,
                delivered=one.delivered,
                receipt=one.receipt,
            )
            for one in settled
        )

    def draft(
        self,
        proposal: Proposal,
        records: Mapping[bytes, bytes],
        settled: Sequence[Delivery],
        wall_us: int,
    ) -> Draft:
        """All of it, with what is to be accepted once it is committed."""
        return Draft(
            commit=Commit(
                entries=self.raw,
                records=records,
                messages=self.messages,
                settled=settled,
                stamps=self.stamps,
                at_us=wall_us,
            ),
            proposal=proposal,
            positions=self.positions,
            opened_to=self.opened_to,
            anchor=self.anchor,
            told=tuple(self.told),
            releases=tuple(self.releases),
        )


def _row(origin: str, step: IncidentStep, route: str, payload: str) -> Callable[[int], OutboxRow]:
    def row(incident: int) -> OutboxRow:
        return OutboxRow(
            id=alert_id(origin, incident, step.step, route),
            incident=incident,
            step=step.step,
            route=route,
            payload=payload,
            created_us=step.at_us,
        )

    return row
