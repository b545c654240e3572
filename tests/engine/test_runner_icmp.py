"""The engine with the real ICMP prober over a real link."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from checks.base import Assignment
from checks.icmp import IcmpSettings
from monitor.clock import SystemClock
from monitor.engine.runner import Result, Runner
from monitor.model import Family
from tests.checks.icmp_scene import delays, make_prober
from tests.lab.netns import Pair, crowd
from tests.lab.parts import need_namespaces

pytestmark = pytest.mark.lab


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two fresh namespaces for one test."""
    need_namespaces()
    with Pair() as joined:
        yield joined


def _assignments(count: int) -> list[Assignment]:
    # Rounds far apart: a test process that is held up for a second must not miss one.
    settings = {"count": 2, "spacing": 50_000, "timeout": 900_000, "interval": 2_500_000}
    return [
        Assignment(
            target=address,
            check="icmp",
            family=Family.IPV4,
            settings=IcmpSettings(address=address, **settings),
        )
        for address in crowd(count)
    ]


def test_five_hundred_targets_each_once_an_interval(pair: Pair) -> None:
    """Each round of each target gives one result, with both singletons and their stamps."""
    clock, results = SystemClock(), list[Result]()
    give_up = time.monotonic() + 60
    with pair.near.inside():
        prober = make_prober()
        runner = Runner(_assignments(500), {"icmp": prober}, clock, 50, results.append)
        while len(results) < 1_500 and time.monotonic() < give_up:
            runner.step(clock.boottime_ns())
            time.sleep(0.02)
    assert len(results) >= 1_500
    rounds = Counter(result.slot for result in results)
    assert set(rounds) == set(range(500))
    assert {len(delays(result.outcome)) for result in results} == {2}
    assert prober.counters()["answer"] >= 3_000
    assert prober.counters()["no_timestamp"] == 0
    due = {(result.slot, result.due_ns) for result in results}
    assert len(due) == len(results)


def test_a_spacing_shorter_than_the_tick_is_kept(pair: Pair) -> None:
    """10 requests 20 ms apart do not take nine ticks of 50 ms, the timer being real."""
    settings = IcmpSettings(
        address=pair.far.v4, count=10, spacing=20_000, timeout=400_000, interval=1_000_000
    )
    one = Assignment(target="a", check="icmp", family=Family.IPV4, settings=settings)
    results, steps = list[Result](), list[int]()

    async def scene() -> None:
        kept = asyncio.Event()

        def take(result: Result) -> None:
            results.append(result)
            if result.outcome.elapsed_us < 350_000:  # a process that is held up may spoil some
                kept.set()

        runner = Runner([one], {"icmp": make_prober()}, SystemClock(), 50, take)
        runner.start(asyncio.get_running_loop())
        try:
            await asyncio.wait_for(kept.wait(), 30)
        finally:
            steps.append(runner.progress())
            await runner.close()

    with pair.near.inside():
        asyncio.run(scene())
    assert {len(delays(result.outcome)) for result in results} == {10}
    assert steps[0] < 50 * (len(results) + 1), "only samples that still send need short steps"
