"""What people declare about time: maintenance before it, exclusions after it. Pure.

Enforces, for the writer and for `verify` alike: a maintenance is cut only while it stands and only
to an earlier end; an exclusion is decided once, and not by the account that proposed it. That a
notice precedes its time is the entry's own rule (`MaintenanceDeclared`). Who may speak for whom is
left to the daemon: here an author is a name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from monitor.ledger.entry import (
    EntryError,
    ExclusionDecided,
    ExclusionProposed,
    MaintenanceCut,
    MaintenanceDeclared,
)

MAINTENANCE, EXCLUSION = "maintenance", "exclusion"
STANDS, PROPOSED, APPROVED, REFUSED = "stands", "proposed", "approved", "refused"
Act = MaintenanceDeclared | MaintenanceCut | ExclusionProposed | ExclusionDecided


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationRow:
    """One declaration about one target. `id` is the index of the entry that declared it."""

    id: int
    target: str
    kind: str
    """maintenance or exclusion."""
    since_us: int
    until_us: int
    """A maintenance that was called off before it began ends where it begins."""
    cause: str
    incident: int | None
    author: str
    reason: str
    at_us: int
    standing: str
    """stands (a maintenance), proposed, approved or refused (an exclusion)."""
    decided_by: str
    decided_us: int | None
    """Who cut or decided it last, and when."""

    @property
    def counts(self) -> bool:
        """Whether its time leaves the base."""
        return self.standing in (STANDS, APPROVED) and self.since_us < self.until_us


class Declarations:
    """The declarations that a later entry may still change, by id."""

    def __init__(self, rows: Iterable[DeclarationRow] = ()) -> None:
        self._open: dict[int, tuple[DeclarationRow, ...]] = {}
        for row in rows:
            self._open[row.id] = (*self._open.get(row.id, ()), row)

    def rows(self) -> list[DeclarationRow]:
        """Every open declaration, by id."""
        return [row for _, rows in sorted(self._open.items()) for row in rows]

    def open(self, number: int) -> tuple[DeclarationRow, ...]:
        """The rows of one open declaration; none where it is closed or was never made."""
        return self._open.get(number, ())

    def take(self, index: int, act: Act) -> tuple[DeclarationRow, ...]:
        """The rows that an entry makes or changes; EntryError when it cannot follow."""
        self._forget(act.at_us)
        match act:
            case MaintenanceDeclared():
                return self._kept(tuple(_maintenance(index, act)))
            case ExclusionProposed():
                return self._kept((_exclusion(index, act),))
            case MaintenanceCut():
                rows = self._kept(self._cut(act))
                if not rows[0].counts:  # called off before it began: nothing is left to cut
                    del self._open[act.maintenance]
                return rows
            case ExclusionDecided():
                rows = self._decided(act)
                del self._open[act.exclusion]
                return rows

    def _kept(self, rows: tuple[DeclarationRow, ...]) -> tuple[DeclarationRow, ...]:
        self._open[rows[0].id] = rows
        return rows

    def _forget(self, at_us: int) -> None:
        """A maintenance that is over cannot be cut any more."""
        over = [
            number
            for number, (row, *_) in self._open.items()
            if row.kind == MAINTENANCE and row.until_us <= at_us
        ]
        for number in over:
            del self._open[number]

    def _of(self, number: int, kind: str) -> tuple[DeclarationRow, ...]:
        rows = self._open.get(number, ())
        if not rows or rows[0].kind != kind:
            raise EntryError(f"entry.no-open-{kind}", index=number)
        return rows

    def _cut(self, act: MaintenanceCut) -> tuple[DeclarationRow, ...]:
        rows = self._of(act.maintenance, MAINTENANCE)
        if act.until_us >= rows[0].until_us:
            raise EntryError("entry.maintenance-longer", index=act.maintenance)
        until_us = max(act.until_us, rows[0].since_us)
        return tuple(
            replace(row, until_us=until_us, decided_by=act.author, decided_us=act.at_us)
            for row in rows
        )

    def _decided(self, act: ExclusionDecided) -> tuple[DeclarationRow, ...]:
        (row,) = self._of(act.exclusion, EXCLUSION)
        if act.author == row.author:
            raise EntryError("entry.exclusion-own", index=act.exclusion)
        standing = APPROVED if act.approved else REFUSED
        return (replace(row, standing=standing, decided_by=act.author, decided_us=act.at_us),)


def _maintenance(index: int, act: MaintenanceDeclared) -> Iterable[DeclarationRow]:
    for target in act.targets:
        yield DeclarationRow(
            id=index,
            target=target,
            kind=MAINTENANCE,
            since_us=act.since_us,
            until_us=act.until_us,
            cause="",
            incident=None,
            author=act.author,
            reason=act.reason,
            at_us=act.at_us,
            standing=STANDS,
            decided_by="",
            decided_us=None,
        )


def _exclusion(index: int, act: ExclusionProposed) -> DeclarationRow:
    return DeclarationRow(
        id=index,
        target=act.target,
        kind=EXCLUSION,
        since_us=act.since_us,
        until_us=act.until_us,
        cause=act.cause,
        incident=act.incident,
        author=act.author,
        reason=act.reason,
        at_us=act.at_us,
        standing=PROPOSED,
        decided_by="",
        decided_us=None,
    )


def values_of(row: DeclarationRow) -> Mapping[str, object]:
    """Its fields, as a snapshot and a table hold them."""
    return {name: getattr(row, name) for name in row.__slots__}
