"""A pruning in two halves: what was found out beside the writer, and what happened meanwhile."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.entry import ConfigurationInForce, LossCounted, OperatorAct
from monitor.proof import Proof
from monitor.store.errors import StoreError
from monitor.store.ledger import Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.store.pruning import (
    REPORT_ISSUED,
    Prepared,
    Pruning,
    boundary_before,
    carry_out,
    prepare,
    reported_until,
)
from monitor.verify import verify
from tests.store.building import (
    KEY,
    START_US,
    TEXT,
    append,
    begin,
    digest,
    ledger_at,
    rich,
)

DAY_US = 86_400_000_000


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A SQLite file."""
    return f"sqlite:///{tmp_path}/ledger.db"


def judged(url: str) -> Proof:
    """What `verify` says."""
    with PinnedDatabase(url) as database:
        return verify(database, KEY.verifier)


def filled(ledger: Ledger, to: int) -> None:
    """Entries that derive nothing, in one commit."""
    numbers = range(ledger.size, to)
    lost = [LossCounted(since_us=n, until_us=n + 1, counts={"late": 1}) for n in numbers]
    append(ledger, *(one.to_bytes() for one in lost))


def configuration(text: bytes) -> bytes:
    """A configuration in force."""
    texts = {"agent.yaml": digest(text)}
    return ConfigurationInForce(at_us=START_US, texts=texts, program="0.1.0").to_bytes()


def in_force(url: str) -> list[bytes]:
    """The text of each configuration that what is left tells of."""
    from monitor.derive import read_entry
    from monitor.store import reader
    from monitor.store.glance import reading

    with reading(url) as connection:
        found = [read_entry(raw) for _, raw in reader.read_entries(connection, 0, 1 << 40)]
        named = [one.texts["agent.yaml"] for one in found if isinstance(one, ConfigurationInForce)]
        return [reader.read_record(connection, one) or b"" for one in named]


def prepared(ledger: Ledger) -> Prepared:
    """As another process would have it, below 256."""
    plan = Pruning(begin=0, boundary=256, before_us=START_US)
    return Prepared.from_bytes(prepare(ledger.url, plan).to_bytes())


def test_what_was_appended_meanwhile_is_looked_at(url: str, tmp_path: Path) -> None:
    """A record that was to go is named again, another configuration has come: both are kept."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        rich(ledger)
        filled(ledger, 300)
        ready = prepared(ledger)
        assert digest(TEXT) in ready.forget
        assert ready.restated
        append(ledger, configuration(TEXT))
        append(ledger, configuration(b"new"), records={digest(b"new"): b"new"})
        carry_out(ledger, ready, "calendar", "retention", START_US)
        filled(ledger, 320)
    assert in_force(url) == [TEXT, b"new"]  # and not the old one once more after the new one
    assert (judged(url).verdict, judged(url).findings) == ("incomplete", [])


def test_the_configuration_is_said_again_where_nothing_came_meanwhile(
    url: str, tmp_path: Path
) -> None:
    """Its entry is pruned, it is still in force, and its text stays."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
        filled(ledger, 300)
        carry_out(ledger, prepared(ledger), "calendar", "retention", START_US + 5)
    assert in_force(url) == [TEXT]
    assert judged(url).verdict == "incomplete"


def test_a_preparation_that_is_overtaken_removes_nothing(url: str, tmp_path: Path) -> None:
    """Somebody pruned in between, or what was prepared is of another log: told, not done."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
        filled(ledger, 600)
        ready = prepared(ledger)
        carry_out(ledger, prepared(ledger), "calendar", "retention", START_US)
        size = ledger.size
        with pytest.raises(StoreError, match="prune-moved"):
            carry_out(ledger, ready, "calendar", "retention", START_US)
        assert ledger.size == size


@given(st.binary(max_size=60))
def test_bytes_that_are_no_preparation_are_refused(raw: bytes) -> None:
    """In words of ours."""
    with pytest.raises(StoreError, match="prune-prepared"):
        Prepared.from_bytes(raw)


def report(from_us: int, until_us: int) -> bytes:
    """An issued report."""
    detail = {"period": "x", "from_us": from_us, "until_us": until_us}
    act = OperatorAct(act=REPORT_ISSUED, author="ayu", reason="", at_us=START_US, detail=detail)
    return act.to_bytes()


def test_reports_cover_the_log_without_a_gap_or_not_at_all(url: str, tmp_path: Path) -> None:
    """From its first entry on; one that begins later covers nothing, a gap ends what is covered."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
        assert reported_until(url) is None
        append(ledger, report(START_US + 1, START_US + 9 * DAY_US))
        assert reported_until(url) is None
        append(ledger, report(START_US + 5 * DAY_US, START_US + 6 * DAY_US))
        append(ledger, report(START_US - DAY_US, START_US + 3 * DAY_US))
        assert reported_until(url) == START_US + 9 * DAY_US
        append(ledger, report(START_US + 9 * DAY_US + 1, START_US + 20 * DAY_US))
        assert reported_until(url) == START_US + 9 * DAY_US


def test_no_more_is_old_enough_than_was_asked_for(url: str, tmp_path: Path) -> None:
    """At most so many entries, by whole tiles."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
        filled(ledger, 800)
    later = START_US + DAY_US
    assert boundary_before(url, later).boundary == 768
    assert boundary_before(url, later, 600).boundary == 512
    assert boundary_before(url, later, 255).boundary == 0
