"""Small real servers on loopback that can go down and come back on the same port."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

_REQUEST_S = 10.0
_REQUEST_BYTES = 65_536
_TTL_S = 60

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class CityServer(Protocol):
    """A server that the city can take down and bring up again."""

    port: int

    async def up(self) -> None:
        """Listen; after the first time on the same port again."""

    async def down(self) -> None:
        """Stop listening and cut every connection."""


class StreamServer:
    """A TCP server that lets `talk` speak with each peer."""

    def __init__(self, address: str, talk: Talk) -> None:
        self.address = address
        self.port = 0
        self._talk = talk
        self._server: asyncio.Server | None = None
        self._peers: set[asyncio.Task[None]] = set()

    async def up(self) -> None:
        """See `CityServer`."""
        self._server = await asyncio.start_server(self._serve, self.address, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """See `CityServer`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        peers = tuple(self._peers)
        for peer in peers:
            peer.cancel()
        await asyncio.gather(*peers, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._peers.add(task)
        try:
            async with asyncio.timeout(_REQUEST_S):
                await self._talk(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that went away or talks nonsense
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._peers.discard(task)
            with contextlib.suppress(OSError):
                writer.close()


async def until_closed(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Accept, say nothing, wait until the peer leaves."""
    await reader.read()


def page(text: str, after_s: float = 0) -> Talk:
    """An HTTP server of one page, whatever is asked; `after_s` makes it slow."""
    whole = _reply(text)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if after_s:
            await asyncio.sleep(after_s)
        writer.write(whole)
        await writer.drain()

    return talk


def secure_page(text: str, context: ssl.SSLContext) -> Talk:
    """The same over TLS. Who is refused is told so by an alert, which asyncio's own TLS drops."""
    whole = _reply(text)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_side=True)
        asked = b""
        while b"\r\n\r\n" not in asked and len(asked) < _REQUEST_BYTES:
            try:
                asked += (said := session.read())  # it shakes hands first
                if not said:  # the peer has said farewell
                    return
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                await writer.drain()
                chunk = await reader.read(_REQUEST_BYTES)
                if not chunk:
                    return
                incoming.write(chunk)
            except ssl.SSLError:
                break
        else:
            session.write(whole)
        writer.write(outgoing.read())
        await writer.drain()

    return talk


def _reply(text: str) -> bytes:
    body = text.encode()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + body


class DnsServer:
    """Answers every A question for one name over UDP; anything else does not exist."""

    def __init__(self, address: str, name: str, answer: str) -> None:
        self.address = address
        self.port = 0
        self._name = name
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    async def up(self) -> None:
        """See `CityServer`."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Questions(self.answer), local_addr=(self.address, self.port)
        )
        self.port = self._transport.get_extra_info("sockname")[1]

    async def down(self) -> None:
        """See `CityServer`."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def answer(self, wire: bytes) -> bytes | None:
        """The answer to a query; None for what is none."""
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return None
        if query.flags & dns.flags.QR or len(query.question) != 1:
            return None
        reply = dns.message.make_response(query, recursion_available=True)
        asked = query.question[0]
        if asked.name.to_text(omit_final_dot=True).lower() != self._name:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(asked.name, _TTL_S, "IN", "A", self._answer))
        return reply.to_wire()


class _Questions(asyncio.DatagramProtocol):
    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._answer(data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)
