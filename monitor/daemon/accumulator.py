"""Observations on their way into the next commit, judged as they come in.

Bounded: when the writer cannot keep up, rows beyond `MAX_ROWS` are dropped, counted, and their
time becomes unobserved.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from checks.base import Outcome
from checks.connection import internal
from monitor.clock import Anchor
from monitor.daemon.plan import Item, Judgement, Stored
from monitor.incident import Book, Judged, Subject
from monitor.ledger.batch import Batch, Group, Row, group_rows
from monitor.ledger.columns import ColumnError
from monitor.ledger.entry import EntryError
from monitor.model import Compliant, FaultKind, Severity, Violated
from monitor.sight import Sights, View
from policies.selection import waiver_of

MAX_ROWS = 200_000
ROWS_PER_ENTRY = 16_384


class Seen(NamedTuple):
    """The newest observation of a series, for people who ask what stands."""

    at_us: int
    outcome: Outcome
    judgement: Judgement


@dataclass(slots=True)
class Accumulator:
    """What has been seen since the last commit was put together."""

    book: Book
    sights: Sights
    latest: dict[int, Seen] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    records: dict[bytes, bytes] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)
    lost_ever: dict[str, int] = field(default_factory=dict)
    count: int = 0
    """Observations since the last commit was put together, those cut off before it included."""
    absent: dict[int, int] = field(default_factory=dict)
    """How often in a row a series found that its name has no address of its family."""
    blind: bool = False
    waiting: set[Subject] = field(default_factory=set)
    """Subjects of `judged`."""
    drafted: set[Subject] = field(default_factory=set)
    """Subjects judged in the commit under way: what becomes of them the book does not know yet."""

    def take(self, item: Item, outcome: Outcome, anchor: Anchor, *, counts: bool = True) -> None:
        """Judge one outcome and keep it for the next commit; `counts`: towards an incident too."""
        at_us = anchor.wall_at(outcome.started_ns)
        # The canaries are what blindness is known by: judged blind as well, they would be unseen,
        # and what hangs on them would be accused after `HOLD_LIMIT_US`.
        blind = self.blind and item.target.key not in self.sights.canaries
        outcome, judgement, (measures, posture) = _told(item, outcome, blind)
        self.latest[item.number] = Seen(at_us, outcome, judgement)
        if outcome.fault is not None and outcome.fault.kind is FaultKind.ABSENT:
            self.absent[item.number] = self.absent.get(item.number, 0) + 1
            self.sights.forget(item.target.key, item.number)
            return  # a name without an address of this family: there is nothing to observe
        self.absent.pop(item.number, None)
        if item.rules[0] is not None:  # a certificate or a clock says nothing of the way
            took_us = max(0, outcome.elapsed_us)
            self.sights.note(item.target.key, item.number, judgement.state, at_us, took_us=took_us)
        if self.count >= MAX_ROWS:
            self.lose("unwritten-observations")
            return
        self.count += 1
        row = Row(
            item.number,
            outcome.started_ns,  # ns until the batch knows its anchor
            max(0, outcome.elapsed_us) // 1_000,
            judgement.number,
            outcome.fault.kind if outcome.fault else None,
            None if posture is None else self._record(posture),
            measures,
        )
        self.rows.setdefault(item.kind.name, []).append(row)
        if counts:
            reached = judgement.violated and item.reached(outcome)
            self._judge(item, judgement, at_us, reached=reached)

    def judgements(self) -> list[Judged]:
        """The judgements so far, emptying the accumulator of them; see `settled`."""
        judged, self.judged = self.judged, []
        self.drafted, self.waiting = self.waiting, set()
        return judged

    def settled(self) -> None:
        """The book knows what became of the judgements that were taken."""
        self.drafted = set()

    def lose(self, what: str, count: int = 1) -> None:
        """Count something that was lost, for the next commit."""
        self.lost[what] = self.lost.get(what, 0) + count
        self.lost_ever[what] = self.lost_ever.get(what, 0) + count

    def batches(self, anchor_index: int, anchor: Anchor, now: Anchor) -> Iterator[bytes]:
        """The rows so far as entries counting from `anchor`, emptying the accumulator of them."""
        rows, self.rows = self.rows, {}
        pieces = [
            (check, part[at : at + ROWS_PER_ENTRY])
            for check, part in rows.items()
            for at in range(0, len(part), ROWS_PER_ENTRY)
        ]
        if sum(len(part) for _, part in pieces) <= ROWS_PER_ENTRY:
            groups = [pieces] if pieces else []
        else:
            groups = [[piece] for piece in pieces]
        for group in groups:
            for entry in _entries(group, anchor_index, anchor, now):
                if entry is None:
                    self.lose("unwritten-observations")
                else:
                    yield entry

    def shift(self, by_us: int, reached_us: int) -> None:
        """Every moment that is compared, onto the scale of a new anchor (see `Book.shift`)."""
        self.judged = [replace(one, at_us=one.at_us + by_us) for one in self.judged]
        self.sights.shift(by_us)
        self.book.shift(by_us, reached_us)

    def forget(self) -> None:
        """Give up the rows so far: there is no anchor yet that they could count from."""
        count = sum(len(rows) for rows in self.rows.values())
        self.rows = {}
        if count:
            self.lose("unwritten-observations", count)

    def keep_only(self, present: Mapping[int, str]) -> None:
        """After a reload: forget the series (number → target) that are no longer there."""
        self.latest = {n: seen for n, seen in self.latest.items() if n in present}
        self.absent = {n: times for n, times in self.absent.items() if n in present}
        kept: dict[str, dict[int, View]] = {}
        for views in self.sights.seen.values():
            for number, view in views.items():
                if number in present:
                    kept.setdefault(present[number], {})[number] = view
        self.sights.seen = kept

    def _record(self, posture: bytes) -> bytes:
        digest = hashlib.sha256(posture).digest()
        self.records[digest] = posture
        return digest

    def _judge(self, item: Item, judgement: Judgement, at_us: int, *, reached: bool) -> None:
        """Keep the definite verdicts that can move an incident."""
        if not (judgement.violated or self.book.standings or self.waiting or self.drafted):
            return  # nothing stands that a good observation could move: the usual case
        for rule, confirm, verdict in zip(
            item.rules, item.confirms, judgement.verdicts, strict=True
        ):
            if rule is None or not isinstance(verdict, Violated | Compliant):
                continue
            if not item.tells(rule):
                continue
            subject = Subject(item.number, rule.policy, rule.id)
            violated = isinstance(verdict, Violated)
            if violated and waiver_of(rule, item.target_facts, at_us) is not None:
                continue  # it still shows as a verdict, but nobody is alerted
            if not violated and not self._moves(subject):
                continue
            self.waiting.add(subject)
            self.judged.append(
                Judged(
                    subject=subject,
                    target=item.target.key,
                    check=item.kind.name,
                    family=int(item.assignment.family),
                    severity=Severity(rule.severity),
                    confirm=confirm,
                    violated=violated,
                    reasons=verdict.reasons if isinstance(verdict, Violated) else (),
                    at_us=at_us,
                    derived=item.kind.derived,
                    reached=reached,
                )
            )

    def _moves(self, subject: Subject) -> bool:
        """Whether a good observation of it can change anything."""
        return self.book.knows(subject) or subject in self.waiting or subject in self.drafted


def _told(item: Item, outcome: Outcome, blind: bool) -> tuple[Outcome, Judgement, Stored]:
    """The outcome, judged, and as it is stored.

    Evidence of which no facts or no record can be made is a defect of its probe: it costs this
    observation, which was not measured then.
    """
    try:
        return outcome, item.judge(outcome, blind), item.stored(outcome)
    except Exception as error:  # noqa: BLE001 - a probe's boundary: its defect is its fault
        failed = replace(outcome, evidence=None, fault=internal(error))
        return failed, item.judge(failed, blind), item.stored(failed)


def _entries(
    pieces: list[tuple[str, list[Row]]], anchor_index: int, anchor: Anchor, now: Anchor
) -> Iterator[bytes | None]:
    """The pieces as one entry, or halved until each entry fits; None for a row that fits in none:
    what a peer made a probe measure must not stop the writing of everything else."""
    try:
        yield _entry(pieces, anchor_index, anchor, now)
    except (EntryError, ColumnError, OverflowError):
        if sum(len(rows) for _, rows in pieces) == 1:
            yield None
            return
        for half in _halves(pieces):
            yield from _entries(half, anchor_index, anchor, now)


def _entry(
    pieces: list[tuple[str, list[Row]]], anchor_index: int, anchor: Anchor, now: Anchor
) -> bytes:
    records: list[bytes] = []
    groups = tuple(
        _since(group_rows(check, _names(check), rows, records), anchor)
        for check, rows in pieces
        if rows
    )
    batch = Batch(
        anchor=anchor_index,
        wall_us=now.wall_us,
        boottime_ns=now.boottime_ns,
        records=tuple(records),
        groups=groups,
    )
    return batch.to_bytes()


def _since(group: Group, anchor: Anchor) -> Group:
    """Moments of the boot clock (ns) as milliseconds since the anchor."""
    return replace(group, started_ms=(group.started_ms - anchor.boottime_ns) // 1_000_000)


def _halves(pieces: list[tuple[str, list[Row]]]) -> Iterator[list[tuple[str, list[Row]]]]:
    if len(pieces) > 1:
        middle = len(pieces) // 2
        yield pieces[:middle]
        yield pieces[middle:]
        return
    check, rows = pieces[0]
    middle = len(rows) // 2
    yield [(check, rows[:middle])]
    yield [(check, rows[middle:])]


def _names(check: str) -> tuple[str, ...]:
    from checks.table import KINDS

    return KINDS[check].evidence.measures()
