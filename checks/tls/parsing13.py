"""What is inside the encrypted messages of a server of TLS 1.3 (RFC 8446, 4.3, 4.4, 4.6). Pure.

Bodies are without the header; MalformedError when they are not what they should be.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from checks.tls import parsing, scts
from checks.tls.hello import STATUS_REQUEST, TIMESTAMPS
from checks.tls.parsing import CHAIN_BOUND, Cursor
from checks.tls.records import MalformedError

EARLY_DATA = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """A Certificate: the chain as it was sent, at most 10, and what comes with the first of it."""

    chain: tuple[bytes, ...]
    ocsp: bytes | None
    scts: int | None


def encrypted_extensions(body: bytes) -> Mapping[int, bytes]:
    """The extensions by number."""
    cursor = Cursor(body, "encrypted extensions")
    found = parsing.extensions(cursor.vector(2))
    cursor.end()
    return found


def certificate_request(body: bytes) -> bytes:
    """Its context, which our Certificate repeats."""
    cursor = Cursor(body, "certificate request")
    context = cursor.vector(1)
    parsing.extensions(cursor.vector(2))
    cursor.end()
    return context


def certificate(body: bytes) -> Certificates:
    """The chain and the extensions of its first entry."""
    cursor = Cursor(body, "certificate")
    if cursor.vector(1):
        raise MalformedError("certificate")  # the context is that of a request, and we made none
    entries = Cursor(cursor.vector(3), "certificate")
    cursor.end()
    chain: list[bytes] = []
    first: Mapping[int, bytes] = {}
    while entries.left:
        encoded, extensions = entries.vector(3), parsing.extensions(entries.vector(2))
        if not encoded:
            raise MalformedError("certificate")
        first = first if chain else extensions
        if len(chain) < CHAIN_BOUND:
            chain.append(encoded)
    if not chain:
        raise MalformedError("certificate")
    status, timestamps = first.get(STATUS_REQUEST), first.get(TIMESTAMPS)
    return Certificates(
        chain=tuple(chain),
        ocsp=None if status is None else parsing.certificate_status(status),
        scts=None if timestamps is None else scts.count(timestamps),
    )


def certificate_verify(body: bytes) -> tuple[int, bytes]:
    """The scheme and the signature."""
    cursor = Cursor(body, "certificate verify")
    scheme, signature = cursor.number(2), cursor.vector(2)
    cursor.end()
    return scheme, signature


def ticket(body: bytes) -> int:
    """How much early data a NewSessionTicket allows, in bytes; 0: none."""
    cursor = Cursor(body, "ticket")
    cursor.take(8)  # lifetime and age_add
    cursor.vector(1)
    cursor.vector(2)
    found = parsing.extensions(cursor.vector(2))
    cursor.end()
    allowed = Cursor(found.get(EARLY_DATA, bytes(4)), "early data")
    count = allowed.number(4)
    allowed.end()
    return count
