"""A PostgreSQL server of the tests' own, and a database of each kind for a test."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.lab.parts import missing, require

_NUMBER = count()


def _as_postgres(*command: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run a program of the server, which refuses to run as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*prefix, *command], capture_output=True, timeout=60, check=check, cwd="/"
    )


class Server:
    """A cluster in a temporary directory, reached through a Unix socket only."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off"
        self.control("start", "-o", options, "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop at once, as a power cut would."""
        self.control("stop", "-m", "immediate")

    def control(self, *words: str) -> None:
        """pg_ctl."""
        _as_postgres(str(self.programs / "pg_ctl"), "-w", "-D", str(self.folder / "db"), *words)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test{next(_NUMBER)}"
        createdb = str(self.programs / "createdb")
        _as_postgres(createdb, "-h", str(self.folder), "-U", "postgres", name)
        return f"postgresql://postgres@/{name}?host={self.folder}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running server; the test is skipped where Debian's postgresql is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        missing("postgresql")
    if os.geteuid() == 0:
        require("runuser")
    with tempfile.TemporaryDirectory(prefix="sasando-pg-") as name:
        folder, programs = Path(name), found[-1].parent
        if os.geteuid() == 0:
            subprocess.run(["chown", "postgres", name], check=True, timeout=10)
        initdb = [str(programs / "initdb"), "-A", "trust", "-U", "postgres", "-N"]
        _as_postgres(*initdb, "-E", "UTF8", "--locale=C", "-D", str(folder / "db"))
        cluster = Server(folder, programs)
        cluster.start()
        yield cluster
        cluster.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    cluster: Server = request.getfixturevalue("server")
    return cluster.database()


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Where the high-water mark is kept."""
    return tmp_path / "mark"
