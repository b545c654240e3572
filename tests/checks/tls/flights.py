"""Server flights made by hand, and any way to cut them into records and chunks."""

import itertools
from collections.abc import Iterable, Sequence

from checks.tls.answer import Answer, AnswerReader
from checks.tls.answer import Until as Until
from checks.tls.hello import ClientHello
from checks.tls.registry import Version
from checks.tls.serverhello import RETRY_RANDOM

RANDOM = bytes(range(32))
SUPPORTED_13 = (43, b"\x03\x04")
DONE = b"\x0e\x00\x00\x00"


def vector(size: int, body: bytes) -> bytes:
    """Bytes after their length."""
    return len(body).to_bytes(size, "big") + body


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes((kind,)) + vector(3, body)


def server_hello(
    version: int,
    suite: int,
    extensions: Iterable[tuple[int, bytes]] | None = (),
    *,
    random: bytes = RANDOM,
    session_id: bytes = b"",
    compression: int = 0,
) -> bytes:
    """A ServerHello; no extensions at all when None."""
    body = version.to_bytes(2, "big") + random + vector(1, session_id)
    body += suite.to_bytes(2, "big") + bytes((compression,))
    if extensions is not None:
        body += vector(2, b"".join(c.to_bytes(2, "big") + vector(2, e) for c, e in extensions))
    return message(2, body)


def modern_hello(hello: ClientHello, suite: int, group: int, share: bytes) -> bytes:
    """A ServerHello of TLS 1.3 to this hello."""
    key = (51, group.to_bytes(2, "big") + vector(2, share))
    session = hello.sent_session_id
    return server_hello(0x0303, suite, (SUPPORTED_13, key), session_id=session)


def retry_request(hello: ClientHello, suite: int, group: int | None, cookie: bytes = b"") -> bytes:
    """A HelloRetryRequest to this hello."""
    extensions = [SUPPORTED_13]
    if group is not None:
        extensions.append((51, group.to_bytes(2, "big")))
    if cookie:
        extensions.append((44, vector(2, cookie)))
    session = hello.sent_session_id
    return server_hello(0x0303, suite, extensions, random=RETRY_RANDOM, session_id=session)


def certificate(*chain: bytes) -> bytes:
    """A Certificate before TLS 1.3."""
    return message(11, vector(3, b"".join(vector(3, one) for one in chain)))


def ecdhe(group: int) -> bytes:
    """A ServerKeyExchange of ECDHE_RSA."""
    return message(12, b"\x03" + group.to_bytes(2, "big") + vector(1, bytes(65)) + bytes(260))


def dhe(bits: int) -> bytes:
    """A ServerKeyExchange of DHE_RSA with a prime of so many bits."""
    prime = ((1 << bits) - 1).to_bytes((bits + 7) // 8, "big")
    return message(12, vector(2, prime) + vector(2, b"\x02") + vector(2, prime) + bytes(260))


def alert(level: int, code: int) -> bytes:
    """The record of an alert."""
    return record(21, bytes((level, code)))


def record(kind: int, content: bytes, version: bytes = b"\x03\x03") -> bytes:
    """One record."""
    return bytes((kind,)) + version + vector(2, content)


def handshake(messages: bytes, cuts: Sequence[int] = ()) -> bytes:
    """Messages in handshake records, cut where it is said."""
    return b"".join(record(22, part) for part in split(messages, cuts))


def split(whole: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut at these places; no part is empty."""
    places = sorted({0, len(whole), *(cut % len(whole) for cut in cuts)}) if whole else []
    return [whole[start:end] for start, end in itertools.pairwise(places)]


def told(
    hello: ClientHello | None, chunks: Iterable[bytes], until: Until = "done", end: str = "closed"
) -> Answer:
    """The answer that a reader finds in these chunks, and then the end of the connection."""
    reader = AnswerReader(hello, until=until)
    for chunk in chunks:
        if reader.feed(chunk):
            return reader.answer
    reader.ended(end)  # type: ignore[arg-type]
    return reader.answer


def asked(version: Version, *suites: int, **more: object) -> ClientHello:
    """A hello with these suites."""
    return ClientHello(version=version, suites=suites, random=RANDOM, **more)  # type: ignore[arg-type]
