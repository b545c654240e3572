"""Declarations about time: what counts, and what cannot be written at all."""

import pytest

from monitor.declared import APPROVED, PROPOSED, REFUSED, STANDS, DeclarationRow
from monitor.derive import Changes, Fold
from monitor.ledger.entry import EntryError
from tests.store.building import (
    START_US,
    anchored,
    cut,
    decided,
    exclusion,
    maintenance,
    opened,
)

NOW, HOUR = START_US, 3_600_000_000


def rows_of(*entries: bytes) -> dict[tuple[int, str], DeclarationRow]:
    """What a log of these entries, from index 2 on, declares; its snapshot says the same."""
    fold, changes = Fold(), Changes()
    for index, raw in enumerate((opened(), anchored(), *entries)):
        fold = Fold.restored(fold.snapshot())
        fold.apply(index, raw, changes)
    return changes.declarations


def test_a_notice_counts_for_each_of_its_targets() -> None:
    """Two targets are two rows of one notice, whose author and reason stand in both."""
    rows = rows_of(maintenance(NOW + HOUR, NOW + 2 * HOUR, NOW, "a", "b"))
    assert sorted(rows) == [(2, "a"), (2, "b")]
    assert {row.standing for row in rows.values()} == {STANDS}
    assert all(row.counts and row.author == "ayu" for row in rows.values())


@pytest.mark.parametrize(
    "entry",
    [
        lambda: maintenance(NOW - 1, NOW + HOUR, NOW, "a"),
        lambda: maintenance(NOW + HOUR, NOW + HOUR, NOW, "a"),
        lambda: maintenance(NOW, NOW + HOUR, NOW),
        lambda: maintenance(NOW, NOW + HOUR, NOW, "a", "a"),
        lambda: exclusion(NOW - HOUR, NOW + 1, NOW),
        lambda: exclusion(NOW, NOW - HOUR, NOW),
        lambda: cut(2, NOW - 1, NOW),
    ],
)
def test_what_would_rewrite_time_is_no_entry(entry: object) -> None:
    """A notice of the past, an exclusion of the future, an end that was told late: none exists."""
    with pytest.raises(EntryError):
        entry()  # type: ignore[operator]


def test_a_maintenance_ends_earlier_or_not_at_all() -> None:
    """It can be cut while it stands; called off before its beginning it has no time left."""
    notice = maintenance(NOW + HOUR, NOW + 3 * HOUR, NOW, "a")
    shorter = rows_of(notice, cut(2, NOW + 2 * HOUR, NOW + 2 * HOUR))[2, "a"]
    assert (shorter.until_us, shorter.counts) == (NOW + 2 * HOUR, True)
    off = rows_of(notice, cut(2, NOW, NOW))[2, "a"]
    assert (off.until_us, off.counts) == (NOW + HOUR, False)
    for late in (
        cut(2, NOW + 4 * HOUR, NOW),
        cut(2, NOW + 3 * HOUR, NOW + 3 * HOUR),
        cut(3, NOW, NOW),
    ):
        with pytest.raises(EntryError):
            rows_of(notice, late)


def test_an_exclusion_counts_when_a_second_account_approved_it() -> None:
    """Proposed it counts nothing; its own author cannot decide; nobody decides twice."""
    told = exclusion(NOW - HOUR, NOW, NOW)
    proposed = rows_of(told)[2, "link-0"]
    assert (proposed.standing, proposed.counts) == (PROPOSED, False)
    approved = rows_of(told, decided(2, NOW))[2, "link-0"]
    assert (approved.standing, approved.counts, approved.decided_by) == (APPROVED, True, "budi")
    refused = rows_of(told, decided(2, NOW, approved=False))[2, "link-0"]
    assert (refused.standing, refused.counts) == (REFUSED, False)
    with pytest.raises(EntryError, match="exclusion-own"):
        rows_of(told, decided(2, NOW, author="ayu"))
    with pytest.raises(EntryError, match="no-open-exclusion"):
        rows_of(told, decided(2, NOW), decided(2, NOW, author="citra"))
    with pytest.raises(EntryError, match="no-open-exclusion"):
        rows_of(maintenance(NOW, NOW + HOUR, NOW, "a"), decided(2, NOW))


def test_a_log_without_declarations_has_the_snapshot_it_always_had() -> None:
    """Older snapshots are byte for byte those of this program."""
    fold = Fold()
    fold.apply(0, opened(), Changes())
    assert b"declarations" not in fold.snapshot()
    assert Fold.restored(fold.snapshot()).snapshot() == fold.snapshot()
