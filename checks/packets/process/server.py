"""The socket on which the process is asked: peers known by the kernel, bounded in everything."""

import asyncio
import errno
import os
import pwd
import socket
import struct
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from checks.packets.codec import MAX_BYTES, WireError
from checks.packets.messages import (
    Hear,
    Refused,
    Reply,
    Request,
    read_request,
    to_bytes,
)
from checks.packets.process.listener import Listener

MAX_PEERS = 8
MAX_WAITING = 64
"""Answers that one peer may wait for."""
_UCRED = struct.Struct("3i")


class SocketTakenError(OSError):
    """Somebody else listens there."""


def uids_of(names: Collection[str]) -> frozenset[int]:
    """The user ids of accounts, by name or number; LookupError names the one that is not there."""
    found = set()
    for name in names:
        try:
            found.add(int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid)
        except KeyError:
            raise LookupError(f"there is no account {name!r} on this host") from None
    return frozenset(found)


class Server:
    """Answers requests of its own account, of root and of `allowed`; nobody else is heard.

    What is no request closes the connection: nothing after it could be trusted. A peer that does
    not take its answers loses them with its connection.
    """

    def __init__(self, path: Path, listener: Listener, allowed: frozenset[int]) -> None:
        self._path = path
        self._listener = listener
        self._allowed = allowed | {0, os.geteuid()}
        self._peers: dict[socket.socket, set[asyncio.Task[None]]] = {}
        self.refused = 0

    def start(self) -> None:
        """Listen; a socket that a dead process left behind is replaced. SocketTakenError."""
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            self._bind()
        except BaseException:
            self._socket.close()
            raise
        self._socket.listen(MAX_PEERS)
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Answer no more, and take the socket away."""
        self._loop.remove_reader(self._socket.fileno())
        for peer in list(self._peers):
            self._leave(peer)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _bind(self) -> None:
        try:
            self._socket.bind(str(self._path))
        except OSError as error:
            # Only a socket that nobody listens on is in the way; whatever else has this name stays.
            if error.errno != errno.EADDRINUSE or not self._path.is_socket() or self._answered():
                raise
            self._path.unlink()
            self._socket.bind(str(self._path))
        # Who reaches the folder may knock; who is answered is decided by SO_PEERCRED.
        self._path.chmod(0o660)

    def _answered(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as trial:
            try:
                trial.connect(str(self._path))
            except ConnectionRefusedError:
                return False
            except BlockingIOError:
                pass  # it lives, and does not come to accept
        raise SocketTakenError(errno.EADDRINUSE, f"another process listens on {self._path}")

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            peer, _ = self._socket.accept()
            peer.setblocking(False)
            _, uid, _ = _UCRED.unpack(
                peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            )
            if uid not in self._allowed or len(self._peers) >= MAX_PEERS:
                self.refused += 1
                peer.close()
                return
            self._peers[peer] = set()
            self._loop.add_reader(peer.fileno(), self._read, peer)

    def _read(self, peer: socket.socket) -> None:
        try:
            raw, _, flags, _ = peer.recvmsg(MAX_BYTES)
            if not raw or flags & socket.MSG_TRUNC:
                raise WireError("the end, or more than a message may have")
            request = read_request(raw)
        except BlockingIOError:
            return
        except (OSError, WireError):
            self._leave(peer)
            return
        self._take(peer, request)

    def _take(self, peer: socket.socket, request: Request) -> None:
        if isinstance(request, Hear):
            self._answer(peer, self._listener.hear(request))
            return
        tasks = self._peers[peer]
        if len(tasks) >= MAX_WAITING:
            self._answer(peer, Refused(id=request.id, reason="busy"))
            return

        async def look() -> None:
            self._answer(peer, await self._listener.resolve(request))

        task = self._loop.create_task(look())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _answer(self, peer: socket.socket, reply: Reply) -> None:
        if peer not in self._peers:
            return
        try:
            peer.send(to_bytes(reply))
        except OSError:  # it went away, or does not read
            self._leave(peer)

    def _leave(self, peer: socket.socket) -> None:
        self._loop.remove_reader(peer.fileno())
        for task in self._peers.pop(peer):
            if task is not asyncio.current_task():
                task.cancel()
        peer.close()
