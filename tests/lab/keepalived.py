"""keepalived as a VRRP router of a lab's host."""

import os
import signal
import subprocess
from pathlib import Path

from tests.lab.netns import Namespace


def start(
    host: Namespace,
    folder: Path,
    *,
    priority: int,
    group: int = 51,
    version: int = 3,
    interval: str = "0.3",
    addresses: tuple[str, ...] = ("192.0.2.100/24",),
) -> subprocess.Popen[bytes]:
    """Start a router of this group; ended with the host at the latest."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "keepalived.conf"
    lines = "\n".join(addresses)
    configuration.write_text(
        f"global_defs {{\nvrrp_version {version}\n}}\n"
        f"vrrp_instance lab {{\nstate BACKUP\ninterface {host.link}\nvirtual_router_id {group}\n"
        f"priority {priority}\nadvert_int {interval}\nvirtual_ipaddress {{\n{lines}\n}}\n}}\n"
    )
    files = (
        *("-f", str(configuration), "-p", str(folder / "pid")),
        *("-r", str(folder / "vrrp-pid"), "-b", str(folder / "bfd-pid")),
    )
    # A router has a processor of its own: held up for six intervals it would rightly count as dead.
    return host.start("nice", "-n", "-15", "keepalived", "--dont-fork", "--log-console", *files)


def kill(router: subprocess.Popen[bytes]) -> None:
    """End both of its processes as a power cut would: no farewell is sent."""
    children = Path(f"/proc/{router.pid}/task/{router.pid}/children")
    if router.poll() is None:
        # The child says farewell when its parent ends, and the parent begins another child.
        os.kill(router.pid, signal.SIGSTOP)
        for pid in map(int, children.read_text().split()):
            os.kill(pid, signal.SIGKILL)
        os.kill(router.pid, signal.SIGKILL)
    router.wait(10)
