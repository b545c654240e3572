"""A flow of TCP: connections that begin from one source port, one after another, with few hops."""

import errno
import socket
import struct
from contextlib import suppress
from dataclasses import replace
from select import EPOLLONESHOT
from typing import Final

from checks.connection import sockaddr
from checks.failure import failure_at_once, failure_from_network
from checks.hops.answer import Answer, meaning
from checks.hops.flow import Desk, Route, Waiting, errors_of, own_address, refused
from checks.poller import WRITABLE
from monitor.model import Fault

_RETRANSMITTED_US: Final = 950_000
"""From here on the kernel may have sent the SYN again (RFC 6298 2.1), and the delay is nobody's."""
_TCP_INFO: Final = 11
_RTT_AT: Final = 68
"""Where `tcpi_rtt` stands in `struct tcp_info` (linux/tcp.h), in µs."""
_ABORT = struct.pack("@ii", 1, 0)


class TcpFlow:
    """See `flow.Asker`; `size` is not its to choose.

    Each packet is the SYN of a socket of its own, bound to the same port: the kernel matches an
    ICMP error by addresses, ports and the sequence number that the quote holds (RFC 5927 4), so
    no answer to an earlier SYN counts. An accepted connection is aborted, because its addresses
    would otherwise stay taken (TIME_WAIT) and the next SYN could not leave.
    """

    def __init__(self, desk: Desk, route: Route) -> None:
        self._desk = desk
        self._route = route
        self.own = ""
        """The source address; empty until something was asked."""

    @property
    def late(self) -> Answer | None:
        """Never: the socket of an earlier SYN is gone, and its errors with it."""
        return None

    def close(self) -> None:
        """Each SYN's socket is closed already."""

    async def ask(self, hops: int, wait_us: int, size: int = 0) -> Answer | Fault | None:
        """One SYN."""
        del size
        refusal = refused(self._desk, self._route)
        if refusal is not None:
            return refusal
        options = self._route.options
        sock = self._route.socket(socket.SOCK_STREAM)
        try:
            sock.setsockopt(options.level, options.hops, hops)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            return await self._connected(sock, wait_us)
        except OSError as error:
            why = failure_at_once(error.errno or errno.EINVAL)
            return why if isinstance(why, Fault) else None
        finally:
            self._desk.poller.close_socket(sock)

    async def _connected(self, sock: socket.socket, wait_us: int) -> Answer | Fault | None:
        waiting = Waiting(self._desk, b"")
        number = sock.connect_ex(sockaddr(self._route.address, self._route.port)[1])
        if number not in (0, errno.EINPROGRESS, errno.ECONNREFUSED):
            why = failure_at_once(number)
            return why if isinstance(why, Fault) else None
        self.own = own_address(sock)
        if number == errno.ECONNREFUSED:
            return self._arrived(waiting, None)
        # Once: a socket that failed stays ready until it is closed.
        self._desk.poller.watch(sock, WRITABLE | EPOLLONESHOT, lambda _: self._ready(sock, waiting))
        return await waiting.answer(wait_us)

    def _ready(self, sock: socket.socket, waiting: Waiting) -> None:
        """The socket has an answer: an ICMP error, an accepted connection, or a refused one."""
        told = self._told(sock, waiting)
        if told is not None:
            waiting.tell(told)

    def _told(self, sock: socket.socket, waiting: Waiting) -> Answer | Fault | None:
        for _, error in errors_of(sock):
            answer = meaning(error, self._route.destination, self.own)
            if answer is not None:
                return replace(answer, delay_us=self._delay(waiting, error.arrived_ns))
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number == 0:
            return self._arrived(waiting, _round_trip_us(sock)) if _is_connected(sock) else None
        if number in (errno.ECONNREFUSED, errno.ECONNRESET):
            return self._arrived(waiting, None)
        why = failure_from_network(number)
        return why if isinstance(why, Fault) else None

    def _arrived(self, waiting: Waiting, kernel_us: int | None) -> Answer:
        delay_us = self._delay(waiting, None) if kernel_us is None else kernel_us
        return Answer(kind="arrived", address=self._route.destination, delay_us=delay_us)

    def _delay(self, waiting: Waiting, arrived_ns: int | None) -> int | None:
        delay_us = waiting.sent.delay_us(arrived_ns, self._desk.net)
        return delay_us if delay_us < _RETRANSMITTED_US else None


def _is_connected(sock: socket.socket) -> bool:
    with suppress(OSError):
        sock.getpeername()
        return True
    return False


def _round_trip_us(sock: socket.socket) -> int | None:
    """The kernel's own measure of SYN and SYN-ACK; it takes none of a SYN that was repeated."""
    counted: bytes = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _RTT_AT + 4)
    if len(counted) < _RTT_AT + 4:
        return None
    return int(struct.unpack_from("@I", counted, _RTT_AT)[0]) or None
