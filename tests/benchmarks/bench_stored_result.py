"""CPU and bytes of a stored, signed, judged ICMP result, beside Prometheus with blackbox_exporter.

Both probe the same 300 addresses once a second over veth, one after the other, twice; ratios are
of the same run. `make bench` runs it; it prints and asserts nothing about absolute time.
"""

import sqlite3
import statistics
from contextlib import closing
from pathlib import Path

import pytest

from tests.benchmarks.agent import Agent, Cost, configure
from tests.benchmarks.prometheus import Prometheus
from tests.lab.netns import Pair, crowd
from tests.lab.parts import need_namespaces, need_root, require

RATE, SECONDS, ROUNDS = 300, 20, 2

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]


def test_stored_result_against_prometheus(tmp_path: Path) -> None:
    """A stored, signed, judged result costs at least 15 times less CPU than Prometheus's."""
    need_root()
    need_namespaces()
    require("prometheus", "prometheus-blackbox-exporter")
    ours: list[float] = []
    theirs: list[float] = []
    addresses = crowd(RATE)
    for round_no in range(ROUNDS):
        with Pair() as pair:
            folder = tmp_path / f"ours{round_no}"
            folder.mkdir()
            with Agent(configure(folder, addresses, interval="1s"), pair.near) as agent:
                agent.measure(5)
                ours.append(_told("sasando", agent.measure(SECONDS)))
            with Prometheus(tmp_path / f"theirs{round_no}", pair.near, addresses) as peer:
                peer.measure(5)
                theirs.append(_told("prometheus + blackbox", peer.measure(SECONDS)))
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"prometheus / sasando, CPU of a stored result: {ratio:.1f} (first 15, then 25)")
    assert ratio >= 15


@pytest.mark.parametrize(("rate", "seconds"), [(300, 120), (5_000, 40), (17, 60)])
def test_bytes_of_a_stored_result(tmp_path: Path, rate: int, seconds: int) -> None:
    """A stored, signed result takes at most 5 bytes of disk at 300/s and at 5,000/s.

    What every log has once (tables, configuration, a definition for each series) is printed apart.
    """
    need_root()
    need_namespaces()
    with Pair() as pair:
        root = configure(tmp_path, crowd(rate), interval="1s")
        with Agent(root, pair.near) as agent:
            agent.measure(5)
            once, answered = _stored(tmp_path), agent.answers()
            cost = agent.measure(seconds)
            stored, results = _stored(tmp_path) - once, agent.answers() - answered
    print(
        f"{rate}/s: {results} results, {stored} bytes, {stored / results:.2f} bytes a result "
        f"(first 5, then 1.8), {once} bytes once, {cost.us_a_result:.1f} us CPU a result, "
        f"{cost.rss_bytes / 1e6:.0f} MB"
    )
    assert rate == 17 or stored / results <= 5


def _stored(folder: Path) -> int:
    """Bytes of the database at this moment as one file: a copy holds what is in its WAL too."""
    with (
        closing(sqlite3.connect(folder / "state/ledger.db")) as database,
        closing(sqlite3.connect(folder / "copy.db")) as copy,
    ):
        database.backup(copy)
    return (folder / "copy.db").stat().st_size


def _told(name: str, cost: Cost) -> float:
    print(
        f"{name}: {cost.results} results in {cost.seconds:.1f} s, {cost.cpu_s:.2f} s CPU, "
        f"{cost.us_a_result:.1f} us a result"
    )
    return cost.us_a_result
