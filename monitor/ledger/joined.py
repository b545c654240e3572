"""Columns of many batches decoded together. Pure.

A page of small columns costs hardly more than one of them this way: what `columns.unpack` does for
one, `unpack` here does for all, by the same rules. It says yes or no: whoever needs to know which
column is wrong, and why, decodes them singly.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.ledger.columns import Bools, ColumnError, Ints, unzigzag

Unsigned = NDArray[np.uint64]
_WIDTHS = (1, 2, 4, 8)


def starts(counts: Ints) -> Ints:
    """Where each piece begins when pieces of these lengths are laid end to end."""
    return np.cumsum(counts) - counts


def unpack(raw: NDArray[np.uint8], offsets: Ints, lengths: Ints, counts: Ints) -> Unsigned:
    """The numbers of all columns, end to end; ColumnError where `columns.unpack` refuses one.

    Each column lies in `raw` at its offset, has that length, and must hold that many numbers.
    """
    if bool((lengths < 1).any()):
        raise ColumnError("entry.column-empty")
    widths = raw[offsets].astype(np.int64)
    found = np.zeros(int(counts.sum()), np.uint64)
    known = (widths == 0) & (lengths == 1)
    places = starts(counts)
    for width in _WIDTHS:
        fits = (widths == width) & (counts > 0) & (lengths == 1 + counts * width)
        known |= fits
        mine = np.flatnonzero(fits)
        if len(mine):
            _unpack_width(raw, offsets[mine], counts[mine], width, found, places[mine])
    if not known.all():
        raise ColumnError("entry.column-short")
    return found


def _unpack_width(
    raw: NDArray[np.uint8], offsets: Ints, counts: Ints, width: int, found: Unsigned, places: Ints
) -> None:
    """Columns of one width: each plane of a column lies `count` bytes behind the one before."""
    first = starts(counts)
    within = np.arange(int(counts.sum())) - np.repeat(first, counts)
    at, stride = np.repeat(offsets + 1, counts) + within, np.repeat(counts, counts)
    values = raw[at].astype(np.uint64)
    for plane in range(1, width):
        at += stride
        values |= raw[at].astype(np.uint64) << np.uint64(8 * plane)
    if int(np.maximum.reduceat(values, first).min()) >> (8 * (width // 2)) == 0:
        raise ColumnError("entry.column-wide")
    if len(values) == len(found):
        found[:] = values
    else:
        found[np.repeat(places, counts) + within] = values


def undelta(values: Unsigned, counts: Ints) -> Ints:
    """The inverse of `columns.pack_deltas` for columns that lie end to end, each at least one."""
    sums = np.cumsum(unzigzag(values), dtype=np.int64)
    before = np.zeros(len(counts), np.int64)
    before[1:] = sums[starts(counts)[1:] - 1]
    return sums - np.repeat(before, counts)


def unoptional(values: Unsigned) -> tuple[Ints, Bools]:
    """(values, present), as `columns.unpack_optional`."""
    present = values != 0
    return unzigzag(np.where(present, values - np.uint64(1), np.uint64(0))), present


def int64s(values: list[Any]) -> Ints:
    """A column of Python integers."""
    return np.array(values, np.int64)
