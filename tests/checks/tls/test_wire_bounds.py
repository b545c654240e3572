"""A hostile server can send as long as it likes: the reader ends, and keeps little."""

import tracemalloc

import pytest

from checks.tls.answer import Accepted, Answer, AnswerReader, Inconclusive
from checks.tls.registry import Version
from tests.checks.tls.flights import alert, asked, handshake, message, record, server_hello

_CHUNK = 16_384
_MOST = 64 * 2**20
TWELVE = asked(Version.TLS12, 0x002F)
THIRTEEN = asked(Version.TLS13, 0x1301)
_HELLO = handshake(server_hello(0x0303, 0x002F))


def endless(reader: AnswerReader, start: bytes, again: bytes) -> tuple[Answer, int, int]:
    """Feed a start and then the same for ever: the answer, bytes read, and the peak of memory."""
    chunk = (again * (_CHUNK // len(again) + 1))[: _CHUNK // len(again) * len(again) or len(again)]
    tracemalloc.start()
    fed = len(start)
    done = reader.feed(start)
    while not done:
        done = reader.feed(chunk)
        fed += len(chunk)
        assert fed < _MOST, "it reads for ever"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return reader.answer, fed, peak


@pytest.mark.parametrize(
    ("start", "again", "answer"),
    [
        (b"", alert(1, 112), "too-much"),
        (b"", record(22, message(0, b"")), "too-much"),
        (b"", handshake(message(2, bytes(60_000)), range(0, 60_000, 2)), "too-much"),
        (b"", handshake(b"\x02\xff\xff\xff" + bytes(16_000)), "too-much"),
        (b"", record(22, b"\x02\x00\xff\x00"), "too-much"),
        (b"", record(22, b""), "malformed: empty record"),
        (b"", record(21, b""), "malformed: empty record"),
        (b"", b"HTTP/1.1 200 OK\r\n", "not-tls: http"),
        (b"", b"\x16", "not-tls"),
        (_HELLO, handshake(b"\x0b\x06\x00\x00" + bytes(16_000)), "too-much"),
        (_HELLO, record(22, message(0, b"")), "too-much"),
        (_HELLO, alert(1, 112), "too-much"),
    ],
)
def test_an_endless_answer_ends(start: bytes, again: bytes, answer: str) -> None:
    """Warnings, tiny records, huge lists, as many as one likes: soon too much, and a megabyte."""
    found, fed, peak = endless(AnswerReader(TWELVE, until="done"), start, again)
    why = found.trouble if isinstance(found, Accepted) else ""
    why = found.why if isinstance(found, Inconclusive) else why
    assert why == answer
    assert isinstance(found, Accepted) is bool(start)
    assert fed < 2**20
    assert peak < 2**20


def test_change_cipher_specs_without_end_are_too_much() -> None:
    """What TLS 1.3 says to ignore is ignored a thousand times."""
    found, fed, _ = endless(AnswerReader(THIRTEEN), b"", record(20, b"\x01"))
    assert found == Inconclusive("too-much")
    assert fed < 2**16


def test_an_answer_of_ssl_2_has_an_end_by_its_form() -> None:
    """The longest record of SSL 2.0 has 32 KiB, and byte after byte is as good as at once."""
    reader = AnswerReader(None)
    found, fed, peak = endless(reader, b"\xff\xff\x04\x00", b"\x00")
    assert isinstance(found, Inconclusive)
    assert fed < 2**16
    assert peak < 2**20
    slow = AnswerReader(None)
    assert any(slow.feed(bytes((byte,))) for byte in b"\xff\xff\x04\x00" + bytes(33_000))
    assert slow.answer == found


def test_a_bound_may_be_set_to_256_kib_and_no_further() -> None:
    """A list of 100 KB is too much by default, and is read where that was allowed."""
    chain = handshake(
        message(11, b"\x01\x90\x03\x01\x90\x00" + bytes(0x019000)), range(0, 110_000, 9_000)
    )
    for bound, trouble in ((65_536, "too-much"), (262_144, "closed"), (10**9, "closed")):
        reader = AnswerReader(TWELVE, until="done", bound=bound)
        reader.feed(_HELLO + chain)
        reader.ended("closed")
        found = reader.answer
        assert isinstance(found, Accepted)
        assert found.trouble == trouble
        assert (found.chain is None) is (trouble == "too-much")
    reader = AnswerReader(TWELVE, until="done", bound=10**9)
    assert reader.feed(_HELLO + handshake(b"\x0b\x04\x00\x00"))
    assert isinstance(reader.answer, Accepted)
    assert reader.answer.trouble == "too-much"
