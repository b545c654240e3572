"""Labels: what their entries can bear."""

from monitor.labels import MOST_NAMED, UNREACHABLE, Change, Labels
from monitor.ledger.entry import MAX_ENTRY_BYTES
from monitor.model import State
from monitor.sight import Sights


def test_a_cause_of_thousands_of_parents_fits_into_its_entry() -> None:
    """The first ones are named, the others counted; an entry that is too large ends the daemon."""
    parents = tuple(f"{number:05}".ljust(64, "p") for number in range(3_000))
    sights = Sights(parents={"child": parents})
    for number, parent in enumerate(parents):
        sights.note(parent, number, State.UNAVAILABLE, 1)
    labels, change = Labels(), Change()
    labels.begin("child", 1, sights.look("child", 0), change)
    labels.look(sights, 2, change)
    (entry,) = change.entries()
    assert entry.label == UNREACHABLE
    assert entry.cause.split(",") == [*parents[:MOST_NAMED], f"+{len(parents) - MOST_NAMED}"]
    assert len(entry.to_bytes()) <= MAX_ENTRY_BYTES
