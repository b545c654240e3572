"""Generated logs as long reads meet them: batches among other entries, unusual ones, damaged ones.

Whoever reads many batches together must say what somebody says who reads each entry alone; the
tests that hold them against each other share these logs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

import pytest
from hypothesis import strategies as st

from monitor.ledger.batch import Batch, Row, group_rows
from monitor.ledger.entry import BATCH_CODE, LossCounted, OperatorAct, frame
from monitor.ledger.wire import decode, encode
from monitor.model import FaultKind
from tests.ledger.test_batch import plain_of
from tests.store.building import START_US, anchored, digest, opened, series, stepped

Making = Callable[[st.DrawFn], bytes]
SERIES = 4
SECOND_US = 1_000_000
RECORDS = [digest(bytes((n,))) for n in range(3)]
SHAPES = {
    "singletons": ("icmp", ("delays_us", "sent")),
    "plain": ("icmp", ("delay_us",)),
    "bare": ("icmp", ()),
    "other": ("tcp", ("connect_us",)),
}
"""Check and measures of a group."""
DELAYS = st.none() | st.integers(-3, 9)
ROWS = st.builds(
    Row,
    series=st.integers(0, SERIES - 1),
    started_ms=st.integers(0, 40).map(lambda n: n * 10_000),
    elapsed_ms=st.just(5),
    judgement=st.sampled_from((0, 0, 0, 3, 7, 8)) | st.integers(0, 8),
    fault=st.sampled_from((None, None, None, FaultKind.RESOLVER)),
    record=st.sampled_from((None,) * 9 + tuple(RECORDS)),
    measures=st.lists(DELAYS, max_size=4).map(tuple),
)
GROUPS = st.tuples(
    st.sampled_from(("singletons",) * 6 + tuple(SHAPES)), st.lists(ROWS, min_size=1, max_size=6)
)


def batch_entry(groups: list[tuple[str, list[Row]]], anchor: int, wall_us: int = START_US) -> bytes:
    """Groups of these shapes as one entry."""
    records: list[bytes] = []
    made = tuple(_group(*one, records) for one in groups)
    return Batch(
        anchor=anchor, wall_us=wall_us, boottime_ns=0, records=tuple(records), groups=made
    ).to_bytes()


def _group(shape: str, rows: list[Row], records: list[bytes]) -> object:
    check, names = SHAPES[shape]
    told = [row._replace(measures=_measures(shape, row.measures)) for row in rows]
    return group_rows(check, names, told, records)


def _measures(shape: str, delays: tuple[object, ...]) -> tuple[object, ...]:
    if shape == "singletons":
        return (delays, len(delays))
    return () if shape == "bare" else (delays[0] if delays else None,)


def damaged(raw: bytes) -> bytes:
    """The same batch but for its first group, whose first column lost its last byte."""
    values = decode(plain_of(Batch.from_bytes(raw)))
    (check, rows, (first, *others), measures), *groups = values["groups"]
    values["groups"] = ((check, rows, (first[:-1], *others), measures), *groups)
    return frame(BATCH_CODE, b"\0" + encode(values))


ROW = Row(0, 1, 5, 0, None, None, (3, None))
DAMAGED = damaged(batch_entry([("singletons", [ROW])], 1))


@st.composite
def logs(
    draw: st.DrawFn,
    more: Mapping[str, Making] = MappingProxyType({}),
    begin: Sequence[bytes] = (),
) -> list[bytes]:
    """A log whose entries can all be read and follow one another; `more` kinds of them."""
    others = {**_OTHERS, **more}
    raw = [opened(), anchored(), *(series(n, 30 * SECOND_US) for n in range(SERIES)), *begin]
    anchor = 1
    for turn in range(draw(st.integers(3, 16))):
        kind = draw(st.sampled_from(("batch",) * 8 + tuple(others)))
        if kind == "batch":
            groups = draw(st.lists(GROUPS, min_size=1, max_size=3))
            raw.append(batch_entry(groups, anchor, START_US + turn * 20 * SECOND_US))
            continue
        if kind == "anchor":
            anchor = len(raw)
        raw.append(others[kind](draw))
    return raw


def _anchor(draw: st.DrawFn) -> bytes:
    return anchored(START_US + draw(st.integers(-100, 100)) * SECOND_US, "step")


def _series(draw: st.DrawFn) -> bytes:
    return series(draw(st.integers(0, SERIES - 1)), draw(st.integers(1, 90)) * SECOND_US)


def _act(draw: st.DrawFn) -> bytes:
    detail = {"record": draw(st.sampled_from(RECORDS))}
    return OperatorAct(
        act="check", author="ayu", reason="", at_us=START_US, detail=detail
    ).to_bytes()


def _lost(_: st.DrawFn) -> bytes:
    return LossCounted(since_us=0, until_us=9, counts={"late": 1}).to_bytes()


_OTHERS = {
    "anchor": _anchor,
    "series": _series,
    "act": _act,
    "lost": _lost,
    "incident": lambda _: stepped(None, 0, "opened"),
}


@contextmanager
def reading_by(at_once: int, cells: int) -> Iterator[None]:
    """Pages of so many entries; a batch of more than a fourth of so many numbers is unusual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitor.paged.AT_ONCE", at_once)
        patch.setattr("monitor.ledger.measured.MAX_CELLS", cells)
        yield


AT_ONCE = st.integers(1, 20)
CELLS = st.sampled_from((1, 300, 2_000_000))
