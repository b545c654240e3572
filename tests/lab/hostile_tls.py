"""Servers that a survey of TLS must survive: silent, garbling, endless, choosy and unreliable ones.

The first half speaks no TLS at all; the second half stands before a real server and spoils what
goes through (`Gate`). All of them end with the `async with`, and every loop of theirs is bounded.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Self

from tests.lab.serving import end
from tests.lab.tlsserver import Talk

_MOST = 128 << 20
"""Bytes that an endless server sends before it ends after all."""
_PIECE = 16_384


def garbage(seed: int) -> Talk:
    """Random bytes, 256 KiB of them."""
    noise = random.Random(seed).randbytes(1 << 18)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(noise)
        await writer.drain()
        await reader.read()

    return talk


def endless(unit: bytes, first: bytes = b"") -> Talk:
    """The same bytes over and over, 128 MiB of them if the peer takes that many."""
    block = unit * max(1, _PIECE // len(unit))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(first)
        for _ in range(_MOST // len(block)):
            writer.write(block)
            await writer.drain()

    return talk


def record(kind: int, content: bytes, version: int = 0x0303) -> bytes:
    """A TLS record (RFC 5246, 6.2.1)."""
    return struct.pack(">BHH", kind, version, len(content)) + content


WARNINGS = record(21, b"\1\x70")
"""unrecognized_name as a warning: legal, and legal again."""
EMPTY_RECORDS = record(22, b"")
HELLO_REQUESTS = record(22, b"\0\0\0\0")


def server_hello(suite: int = 0xC02F, version: int = 0x0303) -> bytes:
    """A ServerHello without extensions, in a record."""
    body = struct.pack(">H", version) + bytes(range(32)) + b"\0" + struct.pack(">HB", suite, 0)
    return record(22, b"\2" + len(body).to_bytes(3, "big") + body)


def endless_certificates() -> Talk:
    """A chain of 16 MiB, as long as a handshake message can be, and again one after it."""
    start = b"\x0b" + b"\xff\xff\xff" + b"\xff\xff\xfc" + b"\0\x40\0"
    return endless(record(22, bytes(_PIECE)), server_hello() + record(22, start))


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A RST as soon as something comes."""
    await reader.read(1)
    reset(writer)


async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and never reads nor writes."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(600)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close by RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


HTTP_400 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Judge = Callable[[bytes], str]
"""What becomes of a connection with this first flight: "" (let it through), close, reset, hang."""


class Gate:
    """A forwarder before real servers: refuses, delays, cuts up, or takes them in turn.

    `judge` sees the first flight; `at_once` connections are served, those beyond are closed;
    `every_s` seconds must lie between two connections, or the second is closed; `pace` is
    (bytes, seconds) for what goes to the peer; `crumbs` sends it in records of one byte.
    """

    def __init__(
        self,
        *ports: int,
        address: str = "127.0.0.1",
        judge: Judge = lambda _: "",
        at_once: int = 1_000,
        every_s: float = 0.0,
        pace: tuple[int, float] | None = None,
        crumbs: bool = False,
    ) -> None:
        self._ports: Sequence[int] = ports
        self.address = address
        self._judge, self._at_once, self._every_s = judge, at_once, every_s
        self._pace, self._crumbs = pace, crumbs
        self._open = 0
        self._latest = float("-inf")
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0
        self.turned_away = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.address, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        await end(self._server, self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open += 1
        try:
            await self._pass(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._open -= 1
            self._tasks.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        now = asyncio.get_running_loop().time()
        early, self._latest = now - self._latest < self._every_s, now
        if self._open > self._at_once or early:
            self.turned_away += 1
            return
        first = await reader.read(65_536)
        what = self._judge(first)
        if what:
            self.turned_away += 1
            if what == "reset":
                reset(writer)
            elif what == "hang":
                await asyncio.sleep(600)
            return
        port = self._ports[number % len(self._ports)]
        behind_reader, behind = await asyncio.open_connection("127.0.0.1", port)
        behind.write(first)
        ways = [
            asyncio.ensure_future(_copy(reader, behind)),
            asyncio.ensure_future(self._down(behind_reader, writer)),
        ]
        try:  # whoever leaves first ends both ways
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            behind.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._crumbs:
            await _crumbled(reader, writer)
        while chunk := await reader.read(65_536):
            if self._pace is None:
                writer.write(chunk)
                await writer.drain()
                continue
            size, seconds = self._pace
            for at in range(0, len(chunk), size):
                writer.write(chunk[at : at + size])
                await writer.drain()
                await asyncio.sleep(seconds)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()


async def _crumbled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Plain handshake records come in records of one byte each, until something else comes."""
    while True:
        head = await reader.readexactly(5)
        content = await reader.readexactly(int.from_bytes(head[3:5], "big"))
        if head[0] != 22:
            writer.write(head + content)
            return
        for byte in content:
            writer.write(head[:3] + b"\0\1" + bytes([byte]))
        await writer.drain()


def longer_than(most: int, what: str) -> Judge:
    """Hellos above so many bytes are treated so, as some middle boxes do (RFC 7685)."""
    return lambda first: what if len(first) > most else ""


def knowing(extensions: frozenset[int], what: str) -> Judge:
    """Hellos with an extension that is not among these are treated so."""

    def judge(first: bytes) -> str:
        return what if set(extensions_of(first)) - extensions else ""

    return judge


def extensions_of(first: bytes) -> list[int]:
    """Numbers of the extensions of a ClientHello in a first flight; none: it is none."""
    if len(first) < 44 or first[0] != 22 or first[5] != 1:
        return []
    at = 43
    for size in (1, 2, 1):  # session id, suites, compression methods
        at += size + int.from_bytes(first[at : at + size], "big")
    at += 2
    found = []
    while at + 4 <= len(first):
        number, length = struct.unpack_from(">HH", first, at)
        found.append(number)
        at += 4 + length
    return found
