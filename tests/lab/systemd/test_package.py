"""The Debian package, installed in a booted systemd and used as its documentation says."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.process import eventually
from tests.lab.parts import missing, require
from tests.lab.systemd.machine import Machine, need_machine

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[3]
UNIT = "sasando.service"
PACKETS = "sasando-packets.service"
WITNESS = "sasando-witness.service"
CLI = ROOT / "monitor/cli/main.py"
CONFIGURATION = "/etc/sasando"
# What an administrator would add after `init`: something to probe, and the right to.
LOOPBACK = """\
sites:
  lab-machine: {name: Lab}
links:
  lab-loopback:
    site: lab-machine
    role: primary
    address: 127.0.0.1
    checks: {icmp: {interval: 1s, count: 1, timeout: 500ms}}
  lab-routers:
    site: lab-machine
    address: 192.0.2.2
    checks: {icmp: false, vrrp: {interface: lab0, vrid: 51, listen: 1s, routers: [192.0.2.2]}}
"""
# Says what a real router once said, twice a second, from the other end of a veth link.
ROUTER = """\
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("lab1", 0))
frame = bytes.fromhex("{frame}")
for _ in range(2000):
    s.send(frame)
    time.sleep(0.5)
"""
SCOPE = "  - {network: 127.0.0.0/8, authorised_by: Lab, letter: LAB/1, until: 2099-12-31}\n"


def _uv() -> str:
    for place in (ROOT / ".venv-tools/bin/uv", Path(sys.executable).with_name("uv")):
        if place.exists():
            return str(place)
    return shutil.which("uv") or missing("uv (`make environment` installs it)")


def _build(out: Path) -> Path:
    builder = [sys.executable, str(ROOT / "packaging/build_deb.py"), "--uv", _uv()]
    done = subprocess.run(
        [*builder, "--out", str(out)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.deb"))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from the tree as it stands."""
    need_machine()
    require("dpkg-deb", "dpkg")
    if not Path("/usr/bin/python3").exists():
        missing("the system's own python3")
    return _build(tmp_path_factory.mktemp("deb"))


@pytest.fixture(scope="module")
def machine(package: Path) -> Iterator[Machine]:
    """A booted machine with the package installed."""
    with Machine(binds=[package.parent]) as booted:
        booted.run("dpkg", "--install", str(package), timeout=200)
        yield booted


@pytest.fixture(scope="module")
def running(machine: Machine) -> Machine:
    """The machine with a configuration that probes loopback, and the daemon started with it."""
    machine.run("sasando", "init", CONFIGURATION)
    agent = machine.run("cat", f"{CONFIGURATION}/agent.yaml").stdout
    head, empty, tail = agent.partition("\nscope: []\n")
    assert empty, agent
    machine.write(f"{CONFIGURATION}/agent.yaml", f"{head}\nscope:\n{SCOPE}{tail}")
    machine.write(f"{CONFIGURATION}/inventory/lab.yaml", LOOPBACK)
    machine.run("systemd-tmpfiles", "--create", "sasando.conf")
    machine.run("ip", "link", "add", "lab0", "type", "veth", "peer", "name", "lab1")
    for end in ("lab0", "lab1"):
        machine.run("ip", "link", "set", end, "up")
    machine.write("/tmp/router.py", ROUTER.format(frame=_advertisement()))
    machine.run("systemd-run", "--unit=lab-router", "/usr/bin/python3", "/tmp/router.py")
    machine.run("sasando", "config", "check", "-c", CONFIGURATION)
    started = machine.run("systemctl", "start", UNIT, check=False, timeout=120)
    assert started.returncode == 0, machine.journal(UNIT)
    return machine


def _advertisement() -> str:
    """A frame of keepalived, version 3 over IPv4, in hex."""
    lines = (ROOT / "tests/vectors/packets/keepalived.hex").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("vrrp3-active "))


def _look(machine: Machine) -> dict[str, Any]:
    """What the daemon sees of the router when it is asked to look."""
    argv = ("sasando", "check", "lab-routers", "--json", "-c", CONFIGURATION)
    (found,) = json.loads(machine.run(*argv, check=False, timeout=120).stdout)
    return dict(found)


def test_the_package_names_no_place_where_it_was_built(machine: Machine) -> None:
    """The environment's own files name /opt/sasando, and its python3 is the system's."""
    places = machine.run("cat", "/opt/sasando/pyvenv.cfg", "/opt/sasando/bin/sasando").stdout
    assert "home = /usr/bin\n" in places
    assert "#!/opt/sasando/bin/python3 -I\n" in places
    python = machine.run("readlink", "-f", "/opt/sasando/bin/python3").stdout
    assert python.startswith("/usr/bin/python3.")
    ours = "/opt/sasando/lib/python3*/site-packages/monitor"
    built = machine.run("sh", "-c", f"grep -rl sasando-deb- {ours} || true").stdout
    assert built == ""


def test_installing_makes_the_account_and_starts_nothing(machine: Machine) -> None:
    """After `dpkg --install`: account, groups, unit, ICMP allowed; nothing is enabled."""
    account = machine.run("id", "--name", "--user", "sasando").stdout.strip()
    group = machine.run("getent", "group", "sasando-operators").stdout.split(":")[0]
    allowed = machine.run("cat", "/proc/sys/net/ipv4/ping_group_range").stdout.split()
    enabled = machine.run("systemctl", "is-enabled", UNIT, check=False).stdout.strip()
    assert (account, group, allowed, enabled) == (
        "sasando",
        "sasando-operators",
        ["0", "2147483647"],
        "disabled",
    )


def test_the_installed_units_are_sound(machine: Machine) -> None:
    """systemd finds no fault in the units where they are installed, and rates them as before."""
    for unit, threshold in ((UNIT, 15), (PACKETS, 12), (WITNESS, 10)):
        verified = machine.run(
            "systemd-analyze", "verify", "--man=no", f"/usr/lib/systemd/system/{unit}"
        )
        assert [line for line in verified.stderr.splitlines() if "sasando" in line] == []
        machine.run("systemd-analyze", "security", f"--threshold={threshold}", unit)


def test_every_installed_library_loads(machine: Machine) -> None:
    """The daemon's account can import each dependency with the system's python3."""
    names = "alembic apprise cel_expr_python cryptography dns numpy psutil psycopg pydantic rich"
    names += " pkcs11 pyhanko.sign rfc3161_client schedule scapy segno sqlalchemy"
    names += " structlog typer typst uvloop yaml"
    code = f"for name in {names.split()!r}: __import__(name)"
    account = ("runuser", "-u", "sasando", "--")
    machine.run(*account, "/opt/sasando/bin/python3", "-I", "-c", code, timeout=120)


def test_the_daemon_gets_ready(running: Machine) -> None:
    """Started with the configuration of `init`, the daemon says READY and is its own account."""
    shown = running.show(UNIT, "ActiveState", "User", "CapabilityBoundingSet", "MainPID")
    assert shown["ActiveState"] == "active", running.journal(UNIT)
    assert (shown["User"], shown["CapabilityBoundingSet"]) == ("sasando", "")
    facts = running.run("cat", f"/proc/{shown['MainPID']}/status").stdout
    assert "CapEff:\t0000000000000000" in facts


def test_the_packet_process_has_raw_sockets_and_nothing_else(running: Machine) -> None:
    """It starts with the daemon: its own account, CAP_NET_RAW alone, no way to more, and neither
    key nor configuration nor ledger is there to be read."""
    shown = running.show(PACKETS, "ActiveState", "User", "MainPID")
    assert shown["ActiveState"] == "active", running.journal(PACKETS)
    pid = shown["MainPID"]
    status = running.run("cat", f"/proc/{pid}/status").stdout
    for line in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert f"{line}:\t0000000000002000\n" in status  # bit 13: CAP_NET_RAW
    assert "NoNewPrivs:\t1\n" in status
    assert "Seccomp:\t2\n" in status
    account = running.run("id", "--user", "sasando-packets").stdout.strip()
    assert f"Uid:\t{account}\t{account}\t{account}\t{account}\n" in status
    for path in ("/etc/sasando/agent.yaml", "/var/lib/sasando/ledger.db", "/etc/sasando/secrets"):
        running.run("test", "-e", path)
        # Not even for root, seen from where the process stands.
        inside = ("nsenter", f"--target={pid}", "--mount", "test", "-e", path)
        assert running.run(*inside, check=False).returncode == 1, path
    socket = running.run("stat", "--format=%U %G %a", "/run/sasando-packets").stdout.strip()
    assert socket == "sasando-packets sasando-packets 750"
    assert "sasando-packets" in running.run("id", "--name", "--groups", "sasando").stdout


def test_the_daemon_hears_a_router_through_the_packet_process(running: Machine) -> None:
    """vrrp from the daemon's account, which has no capability; without the process it is a fault,
    the daemon goes on, and the process that systemd starts again is asked again."""
    found = _look(running)
    assert found["evidence"]["active"] == "192.0.2.2", (found, running.journal(PACKETS))
    running.run("systemctl", "kill", "--signal=SIGKILL", PACKETS)
    running.run("systemctl", "stop", PACKETS)
    found = _look(running)
    assert found["fault"]["kind"] == "packet-process", found
    assert running.show(UNIT, "ActiveState") == {"ActiveState": "active"}
    running.run("systemctl", "start", PACKETS)
    pid = running.show(PACKETS, "MainPID")["MainPID"]
    running.run("systemctl", "kill", "--signal=SIGKILL", PACKETS)
    for _ in range(30):
        found = _look(running)
        if found.get("evidence"):
            break
    assert found["evidence"]["active"] == "192.0.2.2", running.journal(PACKETS)
    assert running.show(PACKETS, "MainPID")["MainPID"] != pid


# Submits a checkpoint and prints the answer's code and body.
SUBMIT = """\
import http.client, sys
body = b"old " + sys.argv[1].encode() + b"\\n\\n" + sys.stdin.buffer.read()
link = http.client.HTTPConnection("127.0.0.1", 8950, timeout=20)
link.request("POST", "/add-checkpoint", body)
answer = link.getresponse()
print(answer.status, answer.read().decode(), end="")
"""


def test_the_witness_cosigns_in_its_unit(running: Machine) -> None:
    """Its own account without a capability, the key from systemd alone, nothing of the agent
    beside it; it cosigns the agent's checkpoint, and remembers it over a restart."""
    folder = "/etc/sasando-witness"
    running.run("mkdir", "-p", folder)
    new = ("sasando", "keys", "new", f"{folder}/witness.key", "--origin", "witness.example")
    running.run(*new, "--witness", "--unencrypted-at-rest")
    lines = running.run("cat", f"{CONFIGURATION}/trust/log.vkey").stdout.splitlines()
    # The last one is in force, also where another test has rotated the key.
    log = [line for line in lines if line and not line.startswith("#")][-1]
    key = 'key: {private: {secret: "credential:witness-key"}}'
    running.write(f"{folder}/witness.yaml", f"name: witness.example\n{key}\nlogs: [{log}]\n")
    started = running.run("systemctl", "start", WITNESS, check=False)
    assert started.returncode == 0, running.journal(WITNESS)
    shown = running.show(WITNESS, "ActiveState", "User", "StatusText", "MainPID")
    assert shown["StatusText"] == "witness.example: 1 logs"
    status = running.run("cat", f"/proc/{shown['MainPID']}/status").stdout
    assert "CapEff:\t0000000000000000\n" in status
    assert "CapBnd:\t0000000000000000\n" in status
    inside = ("nsenter", f"--target={shown['MainPID']}", "--mount", "--")
    hidden = ("/etc/sasando/agent.yaml", "/var/lib/sasando/ledger.db")
    assert [running.run(*inside, "test", "-e", p, check=False).returncode for p in hidden] == [1, 1]
    note = running.run("sasando", "ledger", "checkpoint", "-c", CONFIGURATION).stdout
    submit = ("/opt/sasando/bin/python3", "-I", "-c", SUBMIT)
    answer = running.run(*submit, "0", stdin=note).stdout
    assert answer.startswith("200 \u2014 witness.example "), (answer, running.journal(WITNESS))
    running.run("systemctl", "restart", WITNESS)
    size = note.splitlines()[1]
    assert running.run(*submit, "0", stdin=note).stdout.split() == ["409", size]
    running.run("systemctl", "stop", WITNESS)


def test_an_operator_sees_what_stands(running: Machine) -> None:
    """A member of `sasando-operators`, who is not root, reads what the daemon has seen."""
    running.run("useradd", "--groups", "sasando-operators", "lontar")
    try:
        argv = ("runuser", "-u", "lontar", "--", "sasando", "now", "--json", "-c", CONFIGURATION)
        assert json.loads(running.run(*argv).stdout)
    finally:
        running.run("userdel", "lontar")


def test_a_reload_keeps_the_daemon(running: Machine) -> None:
    """`systemctl reload` is SIGHUP: the same process takes the configuration in and goes on."""
    before = running.show(UNIT, "MainPID")
    running.run("systemctl", "reload", UNIT)
    eventually("reloaded", lambda: "configuration-reloaded" in running.journal(UNIT))
    # The journal's line is written before systemd has heard READY again.
    eventually("active", lambda: running.show(UNIT, "ActiveState")["ActiveState"] == "active")
    assert running.show(UNIT, "MainPID") == before


def test_a_sealed_key_signs_and_hands_over(running: Machine) -> None:
    """By the lines of operations.md: sealed by systemd-creds, then rotated while it works."""
    secrets, sealed = f"{CONFIGURATION}/secrets", "/etc/credstore.encrypted"
    running.run("mkdir", "-p", sealed)
    drop_in, agent = "[Service]\n", running.run("cat", f"{CONFIGURATION}/agent.yaml").stdout
    for name in ("key", "passphrase"):
        source, made = f"{secrets}/log.{name}", f"{sealed}/log-{name}"
        running.run("systemd-creds", "encrypt", f"--name=log-{name}", source, made)
        drop_in += f"LoadCredentialEncrypted=log-{name}\n"
        assert f"file:secrets/log.{name}" in agent
        agent = agent.replace(f"file:secrets/log.{name}", f"credential:log-{name}")
    running.write(f"/etc/systemd/system/{UNIT}.d/sealed.conf", drop_in)
    running.write(f"{CONFIGURATION}/agent.yaml", agent)
    running.run("mv", f"{secrets}/log.key", "/var/tmp/safe.key")
    running.run("systemctl", "daemon-reload")
    restarted = running.run("systemctl", "restart", UNIT, check=False, timeout=120)
    assert restarted.returncode == 0, running.journal(UNIT)
    origin = json.loads(
        running.run("sasando", "keys", "show", "--json", "-c", CONFIGURATION).stdout
    )
    new = ("sasando", "keys", "new", f"{secrets}/log-2.key", "--origin", origin[0]["origin"])
    passphrase = f"{secrets}/log.passphrase"
    running.run(*new, "--passphrase-file", passphrase)
    running.run("systemd-tmpfiles", "--create", "sasando.conf")
    line = next(line for line in agent.split("\n") if "credential:log-passphrase" in line)
    following = (
        '  next:\n    private: {secret: "file:secrets/log-2.key"}\n'
        '    passphrase: {secret: "file:secrets/log.passphrase"}'
    )
    running.write(f"{CONFIGURATION}/agent.yaml", agent.replace(line, f"{line}\n{following}"))
    before = running.show(UNIT, "MainPID")
    running.run("sasando", "keys", "rotate", "--reason", "yearly", "-c", CONFIGURATION)
    assert running.show(UNIT, "MainPID", "ActiveState") == {**before, "ActiveState": "active"}
    first = ("--key", origin[0]["vkey"])
    ledger = "/var/lib/sasando/ledger.db"
    done = running.run("sasando", "verify", ledger, *first, "--json", timeout=120)
    told = json.loads(done.stdout)
    assert told["verdict"] == "intact", done.stdout
    assert [one["previous"] for one in told["checked"]["followed"]] == [origin[0]["vkey"]]
    sealed_too = [f"-pLoadCredentialEncrypted=log-{name}" for name in ("key", "passphrase")]
    _prune_as_documented(running, *sealed_too)


def _prune_as_documented(running: Machine, *more: str) -> None:
    """By the line of operations.md: nothing is old enough, but the ledger is opened and signed."""
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    line = next(one for one in text.splitlines() if "sasando ledger prune" in one)
    words = [word for word in shlex.split(line) if word != "sudo"]
    # A pipe stands for the terminal.
    words[words.index("--pty")] = "--pipe"
    at = words.index("sasando")
    running.run("systemctl", "stop", UNIT)
    ledger = ("stat", "--format=%U %G %a", "/var/lib/sasando/ledger.db")
    before = running.run(*ledger).stdout
    done = running.run(*words[:at], *more, *words[at:], check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "old enough" in done.stderr
    assert running.run(*ledger).stdout == before
    alone = ("runuser", "-u", "sasando", "--", "cat", f"{CONFIGURATION}/agent.yaml")
    assert running.run(*alone, check=False).returncode == 1
    started = running.run("systemctl", "start", UNIT, check=False, timeout=120)
    assert started.returncode == 0, running.journal(UNIT)


def test_stopping_drains_and_the_ledger_verifies(running: Machine) -> None:
    """SIGTERM ends the daemon with 0; what it left verifies; it starts again where it was."""
    said = (
        "[Service]\nExecStopPost=/bin/sh -c 'echo $EXIT_CODE $EXIT_STATUS >/var/lib/sasando/end'\n"
    )
    running.write(f"/etc/systemd/system/{UNIT}.d/end.conf", said)
    running.run("systemctl", "daemon-reload")
    running.run("systemctl", "stop", UNIT)
    assert running.run("cat", "/var/lib/sasando/end").stdout == "exited 0\n", running.journal(UNIT)
    ledger = "/var/lib/sasando/ledger.db"
    verified = running.run("sasando", "verify", ledger, "--json", "-c", CONFIGURATION, timeout=120)
    assert json.loads(verified.stdout)["verdict"] == "intact"
    running.run("runuser", "-u", "root", "--", "systemctl", "start", UNIT, timeout=120)


def test_purging_keeps_the_evidence(package: Path) -> None:
    """`dpkg --purge` stops the daemon and leaves ledger, mark and keys; a word destroys them."""
    with Machine(binds=[package.parent]) as machine:
        machine.run("dpkg", "--install", str(package), timeout=200)
        for kept in ("/var/lib/sasando/ledger.db", "/var/lib/sasando-mark/high-water"):
            machine.write(kept, "evidence\n")
        machine.write("/etc/sasando/keys/log.pem", "a key\n", mode=0o600)
        purged = machine.run("dpkg", "--purge", "sasando", timeout=120)
        assert "kept as evidence: /var/lib/sasando" in purged.stderr
        assert machine.run("cat", "/var/lib/sasando/ledger.db").stdout == "evidence\n"
        assert machine.run("test", "-e", "/opt/sasando", check=False).returncode != 0
        machine.run("dpkg", "--install", str(package), timeout=200)
        machine.run("env", "SASANDO_PURGE_LEDGER=yes", "dpkg", "--purge", "sasando", timeout=120)
        left = "ls -d /var/lib/sasando* /etc/sasando 2>/dev/null || true"
        assert machine.run("sh", "-c", left).stdout == ""


def test_the_same_tree_gives_the_same_package(package: Path, tmp_path: Path) -> None:
    """Built a second time, elsewhere, the package has the same bytes."""
    assert _build(tmp_path).read_bytes() == package.read_bytes()
