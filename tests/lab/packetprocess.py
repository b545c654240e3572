"""The packet process, started by a test and ended with it."""

import os
import socket as sockets
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


class PacketProcess:
    """`python -m checks.packets` on a socket of its own; `wrapper` puts it into a namespace."""

    def __init__(
        self, socket: Path, *, wrapper: Sequence[str] = (), options: Sequence[str] = ()
    ) -> None:
        self.socket = socket
        self._argv = [*wrapper, sys.executable, "-m", "checks.packets", "--socket", str(socket)]
        self._argv += options
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def __enter__(self) -> Self:
        """Start it, and return once it can be asked."""
        self.start()
        self.ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self.kill()

    def start(self) -> None:
        """Start it; the socket comes a moment later."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            self._argv, stdin=subprocess.DEVNULL, env=environment, cwd=ROOT
        )
        self.starts += 1

    def ready(self) -> None:
        """Until the socket of this start is there."""
        assert self.process is not None
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self.process.poll() is None, f"exited {self.process.returncode}"
            assert time.monotonic() < deadline, "the packet process did not listen in time"
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL; the socket stays behind, as after a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_S)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def _answers(self) -> bool:
        with sockets.socket(sockets.AF_UNIX, sockets.SOCK_SEQPACKET) as trial:
            try:
                trial.connect(str(self.socket))
            except OSError:
                return False
        return True
