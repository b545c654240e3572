"""TLS servers on loopback: with any certificate, or with none at all."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Self

from tests.lab.serving import end

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class StreamServer:
    """Listens and lets `talk` speak with each peer until it returns."""

    def __init__(
        self, talk: Talk, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
    ) -> None:
        self._talk = talk
        self._tls = tls
        self.address = address
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.address, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        await end(self._server, self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._talk(reader, writer)
        except OSError:
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            with contextlib.suppress(Exception):
                writer.close()


async def until_closed(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing and wait until the peer leaves."""
    await reader.read()


def saying(content: bytes) -> Talk:
    """Say this at once, whatever the peer says, and wait until it leaves."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        await reader.read()

    return talk


async def hanging_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close at once."""
    writer.close()


def shaking(context: ssl.SSLContext) -> Talk:
    """Complete the handshake, or say by an alert why not, and wait until the peer leaves.

    asyncio's own TLS drops the alert: a server that does so refuses nothing conclusively.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_side=True)
        open_ = True
        while open_:
            try:
                session.do_handshake()
                session.read()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                open_ = False
            writer.write(outgoing.read())
            await writer.drain()
            chunk = await reader.read(65_536) if open_ else b""
            open_ = bool(chunk)
            incoming.write(chunk)

    return talk


def tls_server(context: ssl.SSLContext, address: str = "127.0.0.1") -> StreamServer:
    """A server that completes the handshake and then says nothing."""
    return StreamServer(shaking(context), address=address)
