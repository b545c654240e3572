"""One sweep of TLS surveys in a process of its own, and what it cost from its first probe on.

    python -m tests.benchmarks.tls_sweep < order.json
    {"mode": "full", "ca": "/…/root.pem", "at_once": 8, "rounds": 1,
     "targets": [["127.0.0.1", 443, "web.example"], …], "needs": ["protocols", …]}

Prints JSON. The agent runs for months, so what it costs to start Python is not in the figures.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from checks.base import Outcome, Probe, Prober
from checks.tls import check as tls
from checks.tls.settings import TlsSettings
from monitor.model import Family
from tests.checks.harness import assignment, net_of, scope_of

_BOUND_S = 300


async def sweeps(order: dict[str, Any]) -> list[dict[str, Any]]:
    """As many sweeps as are wished, one after the other, by one prober."""
    prober = tls.KIND.prober(net_of(scope=scope_of("0.0.0.0/0"), ca_file=order["ca"]))
    try:
        return [await sweep(prober, order) for _ in range(order.get("rounds", 1))]
    finally:
        await prober.close()


async def sweep(prober: Prober, order: dict[str, Any]) -> dict[str, Any]:
    """Survey every target once, `at_once` of them at a time."""
    targets = list(order["targets"])
    outcomes: list[Outcome] = []
    waiting = list(range(len(targets)))
    last = [0.0]
    ended = asyncio.Event()

    def begin() -> None:
        slot = waiting.pop(0)
        host, port, name = targets[slot]
        needs = None if order.get("needs") is None else frozenset(order["needs"])
        settings = TlsSettings(
            host=host, port=port, server_name=name, mode=order["mode"], needs=needs
        )
        series = assignment(tls.KIND, settings, Family.IPV4)
        prober.begin([Probe(slot, replace(series, target=f"t{slot}"))], done)

    def done(_slot: int, outcome: Outcome) -> None:
        outcomes.append(outcome)
        if waiting:
            asyncio.get_running_loop().call_soon(begin)
        elif len(outcomes) == len(targets):
            last[0] = time.monotonic()  # not when the loop below has slept out
            ended.set()

    idle, used, begun = resident(), cpu(), time.monotonic()
    for _ in range(min(order["at_once"], len(targets))):
        begin()
    async with asyncio.timeout(_BOUND_S):
        while not ended.is_set():
            prober.tick()
            await asyncio.sleep(0.02)
    spent = {"wall": last[0] - begun, "cpu": cpu() - used, "idle": idle, "peak": peak()}
    return spent | told(outcomes)


def told(outcomes: list[Outcome]) -> dict[str, Any]:
    """What came of it."""
    seen = [one.evidence.facts() for one in outcomes if one.evidence is not None]
    return {
        "connections": sum(int(str(facts.get("connections", 0))) for facts in seen),
        "outcomes": Counter(str(facts["outcome"]) for facts in seen),
        "whole": sum("protocols" in facts for facts in seen),
        "elapsed_ms": sorted(one.elapsed_us / 1_000 for one in outcomes),
    }


def cpu() -> float:
    """User and system seconds of this process."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def peak(pid: int | str = "self") -> int:
    """The most bytes that a process ever held in memory; 0 when it is gone.

    Not ru_maxrss: that remembers the process from before its exec.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return found[0] * 1_024 if found else 0


def resident() -> int:
    """Bytes that it holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """Read the order, sweep, print."""
    order = json.load(sys.stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        spent = runner.run(sweeps(order))
    json.dump(spent, sys.stdout)


if __name__ == "__main__":
    main()
