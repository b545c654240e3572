"""The unit and its files, judged by systemd's own tools without booting anything."""

import configparser
import subprocess
from pathlib import Path

import pytest

from tests.lab.parts import require

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd/sasando.service"
MOST_EXPOSED = 15  # tenths; `systemd-analyze security` calls 1.5 "OK"


def _analyze(*argv: str) -> subprocess.CompletedProcess[str]:
    require("systemd-analyze")
    return subprocess.run(
        ["systemd-analyze", *argv], capture_output=True, text=True, timeout=60, check=False
    )


def _lines() -> list[str]:
    return UNIT.read_text(encoding="utf-8").splitlines()


def _exposure(unit: Path) -> subprocess.CompletedProcess[str]:
    return _analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit))


def test_the_daemon_is_hardly_exposed() -> None:
    """systemd rates the unit's exposure at 1.5 or less."""
    done = _exposure(UNIT)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


def test_exposure_would_be_noticed(tmp_path: Path) -> None:
    """The same threshold refuses the unit with a capability and without its system call filter."""
    open_unit = tmp_path / "sasando.service"
    kept = [line for line in _lines() if not line.startswith("SystemCallFilter=")]
    text = "\n".join(kept).replace("CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_NET_RAW")
    open_unit.write_text(text)
    assert _exposure(open_unit).returncode != 0


@pytest.mark.parametrize(("add", "silent"), [("", True), ("PrivateTpm=yes\n", False)])
def test_systemd_understands_every_line(tmp_path: Path, add: str, silent: bool) -> None:
    """`systemd-analyze verify` has nothing to say, and would say that it knows no `PrivateTpm`."""
    unit = tmp_path / "sasando.service"
    # The command is not installed where this runs; everything else is as it ships.
    text = UNIT.read_text(encoding="utf-8").replace("/opt/sasando/bin/sasando", "/bin/true")
    unit.write_text(text.replace("[Install]", add + "[Install]"))
    done = _analyze("verify", "--man=no", str(unit))
    about = [line for line in done.stderr.splitlines() if "sasando" in line]
    assert (about == []) is silent, done.stderr


def test_every_directive_is_explained() -> None:
    """A comment stands above each group of directives of [Service], none further than six lines."""
    since_comment, bare = 0, []
    for line in _lines()[_lines().index("[Service]") + 1 :]:
        if line.startswith("#"):
            since_comment = 0
        elif "=" in line:
            since_comment += 1
            bare += [line] if since_comment > 6 else []
    assert bare == []


def test_the_unit_keeps_its_promises() -> None:
    """No capability, no restart after a refusal, a watchdog, and the agreed folders."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string("\n".join(_lines()))
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["RestartPreventExitStatus"].split() == ["1", "2"]
    assert service["ExecStart"] == "/opt/sasando/bin/sasando run -c /etc/sasando"
    assert service["StateDirectory"].split() == ["sasando", "sasando-mark"]
    assert service["RuntimeDirectory"] == "sasando"
    assert "PrivateUsers" not in service  # it would hide who asks on the control socket
