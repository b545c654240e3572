"""Entries taken many at a time: all of them, in their order, and no more at once than is said."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.derive import part_of, read_entry
from monitor.ledger.block import Block
from monitor.ledger.entry import EntryError
from monitor.paged import pages, parts
from tests.long_logs import AT_ONCE, CELLS, logs, reading_by

INDICES = st.lists(st.integers(1, 3) | st.just(1), max_size=30)


@given(INDICES, AT_ONCE, st.integers(0, 9))
def test_pages_are_the_entries_without_a_gap_in_any(gaps: list[int], most: int, long: int) -> None:
    """By count, by bytes, and where an index is left out."""
    entries = [(sum(gaps[: n + 1]), bytes(long)) for n in range(len(gaps))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitor.paged.AT_ONCE", most)
        patch.setattr("monitor.paged.MOST_BYTES", 20)
        found = list(pages(entries))
    assert [(n, raw) for first, page in found for n, raw in enumerate(page, first)] == entries
    for first, page in found:
        assert 0 < len(page) <= most
        assert sum(map(len, page[:-1])) <= 20
        full = len(page) == most or sum(map(len, page)) > 20
        assert full or first + len(page) not in dict(entries)


def test_what_came_before_the_end_of_broken_entries_is_told_first() -> None:
    """Two entries, then one that is missing: whoever reads the two may find another fault."""

    def broken() -> Iterator[tuple[int, bytes]]:
        yield from ((5, b"a"), (6, b"b"))
        raise EntryError("entry.missing", index=7)

    found = pages(broken())
    assert next(found) == (5, [b"a", b"b"])
    with pytest.raises(EntryError, match=r"entry\.missing"):
        next(found)


@given(logs(), CELLS, st.integers(0, 99))
@settings(max_examples=40)
def test_parts_are_all_entries_in_their_order(raw: list[bytes], cells: int, first: int) -> None:
    """Together or alone, each stands at its index and says what it says alone."""
    at = first
    with reading_by(1, cells):
        told = list(parts(first, raw))
    for index, part in told:
        assert index == at
        if isinstance(part, bytes):
            assert part == raw[at - first]
            at += 1
            continue
        assert len(part) > 1
        alone = [part_of(read_entry(one)) for one in raw[at - first : at - first + len(part)]]
        blocks = [one for one in alone if isinstance(one, Block)]
        assert [n for one in blocks for n in one.series.tolist()] == part.series.tolist()
        assert [wall for one in blocks for wall in one.walls] == list(part.walls)
        at += len(part)
    assert at == first + len(raw)
