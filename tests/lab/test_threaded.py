"""The frame of the lab's servers."""

import socket
import threading

import pytest

from tests.lab import threaded
from tests.lab.threaded import Sockets


class _Echo(Sockets):
    """Sends back what comes, and says no more than that."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        super().__init__(self.ours)
        self.gate = threading.Event()
        self.gate.set()

    def _take(self, sock: socket.socket) -> None:
        sock.sendall(sock.recv(100))
        self.gate.wait(30)


def test_a_server_serves_until_its_block_ends_and_closes_what_it_watched() -> None:
    """Within the block it answers; after it there is neither its thread nor its socket."""
    echo = _Echo()
    with echo.theirs, echo:
        echo.theirs.settimeout(30)
        for word in (b"one", b"two"):
            echo.theirs.sendall(word)
            assert echo.theirs.recv(100) == word
    assert not echo._thread.is_alive()
    assert echo.ours.fileno() == -1


def test_a_thread_that_does_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block does not end in silence, and nothing is closed under the thread."""
    monkeypatch.setattr(threaded, "_JOIN_S", 0.01)
    echo = _Echo()
    echo.gate.clear()
    with echo.theirs:
        with pytest.raises(TimeoutError, match="_echo"), echo:
            _busy(echo)
        assert echo.ours.fileno() != -1
        monkeypatch.undo()
        echo.gate.set()
        echo._thread.join(30)
        echo._close()


def _busy(echo: _Echo) -> None:
    """Until its thread stands at the gate."""
    echo.theirs.settimeout(30)
    echo.theirs.sendall(b"one")
    echo.theirs.recv(100)
