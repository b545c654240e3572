"""Verdicts of batches that are read together, judged again: as by one who judges row by row."""

from collections.abc import Iterator, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from checks.base import Assignment, Evidence, Outcome, Settings
from checks.table import KINDS
from monitor.daemon.plan import Item, item_of, rule_names, rules_of
from monitor.daemon.rejudge import EVIDENCE, RULES, TEXTS, Judges, Rejudged, rejudge
from monitor.derive import read_entry
from monitor.ledger.batch import Batch, Group
from monitor.ledger.entry import ClockAnchored, ConfigurationInForce, LabelSet, SeriesDefined
from monitor.ledger.finding import Finding
from monitor.ledger.wire import WireError, decode, encode
from monitor.model import Family, Kind, Target
from policies.rule import PolicySource, RuleSource, compile_policy
from tests.long_logs import AT_ONCE, CELLS, RECORDS, SECOND_US, SERIES, logs, reading_by
from tests.policies.test_probes_paged import singletons
from tests.store.building import START_US, series

FACTS = {name: kind.evidence.FACTS for name, kind in KINDS.items()}
TITLE = {"en": "x", "id": "x"}
WORDS = ("compliant", "violated", "indeterminate")
SETTLING_US = 60 * SECOND_US
Values = tuple[bytes | None, Mapping[str, object]]
"""The evidence record (None: it is gone) and the measures."""
Said = str | tuple[tuple[int, ...], int]
"""Why it cannot be judged; or which verdicts may stand, and that of one who sees."""
Force = tuple[int, Judges | None, Mapping[int, SeriesDefined]]
POSTURES = {RECORDS[0]: encode({"check": "icmp"}), RECORDS[1]: b"junk"}


def judges(loss: str, targets: int) -> Judges:
    """What says how much may be lost, of so many links and a canary."""
    rules = [
        RuleSource(
            id="answers", check="icmp", require="evidence.received > 0", availability=True,
            title=TITLE,
        ),
        RuleSource(id="loss", check="icmp", require=loss, title=TITLE),
    ]  # fmt: skip
    source = PolicySource(policy="base", version=1, title=TITLE, rules=rules)
    links = {f"link-{n}": Kind.LINK for n in range(targets)} | {"link-3": Kind.CANARY}
    return Judges(
        policies=[compile_policy(source, FACTS)],
        targets={key: Target(key=key, kind=kind, name=key) for key, kind in links.items()},
    )


BY_NAME: Mapping[str, Judges | None] = {
    "strict": judges("evidence.loss < 0.1 && evidence.delay_ms.max < 0.007", 3),
    "lenient": judges("evidence.loss < 0.6", 2),
    "none": None,
    "empty": Judges(policies=(), targets=judges("true", 3).targets),
}


def configuration(draw: st.DrawFn) -> bytes:
    """Another configuration comes into force."""
    at_us = START_US + draw(st.integers(0, 40)) * 10 * SECOND_US
    name = draw(st.sampled_from(["strict", "lenient", *BY_NAME]))
    return ConfigurationInForce(at_us=at_us, texts={}, program=name).to_bytes()


BEGUN = ConfigurationInForce(at_us=START_US, texts={}, program="strict").to_bytes()


def label(draw: st.DrawFn) -> bytes:
    """The agent becomes blind, or sees again."""
    until_us = draw(st.sampled_from((None, START_US)))
    return LabelSet(
        label="blind", target="agent", cause="agent", since_us=1, until_us=until_us
    ).to_bytes()


def other_check(draw: st.DrawFn) -> bytes:
    """A number stands for another check from here on."""
    return series(draw(st.integers(0, SERIES - 1)), check=draw(st.sampled_from(("icmp", "tcp"))))


KINDS_OF_ENTRY = {
    "configuration": configuration,
    "configuration again": configuration,
    "label": label,
    "check": other_check,
}


class RowByRow:
    """The definitions, one observation after the other; nothing is remembered."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.told, self.anchors = Rejudged(), dict[int, int]()
        self.series = dict[int, SeriesDefined]()
        self.forces: list[Force] = []
        self.blind, self.changed_us, self.at_us = False, -SETTLING_US, 0
        for index, raw in enumerate(entries):
            match read_entry(raw):
                case ClockAnchored() as anchor:
                    self.anchors[index] = self.at_us = anchor.wall_us
                case SeriesDefined() as one:
                    self.series[one.number] = one
                case ConfigurationInForce() as entry:
                    self.series = dict(self.series)
                    self.forces.append((entry.at_us, BY_NAME[entry.program], self.series))
                case LabelSet() as entry:
                    self.blind, self.changed_us = entry.until_us is None, self.at_us
                case Batch() as batch:
                    self.at_us = max(self.at_us, batch.wall_us)
                    for group in batch.groups:
                        self.group(index, batch, group)
                case _:
                    pass

    def group(self, index: int, batch: Batch, group: Group) -> None:
        """Every row of one check."""
        if not self.forces or self.forces[-1][1] is None:
            self.told.left[TEXTS] += len(group.series)
            return
        columns = {
            name: [one[0] if m.lengths is None else tuple(one) for one in singletons(m)]
            for name, m in group.measures.items()
        }
        for place in range(len(group.series)):
            at_us = self.anchors[batch.anchor] + int(group.started_ms[place]) * 1_000
            named = int(group.record[place])
            raw = POSTURES.get(batch.records[named - 1]) if named else encode({})
            seen = {name: column[place] for name, column in columns.items()}
            values = None if group.fault[place] else (raw, seen)
            number, stored = int(group.series[place]), int(group.judgement[place])
            self.row(index, number, stored, list(self.said(number, at_us, values)))

    def said(self, number: int, at_us: int, values: Values | None) -> Iterator[Said]:
        """What each configuration says that may have judged it: the newest one first."""
        for place, force in enumerate(self.forces[-1:-3:-1]):
            if place and (force[1] is None or at_us >= self.forces[-1][0]):
                return
            item = item_in(force, number)
            if item is None:
                yield RULES
                continue
            outcome = outcome_of(item, values)
            if outcome is None:
                yield EVIDENCE
                continue
            seeing, blind = (item.judge(outcome, one).number for one in (False, True))
            if item.target.kind is Kind.CANARY:
                yield (seeing,), seeing
            elif self.at_us - self.changed_us <= SETTLING_US:
                yield (seeing, blind), seeing
            else:
                yield (blind if self.blind else seeing,), seeing

    def row(self, index: int, number: int, stored: int, said: list[Said]) -> None:
        """One observation."""
        verdicts = [one for one in said if isinstance(one, tuple)]
        for allowed, seeing in verdicts:
            if stored in allowed:
                self.told.same += 1
                self.told.blind += stored != seeing
                return
        if not verdicts:
            self.told.left[EVIDENCE if EVIDENCE in said else RULES] += 1
            return
        self.told.differing += 1
        if len(self.told.findings) < 20:
            self.told.findings.append(self.finding(index, number, stored, verdicts[0][0][0]))

    def finding(self, index: int, number: int, stored: int, wanted: int) -> Finding:
        """The first digit that differs."""
        one = self.series[number]
        places = [n for n in (0, 1) if stored // 3**n % 3 != wanted // 3**n % 3]
        place = places[0] if places else 1
        values: dict[str, str | int] = {
            "target": one.target,
            "check": one.check,
            "rule": one.rules[place],
            "there": WORDS[stored // 3**place % 3],
            "here": WORDS[wanted // 3**place % 3],
        }
        return Finding(index=index, what="verify.rejudged", values=values)


def item_in(force: Force, number: int) -> Item | None:
    """The series as this configuration judges it; None where its rules are others."""
    _, judging, defined = force
    one = defined[number]
    target = judging.targets.get(one.target) if judging else None
    if judging is None or target is None:
        return None
    rules = rules_of(judging.policies, target, one.check)
    if rule_names(rules) != one.rules:
        return None
    assignment = Assignment(
        target=target.key, check=one.check, family=Family(one.family), settings=Settings()
    )
    return item_of(number, assignment, target, rules)


def outcome_of(item: Item, values: Values | None) -> Outcome | None:
    """What was brought back then; None where that is not to be had."""
    evidence: Evidence | None = None
    if values is not None:
        try:
            posture = decode(values[0] or b"junk")
            evidence = item.kind.evidence.restored({**posture, **values[1]})
            evidence.facts()
        except (WireError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
            return None
    return Outcome(started_ns=0, elapsed_us=0, evidence=evidence)


@given(logs(KINDS_OF_ENTRY, [BEGUN]), AT_ONCE, CELLS)
@settings(max_examples=60)
def test_pages_are_judged_as_rows_are(raw: list[bytes], at_once: int, cells: int) -> None:
    """Counts, reasons and the first differences, whatever came between the batches."""
    expected = RowByRow(raw).told
    with reading_by(at_once, cells):
        told = rejudge(enumerate(raw), POSTURES.get, lambda one: BY_NAME[one.program])
    assert told == expected
