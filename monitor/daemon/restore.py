"""What stood when the ledger was last written stands again. Pure."""

from collections.abc import Iterable, Mapping

from monitor.blocked import BLOCKED
from monitor.daemon.blockwatch import filtered_series
from monitor.daemon.plan import Item
from monitor.daemon.recorder import Recorder
from monitor.derive import Fold, IncidentRow, LabelRow
from monitor.incident import Judged, Standing, Subject
from monitor.labels import BLIND
from monitor.ledger.entry import LabelSet
from monitor.model import Severity
from monitor.sight import AGENT
from monitor.single_leg import SINGLE_LEG
from policies.confirm import Confirm

_GONE = -1
"""Series number of an incident whose series is no longer configured: it is withdrawn at once."""


def restore(
    recorder: Recorder, fold: Fold, items: Iterable[Item], opened_to: Mapping[int, tuple[str, ...]]
) -> None:
    """Open incidents and labels into a fresh recorder. Windows of confirmation begin anew."""
    book = recorder.accumulator.book
    items = list(items)
    recorder.blocks.watch(filtered_series(items), 0)
    known = _by_name(items)
    for row in fold.incidents.values():
        item = known.get((row.target, row.check, row.family))
        subject = Subject(_GONE - row.id if item is None else item.number, row.policy, row.rule)
        target = row.target if item is None else item.target.key
        book.standings[subject] = _standing(row, target, subject, _confirm(item, row))
        recorder.since[row.id] = row.since_us
        recorder.opened_to[row.id] = opened_to.get(row.id, ())
    for label in fold.labels.values():
        book.labels[label.label, label.target] = LabelSet(
            label=label.label,
            target=label.target,
            cause=label.cause,
            since_us=label.since_us,
            until_us=None,
        )
        if label.label in (SINGLE_LEG, BLOCKED):
            marked = recorder.single_legs if label.label == SINGLE_LEG else recorder.blocks
            marked.restore(
                book.labels[label.label, label.target], _held_ns(recorder, fold, items, label)
            )
    recorder.accumulator.blind = (BLIND, AGENT) in book.labels


def _held_ns(recorder: Recorder, fold: Fold, items: Iterable[Item], label: LabelRow) -> int:
    """How long (boot clock) the newest look at the target of a label holds."""
    looks = (i.number for i in items if _looks(i, label.label) and i.target.key == label.target)
    until_us = max((fold.until_us(number) for number in looks), default=0)
    anchor = recorder.anchor
    return anchor.boottime_ns + (max(until_us, label.since_us) - anchor.wall_us) * 1_000


def _looks(item: Item, label: str) -> bool:
    return item.kind.filtered if label == BLOCKED else item.kind.derived


def _by_name(items: Iterable[Item]) -> Mapping[tuple[str, str, int], Item]:
    """The series by target, check and family, and by what their targets were called before."""
    listed = list(items)
    names: dict[tuple[str, str, int], Item] = {}
    for old in (True, False):  # a name in use wins over a former one
        for item in listed:
            rest = (item.kind.name, int(item.assignment.family))
            for name in item.target.formerly if old else (item.target.key,):
                names[name, *rest] = item
    return names


def _confirm(item: Item | None, row: IncidentRow) -> Confirm:
    if item is not None:
        for rule, confirm in zip(item.rules, item.confirms, strict=True):
            if rule is not None and (rule.policy, rule.id) == (row.policy, row.rule):
                return confirm
    return Confirm()


def _standing(row: IncidentRow, target: str, subject: Subject, confirm: Confirm) -> Standing:
    last = Judged(
        subject=subject,
        target=target,
        check=row.check,
        family=row.family,
        severity=Severity(row.severity),
        confirm=confirm,
        violated=True,
        reasons=row.reasons,
        at_us=row.opened_us,
    )
    return Standing(last=last, incident=row.id, step=row.step)
