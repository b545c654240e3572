"""Which messages are held back at a commit, and which are let go. Pure.

A silence or declared maintenance holds back the message about an incident that opens; what follows
on that incident then reaches nobody, as nobody was told of it. Steps of incidents that people know
of are told as ever: who was woken is told of the recovery. When a hold is over, people are told of
what still stands. Figures know nothing of this.

Decided from what stood at the last commit: a silence counts from the commit after its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from monitor.declared import MAINTENANCE, DeclarationRow
from monitor.derive import Fold, IncidentRow
from monitor.holds import SILENCE, HeldRow, Hold, SilenceRow
from monitor.ledger.entry import SilenceEnded
from monitor.model import IncidentStep, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A hold that is over, and what it held back."""

    hold: Hold
    silence: SilenceRow | None
    """As it stood; None: it was maintenance, or it ended before a restart."""
    standing: tuple[tuple[HeldRow, IncidentRow], ...]
    over: tuple[HeldRow, ...]
    """Whose incidents ended meanwhile."""
    held_on: tuple[tuple[HeldRow, Hold], ...]
    """What something else holds back now."""
    known: tuple[IncidentRow, ...] = ()
    """What the silence was about, still stands, and people had been told of before."""

    @property
    def counts(self) -> Mapping[str, int]:
        """As the entry has them."""
        return {
            "held": len(self.standing) + len(self.over) + len(self.held_on),
            "standing": len(self.standing),
            "over": len(self.over),
            "held-on": len(self.held_on),
        }


@dataclass(slots=True)
class Holding:
    """What stood at the last commit, as far as it decides on messages."""

    view: Fold = field(default_factory=Fold)
    ended: dict[int, SilenceRow] = field(default_factory=dict)
    """Silences that a person ended since, until their end was told."""
    _told: set[int] = field(default_factory=set)

    def settle(self, releases: Iterable[Release]) -> None:
        """These were committed."""
        for one in releases:
            if one.hold[0] == SILENCE:
                self.ended.pop(one.hold[1], None)
                self._told.add(one.hold[1])

    def advance(self, view: Fold) -> None:
        """A commit succeeded; `view` is what stands now."""
        before = self.view.holds.silences
        gone = before.keys() - view.holds.silences.keys() - self._told
        self.ended |= {number: before[number] for number in gone}
        self._told.clear()
        self.view = view

    def held_by(
        self, policy: str, rule: str, key: str, target: Target | None, at_us: int
    ) -> Hold | None:
        """What holds back messages about a rule on a target at a moment; maintenance first."""
        for row in self.view.declarations.rows():
            if row.target in (key, target.site if target else key) and _works(row, at_us):
                return MAINTENANCE, row.id
        for number, silence in sorted(self.view.holds.silences.items()):
            if at_us < silence.until_us and silence.covers(policy, rule, key, target):
                return SILENCE, number
        return None

    def of_step(self, step: IncidentStep, target: Target | None) -> Hold | None:
        """What holds back the message about an opening."""
        return self.held_by(step.policy, step.rule, step.target, target, step.at_us)

    def expired(self, now_us: int) -> list[SilenceEnded]:
        """The silences whose time is over."""
        return [
            SilenceEnded(silence=number, author="", reason="", at_us=now_us)
            for number, row in sorted(self.view.holds.silences.items())
            if row.until_us <= now_us
        ]

    def releases(
        self, now_us: int, ending: frozenset[int], targets: Mapping[str, Target]
    ) -> Iterator[Release]:
        """What is over and held something back; `ending`: incidents that end in this commit."""
        holds = self.view.holds
        over = {row.hold for row in holds.held.values() if not self._active(row.hold, now_us)}
        over |= {(SILENCE, number) for number in self.ended}
        over |= {(SILENCE, one.silence) for one in self.expired(now_us)}
        for hold in sorted(over):
            yield self._release(hold, now_us, ending, targets)

    def _active(self, hold: Hold, now_us: int) -> bool:
        cause, number = hold
        if cause == SILENCE:
            row = self.view.holds.silences.get(number)
            return row is not None and now_us < row.until_us
        return any(_works(one, now_us) for one in self.view.declarations.open(number))

    def _release(
        self, hold: Hold, now_us: int, ending: frozenset[int], targets: Mapping[str, Target]
    ) -> Release:
        incidents, rows = self.view.incidents, self.view.holds.of(hold)
        standing, over, held_on = [], [], []
        for row in rows:
            incident = incidents.get(row.incident)
            if incident is None or row.incident in ending:
                over.append(row)
                continue
            other = self._other(incident, hold, now_us, targets)
            if other is None:
                standing.append((row, incident))
            else:
                held_on.append((row, other))
        silence = None
        if hold[0] == SILENCE:
            number = hold[1]
            silence = self.ended.get(number) or self.view.holds.silences.get(number)
        return Release(
            hold=hold,
            silence=silence,
            standing=tuple(standing),
            over=tuple(over),
            held_on=tuple(held_on),
            known=tuple(self._known(silence, ending, targets)),
        )

    def _other(
        self, incident: IncidentRow, hold: Hold, now_us: int, targets: Mapping[str, Target]
    ) -> Hold | None:
        target = targets.get(incident.target)
        other = self.held_by(incident.policy, incident.rule, incident.target, target, now_us)
        return None if other == hold else other

    def _known(
        self, silence: SilenceRow | None, ending: frozenset[int], targets: Mapping[str, Target]
    ) -> Iterator[IncidentRow]:
        if silence is None:
            return
        for number, one in sorted(self.view.incidents.items()):
            about = silence.covers(one.policy, one.rule, one.target, targets.get(one.target))
            if about and number not in ending and number not in self.view.holds.held:
                yield one


def _works(row: DeclarationRow, at_us: int) -> bool:
    return row.kind == MAINTENANCE and row.counts and row.since_us <= at_us < row.until_us
