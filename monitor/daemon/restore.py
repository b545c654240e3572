"""What stood when the ledger was last written stands again. Pure."""

from collections.abc import Iterable, Mapping

from monitor.daemon.plan import Item
from monitor.daemon.recorder import Recorder
from monitor.derive import Fold, IncidentRow, LabelRow
from monitor.incident import BLIND, Confirm, Judged, Standing, Subject
from monitor.ledger.entry import LabelSet
from monitor.model import Severity
from monitor.sight import AGENT
from monitor.single_leg import SINGLE_LEG

_GONE = -1
"""Series number of an incident whose series is no longer configured: it is withdrawn at once."""


def restore(
    recorder: Recorder, fold: Fold, items: Iterable[Item], opened_to: Mapping[int, tuple[str, ...]]
) -> None:
    """Open incidents and labels into a fresh recorder. Windows of confirmation begin anew."""
    book = recorder.accumulator.book
    items = list(items)
    known = {(i.target.key, i.kind.name, int(i.assignment.family)): i for i in items}
    for row in fold.incidents.values():
        item = known.get((row.target, row.check, row.family))
        subject = Subject(_GONE - row.id if item is None else item.number, row.policy, row.rule)
        book.standings[subject] = _standing(row, subject, _confirm(item, row))
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
        if label.label == SINGLE_LEG:
            recorder.single_legs.restore(
                book.labels[label.label, label.target], _held_ns(recorder, fold, items, label)
            )
    recorder.accumulator.blind = (BLIND, AGENT) in book.labels


def _held_ns(recorder: Recorder, fold: Fold, items: Iterable[Item], label: LabelRow) -> int:
    """How long (boot clock) the newest look at the site of a label holds."""
    looks = (i.number for i in items if i.kind.derived and i.target.key == label.target)
    until_us = max((fold.until_us(number) for number in looks), default=0)
    anchor = recorder.anchor
    return anchor.boottime_ns + (max(until_us, label.since_us) - anchor.wall_us) * 1_000


def _confirm(item: Item | None, row: IncidentRow) -> Confirm:
    if item is not None:
        for rule, confirm in zip(item.rules, item.confirms, strict=True):
            if rule is not None and (rule.policy, rule.id) == (row.policy, row.rule):
                return confirm
    return Confirm()


def _standing(row: IncidentRow, subject: Subject, confirm: Confirm) -> Standing:
    last = Judged(
        subject=subject,
        target=row.target,
        check=row.check,
        family=row.family,
        severity=Severity(row.severity),
        confirm=confirm,
        violated=True,
        reasons=row.reasons,
        at_us=row.opened_us,
    )
    return Standing(last=last, incident=row.id, step=row.step)
