"""The unit and its files in a booted systemd, with a stand-in where the daemon will be."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.systemd.machine import Machine, need_machine

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[3]
UNIT = "sasando.service"
STAND_IN = Path(__file__).with_name("stand_in.py")
PLACES = {
    "systemd/sasando.service": "/etc/systemd/system/sasando.service",
    "systemd/sasando.sysusers.conf": "/etc/sysusers.d/sasando.conf",
    "systemd/sasando.tmpfiles.conf": "/etc/tmpfiles.d/sasando.conf",
    "systemd/60-sasando.sysctl.conf": "/etc/sysctl.d/60-sasando.conf",
}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A booted machine with the unit's files, as the package would place them."""
    need_machine()
    with Machine() as booted:
        for source, place in PLACES.items():
            booted.write(place, (ROOT / source).read_text(encoding="utf-8"))
        booted.write("/etc/sasando/agent.yaml", "# stands in for a configuration\n")
        booted.write("/opt/stand_in.py", STAND_IN.read_text(encoding="utf-8"))
        booted.run("systemd-sysusers", "sasando.conf")
        booted.run("systemd-tmpfiles", "--create", "sasando.conf")
        sysctl = "$(ls /usr/lib/systemd/systemd-sysctl /lib/systemd/systemd-sysctl | head -n1)"
        booted.run("sh", "-c", sysctl + " --prefix=/net/ipv4/ping_group_range")
        yield booted


@pytest.fixture
def start(machine: Machine) -> Iterator[Callable[..., int]]:
    """Starts the unit with a stand-in that behaves as told; returns systemctl's exit code."""

    def begin(behaviour: str, extra: str = "") -> int:
        machine.write(
            f"/etc/systemd/system/{UNIT}.d/stand-in.conf",
            f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 /opt/stand_in.py {behaviour}\n"
            + extra,
        )
        machine.run("systemctl", "daemon-reload")
        return machine.run("systemctl", "start", UNIT, check=False).returncode

    yield begin
    machine.run("systemctl", "stop", UNIT, check=False)
    machine.run("systemctl", "reset-failed", UNIT, check=False)


def _await(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_the_sandbox_lets_the_daemon_do_its_work_and_nothing_else(
    machine: Machine, start: Callable[..., int]
) -> None:
    """Inside the unit what the daemon needs works, and what it must not have is refused."""
    assert start("well") == 0, machine.journal(UNIT)
    report = json.loads(machine.run("cat", "/var/lib/sasando/report.json").stdout)
    none = [f"Cap{kind}:\t{0:016x}" for kind in ("Amb", "Bnd", "Eff", "Inh", "Prm")]
    assert report == {
        "user": "sasando",
        "capabilities": none,
        "raw socket": "PermissionError",
        "ping socket": "yes",
        "sendmmsg": "yes",
        "sqlite": "yes",
        "boot id": "yes",
        "load": "yes",
        "links": "yes",
        "high-water mark": "yes",
        "write to /etc": "OSError",  # EROFS
        "write to /usr": "OSError",
        "other homes": "PermissionError",
        "chown": "PermissionError",
        "setuid": "PermissionError",
        "executable memory": "PermissionError",
    }


def test_it_is_ready_when_it_says_so(machine: Machine, start: Callable[..., int]) -> None:
    """The start ends with READY=1, and the status line is the daemon's own."""
    assert start("well") == 0, machine.journal(UNIT)
    shown = machine.show(UNIT, "ActiveState", "SubState", "StatusText", "CapabilityBoundingSet")
    assert shown == {
        "ActiveState": "active",
        "SubState": "running",
        "StatusText": "standing in",
        "CapabilityBoundingSet": "",
    }


def test_sigterm_ends_it_well(machine: Machine, start: Callable[..., int]) -> None:
    """Stopping is a success with exit code 0."""
    said = "ExecStopPost=/bin/sh -c 'echo $EXIT_CODE $EXIT_STATUS >/var/lib/sasando/end'\n"
    assert start("well", said) == 0, machine.journal(UNIT)
    machine.run("systemctl", "stop", UNIT)
    assert machine.show(UNIT, "ActiveState")["ActiveState"] == "inactive"
    assert machine.run("cat", "/var/lib/sasando/end").stdout == "exited 0\n"


def test_a_stuck_daemon_is_restarted(machine: Machine, start: Callable[..., int]) -> None:
    """A daemon that no longer feeds the watchdog is killed and started again."""
    assert start("stuck", "WatchdogSec=500ms\nRestartSec=100ms\n") == 0, machine.journal(UNIT)
    _await(lambda: int(machine.show(UNIT, "NRestarts")["NRestarts"]) >= 1, "no restart")
    assert "watchdog" in machine.journal(UNIT).lower()


def test_a_refusal_is_not_restarted(machine: Machine, start: Callable[..., int]) -> None:
    """Exit code 2 leaves the unit failed: a restart would only hide a bad configuration."""
    assert start("refuse", "RestartSec=0\n") != 0
    _await(lambda: machine.show(UNIT, "ActiveState")["ActiveState"] == "failed", "not failed")
    assert machine.show(UNIT, "NRestarts", "ExecMainStatus") == {
        "NRestarts": "0",
        "ExecMainStatus": "2",
    }


def test_without_a_configuration_nothing_starts(
    machine: Machine, start: Callable[..., int]
) -> None:
    """The unit's condition keeps it down, without failing, until there is an agent.yaml."""
    machine.run("mv", "/etc/sasando", "/etc/apart")
    try:
        assert start("well") == 0
        assert machine.show(UNIT, "ActiveState", "ConditionResult") == {
            "ActiveState": "inactive",
            "ConditionResult": "no",
        }
    finally:
        machine.run("mv", "/etc/apart", "/etc/sasando")


def test_operators_and_only_they_reach_the_daemon(
    machine: Machine, start: Callable[..., int]
) -> None:
    """An operator is known by name on the control socket and reads the ledger; others may not."""
    machine.run("useradd", "--groups", "sasando-operators", "lontar")
    machine.run("useradd", "stranger")
    try:
        assert start("well") == 0, machine.journal(UNIT)
        ask = (
            "import socket; s = socket.socket(socket.AF_UNIX); "
            "s.connect('/run/sasando/control.sock'); print(s.recv(99).decode())"
        )

        def answer(who: str) -> str:
            argv = ("setpriv", "--reuid", who, "--regid", who, "--init-groups")
            return machine.run(*argv, "python3", "-c", ask, check=False).stdout.strip()

        assert [answer("lontar"), answer("stranger")] == ["lontar", ""]
        read = "test -r /var/lib/sasando/report.json && ! test -w /var/lib/sasando/report.json"
        assert machine.run("runuser", "-u", "lontar", "--", "sh", "-c", read).returncode == 0
        refused = machine.run("runuser", "-u", "stranger", "--", "sh", "-c", read, check=False)
        assert refused.returncode != 0
    finally:
        machine.run("userdel", "lontar")
        machine.run("userdel", "stranger")


def test_tmpfiles_give_configuration_to_operators_and_keys_to_the_daemon(machine: Machine) -> None:
    """After `init` as root one command settles who reads what; a secret is nobody else's."""
    for path in ("agent.yaml", "inventory/a.yaml", "trust/log.vkey", "keys/log.pem", "other.pem"):
        machine.write(f"/etc/sasando/{path}", "x\n", mode=0o600)
    machine.run("systemd-tmpfiles", "--create", "sasando.conf")
    listed = machine.run("sh", "-c", "cd /etc/sasando && stat -c '%n %a %U %G' . * */*").stdout
    expected = {
        ". 750 root sasando-operators",
        "agent.yaml 640 root sasando-operators",
        "inventory 750 root sasando-operators",
        "inventory/a.yaml 640 root sasando-operators",
        "trust/log.vkey 640 root sasando-operators",
        "keys 700 sasando sasando",
        "keys/log.pem 600 sasando sasando",
        "other.pem 600 root root",
    }
    assert expected <= set(listed.splitlines())
