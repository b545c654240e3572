"""What is measured on a generated ledger, each in a process of its own on one core.

    python -m tests.benchmarks.month_jobs JOB FOLDER MONTH

prints one JSON object: seconds of CPU and of the clock, the most memory, and what the job says.
Of one process on one core, the CPU's time is what the clock would say if nobody else ran.
"""

import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from monitor.figures import Asked, Figure, figures
from monitor.history import Histories
from monitor.ledger.block import scan
from monitor.ledger.merkle import leaf_hash
from monitor.paged import AT_ONCE
from monitor.report.build import report_of
from monitor.report.files import rendered
from monitor.report.gather import gather
from monitor.source import Anchored
from monitor.store.account import account
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify
from tests.benchmarks.month import Month
from tests.store.building import KEY

ROOT = Path(__file__).parents[2]
ROUNDS = 5
ROWS = "rows.db"
GIVEN = np.array([1, 2, 0])


def run(job: str, folder: Path, month: Month) -> dict[str, Any]:
    """What a job says, measured in a new process."""
    told = json.dumps(asdict(month))
    command = [sys.executable, "-m", "tests.benchmarks.month_jobs", job, str(folder), told]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=3_600, env=_peers())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _peers() -> dict[str, str]:
    """The environment in which duckdb is found, apart from ours below build/; made on demand."""
    place, wanted = ROOT / "build" / "month-peers", Path(__file__).with_name("peers.txt")
    mark = place / wanted.name
    if not mark.exists() or mark.read_bytes() != wanted.read_bytes():
        python = place / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", place], check=True, timeout=100)
        install = [python, "-m", "pip", "install", "--quiet", "--target", place / "only"]
        subprocess.run([*install, "--requirement", wanted], check=True, timeout=600)
        mark.write_bytes(wanted.read_bytes())
    return {**os.environ, "PYTHONPATH": str(place / "only")}


def _verify(folder: Path, _: Month) -> dict[str, Any]:
    """The whole proof: from the key alone, derived figures included."""
    mark = Anchored(place="mark", note=(folder / "mark").read_bytes())
    with PinnedDatabase(_url(folder)) as source:
        proof = verify(source, KEY.verifier, [mark])
    return {"verdict": proof.verdict, "figures": proof.figures, "checkpoints": proof.checkpoints}


def _hash(folder: Path, _: Month) -> dict[str, Any]:
    """What is the least: one hash of every entry's bytes, one of every node, and nothing else."""
    count = 0
    for raw in _entries(folder):
        leaf_hash(raw)
        hashlib.sha256(raw[:65]).digest()
        count += 1
    return {"entries": count}


def _sla(folder: Path, month: Month) -> dict[str, Any]:
    """`sla`: from the database to every figure."""
    found = list(_figures(folder, month)())
    return {"figures": len(found), "worst": float(min(f.worst or 0 for f in found))}


def _intervals(folder: Path, month: Month) -> dict[str, Any]:
    """Every figure from intervals in memory; the quickest of a few rounds."""
    computed = _figures(folder, month)
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        list(computed())
        times.append(time.process_time() - began)
    return {"best_ms": 1_000 * min(times)}


def _figures(folder: Path, month: Month) -> Callable[[], Iterator[Figure]]:
    start_us, end_us = month.period.window
    read = account(_url(folder), start_us, end_us)
    asked = Asked(period=month.period, until_us=min(end_us, read.reached_us))

    def computed() -> Iterator[Figure]:
        return figures(read.accounting, Histories(read.ledgered, asked.until_us), asked, None)

    return computed


def _scan(folder: Path, _: Month) -> dict[str, Any]:
    """The same question to a table with a row an observation."""
    times = []
    with closing(sqlite3.connect(folder / ROWS)) as database:
        for _ in range(2):
            began = time.process_time()
            query = "SELECT series, sum(state = 1), sum(state = 2) FROM seen GROUP BY series"
            found = database.execute(query).fetchall()
            times.append(time.process_time() - began)
    return {"best_ms": 1_000 * min(times), "series": len(found)}


def _duckdb(folder: Path, _: Month) -> dict[str, Any]:
    """The same question to columns of the same rows, on one thread."""
    import duckdb  # type: ignore[import-not-found]

    times = []
    with duckdb.connect(str(folder / "rows.duckdb"), config={"threads": 1}) as database:
        for _ in range(ROUNDS):
            began = time.process_time()
            query = (
                "SELECT series, count(*) FILTER (state = 1), count(*) FILTER (state = 2) "
                "FROM seen GROUP BY series"
            )
            found = database.execute(query).fetchall()
            times.append(time.process_time() - began)
    return {"best_ms": 1_000 * min(times), "series": len(found)}


def _rows(folder: Path, _: Month) -> dict[str, Any]:
    """Make that table, and duckdb's."""
    count = 0
    (folder / ROWS).unlink(missing_ok=True)
    with closing(sqlite3.connect(folder / ROWS, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("PRAGMA journal_mode=OFF")
        database.execute("CREATE TABLE seen (series INTEGER, at_ms INTEGER, state INTEGER)")
        for columns in _columns(folder):
            database.execute("BEGIN")
            rows = zip(*(column.tolist() for column in columns), strict=True)
            database.executemany("INSERT INTO seen VALUES (?, ?, ?)", rows)
            database.execute("COMMIT")
            count += len(columns[0])
    size = (folder / ROWS).stat().st_size
    _duckdb_rows(folder)
    return {"rows": count, "bytes": size}


def _duckdb_rows(folder: Path) -> None:
    import duckdb

    place = folder / "rows.duckdb"
    place.unlink(missing_ok=True)
    with duckdb.connect(str(place)) as database:
        database.execute("CREATE TABLE seen (series INTEGER, at_ms BIGINT, state TINYINT)")
        for series, at_ms, state in _columns(folder, 400):
            part = {"series": series, "at_ms": at_ms, "state": state}
            database.register("part", part)
            database.execute("INSERT INTO seen SELECT series, at_ms, state FROM part")
            database.unregister("part")


def _columns(folder: Path, joined: int = 1) -> Iterator[tuple[Any, Any, Any]]:
    """(series, moment in ms, state) of every observation, in pieces."""
    waiting: list[tuple[Any, Any, Any]] = []
    page: list[bytes] = []
    entries = _entries(folder)
    while True:
        page = [raw for raw, _ in zip(entries, range(AT_ONCE), strict=False)]
        at = 0
        while at < len(page):
            found = scan(page, at)
            if len(found) and (block := found.block()) is not None:
                waiting.append((block.series, block.started_ms, block.states()))
            at += max(1, len(found))
        if waiting and (len(waiting) >= joined or not page):
            series, at_ms, state = (np.concatenate(c) for c in zip(*waiting, strict=True))
            waiting = []
            yield series, at_ms, state
        if not page:
            return


def _gather(folder: Path, month: Month) -> dict[str, Any]:
    """The one pass over the entries that a report is made of."""
    with PinnedDatabase(_url(folder)) as source:
        found = gather(source.entries(source.head()[1]), source.record, month.period.window)
    return {"entries": found.size}


def _pdf(folder: Path, month: Month) -> dict[str, Any]:
    """A whole report, of which the setting of the PDF is told apart."""
    start_us, end_us = month.period.window
    with PinnedDatabase(_url(folder)) as source:
        _, size, root = source.head()
        before = time.process_time()
        found = gather(source.entries(size), source.record, (start_us, end_us))
        began = time.process_time()
        report = report_of(
            found,
            Asked(period=month.period, until_us=end_us),
            root or b"",
            source.record,
            lambda: source.entries(size),
        )
        built = time.process_time()
        note = (folder / "mark").read_bytes()
        files = dict(rendered(report, note, frozenset({"pdf"}), ["id"]))
    return {
        "read_s": began - before,
        "built_s": built - began,
        "set_s": time.process_time() - built,
        "bytes": sum(map(len, files.values())),
    }


def _entries(folder: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        for (raw,) in database.execute('SELECT bytes FROM entry ORDER BY "index"'):
            yield raw


def _url(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


JOBS: dict[str, Callable[[Path, Month], dict[str, Any]]] = {
    "verify": _verify,
    "hash": _hash,
    "sla": _sla,
    "intervals": _intervals,
    "rows": _rows,
    "scan": _scan,
    "duckdb": _duckdb,
    "gather": _gather,
    "pdf": _pdf,
}


def _most_memory() -> int:
    """Bytes of this program alone: `getrusage` would count what its parent was before `exec`."""
    status = Path("/proc/self/status").read_text()
    return 1_024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])  # type: ignore[index]


def main() -> None:
    """One job on one core."""
    job, folder, month = sys.argv[1:]
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cpu, wall = time.process_time(), time.perf_counter()
    told = JOBS[job](Path(folder), Month(**json.loads(month)))
    told["cpu_s"], told["wall_s"] = time.process_time() - cpu, time.perf_counter() - wall
    told["rss_mb"] = _most_memory() / 1e6
    print(json.dumps(told))


if __name__ == "__main__":
    main()
