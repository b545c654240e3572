"""When an incident opens and closes. Pure: judgements in, a proposal out; nothing advances until
the proposal was committed.

- N of the last M judgements must be violated before an incident opens, and N of M compliant
  before it closes. Indeterminate judgements neither count nor clear.
- Before it opens, the way to the target is looked at (`monitor.sight`). Blocked: the target is
  labelled unreachable (or the agent blind) and nothing opens. Unknown: the subject is held, and
  both the way and the target are looked at now, at most `HOLD_LIMIT_US`; then the bad
  observations count as they are.
- What came over the way itself shows that the way is clear: where one bad observation is enough,
  such a one opens at once. A failover is told by one look, and may be what the way suffered from.
- Any other bad observation counts only if the way was seen clear before it and after it, and not
  blocked in between; of those taken before the way was held, none is enough by itself.
- What is derived from other targets stands behind no way of its own: it opens once confirmed.
- Labels are `monitor.labels`' matter.

All moments are on the scale of the anchor in force; `Book.shift` brings them onto the next one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from monitor.labels import UNREACHABLE, Change, Labels
from monitor.ledger.entry import LabelSet
from monitor.model import Act, IncidentStep, Severity
from monitor.sight import Sights, Way
from policies.confirm import Confirm

HOLD_LIMIT_US = 30_000_000
_UNNAMED = -1
"""Stands for the id of an incident whose opening entry is not committed yet."""


class Subject(NamedTuple):
    """What an incident is about: one rule on one series."""

    series: int
    policy: str
    rule: str


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
    derived: bool = False
    """It says what was seen of other targets, each by a way that was looked at already."""
    reached: bool = False
    """It came over the way to the target: no sight of the way has to vouch for it."""


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
    """Held: its bad observation that a look has to follow; up to the first one after `held_us`
    only a blocked way is an answer. Shadowed: when the way was last seen blocked. Fixed while
    more bad observations come: a slow parent's answer is not made stale by a fast child."""
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

    def after(self, moment_us: int) -> Self:
        """Without the set bits of its window that were observed up to a moment."""
        marks = tuple(mark for mark in self.marks if mark > moment_us)
        window = self.window
        for _ in range(len(self.marks) - len(marks)):
            window &= ~(1 << window.bit_length() - 1)  # the highest bit is the oldest
        return replace(self, window=window, marks=marks)

    def moved(self, by_us: int) -> Self:
        """On another scale."""
        return replace(
            self,
            last=replace(self.last, at_us=self.last.at_us + by_us),
            marks=tuple(mark + by_us for mark in self.marks),
            held_us=None if self.held_us is None else self.held_us + by_us,
            asked_us=self.asked_us + by_us,
        )


@dataclass(slots=True)
class Proposal:
    """What a commit would change; `Book.accept` makes it so."""

    standings: dict[Subject, Standing | None] = field(default_factory=dict)
    steps: list[tuple[Subject, IncidentStep]] = field(default_factory=list)
    change: Change = field(default_factory=Change)
    asks: set[str] = field(default_factory=set)
    """Targets to probe now."""

    @property
    def labels(self) -> list[LabelSet]:
        """The entries of labels that begin, change or end."""
        return self.change.entries()


class Book:
    """Every subject that is not simply well, and the labels that stand."""

    def __init__(self) -> None:
        self.standings: dict[Subject, Standing] = {}
        self._labels = Labels()

    @property
    def labels(self) -> dict[tuple[str, str], LabelSet]:
        """The labels that stand, by (label, target)."""
        return self._labels.standing

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
        self._labels.look(sights, now_us, proposal.change)
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
        self._labels.accept(proposal.change)

    def shift(self, by_us: int, reached_us: int) -> None:
        """Every moment onto the scale of a new anchor, which differs by so much.

        `reached_us`: the moment of the change on the old scale.
        """
        self.standings = {s: standing.moved(by_us) for s, standing in self.standings.items()}
        self._labels.shift(by_us, reached_us)

    def down(self, proposal: Proposal, deciding: Mapping[Subject, bool]) -> frozenset[str]:
        """Targets with an open incident of a `deciding` subject once the proposal is accepted."""
        standings = {**self.standings, **proposal.standings}
        return frozenset(
            standing.last.target
            for subject, standing in standings.items()
            if standing is not None and standing.incident is not None and deciding.get(subject)
        )

    def resume(self, subject: Subject, last: Judged, incident: int, step: int) -> None:
        """An incident that was open when the program ended; `step` is its last one."""
        self.standings[subject] = Standing(last=last, incident=incident, step=step)

    def acknowledge(
        self, incident: int, author: str, now_us: int, reason: str = ""
    ) -> Proposal | None:
        """A person takes note of an open incident; None where there is no such incident.

        The step's reasons are what the person says.
        """
        for subject, standing in self.standings.items():
            if standing.incident == incident:
                step = _step(standing, Act.ACKNOWLEDGED, now_us, standing.last)
                said = (reason,) if reason else ()
                step = replace(step, reasons=said, at_us=now_us, author=author)
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
            self._labels.end((UNREACHABLE, target), now_us, proposal.change)
        return proposal

    def _gate(
        self, subject: Subject, standing: Standing, sights: Sights, now_us: int, out: Proposal
    ) -> Standing | None:
        """Open, hold or shadow a subject whose window is confirmed bad."""
        if standing.shadowed:
            return self._shadowed(standing, sights, now_us, out)
        if standing.window.bit_count() < standing.last.confirm.open.need:
            return standing if standing.held_us is None else replace(standing, held_us=None)
        single = standing.last.reached and standing.last.confirm.open.need == 1
        if standing.last.derived or single:
            return self._open(subject, standing, out)
        standing, certain = _asked(standing)
        look = sights.look(standing.last.target, standing.asked_us, subject.series)
        if look.way is Way.BLOCKED:
            self._labels.begin(standing.last.target, standing.since_us, look, out.change)
            return replace(standing, shadowed=True, held_us=None, asked_us=look.at_us)
        if look.way is Way.CLEAR and certain:
            return self._clear(subject, standing, look.clear_us, out)
        if standing.held_us is None:
            out.asks.add(standing.last.target)
            standing = replace(standing, held_us=now_us)
        elif now_us - standing.held_us >= HOLD_LIMIT_US:
            return self._open(subject, standing, out)
        out.asks.update(look.ask)
        return standing

    def _clear(
        self, subject: Subject, standing: Standing, clear_us: int, out: Proposal
    ) -> Standing:
        """The way is clear since `clear_us`: what was bad before that may have been the way."""
        counting = standing.after(clear_us)
        if counting.window.bit_count() >= standing.last.confirm.open.need:
            return self._open(subject, counting, out)
        out.asks.add(standing.last.target)
        return replace(counting, held_us=None)

    def _open(self, subject: Subject, standing: Standing, out: Proposal) -> Standing:
        judgement = standing.last
        out.steps.append((subject, _step(standing, Act.OPENED, standing.since_us, judgement)))
        # The bad observations count from here on: the same time is not unreachable as well.
        self._labels.end((UNREACHABLE, judgement.target), standing.since_us, out.change)
        return replace(standing, window=0, marks=(), held_us=None, incident=_UNNAMED)

    def _shadowed(
        self, standing: Standing, sights: Sights, now_us: int, out: Proposal
    ) -> Standing | None:
        """Its way is blocked: when it is clear again, the subject begins anew.

        What nobody has looked at for `HOLD_LIMIT_US` is not known to be blocked any more.
        """
        subject = standing.last.subject
        look = sights.look(standing.last.target, standing.asked_us + 1, subject.series)
        if look.way is Way.CLEAR:
            out.asks.add(standing.last.target)
            return None
        if look.way is Way.BLOCKED:
            return replace(standing, asked_us=look.at_us)
        if now_us - standing.asked_us >= HOLD_LIMIT_US:
            return replace(standing, shadowed=False)
        return standing


def _asked(standing: Standing) -> tuple[Standing, bool]:
    """With the bad observation that a look has to follow, and whether a clear one is enough."""
    last_us, held_us = standing.last.at_us, standing.held_us
    if held_us is None:
        return replace(standing, asked_us=last_us), True
    if standing.asked_us <= held_us < last_us:
        return replace(standing, asked_us=last_us), True
    return standing, standing.asked_us > held_us


def _stepped(
    subject: Subject, before: Standing | None, judgement: Judged, out: Proposal
) -> Standing | None:
    if before is not None and before.incident is not None:
        return _while_open(subject, before, judgement, out)
    return _while_quiet(before, judgement)


def _while_quiet(before: Standing | None, judgement: Judged) -> Standing | None:
    width = judgement.confirm.open.of
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
        return replace(before, last=judgement).shifted(0, confirm.close.of, judgement.at_us)
    after = before.shifted(1, confirm.close.of, judgement.at_us)
    if after.window.bit_count() < confirm.close.need:
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
