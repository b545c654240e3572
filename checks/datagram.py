"""One question and its answer over UDP, from a socket and a port of their own."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from checks.address import checked_port
from checks.connection import sockaddr
from checks.failure import Failure, failure_at_once, failure_from_network
from monitor.model import Fault

Answer = TypeVar("Answer")

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
_BOUND = 65_535
_DRAINED = 64
"""Datagrams looked at in one wake-up."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A literal address and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


def endpoint(text: str, usual_port: int) -> Endpoint:
    """Of "192.0.2.1", "192.0.2.1:53", "2001:db8::1" or "[2001:db8::1]:53"; a name stays one."""
    if text.startswith("["):
        address, closed, rest = text[1:].partition("]")
        address, port = (address if closed else ""), rest.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    if not address or (port and not port.isdecimal()):
        raise ValueError(f"{text!r} is not an address with or without a port")
    return Endpoint(address, checked_port(int(port)) if port else usual_port)


class NotSentError(OSError):
    """This host did not let the question out: nothing is known of the peer."""


def failure_of(error: OSError) -> Failure | Fault:
    """What an error of `exchange` says: about this host where nothing was sent, else the peer."""
    number = error.errno or 0
    return (
        failure_at_once(number)
        if isinstance(error, NotSentError)
        else (failure_from_network(number))
    )


async def exchange(
    where: Endpoint, question: bytes, accept: Callable[[bytes, int | None], Answer | None]
) -> Answer:
    """Send once and wait for the datagram that `accept` takes; the caller sets the time limit.

    `accept` gets each datagram from that very address and port with its arrival (wall clock
    ns stamped by the kernel, None where it gives none); it returns None to wait on, or raises.
    NotSentError: this host's own refusal; any other OSError: the network's answer.
    """
    loop = asyncio.get_running_loop()
    family, address = sockaddr(where.address, where.port)
    answer: asyncio.Future[Answer] = loop.create_future()
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        # A connected socket takes datagrams of that peer alone, and hears its ICMP errors.
        _send(sock, address, question)
        loop.add_reader(sock.fileno(), _take, sock, accept, answer)
        try:
            return await answer
        finally:
            loop.remove_reader(sock.fileno())


def _send(sock: socket.socket, address: tuple[object, ...], question: bytes) -> None:
    try:
        sock.connect(address)
        sock.send(question)
    except OSError as error:
        raise NotSentError(error.errno, error.strerror) from error


def _take(
    sock: socket.socket,
    accept: Callable[[bytes, int | None], Answer | None],
    answer: "asyncio.Future[Answer]",
) -> None:
    try:
        for _ in range(_DRAINED):
            if answer.done():
                return
            content, ancillary, _, _ = sock.recvmsg(_BOUND, 128)
            accepted = accept(content, _arrival_ns(ancillary))
            if accepted is not None:
                answer.set_result(accepted)
    except BlockingIOError:
        pass
    except Exception as error:  # noqa: BLE001 - raised again where the answer is awaited
        answer.set_exception(error)


def _arrival_ns(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack_from(content)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return None
