"""A real HTTP server on loopback whose pages may be slow, broken or hostile.

A page is a coroutine that writes what it likes. The server runs on the caller's loop; it can go
down and come back on the same port.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Self

from tests.lab.serving import end

Page = Callable[[asyncio.StreamWriter], Awaitable[None]]
_REQUESTS_KEPT = 1_000


class WebServer:
    """Serves `pages` by path (without query); any other path is 404. Every reply closes."""

    def __init__(
        self,
        pages: Mapping[str, Page],
        *,
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.pages = dict(pages)
        self.address = address
        self.port = port
        self.requests: list[bytes] = []
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Listen; after the first time on the same port again."""
        self._server = await asyncio.start_server(
            self._serve, self.address, self.port, ssl=self._tls, backlog=1_024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Stop listening and cut every connection: the port refuses."""
        server, self._server = self._server, None
        if server is not None:
            await end(server, self._connections)

    def url(self, path: str = "/", host: str = "") -> str:
        """The URL of a page, by address or by a name that leads here."""
        shown = host or (f"[{self.address}]" if ":" in self.address else self.address)
        return f"{'https' if self._tls else 'http'}://{shown}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if len(self.requests) < _REQUESTS_KEPT:
            self.requests.append(request)
        path = request.split(b" ", 2)[1].decode("latin-1").partition("?")[0]
        await self.pages.get(path, page(b"not found", status=404))(writer)
        await writer.drain()


def page(
    body: bytes = b"hello", *, status: int = 200, fields: str = "", after_s: float = 0
) -> Page:
    """An ordinary page; `fields` are whole header lines; `after_s` makes it slow."""
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode("latin-1")

    async def write(writer: asyncio.StreamWriter) -> None:
        if after_s:
            await asyncio.sleep(after_s)
        writer.write(head + body)

    return write


def redirect(location: str, status: int = 302) -> Page:
    """A redirect."""
    return page(b"", status=status, fields=f"Location: {location}\r\n")


def raw(content: bytes) -> Page:
    """These bytes and nothing else, then the end."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(content)

    return write


def endless(start: bytes, piece: bytes, pieces: int = 1_000_000) -> Page:
    """A start and then the same piece over and over, as fast as it is taken."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()

    return write


def dripping(start: bytes, piece: bytes, every_s: float = 0.02) -> Page:
    """A start and then a piece every so often, for ever (until the connection is cut)."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(piece)
            await asyncio.sleep(every_s)

    return write


def silent() -> Page:
    """Takes the request and never answers."""

    async def write(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    return write


def cut(start: bytes) -> Page:
    """A start, then a RST in the middle of it."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        # One turn of the loop, so that the start is on its way before the RST overtakes it.
        await asyncio.sleep(0.05)
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return write
