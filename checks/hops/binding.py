"""How a flow leaves this host: from which source, out of which interface, with which mark."""

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from checks.connection import Address

_SO_BINDTODEVICE: Final = 25
_SO_MARK: Final = 36
Step = Literal["interface", "mark", "source", "connect"]


class LeavingError(Exception):
    """This host does not let the flow leave so. `step` is what it refused, `number` the errno."""

    def __init__(self, step: Step, number: int) -> None:
        super().__init__(step, number)
        self.step = step
        self.number = number


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Empty fields bind nothing: the routing table decides."""

    source: str = ""
    interface: str = ""
    mark: int | None = None

    def apply(self, sock: socket.socket, port: int) -> None:
        """Bind a new socket, and to this port (0: any); LeavingError where it is refused.

        The interface comes first: Linux lets an unprivileged process bind a socket to a device
        since 5.7, as long as it was bound to none.
        """
        if self.interface:
            name = self.interface.encode() + b"\0"
            _try("interface", lambda: sock.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, name))
        if self.mark is not None:
            mark = self.mark
            _try("mark", lambda: sock.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark))
        if self.source or port:
            host = self.source or ("::" if sock.family == socket.AF_INET6 else "0.0.0.0")  # noqa: S104 - a client's port, not a listener
            _try("source", lambda: sock.bind((host, port)))


def connect(sock: socket.socket, where: Address) -> None:
    """Connect a datagram socket: nothing is sent, the route is chosen. LeavingError if none is."""
    _try("connect", lambda: sock.connect(where))


def _try(step: Step, act: Callable[[], object]) -> None:
    try:
        act()
    except OSError as error:
        raise LeavingError(step, error.errno or errno.EINVAL) from error
