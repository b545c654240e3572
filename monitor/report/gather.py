"""One pass over a log's entries: everything that a report of one window is made of. Pure.

The same pass is made over the agent's own database and over the log of an audit bundle, so that a
report can be computed again from the entries alone. Memory: what reaches into the window, and the
fold; the entries themselves stream.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from alerts.payload import alert_id
from monitor.accounting import TEXT_NAME, Accounting, AccountingError
from monitor.boundary import Boundary
from monitor.declared import DeclarationRow
from monitor.derive import (
    Changes,
    Fold,
    IncidentRow,
    LabelRow,
    Part,
    RollupRow,
    moments,
)
from monitor.history import Ledgered, span_of
from monitor.holds import HeldRow, SilenceRow
from monitor.ledger.block import Block
from monitor.ledger.columns import Bools, Ints
from monitor.ledger.entry import (
    AlertSettled,
    ClockAnchored,
    ConfigurationInForce,
    EntryError,
    IncidentStepped,
    LogOpened,
    LossCounted,
    OperatorAct,
    SeriesDefined,
)
from monitor.ledger.errors import LedgerError
from monitor.model import Act
from monitor.paged import pages
from monitor.probed import start_of
from monitor.rulebook import RULES_TEXT, Rulebook, RulebookError
from policies.aspects import RuleSum
from policies.debt import Span
from policies.period import Moments

HOUR_US = 3_600_000_000
MOST_POSTURES = 5_000
"""Series whose newest evidence record is remembered."""
SHOWN = ("tls", "web")
"""Checks whose evidence records a report tells of."""
DRILL = "drill"


class PrunedError(LedgerError):
    """What is asked for reaches into time of which the entries were pruned."""


class Seen(NamedTuple):
    """Under which definition a row was judged, its judgement, and whether it is a fault."""

    definition: int
    judgement: int
    faulted: bool


class Posture(NamedTuple):
    """The newest evidence record of a series in the window."""

    at_us: int
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident that stood in the window, and when people answered it."""

    row: IncidentRow
    told_us: int | None
    """The first receipt of an alert that it opened; None: nobody was told."""
    acknowledged_us: int | None
    held: HeldRow | None = None
    """The message about it, where it is or was held back."""


@dataclass(slots=True)
class Gathered:
    """What the pass found. Read it after `gather` only."""

    window: Moments
    origin: str = ""
    vantage: str = ""
    size: int = 0
    fold: Fold = field(default_factory=Fold)
    series: dict[int, SeriesDefined] = field(default_factory=dict)
    intervals: dict[int, list[Span]] = field(default_factory=dict)
    rollups: dict[int, list[RollupRow]] = field(default_factory=dict)
    """Hours of the window with at least one singleton."""
    rows: dict[int, IncidentRow] = field(default_factory=dict)
    labels: dict[int, LabelRow] = field(default_factory=dict)
    declarations: dict[tuple[int, str], DeclarationRow] = field(default_factory=dict)
    began_us: int | None = None
    """The oldest moment that the entries tell of; None where no clock was ever anchored."""
    start: Fold | None = None
    """Of a pruned log: what another pass has to begin with."""
    silences: dict[int, SilenceRow] = field(default_factory=dict)
    held: dict[int, HeldRow] = field(default_factory=dict)
    acknowledged: dict[int, int] = field(default_factory=dict)
    receipts: dict[str, int] = field(default_factory=dict)
    """When an alert was delivered, by its id."""
    routes: set[str] = field(default_factory=set)
    definitions: list[SeriesDefined] = field(default_factory=list)
    seen: Counter[Seen] = field(default_factory=Counter)
    """Rows in which some rule was not met."""
    postures: dict[int, Posture] = field(default_factory=dict)
    """Of the series of the checks in SHOWN."""
    drills: list[tuple[int, OperatorAct]] = field(default_factory=list)
    configurations: list[tuple[int, ConfigurationInForce]] = field(default_factory=list)
    losses: Counter[str] = field(default_factory=Counter)
    accounting: Accounting | None = None
    rulebook: Rulebook | None = None
    boundary: Boundary | None = None
    """Where the log begins, if it was pruned."""
    _defined: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """Place in `definitions` by number of series."""
    _calm: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """Rows by definition in which every rule was met: nearly all of them."""

    def ledgered(self) -> Ledgered:
        """As `monitor.history` wants it."""
        rows = [row for _, row in sorted(self.declarations.items())]
        return Ledgered(
            series=[one for _, one in sorted(self.series.items())],
            fold=self.fold,
            intervals=self.intervals,
            labels=[row for _, row in sorted(self.labels.items(), reverse=True)],
            declarations=rows,
        )

    def incidents(self) -> Iterator[Incident]:
        """Those that stood in the window, the oldest first."""
        start, end = self.window
        for number, row in sorted(self.rows.items()):
            ended_us = row.ended_since_us if row.ended_us is not None else None
            if row.since_us >= end or (ended_us is not None and ended_us <= start):
                continue
            ids = (alert_id(self.origin, number, 0, route) for route in self.routes)
            told = [self.receipts[one] for one in ids if one in self.receipts]
            yield Incident(
                row=row,
                told_us=min(told, default=None),
                acknowledged_us=self.acknowledged.get(number),
                held=self.held.get(number),
            )

    def sums(self) -> list[RuleSum]:
        """How often each rule said what of each target, by rule and target."""
        found: dict[tuple[str, str], list[int]] = {}
        calm = {Seen(n, 0, False): count for n, count in enumerate(self._calm.tolist()) if count}
        for seen, count in [*calm.items(), *self.seen.items()]:
            series = self.definitions[seen.definition]
            judgement = seen.judgement
            for rule in series.rules:
                judgement, digit = divmod(judgement, 3)
                if rule:
                    sums = found.setdefault((rule, series.target), [0, 0, 0])
                    sums[2 if seen.faulted else digit] += count
        return [_sum(rule, target, counts) for (rule, target), counts in sorted(found.items())]

    def _begin(self, boundary: Boundary) -> None:
        """What stood at the boundary, as if its entries had just been read."""
        if self.window[0] < boundary.reached_us:
            raise PrunedError(
                "report.pruned", entry=boundary.index, until=_moment(boundary.reached_us)
            )
        self.boundary, self.fold, self.size = boundary, boundary.fold, boundary.index
        self.start, self.began_us = start_of(self.fold), boundary.reached_us
        self.silences = dict(self.fold.holds.silences)
        self.held = dict(self.fold.holds.held)
        standing = boundary.standing
        self.origin, self.vantage = standing.origin, standing.vantage
        for series in standing.series.values():
            self._define(series)
        self.acknowledged = dict(standing.acknowledged)
        self.receipts, self.routes = dict(standing.receipts), set(standing.routes)
        self.rows = dict(self.fold.incidents)
        self.labels = {row.id: row for row in self.fold.labels.values()}
        open_rows = self.fold.declarations.rows()
        self.declarations = {(row.id, row.target): row for row in open_rows}
        self.declarations |= standing.declarations
        if standing.configuration is not None:
            self.configurations.append(standing.configuration)

    def _take(self, index: int, part: Part) -> None:
        match part:
            case Block() as block:
                self._block(block)
            case LogOpened() as log:
                self.origin, self.vantage = log.origin, log.vantage
            case ClockAnchored() as anchor if self.began_us is None:
                self.began_us = anchor.wall_us
            case SeriesDefined() as series:
                self._define(series)
            case IncidentStepped(act=Act.ACKNOWLEDGED) as step if step.incident is not None:
                self.acknowledged[step.incident] = step.at_us
            case AlertSettled(delivered=True) as receipt:
                self.receipts[receipt.alert] = receipt.at_us
                self.routes.add(receipt.route)
            case OperatorAct(act="drill") as act if self._inside(act.at_us):
                self.drills.append((index, act))
            case ConfigurationInForce() as configuration:
                self.configurations.append((index, configuration))
            case LossCounted() as loss if self._inside(loss.until_us):
                self.losses.update(loss.counts)
            case _:
                pass

    def _define(self, series: SeriesDefined) -> None:
        """From here on its rows are counted under this definition."""
        self.series[series.number] = series
        if series.number >= len(self._defined):
            self._defined = _grown(self._defined, series.number + 1)
        self._defined[series.number] = len(self.definitions)
        self.definitions.append(series)
        if len(self.definitions) > len(self._calm):
            self._calm = _grown(self._calm, len(self.definitions))

    def _inside(self, at_us: int) -> bool:
        return self.window[0] <= at_us < self.window[1]

    def _block(self, block: Block) -> None:
        at_us = moments(block, self.fold.anchors)
        inside = (at_us >= self.window[0]) & (at_us < self.window[1])
        if not inside.any():
            return
        definitions, digits = self._defined[block.series], block.judgement
        faults = block.fault > 0
        calm = (digits == 0) & ~faults
        np.add.at(self._calm, definitions[calm & inside], 1)
        rest = (column[~calm & inside].tolist() for column in (definitions, digits, faults))
        self.seen.update(map(Seen, *rest))
        if any(check in SHOWN for check in block.checks):
            self._postures(block, at_us, inside)

    def _postures(self, block: Block, at_us: Ints, inside: Bools) -> None:
        shown = np.array([check in SHOWN for check in block.checks])
        mine = np.flatnonzero(np.repeat(shown, block.group_rows) & inside & (block.record > 0))
        batches = np.repeat(np.arange(len(block)), block.batch_rows)
        columns = (block.series, block.record, at_us, batches)
        for n, place, at, batch in zip(*(c[mine].tolist() for c in columns), strict=True):
            if n in self.postures or len(self.postures) < MOST_POSTURES:
                self.postures[n] = Posture(at, block.records[batch][place - 1])

    def _derived(self, changes: Changes) -> None:
        start, end = self.window
        for interval in changes.intervals:
            if interval.ended_us > start and interval.started_us < end:
                self.intervals.setdefault(interval.series, []).append(span_of(interval))
        for rollup in changes.rollups:
            self._rollup(rollup)
        self.rows |= changes.incidents
        self.labels |= changes.labels
        self.declarations |= changes.declarations
        self.silences |= changes.silences
        self.held |= changes.held

    def _rollup(self, rollup: RollupRow) -> None:
        if rollup.sent and self.window[0] <= rollup.hour * HOUR_US < self.window[1]:
            self.rollups.setdefault(rollup.series, []).append(rollup)

    def _close(self, record: Callable[[bytes], bytes | None]) -> None:
        """The hours that are still open, what cannot matter any more, and the terms in force."""
        start, end = self.window
        for number in range(self.fold.count):
            if (rollup := self.fold.open_hour(number)) is not None:
                self._rollup(rollup)
        self.labels = {
            number: row
            for number, row in self.labels.items()
            if row.until_us is None or row.until_us > start
        }
        self.declarations = {
            key: row
            for key, row in self.declarations.items()
            if row.until_us > start and row.since_us < end
        }
        self.silences = {
            number: row
            for number, row in self.silences.items()
            if row.at_us < end and (row.until_us if row.ended_us is None else row.ended_us) > start
        }
        texts: Mapping[str, bytes] = self.configurations[-1][1].texts if self.configurations else {}
        self.accounting = Accounting.from_bytes(_text(texts, TEXT_NAME, record))
        self.rulebook = Rulebook.from_bytes(_text(texts, RULES_TEXT, record))


def gather(
    entries: Iterable[tuple[int, bytes]],
    record: Callable[[bytes], bytes | None],
    window: Moments,
    progress: Callable[[int], None] = lambda _: None,
    boundary: Boundary | None = None,
) -> Gathered:
    """The pass. EntryError for an entry that cannot follow; AccountingError or RulebookError where
    the newest configuration in force names no terms or rules (it was written before there were
    any: start or reload the agent). `boundary`: where a pruned log begins; its fold is used up.
    PrunedError where the window begins before what the pruned entries told of.
    """
    found = Gathered(window=window)
    if boundary is not None:
        found._begin(boundary)
    for start, page in pages(entries):
        if start != found.size:
            raise EntryError("entry.missing", index=found.size)
        changes = Changes()
        for index, part in found.fold.taken(found.size, page, changes):
            found._take(index, part)
        found._derived(changes)
        found.size += len(page)
        progress(found.size)
    found._close(record)
    return found


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat()


def _grown(column: Ints, least: int) -> Ints:
    return np.concatenate([column, np.zeros(max(64, least), np.int64)])


def _text(texts: Mapping[str, bytes], name: str, record: Callable[[bytes], bytes | None]) -> bytes:
    digest = texts.get(name)
    raw = record(digest) if digest else None
    if raw is not None:
        return raw
    error = RulebookError if name == RULES_TEXT else AccountingError
    raise error("report.no-terms", name=name)


def _sum(rule: str, target: str, counts: list[int]) -> RuleSum:
    policy, _, name = rule.rpartition("/")
    return RuleSum(
        policy=policy,
        rule=name,
        target=target,
        compliant=counts[0],
        violated=counts[1],
        indeterminate=counts[2],
    )
