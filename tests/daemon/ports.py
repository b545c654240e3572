"""TCP ports on loopback that open and shut at will, each on an address of its own.

    with Ports(3) as ports:
        ports.shut(1)                  # refuses from now on
        ports.open(1)                  # accepts again
        tcp_url = ports.url(0)         # tcp://127.77.0.1:PORT

One thread accepts and closes whatever comes, so that no queue of connections ever fills up.
"""

import random
import selectors
import socket
import threading

from tests.lab.threaded import Sockets

_BACKLOG = 128


class Ports(Sockets):
    """`count` targets of 127.77.0.0/16; all are open at first."""

    def __init__(self, count: int) -> None:
        third = random.SystemRandom().randrange(1, 200)
        self.addresses = [f"127.77.{third + i // 250}.{1 + i % 250}" for i in range(count)]
        self._lock = threading.Lock()
        super().__init__()
        self._sockets = [self._bound(address) for address in self.addresses]
        self.up = [False] * count
        for number in range(count):
            self.open(number)

    def url(self, number: int) -> str:
        """The target's URL for a service."""
        sock = self._sockets[number]
        host, port = sock.getsockname()
        return f"tcp://{host}:{port}"

    def open(self, number: int) -> None:
        """Accept connections."""
        with self._lock:
            if not self.up[number]:
                self._sockets[number].listen(_BACKLOG)
                self._selector.register(self._sockets[number], selectors.EVENT_READ)
                self.up[number] = True

    def shut(self, number: int) -> None:
        """Refuse connections; the port stays ours."""
        with self._lock:
            if self.up[number]:
                self._selector.unregister(self._sockets[number])
                # A listening socket that is shut down stays bound, and refuses.
                self._sockets[number].shutdown(socket.SHUT_RDWR)
                self.up[number] = False

    def flip(self, number: int) -> None:
        """Open what is shut, shut what is open."""
        (self.shut if self.up[number] else self.open)(number)

    @staticmethod
    def _bound(address: str) -> socket.socket:
        with socket.socket() as first:
            first.bind((address, 0))
            port = first.getsockname()[1]
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))  # an explicit port stays bound through `shutdown`
        sock.setblocking(False)
        return sock

    def _take(self, sock: socket.socket) -> None:
        with self._lock:
            for _ in range(_BACKLOG):
                try:
                    connection, _ = sock.accept()
                except OSError:  # none is left, or the port was shut meanwhile
                    return
                connection.close()
