"""`sasando witness serve` as a process: started, asked, killed; every wait is bounded."""

import http.client
import json
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor.ledger.keys import create_key
from monitor.ledger.signer import Cosigner, Verifier

PATIENCE_S = 60.0
NAME = "witness.example/test"


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@dataclass(slots=True)
class Serving:
    """One witness's files and its process; it keeps its port over restarts."""

    root: Path
    logs: list[Verifier]
    name: str = NAME
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    verifier: Verifier | None = None

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        key = create_key(self.root / "witness.key", unencrypted_at_rest=True)
        self.verifier = Cosigner(name=self.name, key=key, time=0).verifier
        self.write()

    @property
    def file(self) -> Path:
        """Its configuration."""
        return self.root / "witness.yaml"

    @property
    def state(self) -> Path:
        """What it cosigned."""
        return self.root / "state"

    @property
    def url(self) -> str:
        """For agent.yaml."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def vkey(self) -> str:
        """For agent.yaml."""
        assert self.verifier is not None
        return self.verifier.vkey

    def write(self) -> None:
        """The configuration anew; JSON is YAML."""
        content = {
            "name": self.name,
            "key": {"private": {"secret": "file:witness.key"}},
            "state": str(self.state),
            "listen": f"127.0.0.1:{self.port}",
            "logs": [log.vkey for log in self.logs],
        }
        self.file.write_text(json.dumps(content))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> Self:
        """Run it until it listens."""
        argv = [sys.executable, "-m", "monitor.cli.main", "witness", "serve", str(self.file)]
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        told = self.process.stdout.readline().decode().strip()  # the key is printed last
        assert told == self.vkey, self.told()
        return self

    def kill(self) -> None:
        """As a power cut would."""
        if self.process is not None:
            self.process.kill()
            self._ended()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self._ended()

    def _ended(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.process = None
        return code

    def told(self) -> str:
        """Everything on stderr so far."""
        return (self.root / "log").read_text(errors="replace")

    def post(self, body: bytes, path: str = "/add-checkpoint") -> tuple[int, str, bytes]:
        """(code, media type, body) of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes, to the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while piece := connection.recv(65_536):
                    answer += piece
            except ConnectionResetError:  # it answered before it had read everything
                pass
            return answer
