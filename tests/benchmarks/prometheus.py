"""Prometheus scraping blackbox_exporter, as an administrator would set it up for ICMP."""

import os
import signal
import subprocess
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.agent import Cost, cpu_of
from tests.lab.netns import Namespace

EXPORTER, SERVER = 19_115, 19_090
_ASK = """
import json, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=10) as reply:
    found = json.load(reply)["data"]["result"]
print(int(float(found[0]["value"][1])) if found else 0)
"""


class Prometheus:
    """Both processes, in one namespace; ended when the `with` ends."""

    def __init__(self, folder: Path, place: Namespace, addresses: Sequence[str]) -> None:
        self._place, self._folder = place, folder
        folder.mkdir(parents=True)
        module = (
            "modules: {icmp: {prober: icmp, timeout: 0.5s, icmp: {preferred_ip_protocol: ip4}}}"
        )
        (folder / "blackbox.yml").write_text(module + "\n")
        (folder / "prometheus.yml").write_text(_configuration(addresses))
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Prometheus":
        self._start(
            "prometheus-blackbox-exporter",
            f"--config.file={self._folder}/blackbox.yml",
            f"--web.listen-address=127.0.0.1:{EXPORTER}",
        )
        self._start(
            "prometheus",
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{SERVER}",
        )
        try:
            self._await_samples()
        except BaseException:  # what was started must end, whatever went wrong
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
        for process in self._processes:
            process.wait(60)

    def _await_samples(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not self._stored():
            time.sleep(0.5)

    def measure(self, seconds: float) -> Cost:
        """The cost of both for a while, for each stored probe that succeeded."""
        pids = [process.pid for process in self._processes]
        before, begun = [cpu_of(pid) for pid in pids], time.monotonic()
        time.sleep(seconds)
        elapsed, after = time.monotonic() - begun, [cpu_of(pid) for pid in pids]
        return Cost(
            seconds=elapsed,
            cpu_s=sum(after) - sum(before),
            rss_bytes=0,
            results=self._stored(int(elapsed)),
        )

    def _start(self, *argv: str) -> None:
        # nsenter execs: the process is the one that is measured.
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(self._place.argv(*argv), stdout=quiet, stderr=quiet)
        self._processes.append(process)

    def _stored(self, seconds: int = 5) -> int:
        query = f"sum(sum_over_time(probe_success[{seconds}s]))"
        url = f"http://127.0.0.1:{SERVER}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            return int(self._place.run("python3", "-c", _ASK, url, timeout=20).stdout)
        except (subprocess.SubprocessError, ValueError):
            return 0


def _configuration(addresses: Sequence[str]) -> str:
    targets = ", ".join(f'"{address}"' for address in addresses)
    return f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: icmp
    metrics_path: /probe
    params: {{module: [icmp]}}
    static_configs: [{{targets: [{targets}]}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: "127.0.0.1:{EXPORTER}"}}
"""
