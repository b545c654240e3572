"""What the rows of many batches measured, decoded together. Pure.

A measure is a number in each row of its group, or a list in each: singletons. Numbers of all of
them lie end to end, by group and measure, and in each by row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from monitor.ledger import joined
from monitor.ledger.batch import MAX_CELLS, MAX_ROWS, Group
from monitor.ledger.columns import Bools, ColumnError, Ints

Value = int | tuple[int | None, ...] | None
Values = tuple[Value, ...]
COMMON = 6
"""Columns of a group beside its measures."""
PLACES = 5
"""Of each measure: its group, then offset and length in the plain bytes of its lengths (-1: it is a
number in each row) and of its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Every measure of every group."""

    names: Sequence[str]
    group: Ints
    """Of each; ascending."""
    listed: Bools
    """Whether each is a list in each row."""
    sizes: Ints
    """Values of each."""
    lengths: Ints
    """Values of each row, of those that are lists."""
    values: Ints
    present: Bools

    @classmethod
    def of(cls, groups: Sequence[Group]) -> "Measures":
        """Those of one batch."""
        every = [(n, *pair) for n, one in enumerate(groups) for pair in one.measures.items()]
        lists = [one.lengths for _, _, one in every if one.lengths is not None]
        values = [one.values for _, _, one in every]
        present = [one.present for _, _, one in every]
        return cls(
            names=[name for _, name, _ in every],
            group=joined.int64s([group for group, _, _ in every]),
            listed=np.array([one.lengths is not None for _, _, one in every], np.bool_),
            sizes=joined.int64s([len(one) for one in values]),
            lengths=np.concatenate(lists) if lists else np.zeros(0, np.int64),
            values=np.concatenate(values) if values else np.zeros(0, np.int64),
            present=np.concatenate(present) if present else np.zeros(0, np.bool_),
        )

    def first(self, group_rows: Ints) -> tuple[Ints, Ints, Bools]:
        """(values of each row, values, present) of the first measure of each group.

        A group without a measure has none in each of its rows.
        """
        leading = np.ones(len(self.group), np.bool_)
        leading[1:] = self.group[1:] != self.group[:-1]
        lengths = self._row_lengths(group_rows, leading)
        if leading.all():
            return lengths, self.values, self.present
        kept = np.repeat(leading, self.sizes)
        return lengths, self.values[kept], self.present[kept]

    def rows(self, group_rows: Ints) -> Iterator[tuple[tuple[str, ...], list[Values]]]:
        """(names, values of each row) of each group: as evidence held them.

        A value is a number, None where it was undefined, or a tuple of both.
        """
        flat: list[int | None] = list(self.values.tolist())
        for absent in np.flatnonzero(~self.present).tolist():
            flat[absent] = None
        lengths, each = iter(self.lengths.tolist()), 0
        start, sizes, listed = 0, self.sizes.tolist(), self.listed.tolist()
        counts = np.bincount(self.group, minlength=len(group_rows)).tolist()
        for rows, count in zip(group_rows.tolist(), counts, strict=True):
            columns: list[Sequence[Value]] = []
            for place in range(each, each + count):
                told = flat[start : start + sizes[place]]
                columns.append(_lists(told, islice(lengths, rows)) if listed[place] else told)
                start += sizes[place]
            names = tuple(self.names[each : each + count])
            each += count
            yield names, list(zip(*columns, strict=True)) if columns else [()] * rows

    def _row_lengths(self, group_rows: Ints, leading: Bools) -> Ints:
        each = np.zeros(len(group_rows), np.int64)
        each[self.group[leading]] = 1
        lengths = np.repeat(each, group_rows)
        ours = np.zeros(len(group_rows), np.bool_)
        ours[self.group[leading & self.listed]] = True
        theirs = np.repeat(leading[self.listed], group_rows[self.group[self.listed]])
        lengths[np.repeat(ours, group_rows)] = self.lengths[theirs]
        return lengths


def _lists(told: Sequence[int | None], lengths: Iterable[int]) -> list[Value]:
    found, at = list[Value](), 0
    for length in lengths:
        found.append(tuple(told[at : at + length]))
        at += length
    return found


def read_measures(
    raw: NDArray[np.uint8], places: Ints, names: Sequence[str], group_rows: Ints, first: Ints
) -> Measures:
    """Those that lie at these places of plain bytes; ColumnError where one is not as it must be.

    `first`: the first group of each batch, for the bounds are those of a batch.
    """
    places = places.reshape(-1, PLACES)
    group, listed = places[:, 0], places[:, 2] >= 0
    sizes = group_rows[group]
    cells = np.bincount(group, minlength=len(group_rows)) * group_rows + COMMON * group_rows
    _require_few(cells, first)
    unpacked = joined.unpack(raw, places[listed, 1], places[listed, 2], sizes[listed])
    if bool((unpacked > MAX_ROWS).any()):
        raise ColumnError("entry.column-list")
    lists = unpacked.view(np.int64)
    if len(lists):
        sizes[listed] = np.add.reduceat(lists, joined.starts(sizes[listed]))
        np.add.at(cells, group, sizes)
    _require_few(cells, first)
    numbers = joined.unpack(raw, places[:, 3], places[:, 4], sizes)
    values, present = joined.unoptional(numbers)
    return Measures(
        names=names,
        group=group,
        listed=listed,
        sizes=sizes,
        lengths=lists,
        values=values,
        present=present,
    )


def _require_few(cells: Ints, first: Ints) -> None:
    """A batch may hold more numbers than this: it is read singly then, by bounds of its own."""
    if int(np.add.reduceat(cells, first).max()) > MAX_CELLS // 4 or int(cells.sum()) > MAX_CELLS:
        raise ColumnError("entry.column-cells", limit=MAX_CELLS)
