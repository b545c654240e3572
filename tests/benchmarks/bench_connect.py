"""CPU of a TCP connect and of an HTTP GET, beside blackbox_exporter; one server, over veth.

Each prober goes as fast as it can with 32 probes at once, in turn, twice; the server's CPU is
nobody's. blackbox_exporter is asked by a client of its own, whose CPU is not counted either.
"""

import asyncio
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop

from checks.base import Assignment, Outcome, Probe, Settings
from checks.http import HttpSettings
from checks.table import KINDS
from checks.tcp import TcpSettings
from monitor.clock import SystemClock
from monitor.daemon.net import LiveScope, build_net
from monitor.model import Family
from tests.benchmarks.agent import cpu_of, everywhere
from tests.lab.netns import Namespace, Pair
from tests.lab.parts import need_namespaces, need_root, require

PROBES, AT_ONCE, ROUNDS, PORT, EXPORTER = 4_000, 32, 2, 8_080, 19_115
_MODULES = """
modules:
  tcp: {prober: tcp, timeout: 2s, tcp: {preferred_ip_protocol: ip4}}
  http: {prober: http, timeout: 2s, http: {preferred_ip_protocol: ip4}}
"""
_CLIENT = """
import asyncio, sys
path, count, at_once, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
async def worker(left):
    while left:
        left.pop()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"GET {path} HTTP/1.0", "Host: a", "", ""
        writer.write("\\r\\n".join(head).encode())
        reply = await reader.read()
        assert b"probe_success 1" in reply, reply[-2000:]
        writer.close()
async def main():
    left = list(range(count))
    await asyncio.gather(*(worker(left) for _ in range(at_once)))
asyncio.run(main())
"""

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


@pytest.mark.parametrize("check", ["tcp", "http"])
def test_connect_against_blackbox(tmp_path: Path, check: str) -> None:
    """A probe costs at least 4 times less CPU than blackbox_exporter's."""
    need_root()
    need_namespaces()
    require("nginx", "prometheus-blackbox-exporter")
    ours, theirs = [], []
    with Pair() as pair, _nginx(tmp_path, pair.far), _blackbox(tmp_path, pair.near) as exporter:
        for _ in range(ROUNDS):
            ours.append(_ours(check, pair))
            theirs.append(_theirs(check, pair, exporter))
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(
        f"{check}: sasando {1 / statistics.median(ours):,.0f} and blackbox "
        f"{1 / statistics.median(theirs):,.0f} probes a CPU-second: {ratio:.1f} times less "
        "(first 4, then 8)"
    )
    assert ratio >= 4


def _ours(check: str, pair: Pair) -> float:
    """CPU seconds of one probe."""
    settings: Settings = (
        TcpSettings(address=pair.far.v4, port=PORT)
        if check == "tcp"
        else HttpSettings(url=f"http://{pair.far.v4}:{PORT}/")
    )
    assignment = Assignment(target="t", check=check, family=Family.IPV4, settings=settings)
    with pair.near.inside():
        return uvloop.run(_flat_out(check, assignment))


async def _flat_out(check: str, assignment: Assignment) -> float:
    clock = SystemClock()
    prober = KINDS[check].prober(build_net(clock, LiveScope(clock, everywhere())))
    left, finished = [PROBES], asyncio.Event()

    def done(_slot: int, outcome: Outcome) -> None:
        assert outcome.evidence is not None, outcome.fault
        left[0] -= 1
        if left[0] >= AT_ONCE:
            asyncio.get_running_loop().call_soon(begin)
        elif left[0] == 0:
            finished.set()

    def begin() -> None:
        prober.begin([Probe(left[0], assignment)], done)

    before = time.process_time()
    for _ in range(AT_ONCE):
        begin()
    while not finished.is_set():
        prober.tick()
        await asyncio.sleep(0.05)
    spent = time.process_time() - before
    await prober.close()
    return spent / PROBES


def _theirs(check: str, pair: Pair, exporter: int) -> float:
    target = f"{pair.far.v4}:{PORT}" if check == "tcp" else f"http://{pair.far.v4}:{PORT}/"
    before = cpu_of(exporter)
    pair.near.run(
        "python3", "-c", _CLIENT, f"/probe?module={check}&target={target}",
        str(PROBES), str(AT_ONCE), str(EXPORTER), timeout=200,
    )  # fmt: skip
    return (cpu_of(exporter) - before) / PROBES


@contextmanager
def _nginx(folder: Path, place: Namespace) -> Iterator[None]:
    page = folder / "page"
    page.mkdir()
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log stderr crit; worker_processes 1;\n"
        "events {worker_connections 4096;}\n"
        "http {access_log off; server {listen %d backlog=4096; location / {return 200 ok;}}}\n"
        % PORT
    )
    with _running(place, "nginx", "-c", str(folder / "nginx.conf")) as pid:
        _await_port(place, place.v4, PORT)
        assert pid
        yield


@contextmanager
def _blackbox(folder: Path, place: Namespace) -> Iterator[int]:
    (folder / "blackbox.yml").write_text(_MODULES)
    options = (f"--config.file={folder}/blackbox.yml", f"--web.listen-address=127.0.0.1:{EXPORTER}")
    with _running(place, "prometheus-blackbox-exporter", *options) as pid:
        _await_port(place, "127.0.0.1", EXPORTER)
        yield pid


@contextmanager
def _running(place: Namespace, *argv: str) -> Iterator[int]:
    quiet = subprocess.DEVNULL
    direct = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = subprocess.Popen(place.argv(*argv), stdout=quiet, stderr=quiet, env=direct)
    try:
        yield process.pid
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
        process.wait(30)


def _await_port(place: Namespace, address: str, port: int) -> None:
    ask = f"import socket; socket.create_connection(({address!r}, {port}), 1).close()"
    for _ in range(100):
        if place.run("python3", "-c", ask, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on {address} port {port}")
