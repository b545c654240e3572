"""From results to commits: what the daemon remembers between two transactions.

Once a second `draft` puts together one commit of everything that happened; `accept` is called
after it succeeded and only then do incidents, labels and anchors advance. One commit is under
way at a time; a failed one is written again unchanged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.routing import Route
from monitor.blocked import Blocks
from monitor.clock import Anchor
from monitor.daemon.accumulator import Accumulator
from monitor.daemon.drafting import Draft, Drafting, Waiting
from monitor.daemon.holding import Holding
from monitor.incident import Proposal, Subject
from monitor.ledger.entry import (
    ClockAnchored,
    Record,
)
from monitor.ledger.stamp import Stamped
from monitor.marked import Marked
from monitor.model import Act, Delivery, OutboxRow, Target
from monitor.single_leg import single_legs
from monitor.store.ledger import Committed


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A person takes note of an incident; `told` gets the entry, None where it does not stand."""

    incident: int
    author: str
    reason: str
    told: Callable[[int | None], None]


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
    holding: Holding = field(default_factory=Holding)
    acknowledging: list[Acknowledgement] = field(default_factory=list)
    """What people took note of, for the next commit."""
    asks: set[str] = field(default_factory=set)
    """Targets to probe now: verdicts of the newest draft wait for them."""
    _entries: list[Waiting] = field(default_factory=list)
    """In the order in which they came: a batch speaks of the series that stand before it."""
    _settled: list[Delivery] = field(default_factory=list)
    _next_anchor: Anchor | None = None
    _anchoring: ClockAnchored | None = None
    """The anchor of the next commit: at most one, for the fold knows the last two only."""
    _records: dict[bytes, bytes] = field(default_factory=dict)
    _taken: dict[int, Callable[[int | None], None]] = field(default_factory=dict)
    """Who waits for the acknowledgement of an incident in the draft at hand."""

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
        *,
        rows: Sequence[Callable[[int], OutboxRow]] = (),
        stamps: Sequence[Stamped] = (),
    ) -> None:
        """An entry for the next commit; `told` gets its index once it is committed.

        In the same transaction: `rows`, messages made of that index, and `stamps`, of which the
        entry tells.
        """
        self._entries.append(Waiting(entry, told, rows, stamps))
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
            self._entries += [Waiting(raw) for raw in seen]

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
        commit = Drafting(self)
        commit.first_entries(self._entries)
        self._entries = []
        if self.anchor_index >= 0:
            now = Anchor(wall_us=wall_us, boottime_ns=boottime_ns, boot_id=self.anchor.boot_id)
            commit.raw += seen.batches(self.anchor_index, self.anchor, now)
            seen.count = 0
        commit.steps(proposal)
        commit.acknowledged(proposal, self._taken)
        commit.let_go(proposal, now_us)
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
        """Withdrawals first, alone, then acknowledgements: judgements wait for the next commit.

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
        if self.acknowledging:
            return self._acknowledgements(now_us)
        judged = [one for one in seen.judgements() if one.subject in self.judging]
        return seen.book.propose(judged, seen.sights, now_us)

    def _acknowledgements(self, now_us: int) -> Proposal:
        """All of them as one proposal, one for each incident; the others wait, or are refused."""
        proposal, waiting = Proposal(), []
        self._taken = {}
        for one in self.acknowledging:
            if one.incident in self._taken:
                waiting.append(one)
                continue
            found = self.accumulator.book.acknowledge(one.incident, one.author, now_us, one.reason)
            if found is None:
                one.told(None)
                continue
            self._taken[one.incident] = one.told
            proposal.standings |= found.standings
            proposal.steps += found.steps
        self.acknowledging = waiting
        return proposal

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
        self.holding.settle(draft.releases)
        for one in draft.releases:
            for row, _ in one.standing:
                self.opened_to[row.incident] = row.routes
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
