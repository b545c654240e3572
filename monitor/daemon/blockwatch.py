"""The daemon's side of the label `blocked`: what observations say of the national filter."""

from collections.abc import Iterable, Mapping

from checks.base import Outcome
from monitor.blocked import Blocks
from monitor.daemon.plan import Item


def filtered_series(items: Iterable[Item]) -> Mapping[int, str]:
    """The series whose evidence knows the filter, each with its target."""
    return {item.number: item.target.key for item in items if item.kind.filtered}


def note_block(blocks: Blocks, item: Item, outcome: Outcome) -> None:
    """Take in one observation; a fault says nothing of the filter."""
    evidence = outcome.evidence
    if not item.kind.filtered or evidence is None:
        return
    by = getattr(evidence, "blocked_by", None)
    until_ns = outcome.started_ns + item.assignment.settings.interval * 1_500
    blocks.note(item.number, by or "", outcome.started_ns, until_ns)
