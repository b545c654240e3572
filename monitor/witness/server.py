"""The HTTP of a witness: POST /add-checkpoint and nothing else, with bounds (RFC 9112).

Enforces: at most `MOST_CONNECTIONS` at a time, `PATIENCE_S` for a whole request, `HEAD_BOUND` bytes
of head, a body of known length up to `MAX_SUBMISSION_BYTES`; one request a connection. Leaves to
others: TLS and who may connect (the address listened on, or a proxy before it).
"""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import structlog

from monitor.ledger.witness import MAX_SUBMISSION_BYTES, TEXT_TYPE
from monitor.witness.service import Answer, Witness

MOST_CONNECTIONS = 64
PATIENCE_S = 10.0
HEAD_BOUND = 8_192
PATH = "/add-checkpoint"

_REQUEST = re.compile(rb"([A-Z]{1,16}) ([!-~]{1,2048}) HTTP/1\.[01]")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_log = structlog.get_logger("sasando.witness")


class RefusedRequest(Exception):  # noqa: N818 - the code says what is wrong
    """A request that is not read to its end; `status` is its answer."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.code = status


def read_head(head: bytes) -> int:
    """The length of the body that a request's head announces; RefusedRequest says why not.

    A length that is said twice, or a transfer coding, could make a proxy before us see another
    request than we do: both are refused.
    """
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    request = _REQUEST.fullmatch(first)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if request is None or None in fields:
        raise RefusedRequest(HTTPStatus.BAD_REQUEST)
    if request[2] != PATH.encode():
        raise RefusedRequest(HTTPStatus.NOT_FOUND)
    if request[1] != b"POST":
        raise RefusedRequest(HTTPStatus.METHOD_NOT_ALLOWED)
    named = [(one[1].lower(), one[2].strip(b" \t")) for one in fields if one is not None]
    lengths = [value for name, value in named if name == b"content-length"]
    if not lengths or any(name == b"transfer-encoding" for name, _ in named):
        raise RefusedRequest(HTTPStatus.LENGTH_REQUIRED)
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise RefusedRequest(HTTPStatus.BAD_REQUEST)
    if int(lengths[0]) > MAX_SUBMISSION_BYTES:
        raise RefusedRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(lengths[0])


class WitnessServer:
    """Listens until `close`. The witness itself runs in one thread: a disk may be slow."""

    def __init__(self, witness: Witness, host: str, port: int) -> None:
        self._witness = witness
        self._host, self._port = host, port
        self._thread = ThreadPoolExecutor(1, "witness")
        self._open = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> tuple[str, int]:
        """Listen; the address and port. OSError where they are taken."""
        self._server = await asyncio.start_server(
            self._connected, self._host, self._port, limit=HEAD_BOUND
        )
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    async def close(self) -> None:
        """Listen no more; what is being cosigned is finished, for it may be on disk already."""
        if self._server is not None:
            self._server.close()
        await asyncio.to_thread(self._thread.shutdown)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._open += 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._exchange(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            writer.transport.abort()  # the peer has gone, or is too slow: nobody waits
        finally:
            self._open -= 1
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(read_head(head))
        except asyncio.LimitOverrunError:
            await _reply(writer, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        except RefusedRequest as refused:
            await _reply(writer, refused.code)
            return
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._thread, self._witness.answer, body)
        await _reply(writer, HTTPStatus(answer.code), answer)


async def _reply(
    writer: asyncio.StreamWriter, code: HTTPStatus, answer: Answer | None = None
) -> None:
    body = f"{code.phrase}\n".encode() if answer is None else answer.body
    kind = TEXT_TYPE if answer is None else answer.content_type
    allow = "Allow: POST\r\n" if code is HTTPStatus.METHOD_NOT_ALLOWED else ""
    head = (
        f"HTTP/1.1 {code.value} {code.phrase}\r\nContent-Type: {kind}\r\n{allow}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode("ascii") + body)
    await writer.drain()
