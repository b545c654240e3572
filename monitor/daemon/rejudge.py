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

from checks.base import Assignment, Evidence, Outcome, Settings
from checks.table import KINDS
from monitor.boundary import Boundary
from monitor.daemon.plan import Item, item_of, rule_names, rules_of
from monitor.derive import read_entry
from monitor.labels import BLIND
from monitor.ledger.batch import Batch, Group, Measure
from monitor.ledger.entry import (
    ClockAnchored,
    ConfigurationInForce,
    LabelSet,
    Record,
    SeriesDefined,
)
from monitor.ledger.finding import Finding
from monitor.ledger.wire import WireError, decode
from monitor.model import Family, Kind, Target
from policies.rule import Policy

MAX_DIFFERENCES = 20
_REMEMBERED = 100_000
_SETTLING_US = 60_000_000
_WORDS = ("compliant", "violated", "indeterminate")
TEXTS, RULES, EVIDENCE = "texts", "rules", "evidence"
"""Why an observation cannot be judged again."""


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

    def take(self, index: int, entry: Record | Batch) -> None:
        """One entry."""
        match entry:
            case Batch() as batch:
                self.at_us = max(self.at_us, batch.wall_us)
                for group in batch.groups:
                    self.group(index, batch, group)
            case ClockAnchored() as anchor:
                self.anchors[index] = anchor.wall_us
                self.at_us = anchor.wall_us
            case ConfigurationInForce() as configuration:
                self.configure(configuration)
            case SeriesDefined() as series:
                self.now.series[series.number] = series
                self.now.items.pop(series.number, None)
                self.known.clear()
            case LabelSet(label=label) if label == BLIND:
                self.blind, self.changed_us = entry.until_us is None, self.at_us
            case _:
                pass

    def group(self, index: int, batch: Batch, group: Group) -> None:
        """Every row of one check."""
        if self.now.judges is None:
            self.told.left[TEXTS] += len(group.series)
            return
        wall_us = self.anchors.get(batch.anchor, 0)
        measures = {name: _cells(m) for name, m in group.measures.items()}
        rows = zip(
            group.series.tolist(),
            group.started_ms.tolist(),
            group.judgement.tolist(),
            group.fault.tolist(),
            group.record.tolist(),
            strict=True,
        )
        for place, (number, started_ms, stored, fault, named) in enumerate(rows):
            cells = tuple((name, column[place]) for name, column in measures.items())
            digest = batch.records[named - 1] if named else b""
            at_us = wall_us + started_ms * 1_000
            self.row(index, number, at_us, stored, None if fault else (digest, cells))

    def row(
        self,
        index: int,
        number: int,
        at_us: int,
        stored: int,
        seen: tuple[bytes, tuple[tuple[str, object], ...]] | None,
    ) -> None:
        """One observation; `seen` is None for a fault."""
        possible = [self.now]
        if self.before is not None and self.before.judges and at_us < self.now.at_us:
            possible.append(self.before)
        why = RULES
        wanted: tuple[int, ...] = ()
        for one in possible:
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

    def views(self, item: Item) -> slice:
        """Which of (seeing, blind) the agent may have been when it judged a row of this batch."""
        if item.target.kind is Kind.CANARY:
            return slice(0, 1)
        if self.at_us - self.changed_us <= _SETTLING_US:
            return slice(0, 2)
        return slice(1, 2) if self.blind else slice(0, 1)

    def judged(
        self,
        force: _InForce,
        item: Item,
        seen: tuple[bytes, tuple[tuple[str, object], ...]] | None,
    ) -> tuple[int, ...]:
        """(judged seeing, judged blind); empty where the evidence cannot be had again."""
        key = (id(force), item.number, seen)
        known = self.known.get(key)
        if known is None:
            known = tuple(self._judged(item, seen))
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            self.known[key] = known
        return known

    def _judged(
        self, item: Item, seen: tuple[bytes, tuple[tuple[str, object], ...]] | None
    ) -> Iterator[int]:
        outcome = Outcome(started_ns=0, elapsed_us=0)
        if seen is not None:
            posture = self.posture(seen[0])
            if posture is None:
                return
            evidence = _restored(item.kind.evidence, {**posture, **dict(seen[1])})
            if evidence is None:
                return
            outcome = Outcome(started_ns=0, elapsed_us=0, evidence=evidence)
        yield item.judge(outcome, False).number
        yield item.judge(outcome, True).number

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


def _cells(measure: Measure) -> list[object]:
    """The value of each row as the evidence held it: a number, a list of them, or nothing."""
    flat: list[int | None] = [
        value if there else None
        for value, there in zip(measure.values.tolist(), measure.present.tolist(), strict=True)
    ]
    if measure.lengths is None:
        return list(flat)
    cells: list[object] = []
    at = 0
    for length in measure.lengths.tolist():
        cells.append(tuple(flat[at : at + length]))
        at += length
    return cells


def _decoded(raw: bytes | None) -> Mapping[str, object] | None:
    try:
        values = None if raw is None else decode(raw)
    except WireError:
        return None
    return values if isinstance(values, Mapping) else None


def _restored(kind: type[Evidence], values: Mapping[str, object]) -> Evidence | None:
    """The evidence again; None where it was stored by a version that saw other things."""
    try:
        evidence = kind.restored(values)
        evidence.facts()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None
    return evidence


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
    for index, raw in entries:
        judging.take(index, read_entry(raw))
        if index % 256 == 0:
            progress(index)
    return judging.told
