"""What holds back messages: silences that people declare, and maintenance. Pure.

Enforces, for the writer and for `verify` alike: a silence ends once, by a person or, no earlier
than it was to end, by itself; a message is held back of an incident that stands open; what was
held back is let go once. Nothing here changes an incident, a state or a figure: only whether
people are told.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from monitor.ledger.entry import (
    AlertHeld,
    AlertsReleased,
    EntryError,
    SilenceDeclared,
    SilenceEnded,
)
from monitor.model import Target

SILENCE, MAINTENANCE = "silence", "maintenance"
Act = SilenceDeclared | SilenceEnded | AlertHeld | AlertsReleased
Hold = tuple[str, int]
"""(silence or maintenance, index of the entry that declared it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRow:
    """One silence. `id` is the index of the entry that declared it."""

    id: int
    targets: tuple[str, ...]
    tags: tuple[str, ...]
    rules: tuple[str, ...]
    until_us: int
    author: str
    reason: str
    at_us: int
    ended_us: int | None = None
    ended_by: str = ""
    """Who ended it earlier; empty: nobody."""

    def covers(self, policy: str, rule: str, key: str, target: Target | None) -> bool:
        """Whether it is about a rule on a target; everything that it names must fit.

        `target` None: it is configured no more, and only its name can fit.
        """
        site, labels = (target.site, target.labels) if target else ("", {})
        if self.targets and not {key, site} & set(self.targets):
            return False
        if self.rules and not {rule, f"{policy}/{rule}"} & set(self.rules):
            return False
        tags = (tag.partition("=") for tag in self.tags)
        return all(labels.get(name) == value for name, _, value in tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """The message about an incident's opening, held back."""

    incident: int
    cause: str
    """silence or maintenance."""
    by: int
    """The entry that declared the silence or the maintenance."""
    routes: tuple[str, ...]
    """Who would have been told."""
    at_us: int
    released_us: int | None = None

    @property
    def hold(self) -> Hold:
        """What holds it back."""
        return self.cause, self.by


class Holds:
    """The silences that stand, and what is held back."""

    def __init__(self, silences: Iterable[SilenceRow] = (), held: Iterable[HeldRow] = ()) -> None:
        self.silences = {row.id: row for row in silences}
        self.held = {row.incident: row for row in held}

    def copy(self) -> "Holds":
        """Another one that changes by itself; rows never change."""
        return Holds(self.silences.values(), self.held.values())

    def take(
        self, index: int, act: Act, standing: Collection[int]
    ) -> tuple[SilenceRow | HeldRow, ...]:
        """The rows that an entry makes or changes; EntryError when it cannot follow.

        `standing`: the incidents that are open.
        """
        match act:
            case SilenceDeclared():
                row = _silence(index, act)
                self.silences[index] = row
                return (row,)
            case SilenceEnded():
                return (self._ended(act),)
            case AlertHeld():
                return (self._hold(index, act, standing),)
            case AlertsReleased():
                return self._released(act)

    def of(self, hold: Hold) -> list[HeldRow]:
        """What one of them holds back, by incident."""
        return [row for _, row in sorted(self.held.items()) if row.hold == hold]

    def _ended(self, act: SilenceEnded) -> SilenceRow:
        row = self.silences.get(act.silence)
        if row is None:
            raise EntryError("entry.no-silence", index=act.silence)
        if not act.author and act.at_us < row.until_us:
            raise EntryError("entry.silence-early", index=act.silence)
        del self.silences[act.silence]
        return replace(row, ended_us=act.at_us, ended_by=act.author)

    def _hold(self, index: int, act: AlertHeld, standing: Collection[int]) -> HeldRow:
        incident = index - 1 if act.incident is None else act.incident
        if incident not in standing or act.by >= index:
            raise EntryError("entry.held-lost", incident=incident)
        row = HeldRow(
            incident=incident,
            cause=act.cause,
            by=act.by,
            routes=tuple(act.routes),
            at_us=act.at_us,
        )
        self.held[incident] = row
        return row

    def _released(self, act: AlertsReleased) -> tuple[HeldRow, ...]:
        rows = self.of((act.cause, act.by))
        for row in rows:
            del self.held[row.incident]
        return tuple(replace(row, released_us=act.at_us) for row in rows)


def _silence(index: int, act: SilenceDeclared) -> SilenceRow:
    return SilenceRow(
        id=index,
        targets=tuple(act.targets),
        tags=tuple(act.tags),
        rules=tuple(act.rules),
        until_us=act.until_us,
        author=act.author,
        reason=act.reason,
        at_us=act.at_us,
    )


def row_values(row: SilenceRow | HeldRow) -> Mapping[str, object]:
    """Its fields, as a snapshot holds them."""
    return {name: getattr(row, name) for name in row.__slots__}


def silence_of(values: Mapping[str, object]) -> SilenceRow:
    """The inverse of `row_values`; lists may stand for tuples."""
    lists = {name: _texts(values[name]) for name in ("targets", "tags", "rules")}
    return SilenceRow(**{**values, **lists})  # type: ignore[arg-type]


def held_of(values: Mapping[str, object]) -> HeldRow:
    """The inverse of `row_values`; lists may stand for tuples."""
    return HeldRow(**{**values, "routes": _texts(values["routes"])})  # type: ignore[arg-type]


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError("a list that is none")
    return tuple(map(str, value))
