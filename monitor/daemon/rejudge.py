"""The policies run again over what a log observed, and each verdict that differs. Pure.

`verify --rejudge`, after the log itself was proved: the verdicts that were stored must be those
that the texts in force then give of the evidence that was stored then. What cannot be judged again
is counted by its reason, and is neither right nor wrong.

Left open: for `_SETTLING_US` after the agent became blind, or saw again, a verdict may be of either
time; an observation from before a reload may be judged by the configuration before it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from checks.base import Assignment, Evidence, FactValue, Outcome, Settings
from checks.table import KINDS
from monitor.boundary import Boundary
from monitor.daemon.plan import Item, item_of, rule_names, rules_of
from monitor.derive import Part, part_of, read_entry
from monitor.labels import BLIND
from monitor.ledger.block import Block
from monitor.ledger.entry import ClockAnchored, ConfigurationInForce, LabelSet, SeriesDefined
from monitor.ledger.finding import Finding
from monitor.ledger.measured import Values
from monitor.ledger.wire import WireError, decode
from monitor.model import Family, Kind, Target
from monitor.paged import pages, parts
from policies.rule import Policy

MAX_DIFFERENCES = 20
_REMEMBERED = 100_000
_SETTLING_US = 60_000_000
_UNMEASURED = Outcome(started_ns=0, elapsed_us=0)
_WORDS = ("compliant", "violated", "indeterminate")
TEXTS, RULES, EVIDENCE = "texts", "rules", "evidence"
"""Why an observation cannot be judged again."""
Seen = tuple[bytes, tuple[str, ...], Values]
"""SHA-256 of the record (empty: none was stored), names of the measures, and their values."""
Row = tuple[int, int, int, int, int, tuple[str, ...], Values]
"""Series, moment (µs), judgement, fault, place of the record + 1, names of measures, values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judges:
    """What a configuration judges by, made of its texts."""

    policies: Sequence[Policy]
    targets: Mapping[str, Target]


@dataclass(slots=True)
class Rejudged:
    """What judging again came to."""

    same: int = 0
    """Observations whose verdicts are the stored ones."""
    blind: int = 0
    """Of these: only because the agent was blind then."""
    differing: int = 0
    left: Counter[str] = field(default_factory=Counter)
    """Observations that cannot be judged again, by reason."""
    findings: list[Finding] = field(default_factory=list)
    """The first differences."""


@dataclass(frozen=True, slots=True)
class _InForce:
    """A configuration and the series as they were while it was in force."""

    at_us: int
    judges: Judges | None
    series: dict[int, SeriesDefined]
    items: dict[int, Item | None] = field(default_factory=dict)

    def item(self, number: int) -> Item | None:
        """A series ready to be judged; None where its rules are not those that it names."""
        if number not in self.items:
            self.items[number] = self._made(number)
        return self.items[number]

    def _made(self, number: int) -> Item | None:
        defined, judges = self.series.get(number), self.judges
        if defined is None or judges is None or defined.check not in KINDS:
            return None
        target = judges.targets.get(defined.target)
        if target is None:
            return None
        rules = rules_of(judges.policies, target, defined.check)
        if rule_names(rules) != tuple(defined.rules):
            return None
        family = Family(defined.family)
        assignment = Assignment(
            target=target.key, check=defined.check, family=family, settings=Settings()
        )
        return item_of(number, assignment, target, rules)


@dataclass(slots=True)
class _Judging:
    """One pass. The loader makes a configuration of the texts that an entry names."""

    judges_of: Callable[[ConfigurationInForce], Judges | None]
    record: Callable[[bytes], bytes | None]
    told: Rejudged = field(default_factory=Rejudged)
    anchors: dict[int, int] = field(default_factory=dict)
    now: _InForce = field(default_factory=lambda: _InForce(0, None, {}))
    before: _InForce | None = None
    blind: bool = False
    changed_us: int = -_SETTLING_US
    at_us: int = 0
    known: dict[object, tuple[int, ...]] = field(default_factory=dict)
    postures: dict[bytes, Mapping[str, object] | None] = field(default_factory=dict)

    def begin(self, boundary: Boundary) -> None:
        """What stood where a pruned log begins."""
        self.anchors = dict(boundary.fold.anchors)
        self.blind = any(label == BLIND for label, _ in boundary.fold.labels)
        standing = boundary.standing
        self.now = _InForce(0, None, dict(standing.series))
        if standing.configuration is not None:
            self.configure(standing.configuration[1])

    def configure(self, entry: ConfigurationInForce) -> None:
        """Another configuration is in force from here on."""
        self.before = self.now
        self.now = _InForce(entry.at_us, self.judges_of(entry), dict(self.now.series))
        self.known.clear()

    def take(self, index: int, part: Part) -> None:
        """An entry, or batches that stand together."""
        match part:
            case Block() as block:
                self.block(index, block)
            case ClockAnchored() as anchor:
                self.anchors[index] = anchor.wall_us
                self.at_us = anchor.wall_us
            case ConfigurationInForce() as configuration:
                self.configure(configuration)
            case SeriesDefined() as series:
                self.now.series[series.number] = series
                self.now.items.pop(series.number, None)
                self.known.clear()
            case LabelSet(label=label) as entry if label == BLIND:
                self.blind, self.changed_us = entry.until_us is None, self.at_us
            case _:
                pass

    def block(self, index: int, block: Block) -> None:
        """Every row of batches, the first of which is the entry at `index`."""
        if self.now.judges is None:
            self.told.left[TEXTS] += len(block.series)
            self.at_us = max(self.at_us, *block.walls)
            return
        rows = _rows(block, [self.anchors.get(anchor, 0) for anchor in block.anchors])
        for place, count in enumerate(block.batch_rows.tolist()):
            self.at_us = max(self.at_us, block.walls[place])
            records = block.records[place]
            for number, at_us, stored, fault, named, names, values in islice(rows, count):
                seen = (records[named - 1] if named else b"", names, values)
                self.row(index + place, number, at_us, stored, None if fault else seen)

    def row(self, index: int, number: int, at_us: int, stored: int, seen: Seen | None) -> None:
        """One observation; `seen` is None for a fault."""
        why = RULES
        wanted: tuple[int, ...] = ()
        for one in self.possible(at_us):
            item = one.item(number)
            if item is None:
                continue
            found = self.judged(one, item, seen)
            if not found:
                why = EVIDENCE
                continue
            allowed = found[self.views(item)]
            if stored in allowed:
                self.told.same += 1
                self.told.blind += stored != found[0]
                return
            wanted = wanted or allowed
        if not wanted:
            self.told.left[why] += 1
            return
        self.told.differing += 1
        if len(self.told.findings) < MAX_DIFFERENCES:
            self.told.findings.append(self.difference(index, number, stored, wanted[0]))

    def possible(self, at_us: int) -> tuple[_InForce, ...]:
        """By which configurations an observation of this moment may have been judged."""
        if self.before is not None and self.before.judges and at_us < self.now.at_us:
            return self.now, self.before
        return (self.now,)

    def views(self, item: Item) -> slice:
        """Which of (seeing, blind) the agent may have been when it judged a row of this batch."""
        if item.target.kind is Kind.CANARY:
            return slice(0, 1)
        if self.at_us - self.changed_us <= _SETTLING_US:
            return slice(0, 2)
        return slice(1, 2) if self.blind else slice(0, 1)

    def judged(self, force: _InForce, item: Item, seen: Seen | None) -> tuple[int, ...]:
        """(judged seeing, judged blind); empty where the evidence cannot be had again."""
        key = (id(force), item.number, seen)
        known = self.known.get(key)
        if known is None:
            known = self._judged(item, seen)
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            self.known[key] = known
        return known

    def _judged(self, item: Item, seen: Seen | None) -> tuple[int, ...]:
        outcome = _UNMEASURED
        if seen is not None:
            digest, names, values = seen
            posture = self.posture(digest)
            if posture is None:
                return ()
            told = {**posture, **dict(zip(names, values, strict=True))}
            evidence = _restored(item.kind.evidence, told)
            if evidence is None:
                return ()
            outcome = Outcome(started_ns=0, elapsed_us=0, evidence=evidence)
        seeing = item.judge(outcome, False)
        # Blindness excuses violations alone: without one it is the same verdict.
        blind = item.judge(outcome, True) if seeing.violated else seeing
        return seeing.number, blind.number

    def posture(self, digest: bytes) -> Mapping[str, object] | None:
        """A stored record again; none at all is an empty one; None where it is not to be had."""
        if not digest:
            return {}
        if digest not in self.postures:
            if len(self.postures) >= _REMEMBERED:
                self.postures.clear()
            self.postures[digest] = _decoded(self.record(digest))
        return self.postures[digest]

    def difference(self, index: int, number: int, stored: int, wanted: int) -> Finding:
        """The first rule whose verdict differs, in words."""
        defined = self.now.series[number]
        there, here, rule = stored, wanted, ""
        for rule in defined.rules:  # noqa: B007 - the one at which it breaks
            there, here = stored % 3, wanted % 3
            if there != here:
                break
            stored, wanted = stored // 3, wanted // 3
        values: dict[str, str | int] = {
            "target": defined.target,
            "check": defined.check,
            "rule": rule or "–",
            "there": _WORDS[there % 3],
            "here": _WORDS[here % 3],
        }
        return Finding(index=index, what="verify.rejudged", values=values)


def _rows(block: Block, walls: list[int]) -> Iterator[Row]:
    """Every row, in its order; `walls`: what the times of each batch count from (µs)."""
    at_us = np.repeat(np.array(walls, np.int64), block.batch_rows) + block.started_ms * 1_000
    columns = (block.series, at_us, block.judgement, block.fault, block.record)
    told = zip(*(column.tolist() for column in columns), strict=True)
    for names, values in block.measures.rows(block.group_rows):
        for row, one in zip(islice(told, len(values)), values, strict=True):
            yield *row, names, one


def _decoded(raw: bytes | None) -> Mapping[str, object] | None:
    try:
        values = None if raw is None else decode(raw)
    except WireError:
        return None
    return values if isinstance(values, Mapping) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recalled(Evidence):
    """What evidence said when it was restored: its facts need not be made for each question."""

    said: dict[str, FactValue]

    def facts(self) -> dict[str, FactValue]:
        return self.said


def _restored(kind: type[Evidence], values: Mapping[str, object]) -> Evidence | None:
    """The evidence again; None where it was stored by a version that saw other things."""
    try:
        return _Recalled(said=kind.restored(values).facts())
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None


def rejudge(
    entries: Iterable[tuple[int, bytes]],
    record: Callable[[bytes], bytes | None],
    judges_of: Callable[[ConfigurationInForce], Judges | None],
    progress: Callable[[int], None] = lambda _: None,
    boundary: Boundary | None = None,
) -> Rejudged:
    """Judge every observation of a proved log again. EntryError for an entry that is none."""
    judging = _Judging(judges_of=judges_of, record=record)
    if boundary is not None:
        judging.begin(boundary)
    for first, page in pages(entries):
        for index, told in parts(first, page):
            part = part_of(read_entry(told)) if isinstance(told, bytes) else told
            judging.take(index, part)
        progress(first + len(page))
    return judging.told
