"""A TLS survey beside sslyze, nmap and sslscan over the same 20 servers; sweeps; round trips.

The rounds of all scanners are interleaved, each figure is a median. CPU and memory are those of
the scanner's own processes; the servers' handshakes compete for the same cores, so the wall clock
says as much about them as about the scanner, and more on a machine of two cores. Our survey is
counted from its first connection on, as it runs in a daemon; the others as whole processes, each
as its command comes. A verdict asks what the rules need that `sasando init` puts in force; "… with
profiles" asks for the suites outside of two profiles and for post-quantum exchange too, and has no
goal. "sslyze, as much" is sslyze without the scans that have no match in ours
(Heartbleed, ROBOT, resumption …), from its first connection on; no goal is set for it.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from monitor.config.loader import load
from tests.benchmarks import tls_sweep
from tests.lab.city import shaper
from tests.lab.netns import Namespace, Pair, crowd
from tests.lab.parts import need_namespaces, need_root, require
from tests.lab.tlsfarm.catalogue import CATALOGUE, INTERMEDIATE
from tests.lab.tlsfarm.credentials import NAME, Credentials
from tests.lab.tlsfarm.farm import Farm
from tests.oracle.tls import oracles

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
ROUNDS, SERVERS, SERVICES, ROUND_TRIP_MS = 3, 20, 300, 30
BENCHED = frozenset(
    {
        *(
            "nginx-modern",
            "nginx-intermediate",
            "nginx-old",
            "nginx-tls10-and-12",
            "nginx-dhe-2048",
        ),
        *("nginx-two-keys", "nginx-p384-alone", "nginx-rsa4096", "nginx-expired", "nginx-h2"),
        *("nginx-incomplete", "nginx-self-signed", "nginx-wrong-name", "nginx-staple-good"),
        *("nginx-chacha-first", "haproxy-plain", "haproxy-tls13", "haproxy-client-order"),
        *("haproxy-h2", "haproxy-strict-sni"),
    }
)
"""What a city may have: most of it in order, some of it old or ill-kept."""
_BOUND_S = 600

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1_800)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one scan of all servers used."""

    wall: float
    cpu: float
    peak: int
    connections: int


def test_a_survey_against_other_scanners(tmp_path: Path) -> None:
    """A full survey: 25 times less than sslyze, 2 less than nmap; a verdict: 80 than sslyze."""
    require("nginx", "haproxy", "nmap", "sslscan")
    subprocess.run([ROOT / "tests/oracle/tls/install.sh"], check=True, timeout=900)
    entries = [entry for entry in CATALOGUE if entry.name in BENCHED]
    assert len(entries) == SERVERS
    with Farm(tmp_path / "farm", entries, BUILD) as farm:
        scanners = _scanners(farm, tmp_path)
        costs: dict[str, list[Cost]] = {name: [] for name in scanners}
        for _ in range(ROUNDS):
            for name, scan in scanners.items():
                costs[name].append(scan())
    medians = {name: _median(rounds) for name, rounds in costs.items()}
    _print(medians)
    sslyze, nmap = medians["sslyze"], medians["nmap"]
    full, verdict = medians["sasando full"], medians["sasando verdict"]
    assert sslyze.cpu / full.cpu >= 25
    assert sslyze.wall / full.wall >= 25
    assert nmap.cpu / full.cpu >= 2
    assert nmap.wall / full.wall >= 2
    assert sslyze.cpu / verdict.cpu >= 80
    assert sslyze.wall / verdict.wall >= 80


def test_three_hundred_services_in_one_sweep(tmp_path: Path) -> None:
    """300 verdicts begun at once cost less than 3 s of CPU and 60 MB above the idle process."""
    need_root()
    need_namespaces()
    require("nginx")
    with Pair() as pair, _far_nginx(pair.far, tmp_path):
        order = {
            "mode": "verdict", "ca": str(tmp_path / "credentials/root.pem"), "at_once": SERVICES,
            "targets": [[address, 443, NAME] for address in crowd(SERVICES)],
        }  # fmt: skip
        spent = [_swept(order, pair.near)[0] for _ in range(ROUNDS)]
    cpu = statistics.median(one["cpu"] for one in spent)
    above = max(one["peak"] - one["idle"] for one in spent)
    print(
        f"{SERVICES} services: {cpu:.2f} s CPU (goal 3), {above / 1e6:.0f} MB above idle (goal 60),"
        f" {statistics.median(one['wall'] for one in spent):.1f} s,"
        f" {spent[0]['connections']} connections"
    )
    assert all(one["whole"] == SERVICES for one in spent)
    assert cpu < 3
    assert above < 60e6


def test_a_verdict_in_four_round_trips(tmp_path: Path) -> None:
    """At 30 ms a round trip a verdict takes four of them, and what both machines compute.

    The server keeps to the profiles that are asked for; one that does not takes longer, as each of
    its suites outside of them is found by a question of its own.
    """
    need_root()
    need_namespaces()
    require("nginx")
    with _delayed() as (near, far), _far_nginx(far, tmp_path, INTERMEDIATE):
        order = {
            "mode": "verdict", "ca": str(tmp_path / "credentials/root.pem"), "at_once": 1,
            "rounds": 1, "targets": [[far.v4, 443, NAME]] * 9,
        }  # fmt: skip
        pings = near.run("ping", "-c", "9", "-i", "0.2", "-q", far.v4).stdout
        spent = _swept(order, near)[0]
    trip = float(pings.rsplit("=", 1)[1].split("/")[1])
    median = statistics.median(spent["elapsed_ms"])
    computed = 1_000 * spent["cpu"] / len(spent["elapsed_ms"])
    print(
        f"verdict at {trip:.1f} ms a round trip: {median:.0f} ms = {median / trip:.2f} round trips"
        f" ({computed:.1f} ms of it our CPU); {[round(one) for one in spent['elapsed_ms']]}"
    )
    assert spent["whole"] == 9
    assert (median - computed) / trip < 4.5  # the servers compute too, about half a trip


def needed(folder: Path) -> list[str]:
    """The facts that the rules of a configuration as `sasando init` writes it speak of."""
    written = folder / "sasando"
    argv = [sys.executable, "-m", "monitor.cli.main", "init", str(written)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    policies = load(written, today=date(2026, 11, 25)).policies
    rules = [rule for policy in policies for rule in policy.rules if rule.check == "tls"]
    return sorted({fact for rule in rules for fact in rule.mentions})


def _scanners(farm: Farm, folder: Path) -> dict[str, Callable[[], Cost]]:
    servers, ca = farm.servers, farm.credentials.ca_file
    targets = [[one.address, one.port, NAME] for one in servers]

    def ours(mode: str, needs: Sequence[str] | None = None) -> Callable[[], Cost]:
        order = {"mode": mode, "ca": str(ca), "at_once": len(servers), "targets": targets}
        order |= {"needs": needs}
        # The first verdict after a start looks closer where it finds trouble; then it is known.
        rounds = 2 if mode == "verdict" else 1
        return lambda: _cost(_swept({**order, "rounds": rounds})[-1])

    def whole(argv: Sequence[str]) -> Callable[[], Cost]:
        return lambda: _process(argv)

    def sslyze() -> Cost:
        before = _accepted()
        spent = oracles.sslyze_cost(servers, ca, BUILD)
        return _cost({**spent, "connections": _accepted() - before})

    return {
        "sasando full": ours("full"),
        "sasando verdict": ours("verdict", needed(folder)),
        "… with profiles": ours("verdict"),
        "sslyze": whole(oracles.sslyze_argv(servers, folder, folder / "sslyze.json", BUILD)),
        "sslyze, as much": sslyze,
        "nmap": whole(oracles.nmap_argv(servers, folder / "nmap.xml")),
        "sslscan": whole(oracles.sslscan_argv(servers, folder, folder / "sslscan.xml")),
    }


def _swept(order: dict[str, Any], place: Namespace | None = None) -> list[dict[str, Any]]:
    """Our own sweep, in a process of its own."""
    argv = [sys.executable, "-m", "tests.benchmarks.tls_sweep"]
    done = subprocess.run(
        argv if place is None else place.argv(*argv), input=json.dumps(order), text=True, cwd=ROOT,
        capture_output=True, timeout=_BOUND_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise OSError(done.stderr[-2_000:])
    spent: list[dict[str, Any]] = json.loads(done.stdout)
    return spent


def _cost(spent: dict[str, Any]) -> Cost:
    names = ("wall", "cpu", "peak", "connections")
    return Cost(**{name: spent[name] for name in names})


def _process(argv: Sequence[str]) -> Cost:
    """A whole process and its children."""
    before, begun, peak = _accepted(), time.monotonic(), 0
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        peak = max(peak, tls_sweep.peak(process.pid))
        pid, code, spent = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(code)
    assert process.returncode in (0, 1), argv  # 1: sslyze found what Mozilla would not allow
    return Cost(
        wall=time.monotonic() - begun,
        cpu=spent.ru_utime + spent.ru_stime,
        peak=peak,
        connections=_accepted() - before,
    )


def _accepted() -> int:
    """Connections that listeners of this network namespace have ever accepted (RFC 1213)."""
    lines = Path("/proc/net/snmp").read_text(encoding="ascii").splitlines()
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(dict(zip(names, values, strict=True))["PassiveOpens"])


def _median(rounds: Sequence[Cost]) -> Cost:
    return Cost(
        wall=statistics.median(one.wall for one in rounds),
        cpu=statistics.median(one.cpu for one in rounds),
        peak=max(one.peak for one in rounds),
        connections=int(statistics.median(one.connections for one in rounds)),
    )


def _print(medians: dict[str, Cost]) -> None:
    own = medians["sasando full"], medians["sasando verdict"]
    print(f"\n{SERVERS} servers, median of {ROUNDS} rounds; ratios to our full survey and verdict")
    for name, cost in medians.items():
        ratios = "  ".join(
            f"wall ×{cost.wall / one.wall:6.1f} CPU ×{cost.cpu / one.cpu:6.1f}" for one in own
        )
        print(
            f"{name:16} {cost.wall:7.2f} s wall {cost.cpu:7.3f} s CPU {cost.peak / 1e6:5.0f} MB "
            f"{cost.connections:6} connections   {ratios}"
        )


@contextmanager
def _far_nginx(place: Namespace, folder: Path, ciphers: str = "DEFAULT") -> Iterator[None]:
    """An nginx on every address of a namespace; by default with its own choice of suites."""
    shown = Credentials(folder / "credentials").shown("p256")
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log stderr crit;\n"
        "events {worker_connections 8192;}\n"
        "http {access_log off; server {listen 443 ssl backlog=8192;\n"
        f"ssl_certificate {shown.chain}; ssl_certificate_key {shown.key};\n"
        f"ssl_ciphers {ciphers}; ssl_prefer_server_ciphers off;\n"
        "ssl_protocols TLSv1.2 TLSv1.3; location / {return 200 ok;}}}\n"
    )
    process = place.start("nginx", "-e", "stderr", "-c", str(folder / "nginx.conf"))
    ask = f"import socket; socket.create_connection(({place.v4!r}, 443), 1).close()"
    for _ in range(100):
        if place.run(sys.executable, "-c", ask, check=False).returncode == 0:
            break
        time.sleep(0.05)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _delayed() -> Iterator[tuple[Namespace, Namespace]]:
    """Two namespaces joined by the lab's shaper instead of a cable."""
    near = Namespace(v4="192.0.2.1", v6="2001:db8::1", link="slow0")
    far = Namespace(v4="192.0.2.2", v6="2001:db8::2", link="slow1")
    forwarder = subprocess.Popen(
        near.argv(sys.executable, "-I", str(Path(shaper.__file__)), "slow0", "slow1", "7"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert forwarder.stdin is not None
    assert forwarder.stdout is not None
    try:
        assert forwarder.stdout.readline() == b"ready\n"
        near.run("ip", "link", "set", "slow1", "netns", str(far.pid))
        for end in (near, far):
            end.run("ip", "link", "set", "lo", "up")
            end.run("ip", "link", "set", end.link, "up")
            end.add_addresses(f"{end.v4}/24")
        for toward in (0, 1):
            order = {"toward": toward, "delay_us": 1_000 * ROUND_TRIP_MS // 2}
            forwarder.stdin.write(json.dumps(order).encode() + b"\n")
            forwarder.stdin.flush()
            forwarder.stdout.readline()
        yield near, far
    finally:
        forwarder.stdin.close()
        forwarder.wait(10)
        forwarder.stdout.close()
        far.close()
        near.close()
