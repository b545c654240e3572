"""A real systemd, booted in a second over a throw-away copy of this machine's own root.

    with Machine(binds=[folder]) as machine:
        machine.run("systemctl", "start", "sasando.service")
        machine.write("/etc/sasando/agent.yaml", "…")

The root is an overlay whose upper half lies in a tmpfs of a mount namespace of its own; the network
is an empty one with loopback. Killing one process ends every process, mount and file of it, also
when the test that made it is killed. Only what `basic.target` needs is started.
"""

import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.parts import missing, need_namespaces, require

BOOT_TIMEOUT_S = 60.0
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "SYSTEMD_COLORS": "0",
    "SYSTEMD_PAGER": "",
    "DEBIAN_FRONTEND": "noninteractive",
}

# Run as process 1 of a pid namespace and in a mount namespace of its own. The machine's services
# are not pulled in: `lab.target` stands where multi-user.target would.
_BOOT = r"""
set -eu
base=$1; shift
for tree in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
    # A group of its own, so that two machines do not meet; under a systemd, nspawn asks that one.
    [ -e /run/systemd/system ] || [ ! -e "$tree/cgroup.procs" ] || {
        mkdir "$tree/${base##*/}" && echo 0 >"$tree/${base##*/}/cgroup.procs"
    }
done
mount -t tmpfs -o mode=0755,size=75% lab "$base"
mkdir "$base/upper" "$base/work" "$base/whole"
mount -t overlay overlay -o lowerdir=/,upperdir="$base/upper",workdir="$base/work" "$base/whole"
etc=$base/whole/etc
: >"$etc/fstab"
rm -f "$etc/machine-id"
: >"$etc/machine-id"
rm -rf "$etc/systemd/system" "$base/whole/etc/sasando" "$base/whole/usr/sbin/policy-rc.d"
mkdir "$etc/systemd/system"
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n' \
    >"$etc/systemd/system/lab.target"
for unit in getty.target systemd-udevd.service systemd-udev-trigger.service \
    systemd-networkd.service systemd-resolved.service systemd-timesyncd.service \
    systemd-networkd-wait-online.service; do
    ln -s /dev/null "$etc/systemd/system/$unit"
done
exec systemd-nspawn --quiet --boot --directory="$base/whole" --register=no --private-network \
    --machine=sasando-lab --resolv-conf=off --timezone=off --link-journal=no --console=pipe \
    "$@" systemd.unit=lab.target
"""


def need_machine() -> None:
    """Demand what booting a systemd takes; missing parts skip, or fail with CI=true."""
    need_namespaces()
    require("systemd-nspawn", "systemctl", "systemd-analyze", "mount")


class Machine:
    """One booted systemd and the way in.

    Enforces: every command is bounded; leaving the `with` ends everything. Leaves to the test: what
    is installed and started in it. Files written in it are gone afterwards; `binds` are read-only.
    """

    def __init__(self, *, binds: Sequence[Path] = ()) -> None:
        """`binds` are shown at their own paths inside, to be read."""
        self._binds = [f"--bind-ro={path}" for path in binds]
        self._leader = 0
        self._base = Path(tempfile.mkdtemp(prefix="sasando-lab-"))
        self._console = self._base.with_name(self._base.name + ".console")

    def __enter__(self) -> Self:
        """Boot, and return once `lab.target` stands."""
        outside = not Path("/run/systemd/system").exists()
        keep = ["--keep-unit"] if outside else []  # no systemd outside that could give a unit
        boot = ["sh", "-c", _BOOT, "boot", str(self._base), *keep, *self._binds]
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._keeper = subprocess.Popen(
            [*apart, "--propagation", "private", *boot],
            env=_ENVIRONMENT | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._console.open("wb"),
            stderr=subprocess.STDOUT,
        )
        try:
            self._await_boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the machine and everything in it."""
        self.close()

    def run(
        self, *argv: str, check: bool = True, timeout: float = 60.0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` as root inside, to its end; with `check` raises, with all that it printed."""
        done = subprocess.run(
            ["nsenter", f"--target={self._leader}", "--all", "--", *argv],
            env=_ENVIRONMENT,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}\n{done.stderr}".strip()
            raise AssertionError(f"{shlex.join(argv)} exited {done.returncode}: {said}")
        return done

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file inside, with its folders."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'
        self.run("sh", "-c", script, "write", path, f"{mode:o}", stdin=text)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Properties of a unit as `systemctl show` gives them."""
        printed = self.run("systemctl", "show", unit, "--property", ",".join(properties)).stdout
        return dict(line.split("=", 1) for line in printed.splitlines())

    def journal(self, unit: str) -> str:
        """What the unit has written so far, for a test's own failure message."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit, check=False).stdout

    def close(self) -> None:
        """Ask the machine to power off, and kill it if it will not."""
        if self._leader:
            with suppress(ProcessLookupError):
                os.kill(self._leader, signal.SIGRTMIN + 4)  # systemd: power off (systemd(1))
        try:
            self._keeper.wait(timeout=20 if self._leader else 0.1)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait(timeout=20)
        for tree in Path("/sys/fs/cgroup").glob(f"**/{self._base.name}"):
            for group in sorted(tree.glob("**/"), reverse=True):
                with suppress(OSError):
                    group.rmdir()
        with suppress(OSError):
            self._base.rmdir()
        self._console.unlink(missing_ok=True)

    def _await_boot(self) -> None:
        deadline = time.monotonic() + BOOT_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._keeper.poll() is not None:
                missing(f"a systemd that boots here (systemd-nspawn said: {self._said()})")
            self._leader = self._leader or self._find_leader()
            if self._leader:
                state = self.run("systemctl", "is-active", "lab.target", check=False)
                if state.stdout.strip() == "active":
                    return
            time.sleep(0.05)
        raise AssertionError(f"systemd did not boot in {BOOT_TIMEOUT_S} s: {self._said()}")

    def _find_leader(self) -> int:
        """Id, as seen from here, of the machine's process 1; 0 as long as it is not there."""
        pids = [self._keeper.pid]
        while pids:
            pid = pids.pop()
            with suppress(OSError):
                depths = (
                    Path(f"/proc/{pid}/status").read_text().partition("NSpid:")[2].split("\n")[0]
                )
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                # Two namespaces down (ours and nspawn's), and no longer nspawn's own child.
                if name == "systemd" and len(depths.split()) >= 3:
                    return pid
                pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return 0

    def _said(self) -> str:
        return self._console.read_text(errors="replace")[-2000:].strip()
