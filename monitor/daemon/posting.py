"""One POST to a service that the operator named, its answer a stranger's: bounded in bytes."""

import asyncio
import ssl

from checks.http_reply import Keeping, ReplyReader
from checks.http_request import Place
from checks.trust import verifying_context
from monitor.model import Fault

_PIECE = 16_384


class MalformedAnswerError(Exception):
    """What came back is no whole HTTP answer within its bound."""


async def post(to: Place, content: bytes, kind: str, limit: int, ca_file: str) -> tuple[int, bytes]:
    """(code, body of at most `limit` bytes); the caller bounds the time.

    OSError, or UnicodeError for a name that no resolver takes, where nobody can be reached;
    MalformedAnswerError.
    """
    context = await asyncio.to_thread(_context, ca_file) if to.tls else None
    reader, writer = await asyncio.open_connection(to.host, to.port, ssl=context)
    kept = Keeping()
    reply = ReplyReader(head_only=False, max_body=limit, keeping=kept)
    try:
        writer.write(to.post(content, kind))
        while not reply.feed(await reader.read(_PIECE)):
            pass
    finally:
        writer.transport.abort()
    if reply.end != "complete" or reply.status is None:
        raise MalformedAnswerError
    return reply.status, bytes(kept.body)


def why_unreachable(error: OSError | UnicodeError) -> str:
    """The cause in the system's words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _context(ca_file: str) -> ssl.SSLContext:
    made = verifying_context(ca_file)
    if isinstance(made, Fault):
        raise OSError(made.message)
    return made
