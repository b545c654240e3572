"""Everything that is derived from the entries, by one function. Pure.

State intervals, hourly rollups, the incident table, labels and the table of series are what
`Fold` says of the entries' bytes, in order; the writer stores it, `verify` rebuilds it by the
same code and compares. What observations say is `monitor.observed`'s part: batches that follow one
another are taken together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from monitor.declared import DeclarationRow, Declarations, values_of
from monitor.derived import HOUR_US as HOUR_US
from monitor.derived import IntervalRow as IntervalRow
from monitor.derived import RollupRow as RollupRow
from monitor.holds import HeldRow, Holds, SilenceRow, held_of, row_values, silence_of
from monitor.ledger.batch import Batch
from monitor.ledger.block import Block
from monitor.ledger.columns import Ints
from monitor.ledger.entry import (
    BATCH_CODE,
    AlertHeld,
    AlertSettled,
    AlertsReleased,
    CalendarRan,
    CheckpointStamped,
    ClockAnchored,
    ConfigurationInForce,
    EntryError,
    ExclusionDecided,
    ExclusionProposed,
    IncidentStepped,
    KeyRotated,
    LabelSet,
    LogPruned,
    MaintenanceCut,
    MaintenanceDeclared,
    OperatorAct,
    Record,
    SeriesDefined,
    SilenceDeclared,
    SilenceEnded,
    code_of,
    read_record,
    reason_of,
)
from monitor.ledger.wire import WireError, decode, encode
from monitor.model import Act, State
from monitor.observed import COLUMNS, NEVER, observe, open_rollup
from monitor.paged import parts

STAMP = "time-stamp/"
"""Before an authority's name: the job of the calendar that asks it for a token."""

_STATES = tuple(State)

Part = Record | Block
"""What is derived from at once: an entry, or batches that follow one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """Where an incident stands. `id` is the index of its opening entry."""

    id: int
    target: str
    check: str
    family: int
    policy: str
    rule: str
    severity: int
    reasons: tuple[str, ...]
    since_us: int
    opened_us: int
    step: int
    act: str
    ended_since_us: int | None
    ended_us: int | None
    acknowledged_by: str
    acknowledged_us: int | None = None
    acknowledged_reason: str = ""
    """What the person said who acknowledged it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """A label on a target's time; open while `until_us` is None. `id`: its first entry."""

    id: int
    label: str
    target: str
    cause: str
    since_us: int
    until_us: int | None


@dataclass(slots=True)
class Changes:
    """Rows to insert or replace, by their primary keys."""

    series: list[SeriesDefined] = field(default_factory=list)
    intervals: list[IntervalRow] = field(default_factory=list)
    rollups: list[RollupRow] = field(default_factory=list)
    incidents: dict[int, IncidentRow] = field(default_factory=dict)
    labels: dict[int, LabelRow] = field(default_factory=dict)
    declarations: dict[tuple[int, str], DeclarationRow] = field(default_factory=dict)
    silences: dict[int, SilenceRow] = field(default_factory=dict)
    held: dict[int, HeldRow] = field(default_factory=dict)
    settled: list[AlertSettled] = field(default_factory=list)
    """Receipts of alerts: what the outbox says of them must agree."""


class Fold:
    """The state that the next entry is applied to; `snapshot` and `restored` keep it on disk."""

    def __init__(self) -> None:
        self.count = 0
        self.columns: dict[str, Ints] = {name: np.zeros(0, np.int64) for name in COLUMNS}
        self.anchors: dict[int, int] = {}
        self.incidents: dict[int, IncidentRow] = {}
        self.labels: dict[tuple[str, str], LabelRow] = {}
        self.declarations = Declarations()
        self.holds = Holds()
        self.rotations: list[tuple[int, str, str]] = []
        """(index, outgoing verifier key, next one) of every hand-over, in order."""
        self.runs: dict[str, int] = {}
        """By job of the calendar: the moment up to which its runs are over."""
        self.ignored = 0

    def apply(self, index: int, raw: bytes, changes: Changes) -> None:
        """Take in entry `index`; EntryError when it cannot follow what came before."""
        self.take(index, read_entry(raw), changes)

    def take(self, index: int, entry: Record | Batch | Block, changes: Changes) -> None:
        """Take in an entry that was read already; after an EntryError this fold is of no use."""
        part = part_of(entry)
        match part:
            case Block() as block:
                self._block(block, changes)
            case ClockAnchored() as anchor:
                self.anchors[index] = anchor.wall_us
                self.anchors = dict(sorted(self.anchors.items())[-2:])
            case SeriesDefined() as series:
                self._define(series)
                changes.series.append(series)
            case IncidentStepped() as step:
                self._step(index, step, changes)
            case LabelSet() as label:
                self._label(index, label, changes)
            case AlertSettled() as receipt:
                changes.settled.append(receipt)
            case KeyRotated() | CalendarRan() | CheckpointStamped():
                self._agent_did(index, part)
            case _:
                self._people(index, part, changes)

    def taken(
        self, first: int, entries: Sequence[bytes], changes: Changes
    ) -> Iterator[tuple[int, Part]]:
        """Take in entries, the first of which has the index `first`, as `apply` does one by one.

        Yields (index of its first entry, part) after each part was taken. EntryError for the entry
        that follows the parts so far: it cannot be read, or cannot follow.
        """
        for index, part in parts(first, entries):
            singly: Iterable[tuple[int, bytes]]
            if isinstance(part, bytes):
                singly = ((index, part),)
            elif self._follows(part, changes):
                yield index, part
                continue
            else:  # singly, which tells the one that is wrong
                place = index - first
                singly = enumerate(entries[place : place + len(part)], index)
            for at, raw in singly:
                one = part_of(read_entry(raw))
                self.take(at, one, changes)
                yield at, one

    def _follows(self, block: Block, changes: Changes) -> bool:
        """Take batches in together, unless one of them cannot follow: nothing is changed then."""
        try:
            self._block(block, changes)
        except EntryError:
            return False
        return True

    def current(self, number: int) -> tuple[State, int, int]:
        """(state, since_us, last_us) of a series; UNOBSERVED where nothing was ever seen.

        The state holds up to `until_us(number)`, then the series is unobserved.
        """
        if number >= self.count or self.columns["last_us"][number] == NEVER:
            return State.UNOBSERVED, 0, 0
        c = self.columns
        return (
            State(int(c["state"][number])),
            int(c["since_us"][number]),
            int(c["last_us"][number]),
        )

    def until_us(self, number: int) -> int:
        """To which moment the newest observation of a series holds; 0 where there is none."""
        if number >= self.count or self.columns["last_us"][number] == NEVER:
            return 0
        return int(self.columns["until_us"][number])

    def standings(self) -> list[tuple[State, int, int]]:
        """(state, since_us, until_us) of every series, by number: as `current` and `until_us`."""
        c, unseen = self.columns, (State.UNOBSERVED, 0, 0)
        held = (c[name][: self.count].tolist() for name in ("state", "since_us", "until_us"))
        return [
            (_STATES[state], since_us, until_us) if until_us != NEVER else unseen
            for state, since_us, until_us in zip(*held, strict=True)
        ]

    def open_hour(self, number: int) -> RollupRow | None:
        """The rollup of a series' newest hour, which is not closed yet; None: nothing was seen."""
        if number >= self.count or self.columns["hour"][number] == NEVER:
            return None
        return open_rollup(self.columns, number)

    def snapshot(self) -> bytes:
        """The whole state, canonically; older logs, without declarations, have no word of them."""
        declared = [values_of(row) for row in self.declarations.rows()]
        silences = [row_values(row) for _, row in sorted(self.holds.silences.items())]
        held = [row_values(row) for _, row in sorted(self.holds.held.items())]
        return encode(
            {
                **({"declarations": declared} if declared else {}),
                **({"rotations": self.rotations} if self.rotations else {}),
                **({"runs": self.runs} if self.runs else {}),
                **({"silences": silences} if silences else {}),
                **({"held": held} if held else {}),
                "count": self.count,
                "columns": {
                    n: a[: self.count].astype("<i8").tobytes() for n, a in self.columns.items()
                },
                "anchors": list(self.anchors.items()),
                "incidents": [_values(row) for _, row in sorted(self.incidents.items())],
                "labels": [_values(row) for _, row in sorted(self.labels.items())],
                "ignored": self.ignored,
            }
        )

    @classmethod
    def restored(cls, raw: bytes) -> "Fold":
        """The state of a snapshot; EntryError for bytes that are none."""
        fold = cls()
        try:
            values: dict[str, Any] = decode(raw)
            fold.count, fold.ignored = values["count"], values["ignored"]
            stored = values["columns"]
            fold.columns = {n: np.frombuffer(stored[n], "<i8").astype(np.int64) for n in COLUMNS}
            fold.anchors = dict(values["anchors"])
            fold.incidents = {row["id"]: IncidentRow(**row) for row in values["incidents"]}
            rows = [LabelRow(**row) for row in values["labels"]]
            fold.labels = {(row.label, row.target): row for row in rows}
            fold.rotations = [(i, out, on) for i, out, on in values.get("rotations", ())]
            fold.runs = dict(values.get("runs", {}))
            declared = values.get("declarations", ())
            fold.declarations = Declarations(DeclarationRow(**row) for row in declared)
            fold.holds = Holds(
                map(silence_of, values.get("silences", ())), map(held_of, values.get("held", ()))
            )
        except (WireError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise EntryError("entry.snapshot-unreadable", why=reason_of(error)) from error
        if any(len(column) != fold.count for column in fold.columns.values()):
            raise EntryError("entry.snapshot-columns")
        return fold

    def _agent_did(self, index: int, entry: KeyRotated | CalendarRan | CheckpointStamped) -> None:
        match entry:
            case KeyRotated() as rotation:
                self._rotate(index, rotation)
            case CalendarRan() as run:
                self.runs[run.job] = run.due_us
            case CheckpointStamped() as stamped:
                self.runs[f"{STAMP}{stamped.authority}"] = stamped.at_us

    def _people(self, index: int, entry: Record, changes: Changes) -> None:
        """What people say of time and of messages; every other entry changes nothing here."""
        match entry:
            case (
                MaintenanceDeclared() | MaintenanceCut() | ExclusionProposed() | ExclusionDecided()
            ):
                for row in self.declarations.take(index, entry):
                    changes.declarations[row.id, row.target] = row
            case SilenceDeclared() | SilenceEnded() | AlertHeld() | AlertsReleased():
                for held in self.holds.take(index, entry, self.incidents):
                    if isinstance(held, SilenceRow):
                        changes.silences[held.id] = held
                    else:
                        changes.held[held.incident] = held
            case _:
                pass

    def _rotate(self, index: int, entry: KeyRotated) -> None:
        """A key is in force once: from its hand-over to the next one."""
        if self.rotations and entry.previous != self.rotations[-1][2]:
            raise EntryError("entry.key-idle")
        if entry.next in {out for _, out, _ in self.rotations}:
            raise EntryError("entry.key-again")
        self.rotations.append((index, entry.previous, entry.next))

    def _define(self, series: SeriesDefined) -> None:
        number = series.number
        if number > self.count:
            raise EntryError("entry.series-early", number=number, next=self.count)
        if number == self.count:
            self.count += 1
            if self.count > len(self.columns["state"]):
                self._grow()
            for name in ("last_us", "until_us", "hour"):
                self.columns[name][number] = NEVER
        self.columns["interval_us"][number] = series.interval_us

    def _grow(self) -> None:
        room = max(64, 2 * self.count)
        self.columns = {
            n: np.concatenate([a, np.zeros(room - len(a), np.int64)])
            for n, a in self.columns.items()
        }

    def _step(self, index: int, entry: IncidentStepped, changes: Changes) -> None:
        step = entry.as_step(index)
        if entry.incident is None:
            row = IncidentRow(
                id=index,
                target=step.target,
                check=step.check,
                family=step.family,
                policy=step.policy,
                rule=step.rule,
                severity=int(step.severity),
                reasons=step.reasons,
                since_us=step.since_us,
                opened_us=step.at_us,
                step=step.step,
                act=step.act.value,
                ended_since_us=None,
                ended_us=None,
                acknowledged_by="",
            )
        else:
            row = self._stepped(entry)
        changes.incidents[row.id] = row
        self.incidents[row.id] = row
        if row.ended_us is not None:
            del self.incidents[row.id]

    def _stepped(self, entry: IncidentStepped) -> IncidentRow:
        row = self.incidents.get(entry.incident if entry.incident is not None else -1)
        if row is None or entry.step != row.step + 1:
            raise EntryError("entry.step-lost", incident=str(entry.incident))
        row = replace(row, step=entry.step, act=entry.act)
        if entry.act == Act.ACKNOWLEDGED:
            return replace(
                row,
                acknowledged_by=entry.author,
                acknowledged_us=entry.at_us,
                acknowledged_reason="; ".join(entry.reasons),
            )
        return replace(row, ended_since_us=entry.since_us, ended_us=entry.at_us)

    def _label(self, index: int, entry: LabelSet, changes: Changes) -> None:
        key = (entry.label, entry.target)
        open_row = self.labels.pop(key, None)
        row = LabelRow(
            id=index if open_row is None else open_row.id,
            label=entry.label,
            target=entry.target,
            cause=entry.cause,
            since_us=entry.since_us,
            until_us=entry.until_us,
        )
        changes.labels[row.id] = row
        if entry.until_us is None:
            self.labels[key] = row

    def _block(self, block: Block, changes: Changes) -> None:
        """EntryError before anything is changed."""
        at_us = moments(block, self.anchors)
        if int(block.series.max()) >= self.count:
            raise EntryError("entry.batch-series")
        self.ignored += observe(self.columns, block, at_us, (changes.intervals, changes.rollups))


def moments(block: Block, anchors: Mapping[int, int]) -> Ints:
    """When each row of a block started, by the anchors in force (index to wall clock, µs)."""
    for anchor in block.anchors:
        if anchor not in anchors:
            raise EntryError("entry.batch-anchor", anchor=anchor)
    walls = np.array([anchors[anchor] for anchor in block.anchors], np.int64)
    return np.repeat(walls, block.batch_rows) + block.started_ms * 1_000


def read_entry(raw: bytes) -> Record | Batch:
    """Any entry of its bytes; EntryError when they are none."""
    return Batch.from_bytes(raw) if code_of(raw) == BATCH_CODE else read_record(raw)


def part_of(entry: Record | Batch | Block) -> Part:
    """An entry as derivation takes it."""
    return Block.of(entry) if isinstance(entry, Batch) else entry


def extent(part: Part) -> int:
    """How many entries it is."""
    return len(part) if isinstance(part, Block) else 1


def named_records(entry: Record | Batch) -> Iterable[bytes]:
    """The SHA-256 of every evidence record that an entry names."""
    if isinstance(entry, Batch):
        return entry.records
    if isinstance(entry, OperatorAct):
        return _records_in(entry.detail)
    if isinstance(entry, LogPruned):
        return (entry.state,)
    return entry.texts.values() if isinstance(entry, ConfigurationInForce) else ()


def records_of(index: int, part: Part) -> Iterator[tuple[int, bytes]]:
    """(index of the entry, SHA-256) of every evidence record that a part at `index` names."""
    if isinstance(part, Block):
        for place, digests in enumerate(part.records, index):
            yield from ((place, digest) for digest in digests)
    else:
        yield from ((index, digest) for digest in named_records(part))


def _records_in(detail: object) -> Iterator[bytes]:
    """What lies under `record` in an operator's act, however deep."""
    if isinstance(detail, Mapping):
        digest = detail.get("record")
        if isinstance(digest, bytes):
            yield digest
    if isinstance(detail, Mapping | tuple):
        for part in detail.values() if isinstance(detail, Mapping) else detail:
            yield from _records_in(part)


def _values(row: IncidentRow | LabelRow) -> Mapping[str, Any]:
    """Its fields; of incidents that nobody acknowledged as older programs wrote them."""
    later = ("acknowledged_us", "acknowledged_reason")
    fields = {name: getattr(row, name) for name in row.__slots__}
    return {n: value for n, value in fields.items() if n not in later or value not in (None, "")}
