"""What sslyze, nmap and sslscan say about servers, in the words of our evidence.

A fact that a tool does not speak of is absent; so is one that it could not find out.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.lab.tlsfarm.credentials import NAME
from tests.lab.tlsfarm.entry import Raised
from tests.oracle.tls import bluntly

Facts = dict[str, Any]
_BOUND_S = 900


def sslyze(servers: Sequence[Raised], ca: Path, build: Path) -> Mapping[str, Facts]:
    """sslyze on all of them in one process; by name."""
    said = _run_sslyze(servers, ca, build)["said"]
    return {one.name: said.get(f"{one.address}:{one.port}", {}) for one in servers}


def sslyze_cost(servers: Sequence[Raised], ca: Path, build: Path) -> Mapping[str, Any]:
    """Wall and CPU seconds and peak bytes of the same, without the start of Python."""
    spent: Mapping[str, Any] = _run_sslyze(servers, ca, build)["spent"]
    return spent


def sslyze_argv(servers: Sequence[Raised], folder: Path, report: Path, build: Path) -> list[str]:
    """sslyze's own command line as it comes, with every scan that it knows."""
    targets = folder / "targets-sslyze"
    lines = [f"{NAME}:{one.port}{{{one.address}}}\n" for one in servers]
    targets.write_text("".join(lines))
    return [str(build / "tls-oracles/bin/sslyze"), "--quiet", f"--targets_in={targets}",
            f"--json_out={report}"]  # fmt: skip


def _run_sslyze(servers: Sequence[Raised], ca: Path, build: Path) -> dict[str, Any]:
    order = {
        "ca": str(ca),
        "targets": [
            {"server_name": NAME, "address": one.address, "port": one.port} for one in servers
        ],
    }
    done = subprocess.run(
        [build / "tls-oracles/bin/python", Path(__file__).with_name("run_sslyze.py")],
        input=json.dumps(order), text=True, capture_output=True, timeout=_BOUND_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise OSError(f"sslyze failed: {done.stderr[-2_000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def nmap(servers: Sequence[Raised], folder: Path) -> Mapping[str, Facts]:
    """nmap's ssl-enum-ciphers on all of them in one process; it knows no SSLv2."""
    report = folder / "nmap.xml"
    subprocess.run(nmap_argv(servers, report), capture_output=True, timeout=_BOUND_S, check=True)
    hosts = {
        address.get("addr"): host
        for host in ElementTree.parse(report).iter("host")
        for address in host.iter("address")
    }
    return {one.name: _nmap_facts(hosts[one.address]) for one in servers if one.address in hosts}


def nmap_argv(servers: Sequence[Raised], report: Path) -> list[str]:
    """The command line; all of them listen on one port."""
    assert len({one.port for one in servers}) == 1
    return ["nmap", "-Pn", "-n", "-sT", "-p", str(servers[0].port), "--script",
            "+ssl-enum-ciphers", "--script-args", f"tls.servername={NAME}", "-oX", str(report),
            *(one.address for one in servers)]  # fmt: skip


def sslscan(servers: Sequence[Raised], folder: Path) -> Mapping[str, Facts]:
    """sslscan on all of them in one process."""
    report = folder / "sslscan.xml"
    argv = sslscan_argv(servers, folder, report)
    subprocess.run(argv, capture_output=True, timeout=_BOUND_S, check=True)
    text = report.read_text(encoding="utf-8", errors="replace")
    tests = ElementTree.fromstring(_clean(text)).iter("ssltest")
    hosts = {test.get("host"): test for test in tests}
    return {one.name: _sslscan_facts(hosts[one.address]) for one in servers if one.address in hosts}


def sslscan_argv(servers: Sequence[Raised], folder: Path, report: Path) -> list[str]:
    """The command line; its targets come from a file."""
    targets = folder / "targets"
    targets.write_text("".join(f"{one.address}:{one.port}\n" for one in servers))
    return ["sslscan", "--no-colour", "--no-heartbleed", f"--targets={targets}",
            f"--sni-name={NAME}", f"--xml={report}"]  # fmt: skip


def _nmap_facts(host: ElementTree.Element) -> Facts:
    suites: dict[str, list[str]] = {}
    compressing: bool | None = None
    script = host.find(".//script[@id='ssl-enum-ciphers']")
    for table in [] if script is None else script.findall("table"):
        version = table.get("key", "")
        if not re.fullmatch(r"SSLv3|TLSv1\.[0-3]", version):
            continue
        names = [element.text or "" for element in table.findall(".//elem[@key='name']")]
        suites[version] = sorted(name.replace("TLS_AKE_WITH", "TLS") for name in names)
        words = [one.text for one in table.findall("table[@key='compressors']/elem")]
        if words:
            compressing = bool(compressing) or any(word != "NULL" for word in words)
    facts: Facts = {"protocols": sorted(suites), "cipher_suites": suites}
    if compressing is not None:
        facts["compression"] = compressing
    return facts


def _sslscan_facts(test: ElementTree.Element) -> Facts:
    words = {("ssl", "2"): "SSLv2", ("ssl", "3"): "SSLv3"}
    protocols = [
        words.get((kind, version), f"TLSv{version}")
        for one in test.findall("protocol")
        if one.get("enabled") == "1"
        for kind, version in [(one.get("type", ""), one.get("version", ""))]
    ]
    suites: dict[str, list[str]] = {}
    for one in test.findall("cipher"):
        name = bluntly.suites().get(int(one.get("id", "0"), 16), one.get("cipher", ""))
        suites.setdefault(one.get("sslversion", ""), []).append(name)
    facts: Facts = {
        "protocols": protocols,
        "cipher_suites": {version: sorted(set(names)) for version, names in suites.items()},
    }
    groups = sorted({(one.get("name") or "?").split()[0] for one in test.findall("group")})
    if groups:
        facts["groups"] = groups
    return facts


def _clean(text: str) -> str:
    """Certificates may hold what XML does not allow."""
    return re.sub(r"[^\t\n\r -\ud7ff\ue000-\ufffd]", "?", text)
