"""The control socket: where commands meet the daemon.

A Unix stream socket; one JSON object a line. A request is `{"command": NAME, ...}`; the answer
is one line, `{"result": ...}` or `{"error": {"code", "values"}}`. A command that takes its time
may tell of its progress before it, a line each, `{"progress": ...}`; whatever the client sends
then, or its end, ends the command early. Who asks is told by the kernel (SO_PEERCRED), not by the
request: the author of every act is that account's id.
"""

import asyncio
import errno
import json
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from monitor.text import Reason, plain, values_of

MAX_REQUEST_BYTES = 65_536
MAX_CLIENTS = 64
CLIENT_S = 10.0
"""How long a client may take to ask, and to take the answer in."""
REPLY_LIMIT = 64 * 1024 * 1024
_UCRED = struct.Struct("3i")

UNREAD_LIMIT = 65_536
"""Bytes of progress that may wait for a client; what more there is to tell is left out."""
Answer = Callable[[Mapping[str, Any], str], Awaitable[Any]]


class ControlError(Exception):
    """A request that cannot be met; `code` is a key of the texts."""

    def __init__(self, code: str, **values: str | int | Reason) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values


class NoDaemonError(Exception):
    """Nobody listens on the control socket."""


def account_of(uid: int) -> str:
    """The account id that acts are signed with."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


class Listener:
    """The client of a command that takes its time."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.gone = asyncio.Event()
        """Set when the client wants no more, or is no more."""

    def tell(self, progress: Mapping[str, Any]) -> None:
        """One line of progress, unless the client does not read."""
        transport = self._writer.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < UNREAD_LIMIT:
            self._writer.write(json.dumps({"progress": progress}).encode() + b"\n")

    async def watch(self, reader: asyncio.StreamReader) -> None:
        """Set `gone` as soon as the client sends anything more, or its end."""
        try:
            await reader.read(1)
        except OSError:  # a client that was killed may reset the connection
            pass
        finally:
            self.gone.set()


Told = Callable[[Mapping[str, Any], str, Listener], Awaitable[Any]]
"""The answer of a command that takes its time."""


class ControlServer:
    """Serves `answers` by command name; bounded in clients and in the length of a request."""

    def __init__(
        self, path: Path, answers: Mapping[str, Answer], told: Mapping[str, Told] | None = None
    ) -> None:
        self._path = path
        self._answers = answers
        self._told = told or {}
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen; a socket that a dead daemon left behind is replaced.

        ControlError where another daemon answers there, or no socket can be made.
        """
        before = os.umask(0o117)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            _free(self._path)
            self._server = await asyncio.start_unix_server(
                self._serve, self._path, limit=MAX_REQUEST_BYTES
            )
        except OSError as error:
            cause = error.strerror or str(error)
            raise ControlError(
                "daemon.control-place", place=str(self._path), cause=cause
            ) from error
        finally:
            os.umask(before)

    async def close(self, longest_s: float) -> None:
        """Stop listening; requests under way get this time, then are told that the daemon stops."""
        if self._server is None:
            return
        self._server.close()
        self._path.unlink(missing_ok=True)
        if self._clients:
            await asyncio.wait(self._clients, timeout=longest_s)
        for task in self._clients:
            task.cancel()
        if self._clients:
            await asyncio.wait(self._clients, timeout=1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            writer.write(await self._answered(reader, writer))
            await asyncio.wait_for(writer.drain(), CLIENT_S)
            writer.close()
        except (TimeoutError, ConnectionError, ValueError):
            writer.transport.abort()  # it says nothing, says too much, does not listen or is gone
        finally:
            self._clients.discard(task)

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        crowded = len(self._clients) > MAX_CLIENTS
        try:
            # Read even where it is refused: a socket closed with unread bytes loses the answer.
            line = await asyncio.wait_for(reader.readline(), 1 if crowded else CLIENT_S)
            reply = _error("cli.busy") if crowded else await self._reply(line, reader, writer)
        except asyncio.CancelledError:  # only `close` cancels
            reply = _error("daemon.stopping")
        return json.dumps(reply).encode() + b"\n"

    async def _reply(
        self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> dict[str, Any]:
        try:
            request = json.loads(line)
            told = self._told.get(request["command"])
            answer = None if told else self._answers[request["command"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _error("cli.request")
        author = _author(writer)
        try:
            if told is not None:
                return {"result": await _listened(told, request, author, reader, writer)}
            assert answer is not None
            return {"result": await answer(request, author)}
        except ControlError as error:
            return _error(error.code, error.values)


async def _listened(
    told: Told,
    request: Mapping[str, Any],
    author: str,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> Any:
    listener = Listener(writer)
    watching = asyncio.create_task(listener.watch(reader))
    try:
        return await told(request, author, listener)
    finally:
        watching.cancel()


def _error(code: str, values: Mapping[str, str | int | Reason] | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "values": plain(values or {})}}


def _free(path: Path) -> None:
    """Remove a dead daemon's socket; never a living one's, never anything else."""
    if not path.exists():
        return
    if not path.is_socket():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1)
        try:
            sock.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            return
        else:
            raise ControlError("daemon.control-taken", place=str(path))


def _author(writer: asyncio.StreamWriter) -> str:
    sock = writer.get_extra_info("socket")
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return account_of(_UCRED.unpack(raw)[1])


class Call:
    """A command that the daemon is asked to carry out, from the client's side.

    NoDaemonError when nobody listens, ControlError as the daemon told it or when it falls silent.
    """

    def __init__(self, path: Path, command: str, timeout_s: float = 60, **arguments: Any) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._connect()
            self._socket.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
        except OSError as error:
            self._socket.close()
            raise self._failed(error) from error
        except NoDaemonError:
            self._socket.close()
            raise
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def result(self, told: Callable[[Any], None] = lambda _: None) -> Any:
        """The answer; `told` gets every line of progress before it."""
        while True:
            try:
                reply = json.loads(self._stream.readline(REPLY_LIMIT))
            except (OSError, ValueError) as error:
                raise self._failed(error) from error
            if "error" in reply:
                raise ControlError(reply["error"]["code"], **values_of(reply["error"]["values"]))
            if "progress" not in reply:
                return reply["result"]
            told(reply["progress"])

    def end(self) -> None:
        """Let the daemon end the command now; its answer can still be read."""
        with suppress(OSError):  # the daemon has gone already
            self._socket.shutdown(socket.SHUT_WR)

    def _connect(self) -> None:
        try:
            self._socket.connect(str(self._path))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NoDaemonError(str(self._path)) from error

    def _failed(self, error: Exception) -> ControlError:
        return ControlError("cli.control", place=str(self._path), cause=str(error))


def ask(path: Path, command: str, timeout_s: float = 60, **arguments: Any) -> Any:
    """The daemon's answer; NoDaemonError when nobody listens, ControlError as it was told."""
    with Call(path, command, timeout_s, **arguments) as call:
        return call.result()
