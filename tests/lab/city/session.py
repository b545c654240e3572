"""One city's own network, process and mount namespaces: everything in them dies together.

    with Session() as session:
        session.run("ip", "netns", "add", "core1")      # in the session's private /run
        process = session.start("bird", "-f", ...)      # a child of ours, with its real pid

The first process of the session waits on a pipe from this one. When the pipe breaks (`close`, or
`kill -9` of this process) it ends, the kernel kills whatever else lives in the session's process
namespace, and the network namespaces go with the mounts that hold them. Names in the session's
/run (sockets, pid files, namespaces) meet no other session's.

A process can enter a process namespace only through a fork, and a mount namespace only where its
root directory is its own: so each start is made by a short-lived thread that entered both.
"""

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

_CLONE_FS = 0x00000200
_CLONE_NEWNS = 0x00020000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
ENVIRONMENT = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
"""Daemons live in the sbin directories, which an ordinary user's PATH leaves out."""
_TIMEOUT_S = 60.0
_FIRST = (
    "mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs -o mode=755 lab /run"
    " && mkdir /run/netns && ip link set lo up && echo ready && read -r _"
)


class Session:
    """The namespaces, and what was started in them; needs root."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []
        self._first = _in_thread(self._begin)
        assert self._first.stdout is not None
        if self._first.stdout.readline() != b"ready\n":
            self._first.kill()
            self._first.wait()
            raise OSError("no namespaces could be made for the city (are you root?)")
        proc = Path(f"/proc/{self._first.pid}")
        self._fds = {
            kind: os.open(proc / "ns" / name, os.O_RDONLY | os.O_CLOEXEC)
            for kind, name in (
                (_CLONE_NEWNS, "mnt"),
                (_CLONE_NEWPID, "pid"),
                (_CLONE_NEWNET, "net"),
            )
        }
        self.root = proc / "root"
        """The session's file system as this process sees it; its /run differs from ours."""

    @property
    def pid(self) -> int:
        """The first process: the session lives as long as it does."""
        return self._first.pid

    def pids(self) -> list[int]:
        """The programs that were started and have not ended."""
        return [process.pid for process in self._started if process.poll() is None]

    def network(self, name: str) -> int:
        """A file descriptor of the network namespace `name`; the caller closes it."""
        return os.open(self.root / "run/netns" / name, os.O_RDONLY | os.O_CLOEXEC)

    def start(
        self,
        *argv: str,
        network: int | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: Any = subprocess.DEVNULL,
        stderr: Any = subprocess.DEVNULL,
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """Start `argv` in the session, in the network that `network` shows; ended by `close`."""
        here = Path.cwd()
        process = self._within(
            network,
            lambda: subprocess.Popen(
                argv,
                env=ENVIRONMENT | dict(environment or {}),
                cwd=here,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=pass_fds,
            ),
        )
        self._started.append(process)
        return process

    def run(
        self,
        *argv: str,
        network: int | None = None,
        check: bool = True,
        timeout: float = _TIMEOUT_S,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` in the session to its end; OSError says what it printed when it failed."""
        here = Path.cwd()
        done = self._within(
            network,
            lambda: subprocess.run(
                argv,
                env=ENVIRONMENT,
                cwd=here,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            ),
        )
        if check and done.returncode != 0:
            told = done.stderr.strip() or done.stdout.strip()
            raise OSError(f"{' '.join(argv)} exited {done.returncode}: {told}")
        return done

    def end(self, process: subprocess.Popen[bytes], timeout: float = 10) -> None:
        """SIGTERM, and SIGKILL where that is not enough."""
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout)
        if process in self._started:
            self._started.remove(process)

    def close(self) -> None:
        """End everything; the kernel waits for what we started, so it is reaped first."""
        for process in self._started:
            process.kill()
        for process in self._started:
            process.wait()
        for fd in self._fds.values():
            os.close(fd)
        assert self._first.stdin is not None
        assert self._first.stdout is not None
        self._first.stdin.close()
        self._first.stdout.close()
        self._first.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _within(self, network: int | None, act: Callable[[], T]) -> T:
        def entered() -> T:
            _call("unshare", _CLONE_FS)  # a root directory of its own, which setns demands
            for kind, fd in self._fds.items():
                chosen = network if kind == _CLONE_NEWNET and network is not None else fd
                _call("setns", chosen, kind)
            return act()

        return _in_thread(entered)

    @staticmethod
    def _begin() -> subprocess.Popen[bytes]:
        _call("unshare", _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET)
        return subprocess.Popen(
            ["sh", "-c", _FIRST],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            start_new_session=True,  # Ctrl-C at a terminal is for the command, not for the city
        )


def _in_thread(act: Callable[[], T]) -> T:
    """What `act` returns or raises, run in a thread of its own that nobody else will use."""
    returned: list[T] = []
    raised: list[BaseException] = []

    def body() -> None:
        try:
            returned.append(act())
        except BaseException as error:  # noqa: BLE001 (raised again in the caller's thread)
            raised.append(error)

    thread = threading.Thread(target=body, name="city")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return returned[0]


def _call(name: str, *arguments: int) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
