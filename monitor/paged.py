"""A long log read many entries at a time, the batches among them together. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from monitor.ledger.block import MOST_BYTES, Block, scan
from monitor.ledger.entry import EntryError

AT_ONCE = 1_024
"""Entries that whoever reads many should take together: more of them save nothing."""
_FEWEST = 2
"""Batches that are worth decoding together."""


def pages(entries: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, list[bytes]]]:
    """(index of the first one, bytes of each) of entries in order; a gap begins a page anew.

    A page is at most so many entries, and at most `MOST_BYTES` and one entry. Where the entries
    end with an EntryError, those before it come first: what is wrong with them is told first.
    """
    start, page, length = 0, list[bytes](), 0
    ended: EntryError | None = None
    try:
        for index, raw in entries:
            if page and (index != start + len(page) or len(page) == AT_ONCE or length > MOST_BYTES):
                yield start, page
                page, length = [], 0
            start = start if page else index
            page.append(raw)
            length += len(raw)
    except EntryError as error:
        ended = error
    if page:
        yield start, page
    if ended is not None:
        raise ended


def parts(first: int, page: Sequence[bytes]) -> Iterator[tuple[int, Block | bytes]]:
    """(index of its first entry, batches that stand together or the bytes of one entry).

    Bytes of a batch: it stands alone, or must be read singly, which tells what is wrong with it.
    """
    place = 0
    while place < len(page):
        found = scan(page, place)
        block = found.block() if len(found) >= _FEWEST else None
        end = place + max(1, len(found))
        if block is not None:
            yield first + place, block
        else:
            yield from enumerate(page[place:end], first + place)
        place = end
