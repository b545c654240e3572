"""One TCP connection of a probe, with or without TLS, as a state machine on a poller.

connect → (TLS handshake) → send and receive. No coroutine, task, thread or timer belongs to
a connection; its owner is told each step with the moment at which it was seen, and sets the
deadline. The address given is the address connected to: nothing is resolved here.
"""

import contextlib
import errno
import socket
import ssl
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from checks.failure import Failure, failure_at_once, failure_from_network
from checks.poller import READABLE, WRITABLE, Poller
from monitor.model import Fault, FaultKind

_CHUNK = 65_536
_CHUNKS_A_WAKE = 8
"""Chunks read before other sockets get their turn; level-triggered polling comes back."""

Address = tuple[str, int] | tuple[str, int, int, int]


class Owner(Protocol):
    """Who is told what happened on a connection. After `failed` nothing more comes.

    `connected` without TLS, and `secured`, must either send or close.
    """

    def connected(self, now_ns: int) -> None:
        """The peer accepted; with TLS the handshake follows, else the owner may send."""
        ...

    def secured(self, now_ns: int) -> None:
        """The TLS handshake is complete; the owner may send."""
        ...

    def received(self, chunk: bytes, now_ns: int) -> None:
        """Some bytes; empty: the peer has ended its side."""
        ...

    def failed(self, why: Failure | Fault, now_ns: int) -> None:
        """The connection is lost; it has been closed."""
        ...


def sockaddr(address: str, port: int) -> tuple[socket.AddressFamily, Address]:
    """Family and socket address of a literal; a zone id becomes the interface's index.

    OSError when the zone names no interface.
    """
    if ":" not in address:
        return socket.AF_INET, (address, port)
    parsed = ip_address(address)
    zone = parsed.scope_id if isinstance(parsed, IPv6Address) else None
    if zone is None:
        return socket.AF_INET6, (address, port, 0, 0)
    index = int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    return socket.AF_INET6, (address.partition("%")[0], port, 0, index)


Step = Callable[["Connection", int], None]
"""A state of the machine; held unbound, so that a connection is no cycle for the collector."""


class Connection:
    """A connection under way. Every method returns at once; `close` may be called any time."""

    __slots__ = ("_context", "_name", "_owner", "_poller", "_sock", "_step", "_unsent")

    def __init__(
        self,
        poller: Poller,
        owner: Owner,
        context: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> None:
        self._poller = poller
        self._owner = owner
        self._context = context
        self._name = server_name
        self._sock: socket.socket | None = None
        self._step: Step = Connection._connecting
        self._unsent = b""

    def open(self, address: str, port: int) -> Failure | Fault | None:
        """Send the SYN; what went wrong at once is returned, and then the owner is not told."""
        try:
            family, where = sockaddr(address, port)
            self._sock = sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            number = sock.connect_ex(where)
            if number in (0, errno.EINPROGRESS):
                self._poller.watch(sock, WRITABLE, self._ready)
                return None
        except OSError as error:
            number = error.errno or errno.EINVAL
        self.close()
        return failure_at_once(number)

    def send(self, payload: bytes) -> None:
        """Send when the connection is open, as far as the peer takes it; then wait for bytes."""
        self._unsent = payload
        self._step = Connection._sending

    def farewell(self, payload: bytes) -> None:
        """Send what still fits at once, and close."""
        if payload and self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.send(payload)
        self.close()

    def close(self) -> None:
        """Forget the connection; the owner hears nothing more."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._poller.close_socket(sock)

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The socket with its session, once TLS is in use."""
        return self._sock if isinstance(self._sock, ssl.SSLSocket) else None

    def _ready(self, now_ns: int) -> None:
        """One wake-up. Whatever the sockets raise ends this connection and no other."""
        try:
            self._step(self, now_ns)
        except ssl.SSLWantReadError:
            self._wait(READABLE)
        except ssl.SSLWantWriteError:
            self._wait(WRITABLE)
        except BlockingIOError:
            pass
        except ssl.SSLError as error:
            # A session cut off after its handshake is a lost peer, as it is without TLS.
            cut_off = isinstance(error, ssl.SSLEOFError) and self._step != Connection._handshaking
            why = Failure(outcome="reset" if cut_off else "tls", reason=tls_reason(error))
            self._fail(why, now_ns)
        except OSError as error:
            self._fail(failure_from_network(error.errno or errno.EPIPE), now_ns)
        except Exception as error:  # noqa: BLE001 - a probe's boundary: its defect is its own fault
            self._fail(internal(error), now_ns)

    def _wait(self, events: int) -> None:
        if self._sock is not None:
            self._poller.rewatch(self._sock, events)

    def _fail(self, why: Failure | Fault, now_ns: int) -> None:
        self.close()
        self._owner.failed(why, now_ns)

    def _connecting(self, now_ns: int) -> None:
        assert self._sock is not None
        number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._fail(failure_from_network(number), now_ns)
            return
        self._owner.connected(now_ns)
        if self._sock is None:
            return
        if self._context is not None:
            self._secure(self._context)
        self._step(self, now_ns)

    def _secure(self, context: ssl.SSLContext) -> None:
        """Wrap the socket; the descriptor, and so its place in the poller, stays the same."""
        assert self._sock is not None
        number = self._sock.fileno()
        try:
            self._sock = context.wrap_socket(
                self._sock, do_handshake_on_connect=False, server_hostname=self._name or None
            )
        except BaseException:
            self._poller.forget(number)
            raise
        self._step = Connection._handshaking

    def _handshaking(self, now_ns: int) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)
        self._sock.do_handshake()
        self._owner.secured(now_ns)
        if self._sock is not None:
            self._step(self, now_ns)

    def _sending(self, now_ns: int) -> None:  # noqa: ARG002 - a step of the machine
        assert self._sock is not None
        while self._unsent:
            sent = self._sock.send(self._unsent)
            self._unsent = self._unsent[sent:]
        self._step = Connection._receiving
        self._wait(READABLE)

    def _receiving(self, now_ns: int) -> None:
        for _ in range(_CHUNKS_A_WAKE):
            if self._sock is None:
                return
            chunk = self._sock.recv(_CHUNK)
            self._owner.received(chunk, now_ns)
            if not chunk:
                self.close()
                return
            if self._step is not Connection._receiving:  # the owner has more to say
                self._step(self, now_ns)
                return
            if len(chunk) < _CHUNK and not isinstance(self._sock, ssl.SSLSocket):
                return


def internal(error: Exception) -> Fault:
    """A defect of the probe itself, told without its data."""
    return Fault(kind=FaultKind.INTERNAL, message=f"defect: {type(error).__name__}: {error}"[:500])


def tls_reason(error: ssl.SSLError) -> str:
    """Why TLS failed: the certificate's fault in OpenSSL's words, else its reason code."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)[:255]
    if isinstance(error, ssl.SSLEOFError):
        return "closed without a farewell"
    return str(error.reason or error.args[-1]).lower().replace("_", " ")[:255]
