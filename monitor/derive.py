"""Everything that is derived from the entries, by one function. Pure.

State intervals, hourly rollups, the incident table, labels and the table of series are what
`Fold.apply` says of the entries' bytes, in order; the writer stores it, `verify` rebuilds it by
the same code and compares.

The rules of time (see `docs/decisions/`):
- An observation's state holds from its start to the next one, at most 1.5 of the intervals in
  force when it was made; then the series is unobserved until it is observed again.
- No time counts twice: an observation that does not start after the last one of its series
  (a wall clock that was set back and anchored anew) changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.declared import DeclarationRow, Declarations, values_of
from monitor.holds import HeldRow, Holds, SilenceRow, held_of, row_values, silence_of
from monitor.ledger.batch import Batch, Group, Measure
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
)
from monitor.ledger.wire import WireError, decode, encode
from monitor.model import Act, State

HOUR_US = 3_600_000_000
STAMP = "time-stamp/"
"""Before an authority's name: the job of the calendar that asks it for a token."""
_COLUMNS = (
    "interval_us",
    "state",
    "since_us",
    "last_us",
    "until_us",
    "hour",
    "available",
    "unavailable",
    "unobserved",
    "sent",
    "received",
    "delay_min_us",
    "delay_max_us",
    "delay_sum_us",
)
_ROLLED = _COLUMNS[6:]
_NEVER = -(1 << 62)
_UNSET_MIN, _UNSET_MAX = 1 << 62, -(1 << 62)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """A closed interval in which a series had one state: [started_us, ended_us)."""

    series: int
    started_us: int
    ended_us: int
    state: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupRow:
    """One series in one hour (UTC): how often each state was seen, and its singletons.

    Delays are of the check's first measure, in µs, and undefined where nothing came back.
    """

    series: int
    hour: int
    available: int
    unavailable: int
    unobserved: int
    sent: int
    received: int
    delay_min_us: int | None
    delay_max_us: int | None
    delay_sum_us: int


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
        self.columns: dict[str, Ints] = {name: np.zeros(0, np.int64) for name in _COLUMNS}
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

    def take(self, index: int, entry: Record | Batch, changes: Changes) -> None:
        """Take in an entry that was read already; after an EntryError this fold is of no use."""
        match entry:
            case Batch() as batch:
                self._batch(batch, changes)
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
                self._agent_did(index, entry)
            case _:
                self._people(index, entry, changes)

    def current(self, number: int) -> tuple[State, int, int]:
        """(state, since_us, last_us) of a series; UNOBSERVED where nothing was ever seen.

        The state holds up to `until_us(number)`, then the series is unobserved.
        """
        if number >= self.count or self.columns["last_us"][number] == _NEVER:
            return State.UNOBSERVED, 0, 0
        c = self.columns
        return (
            State(int(c["state"][number])),
            int(c["since_us"][number]),
            int(c["last_us"][number]),
        )

    def until_us(self, number: int) -> int:
        """To which moment the newest observation of a series holds; 0 where there is none."""
        if number >= self.count or self.columns["last_us"][number] == _NEVER:
            return 0
        return int(self.columns["until_us"][number])

    def open_hour(self, number: int) -> RollupRow | None:
        """The rollup of a series' newest hour, which is not closed yet; None: nothing was seen."""
        if number >= self.count or self.columns["hour"][number] == _NEVER:
            return None
        return self._rollup(number)

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
            fold.columns = {n: np.frombuffer(stored[n], "<i8").astype(np.int64) for n in _COLUMNS}
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
            raise EntryError(f"a snapshot that cannot be read: {error}"[:200]) from error
        if any(len(column) != fold.count for column in fold.columns.values()):
            raise EntryError("a snapshot whose columns do not fit together")
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
            raise EntryError("a key is handed over that is not in force")
        if entry.next in {out for _, out, _ in self.rotations}:
            raise EntryError("a key is put in force again")
        self.rotations.append((index, entry.previous, entry.next))

    def _define(self, series: SeriesDefined) -> None:
        number = series.number
        if number > self.count:
            raise EntryError(f"series {number} is defined before series {self.count}")
        if number == self.count:
            self.count += 1
            if self.count > len(self.columns["state"]):
                self._grow()
            for name in ("last_us", "until_us", "hour"):
                self.columns[name][number] = _NEVER
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
            raise EntryError(f"a step of incident {entry.incident}, which does not stand there")
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

    def _batch(self, batch: Batch, changes: Changes) -> None:
        wall_us = self.anchors.get(batch.anchor)
        if wall_us is None:
            raise EntryError(f"a batch that counts from entry {batch.anchor}, which is no anchor")
        for group in batch.groups:
            if int(group.series.min()) < 0 or int(group.series.max()) >= self.count:
                raise EntryError("a batch that speaks of a series nobody defined")
            at_us = wall_us + group.started_ms * 1_000
            for rows in _layers(group.series):
                self._observe(group, at_us, rows, changes)

    def _observe(self, group: Group, at_us: Ints, rows: Ints, changes: Changes) -> None:
        """Rows of distinct series: those that only go on are taken at once, the rest singly."""
        c = self.columns
        later = at_us[rows] > c["last_us"][group.series[rows]]
        self.ignored += len(rows) - int(np.count_nonzero(later))
        rows = rows[later]
        number, at, state = group.series[rows], at_us[rows], group.states()[rows]
        same = (c["state"][number] == state) & (at <= c["until_us"][number])
        for i in np.flatnonzero(~same).tolist():
            self._turn(int(number[i]), int(at[i]), int(state[i]), changes)
        c["last_us"][number] = at
        c["until_us"][number] = at + c["interval_us"][number] * 3 // 2
        self._roll(group, rows, number, at, state, changes)

    def _turn(self, number: int, at: int, state: int, changes: Changes) -> None:
        """A series changes its state, or is seen again after it was unobserved."""
        c = self.columns
        covered, since, before = (int(c[n][number]) for n in ("until_us", "since_us", "state"))
        if covered != _NEVER:
            if at > covered and before != State.UNOBSERVED:
                changes.intervals.append(_interval(number, since, covered, before))
                since, before = covered, int(State.UNOBSERVED)
            if before == state:
                at = since
            else:
                changes.intervals.append(_interval(number, since, at, before))
        c["state"][number], c["since_us"][number] = state, at

    def _roll(
        self, group: Group, rows: Ints, number: Ints, at: Ints, state: Ints, changes: Changes
    ) -> None:
        c, hour = self.columns, at // HOUR_US
        turned = c["hour"][number] != hour
        for n in number[turned].tolist():
            if c["hour"][n] != _NEVER:
                changes.rollups.append(self._rollup(n))
            for name in _ROLLED:
                c[name][n] = 0
            c["delay_min_us"][n], c["delay_max_us"][n] = _UNSET_MIN, _UNSET_MAX
        c["hour"][number] = hour
        for name, value in (("unobserved", 0), ("available", 1), ("unavailable", 2)):
            c[name][number] += state == value
        if group.measures:
            seen = group.fault[rows] == 0
            self._delays(next(iter(group.measures.values())), rows[seen], number[seen])

    def _delays(self, measure: Measure, rows: Ints, number: Ints) -> None:
        c = self.columns
        owner, values, present = _singletons(measure, rows, number)
        np.add.at(c["sent"], owner, 1)
        owner, values = owner[present], values[present]
        np.add.at(c["received"], owner, 1)
        np.add.at(c["delay_sum_us"], owner, values)
        np.minimum.at(c["delay_min_us"], owner, values)
        np.maximum.at(c["delay_max_us"], owner, values)

    def _rollup(self, number: int) -> RollupRow:
        values = {name: int(self.columns[name][number]) for name in ("hour", *_ROLLED)}
        low, high = values.pop("delay_min_us"), values.pop("delay_max_us")
        return RollupRow(
            series=number,
            delay_min_us=None if low == _UNSET_MIN else low,
            delay_max_us=None if high == _UNSET_MAX else high,
            **values,
        )


def read_entry(raw: bytes) -> Record | Batch:
    """Any entry of its bytes; EntryError when they are none."""
    return Batch.from_bytes(raw) if code_of(raw) == BATCH_CODE else read_record(raw)


def named_records(entry: Record | Batch) -> Iterable[bytes]:
    """The SHA-256 of every evidence record that an entry names."""
    if isinstance(entry, Batch):
        return entry.records
    if isinstance(entry, OperatorAct):
        return _records_in(entry.detail)
    if isinstance(entry, LogPruned):
        return (entry.state,)
    return entry.texts.values() if isinstance(entry, ConfigurationInForce) else ()


def _records_in(detail: object) -> Iterator[bytes]:
    """What lies under `record` in an operator's act, however deep."""
    if isinstance(detail, Mapping):
        digest = detail.get("record")
        if isinstance(digest, bytes):
            yield digest
    if isinstance(detail, Mapping | tuple):
        for part in detail.values() if isinstance(detail, Mapping) else detail:
            yield from _records_in(part)


def _interval(number: int, since: int, until: int, state: int) -> IntervalRow:
    return IntervalRow(series=number, started_us=since, ended_us=until, state=state)


def _layers(series: Ints) -> list[Ints]:
    """Row numbers in groups within which each series occurs once, in the rows' order."""
    if len(series) == 1 or bool((np.diff(series) > 0).all()):
        return [np.arange(len(series))]
    order = np.argsort(series, kind="stable")
    ordered = series[order]
    first = np.searchsorted(ordered, ordered)
    depth = np.arange(len(series)) - first
    return [order[depth == level] for level in range(int(depth.max()) + 1)]


def _singletons(measure: Measure, rows: Ints, number: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """(series of each singleton, its value, whether it is defined) of the given rows."""
    if measure.lengths is None:
        return number, measure.values[rows], measure.present[rows]
    owner_of_row = np.full(len(measure.lengths), -1, np.int64)
    owner_of_row[rows] = number
    owner = np.repeat(owner_of_row, measure.lengths)
    kept = owner >= 0
    return owner[kept], measure.values[kept], measure.present[kept]


def _values(row: IncidentRow | LabelRow) -> Mapping[str, Any]:
    """Its fields; of incidents that nobody acknowledged as older programs wrote them."""
    later = ("acknowledged_us", "acknowledged_reason")
    fields = {name: getattr(row, name) for name in row.__slots__}
    return {n: value for n, value in fields.items() if n not in later or value not in (None, "")}
