"""One node of the city: a network namespace, and what runs in it."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab.city.session import Session
from tests.lab.netns import setns


class Node:
    """A host or router; made and ended by the `City`.

    `folder` keeps what its programs print, for whoever looks for a reason.
    """

    def __init__(self, name: str, session: Session, folder: Path) -> None:
        self.name, self.folder = name, folder
        self._session = session
        self._fd = session.network(name)
        self._drops: dict[tuple[str, str], tuple[str, ...]] = {}

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Put the calling THREAD into the node's network; sockets made meanwhile stay in it."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(self._fd)
            try:
                yield
            finally:
                setns(home)
        finally:
            os.close(home)

    def run(
        self, *argv: str, check: bool = True, timeout: float = 60.0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here to its end and return what it printed."""
        return self._session.run(*argv, network=self._fd, check=check, timeout=timeout, stdin=stdin)

    def start(
        self,
        *argv: str,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
        **streams: Any,
    ) -> subprocess.Popen[bytes]:
        """Start a program here; it is ended with the city at the latest.

        What it prints goes to `log`, by default a file named after node and program.
        """
        path = log or self.folder / f"{self.name}-{Path(argv[0]).name}.log"
        with path.open("ab") as file:
            where = {"stdout": file, "stderr": file} | streams
            return self._session.start(*argv, network=self._fd, environment=environment, **where)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """SIGTERM to a program that was started here, SIGKILL where that is not enough."""
        self._session.end(process)

    def ip(self, lines: Sequence[str]) -> None:
        """Commands for `ip`, one a line, all or none of them told in one process."""
        if lines:
            self.run("ip", "-batch", "-", stdin="".join(f"{line}\n" for line in lines))

    def sysctl(self, **values: str) -> None:
        """Set `net.*` sysctls of this network; a double underscore is a slash."""
        with self.inside():  # /proc/sys/net shows the namespace of the thread that opens it
            for name, value in values.items():
                path = Path("/proc/sys/net", *name.split("__"))
                path.write_text(value, encoding="ascii")

    def drop(self, cable: str, matches: Sequence[str], *, sender: str = "") -> None:
        """From now on drop what arrives over `cable` and matches one of these nft expressions.

        None: nothing. `sender`: of what this IPv4 network or address sent alone. ARP is spared:
        a loss of packets is wanted, not of the neighbour.
        """
        key = (cable, sender)
        if matches:
            self._drops[key] = tuple(matches)
        else:
            self._drops.pop(key, None)
        rules = "".join(
            f'    iifname "{name}" {f"ip saddr {source} " if source else ""}{match} counter drop\n'
            for (name, source), those in self._drops.items()
            for match in those
        )
        self.run(
            *("nft", "-f", "-"),
            stdin="table inet lab {}\ndelete table inet lab\ntable inet lab {\n"
            "  chain inbound {\n    type filter hook prerouting priority -300; policy accept;\n"
            f"{rules}  }}\n}}\n",
        )

    def close(self) -> None:
        """Let go of the network."""
        os.close(self._fd)
