"""Run a module that ends with whoever started it: `python -m monitor.demo.tether PID MODULE …`.

PID is the starter's. Asks the kernel for SIGTERM when the starter dies (prctl(2),
PR_SET_PDEATHSIG), which an exec keeps, and becomes the module.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def become(starter: int, module: str, arguments: list[str]) -> None:
    """Never returns."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != starter:
        # It died before the kernel knew.
        sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - no shell


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
