"""The units and their files, judged by systemd's own tools without booting anything."""

import configparser
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from checks.packets.messages import ACCOUNT
from monitor.config.schema import AgentEntry
from monitor.config.witness import WitnessFile
from tests.lab.parts import require

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd/sasando.service"
PACKETS = ROOT / "systemd/sasando-packets.service"
WITNESS = ROOT / "systemd/sasando-witness.service"
MOST_EXPOSED = {
    UNIT: 15,
    PACKETS: 12,
    WITNESS: 10,
}  # tenths; `systemd-analyze security` calls 1.5 "OK"
COMMANDS = {UNIT: "/opt/sasando/bin/sasando", PACKETS: "/opt/sasando/bin/python3"}
COMMANDS[WITNESS] = COMMANDS[UNIT]
UNITS = pytest.mark.parametrize("shipped", [UNIT, PACKETS, WITNESS], ids=lambda unit: unit.stem)


def _analyze(*argv: str) -> subprocess.CompletedProcess[str]:
    require("systemd-analyze")
    return subprocess.run(
        ["systemd-analyze", *argv], capture_output=True, text=True, timeout=60, check=False
    )


def _lines(unit: Path = UNIT) -> list[str]:
    return unit.read_text(encoding="utf-8").splitlines()


def _exposure(unit: Path, shipped: Path) -> subprocess.CompletedProcess[str]:
    threshold = f"--threshold={MOST_EXPOSED[shipped]}"
    return _analyze("security", "--offline=true", threshold, str(unit))


@UNITS
def test_each_is_hardly_exposed(shipped: Path) -> None:
    """systemd rates the daemon at 1.5, the packet process at 1.2, the witness at 1.0 or less."""
    done = _exposure(shipped, shipped)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


@UNITS
def test_exposure_would_be_noticed(tmp_path: Path, shipped: Path) -> None:
    """The same threshold refuses a unit with one more capability and no system call filter."""
    open_unit = tmp_path / shipped.name
    kept = [line for line in _lines(shipped) if not line.startswith("SystemCallFilter=")]
    more = "CapabilityBoundingSet=CAP_NET_ADMIN "
    open_unit.write_text("\n".join(kept).replace("CapabilityBoundingSet=", more))
    assert _exposure(open_unit, shipped).returncode != 0


@UNITS
@pytest.mark.parametrize(("add", "silent"), [("", True), ("PrivateTpm=yes\n", False)])
def test_systemd_understands_every_line(
    tmp_path: Path, add: str, silent: bool, shipped: Path
) -> None:
    """`systemd-analyze verify` has nothing to say, and would say that it knows no `PrivateTpm`."""
    unit = tmp_path / shipped.name
    # The command is not installed where this runs; everything else is as it ships.
    text = shipped.read_text(encoding="utf-8").replace(COMMANDS[shipped], "/bin/true")
    unit.write_text(text.replace("[Install]", add + "[Install]"))
    done = _analyze("verify", "--man=no", str(unit))
    about = [line for line in done.stderr.splitlines() if "sasando" in line]
    assert (about == []) is silent, done.stderr


@UNITS
def test_every_directive_is_explained(shipped: Path) -> None:
    """A comment stands above each group of directives of [Service], none further than six lines."""
    since_comment, bare = 0, []
    lines = _lines(shipped)
    for line in lines[lines.index("[Service]") + 1 :]:
        if line.startswith("#"):
            since_comment = 0
        elif "=" in line:
            since_comment += 1
            bare += [line] if since_comment > 6 else []
    assert bare == []


def _service(unit: Path) -> configparser.SectionProxy:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string("\n".join(_lines(unit)))
    return read["Service"]


@pytest.mark.parametrize("page", ["operations.md", "operations.id.md"])
def test_a_unit_from_a_clone_is_told_where_its_program_is(page: str) -> None:
    """Installed by hand, a unit still names /opt: the manual says how to move each of them."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    names = re.findall(r" systemd/([a-z-]+)\.service", text)
    assert sorted(names) == ["sasando", "sasando-packets", "sasando-witness"]
    for name in names:
        assert re.search(rf"^sudo systemctl edit {name} +#.*\.venv/bin/", text, re.MULTILINE), name


def test_the_packet_process_keeps_its_promises() -> None:
    """One capability, no Internet socket, its own account, started again whenever it dies, and its
    socket where the daemon looks for it."""
    service = _service(PACKETS)
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == "CAP_NET_RAW"
    assert service["RestrictAddressFamilies"].split() == ["AF_PACKET", "AF_UNIX", "AF_NETLINK"]
    assert service["User"] == service["Group"] == service["RuntimeDirectory"] == ACCOUNT
    assert (service["Restart"], service["LimitCORE"]) == ("always", "0")
    packets = next(one.default for one in fields(AgentEntry) if one.name == "packets")
    assert f"--socket {packets} --allow-uid sasando" in service["ExecStart"]
    assert "Wants=sasando-packets.service" in _lines()


def test_the_unit_keeps_its_promises() -> None:
    """No capability, no restart after a refusal, a watchdog, and the agreed folders."""
    service = _service(UNIT)
    assert service["Type"] == "notify"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["RestartPreventExitStatus"].split() == ["1", "2"]
    assert service["ExecStart"] == "/opt/sasando/bin/sasando run -c /etc/sasando"
    assert service["StateDirectory"].split() == ["sasando", "sasando-mark"]
    assert service["RuntimeDirectory"] == "sasando"
    assert "PrivateUsers" not in service  # it would hide who asks on the control socket


def test_the_witness_keeps_its_promises() -> None:
    """No capability, its key from systemd alone, nothing of an agent, no restart after a refusal,
    and its state where its configuration looks for it."""
    service = _service(WITNESS)
    assert service["Type"] == "notify"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["RestartPreventExitStatus"].split() == ["1", "2"]
    state = next(one.default for one in fields(WitnessFile) if one.name == "state")
    assert state == f"/var/lib/{service['StateDirectory']}"
    assert service["LoadCredential"] == "witness-key:/etc/sasando-witness/witness.key"
    hidden = service["InaccessiblePaths"].replace("-/", "/").split()
    assert {"/etc/sasando", "/var/lib/sasando", "/var/lib/sasando-mark"} <= set(hidden)
    assert (service["IPAddressDeny"], service["IPAddressAllow"]) == ("any", "localhost")
