"""What is read of long logs by many entries at once or by the database, against entry by entry."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.derive import named_records, read_entry
from monitor.ledger.batch import Batch
from monitor.ledger.entry import ClockAnchored, ConfigurationInForce, EntryError, OperatorAct
from monitor.stamped import stated_us
from monitor.store import export, pruning
from monitor.store.errors import StoreError
from monitor.store.glance import reading
from monitor.store.pinned import PinnedDatabase
from tests.long_logs import (
    AT_ONCE,
    CELLS,
    DAMAGED,
    RECORDS,
    ROW,
    SECOND_US,
    batch_entry,
    logs,
    reading_by,
)
from tests.store.building import START_US, begin, digest, ledger_at

KEPT = {digest(bytes((n,))): bytes((n,)) for n in range(2)}
HOUR_US = 3_600 * SECOND_US


def report(draw: st.DrawFn) -> bytes:
    """An issued report."""
    from_us = START_US + draw(st.integers(-1, 3)) * HOUR_US
    detail = {"from_us": from_us, "until_us": from_us + draw(st.integers(1, 4)) * HOUR_US}
    return OperatorAct(
        act=pruning.REPORT_ISSUED, author="ayu", reason="", at_us=START_US, detail=detail
    ).to_bytes()


def configuration(draw: st.DrawFn) -> bytes:
    """A configuration in force."""
    texts = {"agent.yaml": draw(st.sampled_from(RECORDS))}
    return ConfigurationInForce(at_us=START_US, texts=texts, program="").to_bytes()


def seen(draw: st.DrawFn) -> bytes:
    """A batch that names a record."""
    row = ROW._replace(record=draw(st.sampled_from(RECORDS)))
    return batch_entry([("singletons", [row])], 1)


BROKEN = (DAMAGED, b"S\x01\x01\x01", b"no")
MORE = {
    "report": report,
    "configuration": configuration,
    "configuration again": configuration,
    "seen": seen,
    "seen again": seen,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file, whose entries each test replaces."""
    folder = tmp_path_factory.mktemp("long")
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        begin(ledger)
    return folder / "ledger.db"


def fill(place: Path, entries: Sequence[bytes]) -> str:
    """These entries alone, and the records that are kept; the URL."""
    with closing(sqlite3.connect(place)) as database, database:
        database.execute("DELETE FROM entry")
        database.execute("DELETE FROM record")
        database.executemany("INSERT INTO entry VALUES (?, ?)", enumerate(entries))
        database.executemany("INSERT INTO record VALUES (?, ?)", KEPT.items())
        database.execute("UPDATE tree SET size = ?", (len(entries),))
    return f"sqlite:///{place}"


@st.composite
def broken(draw: st.DrawFn) -> list[bytes]:
    """A log of which some entries cannot be read, now and then."""
    raw = draw(logs(MORE))
    for bad in draw(st.just(()) | st.lists(st.sampled_from(BROKEN), max_size=2)):
        raw.insert(draw(st.integers(2, len(raw))), bad)
    return raw


def first_late(raw: Sequence[bytes], before_us: int, end: int) -> int:
    """The first entry that is not older, or where to stop."""
    for index, one in enumerate(raw[:end]):
        entry = read_entry(one)
        if isinstance(entry, Batch | ClockAnchored) and entry.wall_us >= before_us:
            return index
    return min(end, len(raw))


def only_below(raw: Sequence[bytes], boundary: int) -> set[bytes]:
    """Records that are named below and not above."""
    named = [set(named_records(read_entry(one))) for one in raw]
    return set().union(*named[:boundary]) - set().union(*named[boundary:])


def restated(raw: Sequence[bytes], boundary: int) -> bytes:
    """The newest configuration, where it lies below."""
    found = [n for n, one in enumerate(raw) if one[2:3] == bytes((ConfigurationInForce.CODE,))]
    return raw[found[-1]] if found and found[-1] < boundary else b""


def covered(raw: Sequence[bytes]) -> int | None:
    """What reports cover from the first moment that any entry states."""
    begun_us, spans = None, []
    for one in raw:
        if begun_us is not None and one[2:3] != bytes((OperatorAct.CODE,)):
            continue
        entry = read_entry(one)
        begun_us = stated_us(entry) if begun_us is None else begun_us
        if isinstance(entry, OperatorAct) and entry.act == pruning.REPORT_ISSUED:
            spans.append((entry.detail["from_us"], entry.detail["until_us"]))
    until_us = begun_us
    for start_us, end_us in sorted(spans):
        if until_us is not None and start_us <= until_us:
            until_us = max(until_us, end_us)
    return until_us if until_us != begun_us else None


def told(ask: Callable[[], object]) -> object:
    """The answer, or the reason why there is none."""
    try:
        return ask()
    except EntryError as error:
        return error.reason
    except StoreError as error:
        return error.values.get("cause", (error.values.get("what"), error.values.get("index")))


@given(broken(), st.data(), AT_ONCE, CELLS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pruning_reads_what_each_entry_says(
    place: Path, raw: list[bytes], data: st.DataObject, at_once: int, cells: int
) -> None:
    """The boundary, the records, the configuration, the reports; the same entry is refused."""
    before_us = START_US + data.draw(st.integers(0, 320)) * SECOND_US
    most = data.draw(st.integers(1, 30))
    url, size = fill(place, raw), len(raw)
    with pytest.MonkeyPatch.context() as patch, reading_by(at_once, cells), reading(url) as open_:
        patch.setattr("monitor.store.pruning.PRUNING_STEP", 1)
        patch.setattr("monitor.store.reader.PAGE", 3)
        found = told(lambda: pruning.boundary_before(url, before_us, most).boundary)
        assert found == told(lambda: first_late(raw, before_us, most))
        for at in range(0, size + 1, 2):
            found = told(lambda: pruning._only_below(open_, 0, at, size))  # noqa: B023 - asked here
            assert found == told(lambda: only_below(raw, at))  # noqa: B023
            plan = pruning.Pruning(begin=0, boundary=at, before_us=before_us)
            assert pruning._configuration(open_, plan, size) == restated(raw, at)
        assert told(lambda: pruning.reported_until(url)) == told(lambda: covered(raw))


def exported(source: PinnedDatabase, folder: Path, first: int, bundle: Sequence[bytes]) -> None:
    """Each record in its file, entry by entry."""
    for index, one in enumerate(bundle, first):
        try:
            named = named_records(read_entry(one))
        except EntryError:
            raise StoreError("store.export-incomplete", what="bytes", index=index) from None
        for digest_ in named:
            content = source.record(digest_)
            if content is None:
                what = f"evidence {digest_.hex()}"
                raise StoreError("store.export-incomplete", what=what, index=index)
            (folder / "evidence" / digest_.hex()).write_bytes(content)


@given(broken(), st.integers(0, 600), CELLS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_export_has_the_records_that_each_entry_names(
    place: Path, tmp_path_factory: pytest.TempPathFactory, raw: list[bytes], first: int, cells: int
) -> None:
    """The same files; the same entry lacks its record or cannot be read."""
    url = fill(place, raw)
    with PinnedDatabase(url, private=True) as source, reading_by(1, cells):
        answers = []
        for writing in (exported, export._evidence):
            folder = tmp_path_factory.mktemp("export")
            (folder / "evidence").mkdir()
            answer = told(lambda: writing(source, folder, first, raw))  # noqa: B023 - asked here
            kept = {one.name: one.read_bytes() for one in (folder / "evidence").iterdir()}
            answers.append((answer, kept))
    assert answers[0] == answers[1]
