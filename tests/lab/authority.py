"""A time-stamping authority made of `openssl ts -reply`, behind a small HTTP server on loopback."""

import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.lab.threaded import Posts

_CONFIGURATION = """\
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[stamping]
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[serving]
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,serverAuth
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_KEYS = {"ec": _KEY, "ed25519": ("-newkey", "ed25519", "-nodes")}
"""Signatures of the second kind all have one length."""

Answering = Callable[[BaseHTTPRequestHandler, bytes], None]


class Issuer:
    """Keys and certificates in a folder: a root, and a certificate for stamping under it."""

    def __init__(
        self, folder: Path, name: str = "Test TSA", *, chained: bool = False, root: str = "ed25519"
    ) -> None:
        """`chained`: an intermediate stands between the two, and travels with the token."""
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "ts.cnf").write_text(_CONFIGURATION.format(folder=folder))
        (folder / "serial").write_text("01")
        self.openssl(
            "req", "-x509", "-config", "ts.cnf", "-extensions", "root", *_KEYS[root],
            "-days", "3650", "-subj", f"/O={name}/CN=Root of {name}",
            "-keyout", "root.key", "-out", "root.pem",
        )  # fmt: skip
        self.above = "root"
        if chained:
            self.issue("middle", "root")
            self.above = "middle"
        self.issue("tsa", "stamping")

    @property
    def root(self) -> Path:
        """The root certificate, PEM."""
        return self.folder / "root.pem"

    def issue(self, to: str, extensions: str, *options: str, renew: bool = False) -> None:
        """A key (unless `renew`) and a certificate `to`.pem, by options of `openssl x509`."""
        if not renew:
            self.openssl(
                "req", "-new", "-config", "ts.cnf", *_KEY,
                "-subj", f"/O=Test/CN={to}", "-keyout", f"{to}.key", "-out", f"{to}.csr",
            )  # fmt: skip
        self.openssl(
            "x509", "-req", "-in", f"{to}.csr", "-CA", f"{self.above}.pem",
            "-CAkey", f"{self.above}.key", "-CAcreateserial", *(options or ("-days", "3650")),
            "-extfile", "ts.cnf", "-extensions", extensions, "-out", f"{to}.pem",
        )  # fmt: skip

    def der(self, name: str) -> bytes:
        """A certificate's bytes."""
        self.openssl("x509", "-in", f"{name}.pem", "-outform", "DER", "-out", f"{name}.der")
        return (self.folder / f"{name}.der").read_bytes()

    def reply(self, query: bytes, signer: str = "tsa") -> bytes:
        """A time-stamp reply (DER), by the certificate `signer`."""
        (self.folder / "query.tsq").write_bytes(query)
        chain = ("-chain", "middle.pem") if self.above == "middle" else ()
        self.openssl(
            "ts", "-reply", "-config", "ts.cnf", "-queryfile", "query.tsq",
            "-inkey", f"{signer}.key", "-signer", f"{signer}.pem", *chain, "-out", "reply.tsr",
        )  # fmt: skip
        return (self.folder / "reply.tsr").read_bytes()

    def openssl(self, *words: str) -> None:
        """Run openssl in the folder; its words are in the error."""
        done = subprocess.run(
            ["openssl", *words], cwd=self.folder, capture_output=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")


class Authority(Posts):
    """Serves an issuer's replies over HTTP; `answering` replaces the honest answer."""

    def __init__(self, issuer: Issuer) -> None:
        super().__init__()
        self.issuer = issuer
        self.answering: Answering = self.honest
        self.asked = 0
        self._lock = threading.Lock()

    def honest(self, request: BaseHTTPRequestHandler, query: bytes) -> None:
        """What an authority answers."""
        answer(request, self.issuer.reply(query))

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}/tsr"

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """One at a time."""
        assert request.headers["Content-Type"] == "application/timestamp-query"
        with self._lock:
            self.asked += 1
            with suppress(OSError):  # who asked has gone
                self.answering(request, body)


def answer(request: BaseHTTPRequestHandler, body: bytes, code: int = 200) -> None:
    """An answer of this body."""
    request.send_response(code)
    request.send_header("Content-Type", "application/timestamp-reply")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def endless(request: BaseHTTPRequestHandler, _query: bytes) -> None:
    """A hundred megabytes, as long as anybody takes them."""
    request.send_response(200)
    request.send_header("Content-Length", "100000000")
    request.end_headers()
    for _ in range(1_000):
        request.wfile.write(bytes(100_000))


def silent(until: threading.Event) -> Answering:
    """Says nothing until the event, at most a minute."""

    def answering(_request: BaseHTTPRequestHandler, _query: bytes) -> None:
        until.wait(60)

    return answering


def eventually(look: Callable[[], object], patience_s: float = 60) -> None:
    """Until `look` is true."""
    deadline = time.monotonic() + patience_s
    while not look():
        assert time.monotonic() < deadline, "awaited in vain"
        time.sleep(0.02)
