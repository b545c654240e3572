"""When an incident opens and closes. Pure: judgements in, a proposal out; nothing advances until
the proposal was committed.

- N of the last M judgements must be violated before an incident opens, and N of M compliant
  before it closes. Indeterminate judgements neither count nor clear.
- Before it opens, the way to the target is looked at (`monitor.sight`). Blocked: the target is
  labelled unreachable (or the agent blind) and nothing opens. Unknown: the subject is held and
  the way is asked for, at most `HOLD_LIMIT_US`; then the bad observations count as they are.
- After the way is clear again a target must be confirmed bad anew by later observations.
- A label ends when the way was seen clear after the last bad observation that it explains, or
  when its target itself was reached.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from monitor.ledger.entry import LabelSet
from monitor.model import Act, IncidentStep, Severity
from monitor.sight import AGENT, Look, Sights, Way

HOLD_LIMIT_US = 30_000_000
MAX_WINDOW = 64
_UNNAMED = -1
"""Stands for the id of an incident whose opening entry is not committed yet."""
UNREACHABLE = "unreachable"
BLIND = "blind"


class Subject(NamedTuple):
    """What an incident is about: one rule on one series."""

    series: int
    policy: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """N of the last M judgements, to open and to close; 1 <= N <= M <= 64."""

    open_n: int = 2
    open_m: int = 3
    close_n: int = 2
    close_m: int = 2

    def __post_init__(self) -> None:
        for n, m in ((self.open_n, self.open_m), (self.close_n, self.close_m)):
            if not 1 <= n <= m <= MAX_WINDOW:
                raise ValueError(f"{n} of {m} can never be confirmed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A definite judgement (violated or compliant) on its way to an incident."""

    subject: Subject
    target: str
    check: str
    family: int
    severity: Severity
    confirm: Confirm
    violated: bool
    reasons: tuple[str, ...]
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a subject stands between judgements; a subject that is simply well has none."""

    last: Judged
    window: int = 0
    """The last M judgements as bits, newest lowest: bad ones while quiet, good ones while open."""
    marks: tuple[int, ...] = ()
    """When each set bit of the window was observed, oldest first."""
    incident: int | None = None
    step: int = 0
    held_us: int | None = None
    """When it was first held because the way to its target was unknown."""
    asked_us: int = 0
    """Its last bad observation at that moment: a look after it answers the question, even if
    more bad observations came meanwhile."""
    shadowed: bool = False
    """The way to its target is blocked."""

    @property
    def since_us(self) -> int:
        """First observation of the run that the window holds; 0 while it holds none."""
        return self.marks[0] if self.marks else 0

    def shifted(self, bit: int, width: int, at_us: int) -> Self:
        """With one more judgement in its window of `width`, which forgets the oldest."""
        window = (self.window << 1 | bit) & ((1 << width) - 1)
        marks = (*self.marks, at_us) if bit else self.marks
        count = window.bit_count()
        return replace(self, window=window, marks=marks[len(marks) - count :])


@dataclass(slots=True)
class Proposal:
    """What a commit would change; `Book.accept` makes it so."""

    standings: dict[Subject, Standing | None] = field(default_factory=dict)
    steps: list[tuple[Subject, IncidentStep]] = field(default_factory=list)
    labels: list[LabelSet] = field(default_factory=list)
    asks: set[str] = field(default_factory=set)
    """Targets to probe now."""


class Book:
    """Every subject that is not simply well, and the labels that stand."""

    def __init__(self) -> None:
        self.standings: dict[Subject, Standing] = {}
        self.labels: dict[tuple[str, str], LabelSet] = {}

    def knows(self, subject: Subject) -> bool:
        """Whether a compliant judgement of it matters."""
        return subject in self.standings

    def propose(self, judged: Iterable[Judged], sights: Sights, now_us: int) -> Proposal:
        """What these judgements, and what was meanwhile seen of the ways, come to."""
        proposal = Proposal()
        for judgement in judged:
            before = proposal.standings.get(
                judgement.subject, self.standings.get(judgement.subject)
            )
            after = _stepped(judgement.subject, before, judgement, proposal)
            proposal.standings[judgement.subject] = after
        for subject, standing in {**self.standings, **proposal.standings}.items():
            if standing is not None and standing.incident is None:
                after = self._gate(subject, standing, sights, now_us, proposal)
                if after is not standing:
                    proposal.standings[subject] = after
        self._end_labels(sights, proposal)
        return proposal

    def accept(self, proposal: Proposal, opened: Mapping[Subject, int]) -> None:
        """After the commit: `opened` are the ids of the incidents that it opened.

        KeyError, and nothing accepted, where one that it opened has no id.
        """
        for subject, standing in proposal.standings.items():
            if standing is not None and standing.incident == _UNNAMED and subject not in opened:
                raise KeyError(subject)
        for subject, standing in proposal.standings.items():
            if standing is None:
                self.standings.pop(subject, None)
            elif subject in opened:
                self.standings[subject] = replace(standing, incident=opened[subject])
            else:
                self.standings[subject] = standing
        for label in proposal.labels:
            if label.until_us is None:
                self.labels[label.label, label.target] = label
            else:
                self.labels.pop((label.label, label.target), None)

    def resume(self, subject: Subject, last: Judged, incident: int, step: int) -> None:
        """An incident that was open when the program ended; `step` is its last one."""
        self.standings[subject] = Standing(last=last, incident=incident, step=step)

    def acknowledge(self, incident: int, author: str, now_us: int) -> Proposal | None:
        """A person takes note of an open incident; None where there is no such incident."""
        for subject, standing in self.standings.items():
            if standing.incident == incident:
                step = _step(standing, Act.ACKNOWLEDGED, now_us, standing.last)
                step = replace(step, reasons=standing.last.reasons, at_us=now_us, author=author)
                return Proposal(
                    standings={subject: replace(standing, step=step.step)}, steps=[(subject, step)]
                )
        return None

    def withdraw(self, gone: Iterable[Subject], now_us: int) -> Proposal:
        """Incidents of removed targets and rules close as withdrawn, and so do their labels."""
        proposal = Proposal()
        for subject in gone:
            standing = self.standings.get(subject)
            if standing is None:
                continue
            proposal.standings[subject] = None
            if standing.incident is not None:
                step = _step(standing, Act.WITHDRAWN, now_us, standing.last)
                proposal.steps.append((subject, replace(step, at_us=now_us)))
        left = {s.last.target for k, s in self.standings.items() if k not in proposal.standings}
        for target in {self.standings[s].last.target for s in proposal.standings} - left:
            label = self.labels.get((UNREACHABLE, target))
            if label is not None:
                proposal.labels.append(replace(label, until_us=max(now_us, label.since_us)))
        return proposal

    def _gate(
        self, subject: Subject, standing: Standing, sights: Sights, now_us: int, out: Proposal
    ) -> Standing | None:
        """Open, hold or shadow a subject whose window is confirmed bad."""
        judgement, confirm = standing.last, standing.last.confirm
        if standing.shadowed:
            return self._shadowed(standing, sights, out)
        if standing.window.bit_count() < confirm.open_n:
            return standing if standing.held_us is None else replace(standing, held_us=None)
        held_us = now_us if standing.held_us is None else standing.held_us
        asked_us = judgement.at_us if standing.held_us is None else standing.asked_us
        look = sights.look(judgement.target, asked_us)
        if look.way is Way.UNKNOWN and now_us - held_us < HOLD_LIMIT_US:
            out.asks.update(look.ask)
            if standing.held_us == held_us:
                return standing
            return replace(standing, held_us=held_us, asked_us=asked_us)
        if look.way is Way.BLOCKED:
            self._label(judgement, standing.since_us, look, out)
            return replace(standing, shadowed=True, held_us=None)
        out.steps.append((subject, _step(standing, Act.OPENED, standing.since_us, judgement)))
        return replace(standing, window=0, marks=(), held_us=None, incident=_UNNAMED)

    def _shadowed(self, standing: Standing, sights: Sights, out: Proposal) -> Standing | None:
        """Its way is blocked: when it is clear again, the subject begins anew."""
        look = sights.look(standing.last.target, standing.last.at_us + 1)
        if look.way is Way.CLEAR:
            out.asks.add(standing.last.target)
            return None
        return standing

    def _label(self, judgement: Judged, since_us: int, look: Look, out: Proposal) -> None:
        name, target = (BLIND, AGENT) if look.cause == AGENT else (UNREACHABLE, judgement.target)
        standing = {(label.label, label.target) for label in out.labels} | set(self.labels)
        if (name, target) not in standing:
            out.labels.append(
                LabelSet(
                    label=name,
                    target=target,
                    cause=look.cause,
                    since_us=since_us,
                    until_us=None,
                )
            )

    def _end_labels(self, sights: Sights, out: Proposal) -> None:
        shadowed: dict[str, int] = {}
        for standing in {**self.standings, **out.standings}.values():
            if standing is not None and standing.shadowed:
                last = standing.last
                shadowed[last.target] = max(shadowed.get(last.target, 0), last.at_us)
        for (name, target), label in self.labels.items():
            if name not in (BLIND, UNREACHABLE):
                continue
            bad = shadowed.values() if name == BLIND else [shadowed.get(target, 0)]
            since_us = max(label.since_us, *bad, 0) + 1
            look = sights.own(since_us) if name == BLIND else sights.look(target, since_us)
            if name == UNREACHABLE and look.way is not Way.CLEAR:
                look = sights.reached(target, since_us)
            if look.way is Way.CLEAR:
                out.labels.append(replace(label, until_us=look.at_us))


def _stepped(
    subject: Subject, before: Standing | None, judgement: Judged, out: Proposal
) -> Standing | None:
    if before is not None and before.incident is not None:
        return _while_open(subject, before, judgement, out)
    return _while_quiet(before, judgement)


def _while_quiet(before: Standing | None, judgement: Judged) -> Standing | None:
    width = judgement.confirm.open_m
    if judgement.violated:
        fresh = replace(before, last=judgement) if before else Standing(last=judgement)
        return fresh.shifted(1, width, judgement.at_us)
    if before is None or before.shadowed:
        return None
    after = before.shifted(0, width, judgement.at_us)
    return after if after.window else None


def _while_open(
    subject: Subject, before: Standing, judgement: Judged, out: Proposal
) -> Standing | None:
    confirm = judgement.confirm
    if judgement.violated:
        return replace(before, last=judgement).shifted(0, confirm.close_m, judgement.at_us)
    after = before.shifted(1, confirm.close_m, judgement.at_us)
    if after.window.bit_count() < confirm.close_n:
        return after
    out.steps.append((subject, _step(before, Act.CLOSED, after.since_us, judgement)))
    return None


def _step(standing: Standing, act: Act, since_us: int, judgement: Judged) -> IncidentStep:
    opening = act is Act.OPENED
    return IncidentStep(
        incident=None if opening else standing.incident,
        step=0 if opening else standing.step + 1,
        act=act,
        target=judgement.target,
        check=judgement.check,
        family=judgement.family,
        policy=judgement.subject.policy,
        rule=judgement.subject.rule,
        severity=judgement.severity,
        reasons=judgement.reasons if opening else standing.last.reasons,
        since_us=since_us,
        at_us=judgement.at_us,
    )
