"""Servers of the lab with a thread of their own: it begins with a `with` block and ends with it.

class Echo(Sockets):
    def _take(self, sock):                     # on the thread, whenever `sock` can be read
        ...

class Hook(Posts):
    def answer(self, request, body):           # on a thread of its own for each request
        ...
"""

import selectors
import socket
import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_JOIN_S = 30.0
_MOST_BODY = 1_000_000


class Threaded(ABC):
    """What every one of them shares: start, end, and a thread that did not end is an error."""

    def __init__(self) -> None:
        self._thread = threading.Thread(
            target=self._serve, name=type(self).__name__.lower(), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():  # what it reads must not be closed under it
            raise TimeoutError(f"the thread {self._thread.name} does not end")
        self._close()

    @abstractmethod
    def _serve(self) -> None:
        """The thread's work."""

    @abstractmethod
    def _stop(self) -> None:
        """Let `_serve` return soon; on the caller's thread."""

    @abstractmethod
    def _close(self) -> None:
        """Give back what was open, once the thread has ended."""


class Sockets(Threaded):
    """Reads sockets; those of `sockets` are watched from the start, and closed at the end."""

    def __init__(self, *sockets: socket.socket) -> None:
        super().__init__()
        self._sockets = list(sockets)
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        for sock in (self._woken, *sockets):
            self._selector.register(sock, selectors.EVENT_READ)

    @abstractmethod
    def _take(self, sock: socket.socket) -> None:
        """Something can be read from `sock`, if nobody was faster."""

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock is self._woken:
                    return
                self._take(sock)

    def _stop(self) -> None:
        self._wake.close()

    def _close(self) -> None:
        self._selector.close()
        for sock in (self._woken, *self._sockets):
            sock.close()


class Posts(Threaded):
    """An HTTP server on 127.0.0.1 that is posted to."""

    def __init__(self) -> None:
        super().__init__()
        self._server = _Server(("127.0.0.1", 0), _Request)
        self._server.posts = self

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self._server.server_address[1])

    @abstractmethod
    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer one request; each has a thread of its own."""

    def _serve(self) -> None:
        self._server.serve_forever(0.02)

    def _stop(self) -> None:
        self._server.shutdown()

    def _close(self) -> None:
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    posts: Posts
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or a connection that the test had broken, is no news."""


class _Request(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Take one message, a bounded one."""
        length = min(int(self.headers.get("Content-Length", "0")), _MOST_BODY)
        self.server.posts.answer(self, self.rfile.read(length))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name it has there)
        """Print nothing: a path may hold a token."""
