"""The small city: who stands where on loopback, and the configuration that watches it. Pure.

Names are of Kota Kupang; every address is a loopback address of this machine (127.0.0.0/8), and
the answers of the name servers are documentation addresses (RFC 5737).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from monitor.text import Language

TIMEZONE = "Asia/Makassar"
ORIGIN = "demo.example/sasando"
NETWORK = "127.53.71.0/24"
NAME = "www.kota.example"
TRUE_ADDRESS, FALSE_ADDRESS = "192.0.2.80", "198.51.100.66"
SLOW_S = 0.9
LIMIT_MS = 600
"""The slow page takes SLOW_S; the demo's rule allows LIMIT_MS."""

Nature = Literal["port", "page", "slow-page", "secure-page", "expired-page", "dns", "false-dns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server of the city; its port is found when it starts."""

    name: str
    address: str
    nature: Nature


SERVERS = (
    Server(name="gateway", address="127.53.71.254", nature="port"),
    Server(name="core-fo", address="127.53.71.1", nature="port"),
    Server(name="oebobo-fo", address="127.53.71.11", nature="port"),
    Server(name="oebobo-lte", address="127.53.71.12", nature="port"),
    Server(name="fatululi-fo", address="127.53.71.21", nature="port"),
    Server(name="taman-nostalgia", address="127.53.71.30", nature="page"),
    Server(name="website", address="127.53.71.80", nature="secure-page"),
    Server(name="perizinan", address="127.53.71.81", nature="expired-page"),
    Server(name="antrean", address="127.53.71.82", nature="page"),
    Server(name="kinerja", address="127.53.71.83", nature="slow-page"),
    Server(name="dns-1", address="127.53.71.53", nature="dns"),
    Server(name="dns-2", address="127.53.71.54", nature="false-dns"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything of one demo lies."""

    root: Path
    control: Path

    @property
    def config(self) -> Path:
        """Directory of the configuration."""
        return self.root / "config"

    @property
    def state(self) -> Path:
        """Directory of the database."""
        return self.root / "state"

    @property
    def mark(self) -> Path:
        """The high-water mark, apart from the database."""
        return self.root / "mark" / "high-water"

    @property
    def servers(self) -> Path:
        """Directory of the servers' certificates."""
        return self.root / "city"

    @property
    def report(self) -> Path:
        """Directory of the report and its audit bundle."""
        return self.root / "report"

    @property
    def log(self) -> Path:
        """What the agent writes to stderr."""
        return self.root / "agent.log"

    @property
    def city_log(self) -> Path:
        """What the city writes to stderr."""
        return self.root / "city.log"


def configuration_files(
    ports: Mapping[str, int], inbox: int, places: Places, lang: Language, until: date
) -> dict[str, str]:
    """The files of the configuration by their path below its directory, keys left out.

    `ports`: of each server by name. `inbox`: the port on 127.0.0.1 where alerts are received.
    """
    return {
        "agent.yaml": _agent(ports, places, lang, until),
        "inventory/city.yaml": _inventory(ports),
        "policies/demo.yaml": _POLICY.format(limit=LIMIT_MS, over=LIMIT_MS + 300),
        "alerts.yaml": _ALERTS.format(lang=lang),
        "secrets/inbox-url": f"json://127.0.0.1:{inbox}/alerts\n",
    }


def _agent(ports: Mapping[str, int], places: Places, lang: Language, until: date) -> str:
    where = {
        "state": places.state,
        "high_water_mark": places.mark,
        "control": places.control,
    }
    lines = "\n".join(
        f"{name}: {json.dumps(str(path), ensure_ascii=False)}" for name, path in where.items()
    )
    return _AGENT.format(
        origin=ORIGIN,
        lang=lang,
        timezone=TIMEZONE,
        places=lines,
        network=NETWORK,
        until=until,
        gateway=next(one.address for one in SERVERS if one.name == "gateway"),
        port=ports["gateway"],
    )


def _inventory(ports: Mapping[str, int]) -> str:
    at = {server.name: server.address for server in SERVERS}
    values = {name.replace("-", "_"): f"{at[name]}:{port}" for name, port in ports.items()}
    bare = {f"{name.replace('-', '_')}_at": address for name, address in at.items()}
    knock = {f"{name.replace('-', '_')}_port": port for name, port in ports.items()}
    return _INVENTORY.format(**values, **bare, **knock, name=NAME, answer=TRUE_ADDRESS)


_AGENT = """\
# A small city on loopback, made by `sasando demo`. / Kota kecil di loopback untuk demo.
origin: {origin}
vantage: demo
language: {lang}
timezone: {timezone}
{places}
key:
  private: {{secret: "file:secrets/log.key"}}
  passphrase: {{secret: "file:secrets/log.passphrase"}}
scope:
  - network: {network}
    authorised_by: whoever runs the demo on this machine
    letter: demo
    until: {until}
# Shows whether the agent itself can see. / Kenari: apakah agen sendiri dapat melihat.
canaries:
  gateway:
    {{address: {gateway}, name: Gerbang kota,
     checks: {{tcp: {{port: {port}, interval: 500ms, timeout: 500ms}}}}}}
# The authority that issued the city's certificates.
ca_file: trust/city-ca.pem
# Much shorter than in real life, so that the demo is short. / Jauh lebih rapat dari lazimnya.
# Not shorter than the two seconds in which the way to a suspect is looked at: canary, parents.
defaults:
  icmp: {{interval: 2s, timeout: 1s, count: 2}}
  tcp: {{interval: 3s, timeout: 1s}}
  http: {{interval: 3s, timeout: 2s}}
  dns: {{interval: 3s, timeout: 2s}}
  tls: {{interval: 3s, timeout: 2s}}
checks:
  host: false
packs: [availability, tls-baseline, iso27001-2022, bssn-4-2021]
"""

_INVENTORY = """\
sites:
  core: {{name: Pusat Data Diskominfo, kecamatan: Kelapa Lima}}
  dukcapil: {{name: Dinas Dukcapil, kecamatan: Oebobo, parents: [core]}}
  kec-oebobo: {{name: Kantor Camat Oebobo, kecamatan: Oebobo, parents: [core]}}
  kel-fatululi: {{name: Kantor Lurah Fatululi, kecamatan: Oebobo, parents: [kec-oebobo]}}

links:
  core-fo:
    {{site: core, name: Jaringan pusat data, role: primary, address: {core_fo_at},
     provider: provider-a, medium: metro,
     checks: {{tcp: {{port: {core_fo_port}, interval: 500ms, timeout: 500ms}}}}}}
  # Echo requests alone: without the right to ping they show as unobserved.
  dukcapil-fo:
    {{site: dukcapil, name: Jaringan utama Dukcapil, role: primary, address: 127.53.71.41,
     provider: provider-a, medium: metro}}
  dukcapil-lte:
    {{site: dukcapil, name: Jaringan cadangan Dukcapil, role: backup, address: 127.53.71.42,
     provider: provider-b, medium: 4g}}
  # A loopback address answers every echo request, so these are watched at a port that can fail.
  oebobo-fo:
    {{site: kec-oebobo, name: Jaringan utama Camat Oebobo, role: primary,
     address: {oebobo_fo_at}, provider: provider-a, medium: metro,
     checks: {{icmp: false, tcp: {{port: {oebobo_fo_port}}}}}}}
  oebobo-lte:
    {{site: kec-oebobo, name: Jaringan cadangan Camat Oebobo, role: backup,
     address: {oebobo_lte_at}, provider: provider-b, medium: 4g,
     checks: {{icmp: false, tcp: {{port: {oebobo_lte_port}}}}}}}
  fatululi-fo:
    {{site: kel-fatululi, name: Jaringan Lurah Fatululi, role: primary,
     address: {fatululi_fo_at}, provider: provider-a, medium: metro,
     checks: {{icmp: false, tcp: {{port: {fatululi_fo_port}, interval: 4s}}}}}}

hotspots:
  taman-nostalgia:
    {{site: core, name: Hotspot Taman Nostalgia, ssid: KUPANG SMART CITY,
     gateway: {taman_nostalgia_at}, portal: "http://{taman_nostalgia}/portal"}}

services:
  website: {{site: core, name: Situs Kota, url: "https://{website}/", checks: {{web: false}}}}
  perizinan: {{site: core, name: Perizinan Daring, url: "tls://{perizinan}"}}
  antrean: {{site: core, name: Antrean Daring, url: "http://{antrean}/", checks: {{web: false}}}}
  kinerja: {{site: core, name: E-Kinerja, url: "http://{kinerja}/", checks: {{web: false}}}}
  dns-1:
    {{site: core, name: Server nama 1, url: "dns://{dns_1}/{name}",
     checks: {{dns: {{expect: [{answer}]}}}}}}
  dns-2:
    {{site: core, name: Server nama 2, url: "dns://{dns_2}/{name}",
     checks: {{dns: {{expect: [{answer}]}}}}}}
"""

_POLICY = """\
policy: demo
version: 1
title: {{en: Rules of the demo, id: Aturan demo}}
rules:
  - id: line-answers
    title: {{en: The line answers, id: Jaringan penghubung menjawab}}
    check: tcp
    applies_to: target.kind == "link"
    require: evidence.outcome == "connected"
    severity: critical
    availability: true
    tests:
      - {{evidence: {{outcome: connected}}, verdict: compliant}}
      - {{evidence: {{outcome: refused}}, verdict: violated}}
  - id: page-in-time
    title: {{en: The page is there within {limit} ms, id: Halaman tampil dalam {limit} md}}
    check: http
    applies_to: target.kind == "service"
    require: evidence.total_ms <= {limit}.0
    severity: warning
    tests:
      - {{evidence: {{total_ms: 20}}, verdict: compliant}}
      - {{evidence: {{total_ms: {over}}}, verdict: violated}}
"""

_ALERTS = """\
routes:
  demo:
    description: The inbox of the demo, which shows what arrives
    url: {{secret: "file:secrets/inbox-url"}}
    lang: {lang}
    severity: info
    per_hour: 1000
"""
