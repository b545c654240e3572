"""Real TLS servers as processes on loopback, and one question to one of them."""

import contextlib
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from checks.tls.answer import Answer, AnswerReader, Until
from checks.tls.hello import ClientHello
from tests.lab import parts

_PATIENCE_S = 20.0


def make_certificate(directory: Path, key: str = "rsa:2048") -> None:
    """`key.pem` and `cert.pem` of web.example in this directory."""
    subprocess.run(
        [parts.command("openssl"), "req", "-x509", "-newkey", *key.split(), "-nodes", "-days", "30",
         "-subj", "/CN=web.example", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=directory, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


@contextlib.contextmanager
def openssl_server(directory: Path, *options: str) -> Iterator[int]:
    """`openssl s_server` with every suite it has; gives the port."""
    command = [
        parts.command("openssl"), "s_server", "-accept", "127.0.0.1:0", "-key", "key.pem",
        "-cert", "cert.pem", "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", *options,
    ]  # fmt: skip
    with _process(command, directory) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(rb"ACCEPT \S*:(\d+)", line):
                yield int(found[1])
                return
        raise AssertionError("openssl s_server did not start")


@contextlib.contextmanager
def nss_server(directory: Path, versions: str, suites: str) -> Iterator[int]:
    """NSS's selfserv, which still has SSL 3.0: `versions` such as "ssl3:tls1.0"; gives the port."""
    password = ["-passout", "pass:x"]
    parts.require("selfserv", "certutil", "pk12util")
    for command in (
        ["openssl", "pkcs12", "-export", "-in", "cert.pem", "-inkey", "key.pem", "-name", "web",
         "-out", "web.p12", *password],
        ["certutil", "-N", "-d", ".", "--empty-password"],
        ["pk12util", "-i", "web.p12", "-d", ".", "-W", "x", "-K", ""],
    ):  # fmt: skip
        subprocess.run(
            command,
            cwd=directory,
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    command = ["selfserv", "-d", ".", "-n", "web", "-p", str(port), "-V", versions, "-c", suites]
    with _process(command, directory) as process:
        _await(process, port)
        yield port


@contextlib.contextmanager
def python_server(context: ssl.SSLContext) -> Iterator[int]:
    """Python's ssl on blocking sockets, which says why it refuses; gives the port.

    asyncio's servers close without the alert.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with plain, contextlib.suppress(OSError):
                plain.settimeout(_PATIENCE_S)
                context.wrap_socket(plain, server_side=True).close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(_PATIENCE_S)


@contextlib.contextmanager
def _process(command: list[str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until it listens."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"{process.args!r} does not listen")


def exchange(port: int, wire: bytes, reader: AnswerReader) -> bytes:
    """Send this, let the reader read until it has its answer; returns what was received."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection:
        connection.sendall(wire)
        try:
            while chunk := connection.recv(65_536):
                received += chunk
                if reader.feed(chunk):
                    return received
            reader.ended("closed")
        except ConnectionResetError:
            reader.ended("reset")
        except TimeoutError:
            reader.ended("timeout")
    return received


def ask(port: int, hello: ClientHello, until: Until = "hello") -> Answer:
    """The server's answer to a hello."""
    reader = AnswerReader(hello, until=until)
    exchange(port, hello.records(), reader)
    return reader.answer
