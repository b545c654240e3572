"""Where the demo's alerts arrive: an HTTP server on loopback that takes Apprise's JSON."""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

_LIMIT = 1_000_000
_READ_S = 10.0
_ID = re.compile(r"([0-9a-f]{64})\s*\Z")
_ANSWER = "HTTP/1.1 {} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message as it came over the wire; `kind`: failure, warning, success or info."""

    title: str
    body: str
    kind: str
    id: str


def read_message(raw: bytes) -> Received:
    """The message of a request's body; ValueError for anything else."""
    payload = json.loads(raw)
    if not isinstance(payload, dict):
        raise ValueError("not an object")
    body = str(payload.get("message", ""))
    found = _ID.search(body)
    return Received(
        title=str(payload.get("title", "")),
        body=body,
        kind=str(payload.get("type", "")),
        id=found[1] if found else "",
    )


class Inbox:
    """Tells `arrived` of every message."""

    def __init__(self, arrived: Callable[[Received], None]) -> None:
        self.port = 0
        self._arrived = arrived
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen on a port of 127.0.0.1."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_S):
                code = await self._answer(reader)
                writer.write(_ANSWER.format(code).encode())
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that went away; the sender tries again
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> int:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"\r\ncontent-length: *(\d{1,9})\r\n", head)
        if length is None or int(length[1]) > _LIMIT:
            return 400
        try:
            message = read_message(await reader.readexactly(int(length[1])))
        except ValueError:
            return 400
        self._arrived(message)
        return 200
