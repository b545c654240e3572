"""Nothing is accused that nobody touched: honest logs after everything that may happen to one."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from monitor.ledger.signer import Signer
from monitor.store.export import export
from monitor.store.ledger import Commit
from tests.report.scene import Scene
from tests.store.building import (
    KEY,
    START_US,
    anchored,
    append,
    batch,
    begin,
    cosigned,
    ledger_at,
    observation,
    opened,
    rich,
)
from tests.tampering.bases import (
    NEXT_KEY,
    lost,
    make_bundle,
    make_chain,
    make_export,
    make_pruned,
    make_rotated,
)
from tests.tampering.copies import Copy
from tests.tampering.judging import judged

Make = Callable[[Path], None]


def _began(folder: Path, *entries: bytes, key: Signer = KEY) -> None:
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark", key) as ledger:
        append(ledger, *entries)


def one_entry(folder: Path) -> None:
    """Only the entry that opens the log."""
    _began(folder, opened())


def restarted(folder: Path) -> None:
    """Opened again and again, each time with a new clock anchor."""
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        begin(ledger)
    for number in range(4):
        wall_us = START_US + number * 3_600_000_000
        _began(folder, anchored(wall_us=wall_us, why="start"))
        with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
            append(ledger, batch([observation(0, 1_000)], anchor=ledger.size - 1))


def killed(folder: Path) -> None:
    """Never closed: the newest checkpoint stands in the mark alone."""
    url = f"sqlite:///{folder}/grown.db"
    with ledger_at(url, folder / "mark") as ledger:
        rich(ledger, rounds=4)
        append(ledger, lost(1))
        with (
            closing(sqlite3.connect(folder / "grown.db")) as source,
            closing(sqlite3.connect(folder / "ledger.db")) as target,
        ):
            source.backup(target)


def witnessed(folder: Path) -> None:
    """Cosigned at its very first checkpoint and at its last."""
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        begin(ledger)
        ledger.offer(cosigned(ledger, START_US // 1_000_000))
        append(ledger, lost(1))
        ledger.offer(cosigned(ledger, START_US // 1_000_000 + 7_200))
        append(ledger, lost(2))


def full_tile(folder: Path) -> None:
    """Exactly 256 entries: no tile is partial."""
    _began(folder, opened(), anchored(), *(lost(n) for n in range(254)))


def clock_set_back(folder: Path) -> None:
    """The wall clock went back, and observations came that count from before the last ones."""
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        begin(ledger)
        append(ledger, batch([observation(0, 7_200_000)]))
        back = append(ledger, anchored(wall_us=START_US - 3_600_000_000, why="step")).first
        append(ledger, batch([observation(0, 1_000)], anchor=back))


def pruned_with_its_archive(folder: Path) -> None:
    """What was pruned is at hand."""
    make_pruned(folder)


def rotated_and_exported(folder: Path) -> None:
    """A hand-over in a log that was exported after it."""
    make_rotated(folder)


def empty_month(folder: Path) -> None:
    """A log of a configuration under which nothing was ever observed."""
    scene = Scene()
    scene.begin()
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        ledger.append(Commit(entries=scene.entries, records=scene.records, at_us=START_US))


def exported_of_one(folder: Path) -> None:
    """An export of a single entry."""
    one_entry(folder)
    export(f"sqlite:///{folder}/ledger.db", folder / "log", note=(folder / "mark").read_bytes())


UNTOUCHED: list[tuple[str, Make]] = [
    ("database", one_entry),
    ("database", restarted),
    ("database", killed),
    ("database", witnessed),
    ("database", full_tile),
    ("database", clock_set_back),
    ("database", pruned_with_its_archive),
    ("database", empty_month),
    ("rotated", rotated_and_exported),
    ("export", make_export),
    ("export", exported_of_one),
    ("chain", make_chain),
    ("bundle", make_bundle),
]


@pytest.mark.parametrize(("base", "make"), UNTOUCHED, ids=lambda one: getattr(one, "__name__", one))
def test_an_untouched_log_is_intact(base: str, make: Make, tmp_path: Path) -> None:
    """No finding, with the newest checkpoint from outside beside it."""
    make(tmp_path)
    copy = Copy(folder=tmp_path, with_archive=make is pruned_with_its_archive)
    copy.notes = [] if base == "chain" else [copy.mark]
    found = judged(copy, base)
    assert (found.verdict, found.findings) == ("intact", [])


def test_a_pruned_log_without_its_archive_is_incomplete_and_not_accused(tmp_path: Path) -> None:
    """What is left is found good, and no more is claimed."""
    make_pruned(tmp_path)
    copy = Copy(folder=tmp_path)
    copy.notes = [copy.mark]
    found = judged(copy, "pruned")
    assert (found.verdict, found.findings) == ("incomplete", [])


def test_a_wrong_key_is_never_intact(tmp_path: Path) -> None:
    """The same log, signed by another key than the trusted one, is found out."""
    _began(tmp_path, opened(), key=NEXT_KEY)
    assert judged(Copy(folder=tmp_path), "database").verdict == "tampered"
