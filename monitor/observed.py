"""The present state of every series, and what its next observations make of it. Pure.

The rules of time (see `docs/decisions/`):
- An observation's state holds from its start to the next one, at most 1.5 of the intervals in
  force when it was made; then the series is unobserved until it is observed again.
- No time counts twice: an observation that does not start after the last one of its series
  (a wall clock that was set back and anchored anew) changes nothing.

Rows of any number of batches are taken together, ordered by series: what each row says depends on
the row before it, which stands beside it. Only where a state changes is a row looked at singly.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor.derived import HOUR_US, IntervalRow, RollupRow
from monitor.ledger.block import Block
from monitor.ledger.columns import Bools, Ints
from monitor.model import State

COLUMNS = (
    "interval_us",
    "state",
    "since_us",
    "last_us",
    "until_us",
    "hour",
    "available",
    "unavailable",
    "unobserved",
    "sent",
    "received",
    "delay_min_us",
    "delay_max_us",
    "delay_sum_us",
)
_ROLLED = COLUMNS[6:]
_ADDED = ("available", "unavailable", "unobserved", "sent", "received", "delay_sum_us")
NEVER = -(1 << 62)
_UNSET_MIN, _UNSET_MAX = 1 << 62, -(1 << 62)

Columns = dict[str, Ints]
Into = tuple[list[IntervalRow], list[RollupRow]]
"""Where the rows go that are closed."""
Sums = dict[str, Ints]
"""Columns of rollups, each as long as there are stretches."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """Observations that count, by series and then in their order."""

    place: Ints
    """In the block."""
    number: Ints
    at_us: Ints
    state: Ints
    first: Bools
    """Whether it is the first one of its series here."""

    def last(self) -> Bools:
        """Whether it is the last one of its series here."""
        last = np.ones(len(self.first), np.bool_)
        last[:-1] = self.first[1:]
        return last


def observe(c: Columns, block: Block, at_us: Ints, into: Into) -> int:
    """Bring the columns up to date; how many observations changed nothing.

    Every series of the block is one of the columns; `at_us` is when each row started.
    """
    rows, ignored = _counting(c, block, at_us)
    if not len(rows.place):
        return ignored
    _turns(c, rows, into[0])
    last = rows.last()
    number, at = rows.number[last], rows.at_us[last]
    c["last_us"][number] = at
    c["until_us"][number] = at + c["interval_us"][number] * 3 // 2
    _roll(c, block, rows, into[1])
    return ignored


def _counting(c: Columns, block: Block, at_us: Ints) -> tuple[_Rows, int]:
    """Those that start after every earlier one of their series, and how many do not."""
    place = np.argsort(block.series, kind="stable")
    number, at = block.series[place], at_us[place]
    first = _begins(number)
    ignored = 0
    if not (at > _before(at, first, c["last_us"][number])).all():
        later = _later(c["last_us"], number, at)
        ignored = len(place) - int(np.count_nonzero(later))
        place, number, at = place[later], number[later], at[later]
        first = _begins(number)
    rows = _Rows(place, number, at, block.states()[place], first)
    return rows, ignored


def _begins(values: Ints) -> Bools:
    """Whether each value differs from the one before it."""
    first = np.ones(len(values), np.bool_)
    first[1:] = values[1:] != values[:-1]
    return first


def _before(values: Ints, first: Bools, stored: Ints) -> Ints:
    """The value of the row before; of the first row of a series the stored one."""
    before = np.empty_like(values)
    before[1:] = values[:-1]
    return np.where(first, stored, before)


def _later(last_us: Ints, number: Ints, at: Ints) -> Bools:
    """The same question where a clock was set back: a dropped row is no predecessor."""
    newest: dict[int, int] = {}
    kept = []
    for n, moment in zip(number.tolist(), at.tolist(), strict=True):
        later = moment > newest.get(n, int(last_us[n]))
        if later:
            newest[n] = moment
        kept.append(later)
    return np.array(kept, np.bool_)


def _turns(c: Columns, rows: _Rows, closed: list[IntervalRow]) -> None:
    """Where a series changes its state, or is seen again after it was unobserved."""
    number, at, state = rows.number, rows.at_us, rows.state
    covered = _before(at + c["interval_us"][number] * 3 // 2, rows.first, c["until_us"][number])
    before = _before(state, rows.first, c["state"][number])
    turned = np.flatnonzero((before != state) | (at > covered))
    columns = (number, at, state, covered, before)
    for n, moment, now, until, was in zip(*(x[turned].tolist() for x in columns), strict=True):
        since = int(c["since_us"][n])
        began = moment
        if until != NEVER:
            if moment > until and was != State.UNOBSERVED:
                closed.append(IntervalRow(n, since, until, was))
                since, was = until, int(State.UNOBSERVED)
            if was == now:
                began = since
            else:
                closed.append(IntervalRow(n, since, moment, was))
        c["state"][n], c["since_us"][n] = now, began


def _roll(c: Columns, block: Block, rows: _Rows, rolled: list[RollupRow]) -> None:
    """Sum each series' hours: those that are over become rows, the newest one stays open."""
    hour = rows.at_us // HOUR_US
    begins = rows.first | _begins(hour)
    first = np.flatnonzero(begins)
    number, hours, leading = rows.number[first], hour[first], rows.first[first]
    sums = _sums(block, rows, begins, first)
    stored = number[leading]
    same = c["hour"][stored] == hours[leading]
    closed = stored[~same & (c["hour"][stored] != NEVER)]
    _emit(rolled, closed, c["hour"][closed], {name: c[name][closed] for name in _ROLLED})
    _add(sums, np.flatnonzero(leading)[same], {name: c[name][stored[same]] for name in _ROLLED})
    newest = np.ones(len(first), np.bool_)
    newest[:-1] = leading[1:]
    _emit(rolled, number[~newest], hours[~newest], {n: sums[n][~newest] for n in _ROLLED})
    c["hour"][number[newest]] = hours[newest]
    for name in _ROLLED:
        c[name][number[newest]] = sums[name][newest]


def _sums(block: Block, rows: _Rows, begins: Bools, first: Ints) -> Sums:
    """What the rows of each stretch (a series in an hour) come to."""
    stretch = np.cumsum(begins) - 1
    sums = {
        name: np.add.reduceat((rows.state == value).astype(np.int64), first)
        for name, value in (("unobserved", 0), ("available", 1), ("unavailable", 2))
    }
    owner_of_row = np.full(len(block.series), -1, np.int64)
    owner_of_row[rows.place] = np.where(block.fault[rows.place] == 0, stretch, -1)
    owner = np.repeat(owner_of_row, block.lengths)
    kept = owner >= 0
    back = kept & block.present
    sums["sent"] = np.bincount(owner[kept], minlength=len(first))
    owner, values = owner[back], block.values[back]
    sums["received"] = np.bincount(owner, minlength=len(first))
    sums["delay_sum_us"] = np.zeros(len(first), np.int64)
    sums["delay_min_us"] = np.full(len(first), _UNSET_MIN)
    sums["delay_max_us"] = np.full(len(first), _UNSET_MAX)
    np.add.at(sums["delay_sum_us"], owner, values)
    np.minimum.at(sums["delay_min_us"], owner, values)
    np.maximum.at(sums["delay_max_us"], owner, values)
    return sums


def _add(sums: Sums, places: Ints, stored: Mapping[str, Ints]) -> None:
    """What stood open of the same hours before."""
    for name in _ADDED:
        sums[name][places] += stored[name]
    low, high = "delay_min_us", "delay_max_us"
    sums[low][places] = np.minimum(sums[low][places], stored[low])
    sums[high][places] = np.maximum(sums[high][places], stored[high])


def _emit(rolled: list[RollupRow], number: Ints, hour: Ints, sums: Sums) -> None:
    if not len(number):
        return
    columns = {name: values.tolist() for name, values in sums.items()}
    for name, unset in (("delay_min_us", _UNSET_MIN), ("delay_max_us", _UNSET_MAX)):
        columns[name] = [None if value == unset else value for value in columns[name]]
    rows = zip(number.tolist(), hour.tolist(), *(columns[n] for n in _ROLLED), strict=True)
    rolled += map(RollupRow._make, rows)


def open_rollup(c: Columns, number: int) -> RollupRow:
    """The sums of a series' newest hour."""
    kept = list[RollupRow]()
    mine = np.array([number])
    _emit(kept, mine, c["hour"][mine], {name: c[name][mine] for name in _ROLLED})
    return kept[0]
