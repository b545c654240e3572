"""Signed certificate timestamps that a server sends (RFC 6962, 3.3). Pure."""

from checks.tls.parsing import Cursor
from checks.tls.records import MalformedError


def count(body: bytes) -> int:
    """How many a list has, as in the extension of the handshake; MalformedError when it is none."""
    outer = Cursor(body, "timestamps")
    cursor = Cursor(outer.vector(2), "timestamps")
    outer.end()
    found = 0
    while cursor.left:
        if not cursor.vector(2):
            raise MalformedError("timestamps")
        found += 1
    return found
