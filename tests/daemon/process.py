"""The daemon as a process: started, asked, told signals, killed; every wait is bounded."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from monitor.daemon.control import ControlError, NoDaemonError
from tests.daemon.place import Place

T = TypeVar("T")
PATIENCE_S = 60.0
"""Only guards against hanging."""


def eventually(what: str, look: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """The first true value of `look`; TimeoutError names what was awaited."""
    deadline = time.monotonic() + patience_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"awaited in vain: {what}")
        time.sleep(0.02)


class NotifySocket:
    """What systemd would hear."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.heard: list[dict[str, str]] = []

    def await_field(self, name: str, value: str = "", patience_s: float = PATIENCE_S) -> str:
        """The value of the next message with this field (and value)."""
        deadline = time.monotonic() + patience_s
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                text = self._socket.recv(65_536).decode()
            except TimeoutError:
                break
            fields = dict(line.partition("=")[::2] for line in text.split("\n"))
            self.heard.append(fields)
            if name in fields and value in ("", fields[name]):
                return fields[name]
        raise TimeoutError(f"{name} was not told; heard {self.heard[-5:]}")

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()
        self.path.unlink(missing_ok=True)


class Agent:
    """`sasando run` on a place; killed at the latest when the `with` ends."""

    def __init__(
        self,
        place: Place,
        *,
        wrapper: Sequence[str] = (),
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.place = place
        self.log = place.root / "log"
        self.notify = NotifySocket(place.root / "notify")
        argv = [*wrapper, sys.executable, "-m", "monitor.cli.main", "run"]
        told = {"NOTIFY_SOCKET": str(self.notify.path), "WATCHDOG_USEC": "30000000"}
        self.process = self._start(
            [*argv, "-c", str(place.configuration), *options], {**told, **(environment or {})}
        )

    def _start(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """The process of this command line; another place than this one overrides it."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        if error is not None:
            print(self.told())  # pytest shows it below the failure
        self.notify.close()

    def ready(self) -> Self:
        """Once READY was told; an early end shows the log."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                self.notify.await_field("READY", "1", 0.5)
            except TimeoutError:
                assert self.process.poll() is None, self.told()
            else:
                return self
        raise TimeoutError(self.told())

    def told(self) -> str:
        """Everything on stdout and stderr so far, of earlier starts as well."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """The exit code, once it ends by itself."""
        return self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.end()

    def reload(self) -> None:
        """SIGHUP, and READY heard again."""
        self.signal(signal.SIGHUP)
        self.notify.await_field("RELOADING", "1")
        self.notify.await_field("READY", "1")

    def now(self) -> dict[str, Any]:
        """`sasando now --json`."""
        return dict(self.place.ask("now"))

    def await_now(self, what: str, look: Callable[[dict[str, Any]], T]) -> T:
        """The first true value of `look` at what stands."""

        def seen() -> T | None:
            assert self.process.poll() is None, self.told()
            try:
                return look(self.now())
            except (NoDaemonError, ControlError):
                return None

        found = eventually(what, seen)
        assert found is not None
        return found

    def await_state(self, target: str, state: str) -> None:
        """Until a target's series all have this committed state."""
        self.await_now(
            f"{target} {state}",
            lambda now: {s["state"] for s in now["series"] if s["target"] == target} == {state},
        )

    def await_seen(self, more: int = 2) -> None:
        """Until so many more commits happened."""
        size = self.now()["ledger"]["size"]
        self.await_now("more entries", lambda now: now["ledger"]["size"] >= size + more)
