"""Ten thousand targets: lateness and memory of the real daemon."""

import time
from pathlib import Path

import pytest

from tests.benchmarks.agent import Agent, configure
from tests.lab.netns import Pair, crowd
from tests.lab.parts import need_namespaces, need_root

TARGETS, WARM_S, SECONDS = 10_000, 15, 40

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


def test_ten_thousand_targets(tmp_path: Path) -> None:
    """10,000 targets at 10 s start at most 60 ms late (p99) and fit into 150 MB."""
    need_root()
    need_namespaces()
    with Pair() as pair:
        begun = time.monotonic()
        root = configure(tmp_path, crowd(TARGETS), interval="10s")
        with Agent(root, pair.near) as agent:
            started = time.monotonic() - begun
            agent.measure(WARM_S)
            cost = agent.measure(SECONDS)
            now = agent.now()
    engine = now["engine"]
    print(
        f"{TARGETS} targets at 10 s: up after {started:.1f} s, {cost.results} results in "
        f"{cost.seconds:.0f} s, {100 * cost.cpu_s / cost.seconds:.1f} % CPU, "
        f"{cost.rss_bytes / 1e6:.0f} MB (first 150, then 100), engine {engine}"
    )
    assert isinstance(engine, dict)
    assert engine["late_p99_ms"] <= 60
    assert cost.rss_bytes <= 150e6
