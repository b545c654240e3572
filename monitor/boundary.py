"""What stood where a log was pruned, beyond the fold: what reports of later time are made of. Pure.

Written as one evidence record that the pruning's entry names. Nobody can recompute it without the
pruned entries: it is the agent's word, signed with the log, as the fold's state there is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from monitor.declared import DeclarationRow, values_of
from monitor.derive import Changes, Fold, Part, read_entry
from monitor.ledger.entry import (
    AlertSettled,
    ConfigurationInForce,
    EntryError,
    IncidentStepped,
    LogOpened,
    LogPruned,
    SeriesDefined,
    read_record,
    reason_of,
)
from monitor.ledger.wire import WireError, decode, encode
from monitor.model import Act


class Pruned(Protocol):
    """A log that may have been pruned; see `monitor.verify.Source`."""

    def pruned(self) -> tuple[int, int] | None:
        """(boundary, index of the entry that says so), as claimed."""
        ...

    def entry(self, index: int) -> bytes | None:
        """One entry's bytes."""
        ...

    def record(self, sha256: bytes) -> bytes | None:
        """An evidence record."""
        ...


@dataclass(slots=True)
class Standing:
    """What entries said that holds on after them."""

    origin: str = ""
    vantage: str = ""
    series: dict[int, SeriesDefined] = field(default_factory=dict)
    configuration: tuple[int, ConfigurationInForce] | None = None
    acknowledged: dict[int, int] = field(default_factory=dict)
    """When each open incident was acknowledged."""
    receipts: dict[str, int] = field(default_factory=dict)
    """When an alert was delivered, by its id."""
    routes: set[str] = field(default_factory=set)
    declarations: dict[tuple[int, str], DeclarationRow] = field(default_factory=dict)

    def take(self, index: int, entry: Part, changes: Changes) -> None:
        """Take in an entry, and what the fold made of it."""
        self.declarations |= changes.declarations
        match entry:
            case LogOpened() as log:
                self.origin, self.vantage = log.origin, log.vantage
            case SeriesDefined() as series:
                self.series[series.number] = series
            case ConfigurationInForce() as configuration:
                self.configuration = (index, configuration)
            case IncidentStepped(act=Act.ACKNOWLEDGED) as step if step.incident is not None:
                self.acknowledged[step.incident] = step.at_us
            case AlertSettled(delivered=True) as receipt:
                self.receipts[receipt.alert] = receipt.at_us
                self.routes.add(receipt.route)
            case _:
                pass

    def state(self, fold: Fold) -> bytes:
        """The record: the fold's snapshot, and of this what can matter after it."""
        oldest = min((row.opened_us for row in fold.incidents.values()), default=None)
        reached_us = reached(fold)
        receipts = [] if oldest is None else [p for p in self.receipts.items() if p[1] >= oldest]
        later = [row for _, row in sorted(self.declarations.items()) if row.until_us > reached_us]
        number, configuration = self.configuration or (-1, None)
        standing = {
            "origin": self.origin,
            "vantage": self.vantage,
            "series": [one.to_bytes() for _, one in sorted(self.series.items())],
            "configuration": None if configuration is None else configuration.to_bytes(),
            "configured": number,
            "acknowledged": [
                p for p in sorted(self.acknowledged.items()) if p[0] in fold.incidents
            ],
            "receipts": sorted(receipts),
            "routes": sorted(self.routes),
            "declarations": [values_of(row) for row in later],
        }
        return encode({**decode(fold.snapshot()), "standing": standing})

    @classmethod
    def restored(cls, raw: bytes) -> Self | None:
        """The part of a record beside the fold; None where an earlier version wrote none.

        EntryError for bytes that are no such record.
        """
        try:
            values = decode(raw).get("standing")
            return None if values is None else cls._of(values)
        except (WireError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise EntryError("entry.standing-unreadable", why=reason_of(error)) from error

    @classmethod
    def _of(cls, values: Mapping[str, Any]) -> Self:
        told = [read_record(one) for one in values["series"]]
        rows = [DeclarationRow(**row) for row in values["declarations"]]
        made = cls(
            origin=values["origin"],
            vantage=values["vantage"],
            series={one.number: one for one in told if isinstance(one, SeriesDefined)},
            acknowledged=dict(values["acknowledged"]),
            receipts=dict(values["receipts"]),
            routes=set(values["routes"]),
            declarations={(row.id, row.target): row for row in rows},
        )
        raw = values["configuration"]
        configuration = None if raw is None else read_record(raw)
        if isinstance(configuration, ConfigurationInForce):
            made.configuration = (values["configured"], configuration)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Where a pruned log begins, and what stood there."""

    index: int
    """The first entry that is left."""
    told: int
    """The entry that says so."""
    reached_us: int
    """The newest moment that the pruned entries told of."""
    fold: Fold
    standing: Standing


def boundary_of(log: Pruned) -> Boundary | None:
    """Where a log begins; None where it is whole.

    As the log says: `monitor.verify` proves that the entry is the log's own. EntryError where it
    says nothing that can be used.
    """
    claim = log.pruned()
    if claim is None:
        return None
    index, told = claim
    entry = read_entry(log.entry(told) or b"")
    if not isinstance(entry, LogPruned) or entry.boundary != index:
        raise EntryError("entry.pruning-untold", index=told, boundary=index)
    state = log.record(entry.state)
    if state is None:
        raise EntryError("entry.standing-missing", index=index)
    standing = Standing.restored(state)
    if standing is None:
        raise EntryError("entry.standing-none", index=told)
    fold = Fold.restored(state)
    return Boundary(index=index, told=told, reached_us=reached(fold), fold=fold, standing=standing)


def reached(fold: Fold) -> int:
    """The newest moment that any observation or clock anchor of a log tells of."""
    last = max(fold.anchors.values(), default=0)
    if fold.count:
        last = max(last, int(fold.columns["last_us"][: fold.count].max()))
    return last
