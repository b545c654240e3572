"""What a lab test needs from its machine, asked for in one place.

A missing part skips the test and says which part it was. With ``CI=true`` in the environment a
missing part fails the test instead: a machine that is there to test must not pass by skipping.
"""

import os
import shutil
import subprocess
from functools import cache
from typing import NoReturn

import pytest

# Daemons live in the sbin directories, which an ordinary user's PATH leaves out.
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def command(name: str) -> str:
    """Path of the command `name`, looked for in the sbin directories too; missing, as `require`."""
    path = shutil.which(name, path=_PATH)
    return path if path is not None else missing(f"the command {name}")


def require(*commands: str) -> None:
    """Demand that every one of `commands` is installed (see tests/lab/packages.txt)."""
    absent = [name for name in commands if shutil.which(name, path=_PATH) is None]
    if absent:
        missing("the commands " + ", ".join(absent))


def need_root() -> None:
    """Demand that the test runs as root."""
    if os.geteuid() != 0:
        missing("root's rights")


def need_namespaces() -> None:
    """Demand network namespaces joined by veth links, and the tools that make them."""
    need_root()
    require("ip", "nft", "unshare", "nsenter")
    if not namespaces_available():
        missing("network namespaces with veth links")


def need_city() -> None:
    """Demand everything that the city is made of."""
    need_namespaces()
    require("ping", "ss", "nginx", "dnsmasq", "keepalived", "bird")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        missing("TAP interfaces (/dev/net/tun)")


@cache
def namespaces_available() -> bool:
    """Whether this process can make a network namespace with a veth link in it.

    The trial happens in a namespace of its own, which ends with its one command.
    """
    if os.geteuid() != 0 or shutil.which("ip", path=_PATH) is None:
        return False
    trial = ["unshare", "--net", "ip", "link", "add", "one", "type", "veth"]
    environment = {**os.environ, "PATH": _PATH}
    try:
        done = subprocess.run(trial, env=environment, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def missing(part: str) -> NoReturn:
    """Skip the running test because `part` is not there; fail it where CI=true."""
    reason = f"the lab needs {part}; `make parts` installs what apt has (tests/lab/packages.txt)"
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
