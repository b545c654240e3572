"""The generated ledger is a real one: it is intact, and says what was put into it."""

from pathlib import Path

import numpy as np
import pytest

from monitor.figures import Asked, figures
from monitor.history import Histories
from monitor.source import Anchored
from monitor.store.account import account
from monitor.store.glance import reading
from monitor.store.pinned import PinnedDatabase
from monitor.store.reader import table_rows
from monitor.verify import verify
from tests.benchmarks.month import (
    AVAILABLE,
    DOWN,
    FAULTED,
    HOUR_US,
    UNSEEN,
    Month,
    Written,
    _states,
    write,
)
from tests.store.building import KEY

MONTH = Month(targets=90, days=1, hours=2, troubles=400)
"""Two hours in which every target has about one trouble: all kinds are there."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The ledger."""
    return write(MONTH, tmp_path_factory.mktemp("month"))


def test_the_generated_ledger_is_intact(written: Written) -> None:
    """From the key alone, derived figures included; a checkpoint an hour is kept."""
    mark = Anchored(place="mark", note=written.mark.read_bytes())
    with PinnedDatabase(written.url) as source:
        proof = verify(source, KEY.verifier, [mark])
    assert (proof.verdict, proof.findings, proof.figures) == ("intact", [], True)
    assert proof.checkpoints == MONTH.length + 1
    assert proof.size == written.size > 3_600 * MONTH.length


def test_every_minute_of_every_target_was_counted(written: Written) -> None:
    """Of each state as many observations as were put in, the last hour included."""
    states = _states(MONTH)
    assert written.observations == np.count_nonzero(states != UNSEEN)
    with reading(written.url) as connection:
        rolled = np.array([row[2:5] for row in table_rows(connection, "rollup")]).sum(axis=0)
    read = account(written.url, 0, 1 << 60)
    for number in range(MONTH.targets):
        row = read.ledgered.fold.open_hour(number)
        if row is not None:
            rolled = rolled + np.array([row.available, row.unavailable, row.unobserved])
    there = [np.count_nonzero(states == kind) for kind in (AVAILABLE, DOWN, FAULTED)]
    assert rolled.tolist() == there
    assert all(there)


def test_figures_come_of_what_was_put_in(written: Written) -> None:
    """A target's unavailable time is that of its minutes that were down, to the second."""
    start_us, _ = MONTH.period.window
    end_us = start_us + MONTH.length * HOUR_US
    read = account(written.url, start_us, end_us)
    asked = Asked(period=MONTH.period, until_us=end_us)
    found = list(figures(read.accounting, Histories(read.ledgered, end_us), asked, None))
    states = _states(MONTH)
    told = 0
    for number, figure in enumerate(found):
        mine = states[number]
        if set(np.unique(mine)) == {AVAILABLE, DOWN} and mine[-1] == mine[0] == AVAILABLE:
            minutes = figure.sums.unavailable_us / 60_000_000
            assert abs(minutes - np.count_nonzero(mine == DOWN)) < 0.01
            begun = np.diff((mine == DOWN).astype(int)) == 1
            assert figure.times.count == np.count_nonzero(begun)
            told += 1
    assert told


def test_the_same_month_is_the_same_log(tmp_path: Path) -> None:
    """What is measured today is what was measured before."""
    roots = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        roots.append(write(Month(targets=20, days=1, hours=1), tmp_path / name).mark.read_bytes())
    assert roots[0] == roots[1]
