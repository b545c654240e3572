"""One process that only probes: `python -m tests.benchmarks.icmp_load MODE SECONDS`.

MODE is `steady` (the engine's runner and 5,000 packets a second), `busy` (the same beside a
thread that never rests) or `flat` (as fast as it goes). Prints one JSON object.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import uvloop

from checks.base import Assignment, Outcome, Probe
from checks.icmp import IcmpEvidence, IcmpSettings
from checks.ping.prober import IcmpProber
from monitor.clock import SystemClock
from monitor.engine.runner import Result, Runner
from monitor.model import Family
from tests.checks.icmp_scene import make_prober
from tests.lab.netns import crowd

TARGETS, SINGLETONS, INTERVAL_US = 1_000, 5, 1_000_000
_UNDER_WAY = 4_096


class Tally:
    """What came back."""

    def __init__(self) -> None:
        self.results = self.sent = 0
        self.delays: list[int] = []

    def take(self, outcome: Outcome) -> None:
        """Count one outcome; a fault is none."""
        self.results += 1
        if isinstance(outcome.evidence, IcmpEvidence):
            self.sent += len(outcome.evidence.delays_us)
            self.delays.extend(d for d in outcome.evidence.delays_us if d is not None)


def steady(prober: IcmpProber, tally: Tally, seconds: float) -> dict[str, object]:
    """The runner, with every target once a second."""
    spacing = INTERVAL_US // SINGLETONS
    assignments = [
        _assignment(a, count=SINGLETONS, spacing=spacing, timeout=spacing, interval=INTERVAL_US)
        for a in crowd(TARGETS)
    ]

    def take(result: Result) -> None:
        tally.take(result.outcome)

    async def scene() -> Runner:
        runner = Runner(assignments, {"icmp": prober}, SystemClock(), 50, take)
        runner.start(asyncio.get_running_loop())
        await asyncio.sleep(seconds)
        await runner.close()
        return runner

    runner = uvloop.run(scene())
    late = runner.lateness.total()
    return {"late_p99_ms": late.p99_ms, "engine": dict(runner.counters())}


def flat(prober: IcmpProber, tally: Tally, seconds: float) -> dict[str, object]:
    """One singleton a probe, begun again as soon as there is room."""
    probes = [
        Probe(slot, _assignment(a, count=1, spacing=0, timeout=1_000_000, interval=60_000_000))
        for slot, a in enumerate(crowd(_UNDER_WAY))
    ]
    ended: list[Probe] = list(probes)

    def done(slot: int, outcome: Outcome) -> None:
        tally.take(outcome)
        ended.append(probes[slot])

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        batch, ended[:] = list(ended), []
        if batch:
            prober.begin(batch, done)
        prober.tick()
    return {}


def _assignment(address: str, **settings: int) -> Assignment:
    made = IcmpSettings(address=address, **settings)
    return Assignment(target=address, check="icmp", family=Family.IPV4, settings=made)


def _spin(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(1_000))


def main(mode: str, seconds: float) -> None:
    """Run one load and print what it came to; CPU is the whole process's, start included."""
    prober, tally, stop = make_prober(), Tally(), threading.Event()
    if mode == "busy":
        threading.Thread(target=_spin, args=(stop,), daemon=True).start()
    load: Callable[[IcmpProber, Tally, float], dict[str, object]]
    load = flat if mode == "flat" else steady
    begun, cpu = time.monotonic(), time.process_time()
    extra = load(prober, tally, seconds)
    cpu_s, passed_s = time.process_time() - cpu, time.monotonic() - begun
    stop.set()
    delays = np.array(tally.delays or [0])
    told = {
        # Every answer counts, also of probes that have not ended.
        "sent": (sent := prober.counters()["answer"]),
        "per_second": sent / passed_s,
        "cpu_s": cpu_s,
        "delay_us": np.percentile(delays, [50, 99]).tolist(),
        "counters": dict(prober.counters()),
        **extra,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
