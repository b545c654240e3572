"""The ICMP prober alone, beside fping: same namespaces, interleaved, ratios of one run.

CPU is user + system of the probing process: of ours without the start of the interpreter, of
fping as the kernel counted it. `make bench` runs it.
"""

import json
import os
import resource
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.icmp_load import SINGLETONS, TARGETS
from tests.lab.netns import Pair, crowd
from tests.lab.parts import need_namespaces, require

SECONDS = float(os.environ.get("SASANDO_BENCH_SECONDS", "10"))
ROUNDS = int(os.environ.get("SASANDO_BENCH_ROUNDS", "3"))
ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


def _ours(pair: Pair, mode: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.benchmarks.icmp_load", mode, str(SECONDS)]
    done = pair.near.run(*argv, env={"PYTHONPATH": str(ROOT)}, timeout=SECONDS + 60)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _fping(pair: Pair, period_ms: int) -> dict[str, float]:
    """1,000 targets, each once a period: evenly spread, or as fast as it goes (10 ms)."""
    # fping 5.1 keeps a sequence number for 10 s: it has 65,536 of them for one run.
    count = max(1, min(int(SECONDS * 1_000 / period_ms), 60_000 // TARGETS))
    gap_ms = "0" if period_ms < 100 else str(period_ms / TARGETS)
    argv = ["fping", "-q", "-i", gap_ms, "-p", str(period_ms), "-c", str(count), "-t", "150"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = pair.near.run(*argv, *crowd(TARGETS), check=False, timeout=10 * SECONDS + 60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    counts = [line.split("= ")[1].split("/") for line in done.stderr.splitlines() if "xmt" in line]
    return {"sent": sum(int(sent) for sent, *_ in counts), "cpu_s": cpu_s}


def _cost_us(told: dict[str, Any]) -> float:
    return 1e6 * float(told["cpu_s"]) / max(1.0, float(told["sent"]))


@pytest.mark.parametrize("mode", ["steady", "flat"])
def test_prober_against_fping(mode: str) -> None:
    """CPU of a probe against fping's: at 5,000/s at least 2 times less; flat out 20,000/s."""
    need_namespaces()
    require("fping")
    period_ms = 1_000 // SINGLETONS if mode == "steady" else 10
    ours, theirs = [], []
    with Pair() as pair:
        for _ in range(ROUNDS):
            ours.append(_ours(pair, mode))
            theirs.append(_fping(pair, period_ms))
    cost = statistics.median(map(_cost_us, ours))
    peer = statistics.median(map(_cost_us, theirs))
    for told in (*ours, *theirs):
        print(told)
    print(f"{mode}: sasando {cost:.1f} µs a probe, fping {peer:.1f}; {peer / cost:.2f} × less")
    if mode == "flat":
        assert statistics.median(told["per_second"] for told in ours) >= 20_000


def test_delay_beside_a_busy_thread() -> None:
    """A thread that never rests does not make the network look slower."""
    need_namespaces()
    with Pair() as pair:
        calm, busy = _ours(pair, "steady"), _ours(pair, "busy")
    print(f"delay median, p99 in µs: calm {calm['delay_us']}, busy {busy['delay_us']}")
    assert busy["counters"]["no_timestamp"] == 0
