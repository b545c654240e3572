"""From results to commits: what the daemon remembers between two transactions.

Once a second `draft` puts together one commit of everything that happened; `accept` is called
after it succeeded and only then do incidents, labels and anchors advance. One commit is under
way at a time; a failed one is written again unchanged.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.payload import alert_id, payload_of
from alerts.routing import Route, routes_for
from monitor.blocked import Blocks
from monitor.clock import Anchor
from monitor.daemon.accumulator import Accumulator
from monitor.daemon.consequences import Consequences
from monitor.incident import Proposal, Subject
from monitor.ledger.entry import (
    AlertSettled,
    ClockAnchored,
    IncidentStepped,
    LossCounted,
    Record,
)
from monitor.marked import Marked
from monitor.model import Act, Delivery, IncidentStep, OutboxRow, Target
from monitor.single_leg import single_legs
from monitor.store.ledger import Commit, Committed, Message


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


Waiting = tuple[Record | bytes, Callable[[int], None] | None]
"""An entry, or the batch of what was seen before a reload or a new anchor; who waits for it."""


@dataclass(slots=True)
class Recorder:
    """State of the ledger's contents as far as it was committed, and what comes next."""

    origin: str
    accumulator: Accumulator
    targets: Mapping[str, Target]
    titles: Mapping[tuple[str, str], Mapping[str, str]]
    """Sentence of each (policy, rule) by language."""
    routes: Mapping[str, Route]
    anchor: Anchor
    anchor_index: int = -1
    opened_to: dict[int, tuple[str, ...]] = field(default_factory=dict)
    since: dict[int, int] = field(default_factory=dict)
    """First bad observation of each open incident, for its recovery's message."""
    judging: Mapping[Subject, bool] = field(default_factory=dict)
    """Every subject of the configuration in force, and whether it decides availability;
    incidents of others close as withdrawn."""
    single_legs: Marked = field(default_factory=single_legs)
    blocks: Blocks = field(default_factory=Blocks)
    loss_since_us: int = 0
    asks: set[str] = field(default_factory=set)
    """Targets to probe now: verdicts of the newest draft wait for them."""
    _entries: list[Waiting] = field(default_factory=list)
    """In the order in which they came: a batch speaks of the series that stand before it."""
    _settled: list[Delivery] = field(default_factory=list)
    _next_anchor: Anchor | None = None
    _anchoring: ClockAnchored | None = None
    """The anchor of the next commit: at most one, for the fold knows the last two only."""
    _records: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.loss_since_us = self.loss_since_us or self.anchor.wall_us

    @property
    def waiting(self) -> int:
        """Entries that wait for the next commit."""
        return len(self._entries)

    def add(
        self,
        entry: Record,
        records: Mapping[bytes, bytes] | None = None,
        told: Callable[[int], None] | None = None,
    ) -> None:
        """An entry for the next commit; `told` gets its index once it is committed."""
        self._entries.append((entry, told))
        self._records.update(records or {})

    @property
    def newest_anchor(self) -> Anchor:
        """The anchor that the next commit will bring into force, or the one in force."""
        return self._next_anchor or self.anchor

    def anchor_anew(self, anchor: Anchor, why: str, step_us: int) -> None:
        """A new anchor with the next commit; until then observations count from the old one."""
        self._next_anchor, before = anchor, self._anchoring
        self._anchoring = ClockAnchored(
            wall_us=anchor.wall_us,
            boottime_ns=anchor.boottime_ns,
            boot_id=anchor.boot_id,
            why=why if before is None else before.why,
            step_us=step_us + (0 if before is None else before.step_us),
        )

    def cut(self, now: Anchor) -> None:
        """What was seen so far is committed before anything that is added from now on.

        It was judged by the configuration, and counts from the anchor, that were in force.
        `now`: both clocks at this moment.
        """
        if self.anchor_index < 0:
            self.accumulator.forget()
        else:
            seen = self.accumulator.batches(self.anchor_index, self.anchor, now)
            self._entries += [(raw, None) for raw in seen]

    def settle(self, delivery: Delivery) -> None:
        """What became of an alert, for the next commit."""
        self._settled.append(delivery)

    def draft(self, wall_us: int, boottime_ns: int) -> Draft | None:
        """Everything since the last one as a commit; None when nothing happened."""
        seen, now_us = self.accumulator, self.anchor.wall_at(boottime_ns)
        proposal = self._proposal(now_us)
        self.asks = proposal.asks
        for marked in (self.single_legs, self.blocks.marked):
            proposal.change.add(marked.labels(seen.book.labels, boottime_ns, self.anchor.wall_at))
        commit = _Commit(self)
        commit.first_entries(self._entries)
        self._entries = []
        if self.anchor_index >= 0:
            now = Anchor(wall_us=wall_us, boottime_ns=boottime_ns, boot_id=self.anchor.boot_id)
            commit.raw += seen.batches(self.anchor_index, self.anchor, now)
            seen.count = 0
        commit.steps(proposal)
        commit.records(proposal.labels)
        commit.losses(seen, now_us)
        commit.receipts(self._settled)
        commit.anchored(self._anchoring)
        self._anchoring = None
        records, seen.records = {**self._records, **seen.records}, {}
        settled, self._settled, self._records = self._settled, [], {}
        if not commit.raw:
            seen.book.accept(proposal, {})
            seen.settled()
            return None
        return commit.draft(proposal, records, settled, wall_us)

    def _proposal(self, now_us: int) -> Proposal:
        """Withdrawals first, alone: judgements wait for the next commit, when they are over.

        Made only while no commit is under way, so that it starts from what really stands.
        """
        seen = self.accumulator
        gone = [
            subject
            for subject, standing in seen.book.standings.items()
            if subject not in self.judging
            # Nothing is left to observe there, so that nothing else would ever end it.
            or seen.absent.get(subject.series, 0) >= standing.last.confirm.close.of
        ]
        if gone:
            return seen.book.withdraw(gone, now_us)
        judged = [one for one in seen.judgements() if one.subject in self.judging]
        return seen.book.propose(judged, seen.sights, now_us)

    def accept(self, draft: Draft, committed: Committed, now: Anchor) -> None:
        """Advance to what was committed; `now`: both clocks at this moment."""
        opened = {s: committed.first + place for s, place in draft.positions.items()}
        self.accumulator.book.accept(draft.proposal, opened)
        self.accumulator.settled()
        self.accumulator.blind = ("blind", "agent") in self.accumulator.book.labels
        for subject, step in draft.proposal.steps:
            if step.act is Act.OPENED:
                self.opened_to[opened[subject]] = draft.opened_to[subject]
                self.since[opened[subject]] = step.since_us
            elif step.act is not Act.ACKNOWLEDGED and step.incident is not None:
                self.opened_to.pop(step.incident, None)
                self.since.pop(step.incident, None)
        if draft.anchor is not None:
            if self.anchor_index >= 0:
                self.cut(now)
                reached_us = self.anchor.wall_at(now.boottime_ns)
                by_us = draft.anchor[1].wall_at(now.boottime_ns) - reached_us
                self.accumulator.shift(by_us, reached_us)
            self.anchor_index = committed.first + draft.anchor[0]
            self.anchor = draft.anchor[1]
            if self._next_anchor == self.anchor:
                self._next_anchor = None
        for place, told in draft.told:
            told(committed.first + place)


class _Commit:
    """A commit being put together."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.raw: list[bytes] = []
        self.messages: list[Message] = []
        self.positions: dict[Subject, int] = {}
        self.opened_to: dict[Subject, tuple[str, ...]] = {}
        self.anchor: tuple[int, Anchor] | None = None
        self.told: list[tuple[int, Callable[[int], None]]] = []

    def first_entries(self, entries: Sequence[Waiting]) -> None:
        for entry, told in entries:
            if told is not None:
                self.told.append((len(self.raw), told))
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
        self.raw += [entry.to_bytes() for entry in entries]

    def steps(self, proposal: Proposal) -> None:
        told = Consequences(self.recorder, proposal) if proposal.steps else None
        for subject, step in proposal.steps:
            routes = self._routes(step)
            if step.incident is None:
                self.positions[subject] = len(self.raw)
                self.opened_to[subject] = routes
            if told is not None and routes:
                self._messages(step, routes, told.of(subject, step))
            self.raw.append(IncidentStepped.of(step).to_bytes())

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
        if seen.lost:
            counts, seen.lost = seen.lost, {}
            since_us, self.recorder.loss_since_us = self.recorder.loss_since_us, now_us
            self.records(
                [LossCounted(since_us=min(since_us, now_us), until_us=now_us, counts=counts)]
            )
        else:
            self.recorder.loss_since_us = now_us

    def receipts(self, settled: Iterable[Delivery]) -> None:
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
        return Draft(
            commit=Commit(
                entries=self.raw,
                records=records,
                messages=self.messages,
                settled=settled,
                at_us=wall_us,
            ),
            proposal=proposal,
            positions=self.positions,
            opened_to=self.opened_to,
            anchor=self.anchor,
            told=tuple(self.told),
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
