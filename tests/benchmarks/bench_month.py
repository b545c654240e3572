"""A month of a thousand targets at 60 s: verification, figures, the report, and size on disk.

`make bench` makes the ledger anew (about ten minutes and 2 GB in the temporary directory); with
SASANDO_MONTH_LEDGER=DIR it is made there once and kept. SASANDO_MONTH_DAYS=1 is a thirtieth of it,
SASANDO_MONTH_PACKETS=5 has five packets an observation. Every ratio is of one run; each measure
is of one process on one core, in seconds of its CPU.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.month import Month, write
from tests.benchmarks.month_jobs import run

DAYS = int(os.environ.get("SASANDO_MONTH_DAYS", "30"))
MONTH = Month(
    targets=int(os.environ.get("SASANDO_MONTH_TARGETS", "1000")),
    days=DAYS,
    packets=int(os.environ.get("SASANDO_MONTH_PACKETS", "1")),
)
MOST_VERIFY_S, MOST_VERIFY_MB = 120 * DAYS / 30, 160
MOST_FIGURES_MS, MOST_PDF_S = 20, 10
Job = Callable[[str], dict[str, Any]]

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7_200)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the ledger lies."""
    kept = os.environ.get("SASANDO_MONTH_LEDGER")
    place = Path(kept) if kept else tmp_path_factory.mktemp("month")
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "mark").exists():
        print(write(MONTH, place))
    return place


@pytest.fixture(scope="module")
def job(folder: Path) -> Job:
    """Runs a job on the ledger and prints what it says."""

    def running(name: str) -> dict[str, Any]:
        told = run(name, folder, MONTH)
        print(
            f"{name:10}", {k: round(v, 2) if isinstance(v, float) else v for k, v in told.items()}
        )
        return told

    return running


def test_the_month_is_verified_on_one_core(job: Job, folder: Path) -> None:
    """Everything, derived figures included, in at most 120 s and with flat memory."""
    proof, least = job("verify"), job("hash")
    results = 1_440 * MONTH.targets * MONTH.length // 24
    size = (folder / "ledger.db").stat().st_size
    print(
        f"{results} results, {size / 1e6:.0f} MB on disk, {size / results:.2f} bytes a result; "
        f"verify {results / proof['cpu_s'] / 1e6:.2f} million results a second, "
        f"{proof['cpu_s'] / least['cpu_s']:.1f} times the hashing of the same bytes"
    )
    assert (proof["verdict"], proof["figures"]) == ("intact", True)
    assert proof["cpu_s"] <= MOST_VERIFY_S
    assert proof["rss_mb"] <= MOST_VERIFY_MB


def test_availability_comes_from_intervals(job: Job) -> None:
    """Figures of every target in at most 20 ms; beside it the same question to single rows."""
    ours = job("intervals")["best_ms"]
    whole = job("sla")["cpu_s"]
    job("rows")
    scanned = job("scan")["best_ms"]
    print(f"intervals {ours:.1f} ms, sla {whole:.2f} s, rows in SQLite {scanned / ours:.0f} times")
    columns = job("duckdb")["best_ms"]
    print(f"the same rows in duckdb, one thread: {columns:.0f} ms, {columns / ours:.1f} times")
    assert ours <= MOST_FIGURES_MS
    assert scanned > ours


def test_the_report_is_set_in_time(job: Job) -> None:
    """The PDF of every target in less than 10 s, once the entries were read."""
    told = job("pdf")
    print(
        f"report: entries read in {told['read_s']:.1f} s, built in {told['built_s']:.1f} s, "
        f"PDF set in {told['set_s']:.1f} s"
    )
    assert told["built_s"] + told["set_s"] < MOST_PDF_S
