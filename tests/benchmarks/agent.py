"""Sasando itself as something to measure: the real daemon in a namespace, and what it cost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_network
from pathlib import Path

import psutil

from checks.scope import ScopeRange
from monitor.daemon.control import NoDaemonError, ask
from monitor.ledger.keys import create_key, write_vkeys
from monitor.ledger.signer import Signer
from tests.lab.netns import Namespace

ORIGIN = "bench.example/sasando"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process used between two moments."""

    seconds: float
    cpu_s: float
    rss_bytes: int
    results: int

    @property
    def us_a_result(self) -> float:
        """CPU microseconds, user and system, for one result."""
        return self.cpu_s * 1e6 / self.results if self.results else float("nan")


def cpu_of(pid: int) -> float:
    """User and system seconds of a process, all its threads and waited-for children."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def configure(
    folder: Path, addresses: Sequence[str], *, interval: str, timeout: str = "500ms"
) -> Path:
    """A configuration with one link to each address: one echo request each interval.

    Each link has a site of its own, as the peers look at addresses alone: no site is redundant.
    """
    root = folder / "sasando"
    for name in ("inventory", "trust", "secrets"):
        (root / name).mkdir(parents=True)
    key = create_key(root / "secrets/log.key", unencrypted_at_rest=True)
    write_vkeys(root / "trust/log.vkey", [Signer(name=ORIGIN, key=key).verifier])
    (root / "agent.yaml").write_text(
        f"origin: {ORIGIN}\nvantage: bench\nlanguage: en\n"
        f'state: "{folder}/state"\ncontrol: "{folder}/state/control.sock"\n'
        f'high_water_mark: "{folder}/mark/high-water"\n'
        'key: {private: {secret: "file:secrets/log.key"}}\n'
        "scope:\n"
        '  - {network: 0.0.0.0/0, authorised_by: bench, letter: "1", until: 2099-12-31}\n'
        f"defaults:\n  icmp: {{interval: {interval}, count: 1, timeout: {timeout}}}\n"
        "packs: [availability, delay-and-loss]\n"
    )
    sites = [f"  s{number}: {{name: Bench}}\n" for number in range(len(addresses))]
    links = [
        f"  l{number}: {{site: s{number}, role: primary, address: {address}}}\n"
        for number, address in enumerate(addresses)
    ]
    (root / "inventory/links.yaml").write_text(
        "sites:\n" + "".join(sites) + "links:\n" + "".join(links)
    )
    return root


class Agent:
    """`sasando run` in a namespace; ended by SIGTERM at the latest when the `with` ends."""

    def __init__(self, root: Path, place: Namespace) -> None:
        self.root = root
        self.socket = root.parent / "state/control.sock"
        code = "from monitor.cli.main import main; main()"
        argv = place.argv(sys.executable, "-c", code, "run", "-c", str(root))
        self._log = (root.parent / "log").open("wb")
        self._process = subprocess.Popen(argv, stdout=self._log, stderr=self._log)

    def __enter__(self) -> "Agent":
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                self.now()
            except NoDaemonError:
                if self._process.poll() is not None:
                    raise RuntimeError((self.root.parent / "log").read_text()) from None
                time.sleep(0.1)
            else:
                return self
        raise TimeoutError("the agent did not start")

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        self._process.wait(60)
        self._log.close()

    @property
    def pid(self) -> int:
        """The daemon's pid: of the process itself, not of what put it into the namespace."""
        found = psutil.Process(self._process.pid)
        while found.children():
            found = found.children()[0]
        return found.pid

    def now(self) -> dict[str, object]:
        """What stands, as `sasando now --json` prints it."""
        return dict(ask(self.socket, "now"))

    def measure(self, seconds: float) -> Cost:
        """The cost of running for a while from now on."""
        before, answers, begun = cpu_of(self.pid), self.answers(), time.monotonic()
        time.sleep(seconds)
        elapsed, cpu, after = time.monotonic() - begun, cpu_of(self.pid), self.answers()
        return Cost(
            seconds=elapsed,
            cpu_s=cpu - before,
            rss_bytes=psutil.Process(self.pid).memory_info().rss,
            results=after - answers,
        )

    def answers(self) -> int:
        """Echo replies counted since start."""
        counters = self.now()["counters"]
        return int(counters.get("icmp.answer", 0)) if isinstance(counters, dict) else 0


def everywhere() -> tuple[ScopeRange, ...]:
    """A scope for namespaces of the benchmark's own."""
    networks = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    return tuple(
        ScopeRange(network=network, authorised_by="bench", letter="1", until=date.max)
        for network in networks
    )
