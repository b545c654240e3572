"""Silences and what is held back: what can follow in a log, and what it comes to."""

import pytest

from monitor.derive import Changes, Fold
from monitor.holds import SilenceRow
from monitor.ledger.entry import MAX_SILENCE_US, EntryError
from monitor.model import Kind, Target
from tests.store.building import (
    START_US,
    anchored,
    held_back,
    opened,
    released,
    silence,
    silence_ended,
    stepped,
)

NOW, HOUR = START_US, 3_600_000_000


def changes_of(*entries: bytes) -> Changes:
    """What a log of these entries, from index 2 on, derives; its snapshots say the same."""
    fold, changes = Fold(), Changes()
    for index, raw in enumerate((opened(), anchored(), *entries)):
        fold = Fold.restored(fold.snapshot())
        fold.apply(index, raw, changes)
    return changes


def test_a_silence_ends_once_and_not_by_itself_before_its_time() -> None:
    """A person may end it earlier; by itself it ends at its time at the earliest."""
    begun = silence(NOW, NOW + HOUR, "link-0")
    row = changes_of(begun, silence_ended(2, NOW + 1)).silences[2]
    assert (row.ended_us, row.ended_by, row.until_us) == (NOW + 1, "budi", NOW + HOUR)
    assert changes_of(begun, silence_ended(2, NOW + HOUR, "")).silences[2].ended_by == ""
    for wrong in (
        [silence_ended(2, NOW + HOUR - 1, "")],
        [silence_ended(1, NOW)],
        [silence_ended(2, NOW + 1), silence_ended(2, NOW + 2)],
    ):
        with pytest.raises(EntryError):
            changes_of(begun, *wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda: silence(NOW, NOW, "a"),
        lambda: silence(NOW, NOW + MAX_SILENCE_US + 1, "a"),
        lambda: silence(NOW, NOW + HOUR),
        lambda: silence(NOW, NOW + HOUR, tags=("ring",)),
        lambda: silence(NOW, NOW + HOUR, tags=("=north",)),
        lambda: held_back(2, cause="mood"),
    ],
)
def test_a_silence_without_end_or_about_nothing_is_no_entry(make: object) -> None:
    """Nobody can silence everything, or for ever."""
    with pytest.raises(EntryError):
        make()  # type: ignore[operator]


def test_what_is_held_back_is_let_go_once() -> None:
    """By the entry about what held it back; what something else took over stays."""
    begun = [silence(NOW, NOW + HOUR, "link-0"), silence(NOW, NOW + HOUR, "link-1")]
    opening = [stepped(None, 0, "opened"), held_back(2)]
    rows = changes_of(*begun, *opening).held
    assert {n: (row.by, row.routes, row.released_us) for n, row in rows.items()} == {
        4: (2, ("noc",), None)
    }
    assert changes_of(*begun, *opening, released(2)).held[4].released_us == NOW
    moved = changes_of(*begun, *opening, held_back(3, 4), released(2)).held[4]
    assert (moved.by, moved.released_us) == (3, None)


def test_only_a_message_about_an_open_incident_is_held_back() -> None:
    """Of one that nobody opened, or that is over, there is none."""
    begun = silence(NOW, NOW + HOUR, "link-0")
    for wrong in (
        [held_back(2)],
        [stepped(None, 0, "opened"), stepped(3, 1, "closed"), held_back(2, 3)],
        [stepped(None, 0, "opened"), held_back(9)],
    ):
        with pytest.raises(EntryError):
            changes_of(begun, *wrong)


def test_an_acknowledgement_keeps_when_and_with_which_words() -> None:
    """In the incident's row, also over a snapshot."""
    row = changes_of(stepped(None, 0, "opened"), stepped(2, 1, "acknowledged", NOW + 5)).incidents[
        2
    ]
    assert (row.acknowledged_by, row.acknowledged_us) == ("ayu", NOW + 5)
    assert row.acknowledged_reason == "loss 1.00 > 0.05"


def test_everything_that_a_silence_names_must_fit() -> None:
    """One of its targets or their site, each of its labels, one of its rules."""
    link = Target(key="fo", kind=Kind.LINK, name="", site="office", labels={"ring": "north"})

    def fits(targets: str = "", tags: str = "", rules: str = "") -> bool:
        row = SilenceRow(
            id=1,
            targets=tuple(targets.split()),
            tags=tuple(tags.split()),
            rules=tuple(rules.split()),
            until_us=2,
            author="",
            reason="",
            at_us=1,
        )
        return row.covers("base", "answers", "fo", link)

    assert fits("fo")
    assert fits("lte office")
    assert fits(tags="ring=north")
    assert fits(rules="loss answers")
    assert fits(rules="base/answers")
    assert fits("fo", "ring=north", "answers")
    assert not fits("lte")
    assert not fits("fo", tags="ring=south")
    assert not fits("fo", rules="other/answers")
    assert not fits(tags="ring=north colour=red")


def test_a_log_without_silences_has_the_snapshot_it_always_had() -> None:
    """Older snapshots are byte for byte those of this program."""
    fold = Fold()
    for index, raw in enumerate((opened(), anchored(), stepped(None, 0, "opened"))):
        fold.apply(index, raw, Changes())
    raw = fold.snapshot()
    for word in (b"silences", b"held", b"acknowledged_us", b"acknowledged_reason"):
        assert word not in raw
