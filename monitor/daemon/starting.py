"""The daemon's start: what earlier runs left, what stands again, and the first entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.clock import Clock, anchor_now
from monitor.daemon.accumulator import Accumulator
from monitor.daemon.recorder import Recorder
from monitor.daemon.registry import Registry
from monitor.daemon.reloading import routes_of
from monitor.daemon.restore import restore
from monitor.daemon.setup import Plan, entries_of, sights_of, subjects_of
from monitor.incident import Book
from monitor.ledger.entry import LogOpened, read_record
from monitor.model import OutboxRow
from monitor.store import reader
from monitor.store.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What the store holds of earlier runs."""

    registry: Registry
    opened_us: int | None
    """When the log began; None before its first entry."""
    opened_to: Mapping[int, tuple[str, ...]]
    """By open incident: the routes that were told of its opening."""
    pending: Sequence[OutboxRow]
    """Messages that nobody has settled yet."""
    cosigned: Mapping[str, tuple[int, bytes]]
    stamped: Mapping[str, tuple[int, bytes]]


def left_by(ledger: Ledger, vantage: str) -> Left:
    """Read it, before anything is written."""
    with ledger.engine.connect() as connection:
        first = next(reader.read_entries(connection, 0, min(1, ledger.size)), None)
        opened = read_record(first[1]) if first else None
        return Left(
            registry=Registry(vantage, reader.all_series(connection)),
            opened_us=opened.opened_us if isinstance(opened, LogOpened) else None,
            opened_to=reader.opened_to(connection),
            pending=reader.pending_outbox(connection),
            cosigned=reader.newest_cosigned(connection),
            stamped=reader.newest_stamped(connection),
        )


def recorder_of(plan: Plan, ledger: Ledger, left: Left, clock: Clock) -> Recorder:
    """A recorder in which everything stands that stood when the ledger was last written."""
    configuration = plan.configuration
    recorder = Recorder(
        origin=configuration.agent.origin,
        accumulator=Accumulator(book=Book(), sights=sights_of(configuration)),
        targets=configuration.targets,
        titles=plan.titles,
        routes=routes_of(configuration),
        anchor=anchor_now(clock),
        judging=subjects_of(plan),
    )
    restore(recorder, ledger.fold, plan.items.values(), left.opened_to)
    return recorder


def add_opening(recorder: Recorder, plan: Plan, *, empty: bool) -> None:
    """The first commit: the log itself where it is empty, the configuration, the clock."""
    agent, anchor = plan.configuration.agent, recorder.anchor
    if empty:
        recorder.add(
            LogOpened(
                origin=agent.origin, vantage=agent.vantage, opened_us=anchor.wall_us, previous=None
            )
        )
    entries, records = entries_of(plan, anchor.wall_us)
    for entry in entries:
        recorder.add(entry, records)
    recorder.anchor_anew(anchor, "start", 0)
