"""The daemon's way to the packet process: asks, waits, connects again. No scapy here.

Where the process is absent, dead, or somebody else's, every question is answered by a fault that
names the remedy: its time is unobserved, and nothing is held against the network.
"""

import asyncio
import os
import pwd
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from checks.packets.codec import MAX_BYTES, WireError
from checks.packets.messages import ACCOUNT, Refused, Reply, Request, read_reply, to_bytes
from monitor.model import Fault, FaultKind

MAX_WAITING = 256
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
_UCRED = struct.Struct("3i")
_REMEDY = (
    "start it with `systemctl enable --now sasando-packets`, or as root with "
    "`python -m checks.packets --socket {path}`"
)
NO_PROCESS = Fault(
    kind=FaultKind.PACKET_PROCESS,
    message="no packet process is configured: set `packets` in agent.yaml",
)
_REFUSALS: dict[str, tuple[FaultKind, str]] = {
    "permission": (
        FaultKind.PERMISSION,
        "the packet process has no CAP_NET_RAW: use sasando-packets.service, or start it as root",
    ),
    "no-interface": (FaultKind.LOCAL_NETWORK, "this host has no such interface: set `interface`"),
    "down": (FaultKind.LOCAL_NETWORK, "the interface is down or has no carrier"),
    "no-ethernet": (
        FaultKind.LOCAL_NETWORK,
        "the interface has no Ethernet frames: set another `interface`",
    ),
    "busy": (
        FaultKind.OVERLOAD,
        "the packet process is asked for more than it keeps: ask for fewer groups or interfaces",
    ),
}


class Packets(Protocol):
    """Whoever answers questions about packets."""

    async def ask(self, request: Request, timeout_s: float) -> Reply | Fault:
        """The reply, or why there is none."""
        ...

    async def close(self) -> None:
        """Ask no more."""
        ...


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    waiting: dict[int, asyncio.Future[Reply | Fault]]
    owed: int = 0
    """Questions sent and not answered, also those whose time is over."""


class PacketClient:
    """One connection to the process, made when first needed; see `Packets`.

    Enforces: the other side is the daemon's own account, root or `sasando-packets`; at most
    `MAX_WAITING` questions wait, each for its own time; who answers more than was asked is left,
    so that a talker cannot keep the loop busy; a failed connection is tried again after a pause
    that doubles from 0.1 s to 5 s until a question is answered; meanwhile questions fail at once.
    """

    def __init__(self, path: str, boottime_ns: Callable[[], int]) -> None:
        self._path = path
        self._boottime_ns = boottime_ns
        self._connection: _Connection | None = None
        self._last_id = 0
        self._pause_s = FIRST_PAUSE_S
        self._again_ns = 0
        self._why = ""

    async def ask(self, request: Request, timeout_s: float) -> Reply | Fault:
        """The reply to a question (its id is set here), or why there is none; never raises."""
        connection = self._connected()
        if isinstance(connection, Fault):
            return connection
        if len(connection.waiting) >= MAX_WAITING:
            return Fault(kind=FaultKind.OVERLOAD, message="too many questions wait for an answer")
        self._last_id += 1
        answer: asyncio.Future[Reply | Fault] = asyncio.get_running_loop().create_future()
        connection.waiting[self._last_id] = answer
        number = self._last_id
        try:
            connection.socket.send(to_bytes(replace(request, id=number)))
            connection.owed += 1
            async with asyncio.timeout(timeout_s):
                return _judged(await answer)
        except TimeoutError:
            return self._fault("the packet process did not answer in time")
        except BlockingIOError:
            return Fault(kind=FaultKind.OVERLOAD, message="the packet process reads too slowly")
        except OSError as error:
            return self._lose(connection, f"the packet process is gone ({error.strerror})")
        finally:
            connection.waiting.pop(number, None)

    async def close(self) -> None:
        """Ask no more; questions under way end in a fault."""
        if self._connection is not None:
            self._lose(self._connection, "the agent stops")

    def _connected(self) -> _Connection | Fault:
        if self._connection is not None:
            return self._connection
        now_ns = self._boottime_ns()
        if now_ns < self._again_ns:
            return self._fault(self._why)
        try:
            found = self._connect()
        except OSError as error:
            self._why = f"no packet process answers on {self._path} ({error.strerror})"
            self._again_ns = now_ns + int(self._pause_s * 1e9)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return self._fault(self._why)
        self._connection = _Connection(found, {})
        asyncio.get_running_loop().add_reader(found.fileno(), self._read, self._connection)
        return self._connection

    def _connect(self) -> socket.socket:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            found.connect(self._path)
            _, uid, _ = _UCRED.unpack(
                found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            )
            if uid not in _trusted():
                raise PermissionError(1, f"account {uid} listens there, and it must not")
        except BaseException:
            found.close()
            raise
        return found

    def _read(self, connection: _Connection) -> None:
        try:
            raw, _, flags, _ = connection.socket.recvmsg(MAX_BYTES)
            if not raw:
                self._lose(connection, "the packet process ended, or does not serve this account")
                return
            if flags & socket.MSG_TRUNC:
                raise WireError("more than a message may have")
            reply = read_reply(raw)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(connection, f"the packet process is gone ({error.strerror})")
            return
        except WireError as error:
            self._lose(connection, f"the packet process does not speak our language ({error})")
            return
        if connection.owed == 0:
            self._lose(connection, "the packet process answers what nobody asked")
            return
        connection.owed -= 1
        answer = connection.waiting.get(reply.id)
        if answer is not None and not answer.done():
            self._pause_s = FIRST_PAUSE_S
            answer.set_result(reply)

    def _lose(self, connection: _Connection, why: str) -> Fault:
        fault = self._fault(why)
        if self._connection is connection:
            self._connection = None
            self._why = why
            self._again_ns = self._boottime_ns() + int(self._pause_s * 1e9)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            asyncio.get_running_loop().remove_reader(connection.socket.fileno())
            connection.socket.close()
            for answer in connection.waiting.values():
                if not answer.done():
                    answer.set_result(fault)
        return fault

    def _fault(self, why: str) -> Fault:
        message = f"{why}: {_REMEDY.format(path=self._path)}"
        return Fault(kind=FaultKind.PACKET_PROCESS, message=message)


def _trusted() -> frozenset[int]:
    own = {os.geteuid(), 0}
    with suppress(KeyError):
        own.add(pwd.getpwnam(ACCOUNT).pw_uid)
    return frozenset(own)


def _judged(reply: Reply | Fault) -> Reply | Fault:
    """A refusal is a fault of this host's."""
    if not isinstance(reply, Refused):
        return reply
    kind, message = _REFUSALS[reply.reason]
    return Fault(kind=kind, message=message)
