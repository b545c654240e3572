"""SSL 2.0, made by hand: no library of today speaks it."""

import pytest

from checks.tls.answer import Accepted, AnswerReader, Inconclusive, Refused
from checks.tls.registry import Version
from tests.checks.tls.flights import alert, handshake, server_hello, split, told


def older_hello(*kinds: int, certificate: bytes = b"certificate", padding: int = 0) -> bytes:
    """A ServerHello of SSL 2.0 in its record, with padding in a header of three bytes."""
    listed = b"".join(kind.to_bytes(3, "big") for kind in kinds)
    sizes = (len(certificate), len(listed), 16)
    body = bytes((4, 0, 1, 0, 2)) + b"".join(size.to_bytes(2, "big") for size in sizes)
    body += certificate + listed + bytes(16)
    if not padding:
        return (0x8000 | len(body)).to_bytes(2, "big") + body
    return (len(body) + padding).to_bytes(2, "big") + bytes((padding,)) + body + bytes(padding)


@pytest.mark.parametrize("padding", [0, 5])
def test_an_answer_of_ssl_2_lists_what_is_offered(padding: int) -> None:
    """Kinds in the server's order, each once, unknown ones left out; the only certificate."""
    wire = older_hello(0x0700C0, 0x010080, 0x123456, 0x0700C0, padding=padding)
    for chunks in ([wire], [wire[at : at + 1] for at in range(len(wire))], split(wire, [3, 7, 40])):
        found = told(None, chunks)
        assert isinstance(found, Accepted)
        assert (found.version, found.suite) == (Version.SSL2, 0x0700C0)
        assert found.suites_offered == (0x0700C0, 0x010080)
        assert found.chain == (b"certificate",)


def test_a_server_without_ssl_2_refuses_or_is_unclear() -> None:
    """An alert of TLS refuses, and so does "no cipher"; a close or another answer does not."""
    assert told(None, [alert(2, 70)]) == Refused(alert=70)
    assert told(None, split(alert(2, 40), range(7))) == Refused(alert=40)
    assert told(None, [b"\x80\x03\x00\x00\x01"]) == Refused(alert=None, note="no cipher in common")
    assert told(None, [older_hello()]) == Refused(alert=None, note="no cipher in common")
    assert told(None, [b"\x80\x03\x00\x00\x04"]) == Inconclusive("error 4")
    assert told(None, []) == Inconclusive("closed")
    assert told(None, [older_hello(0x010080)[:-1]], end="timeout") == Inconclusive("timeout")
    assert told(None, [b"HTTP/1.1 400 Bad Request"]) == Inconclusive("not-tls: http")
    assert told(None, [handshake(server_hello(0x0301, 0x002F))]) == Inconclusive(
        "malformed: record type 22"
    )


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"\x80\x00\x04\x00\x00", "record length"),
        (b"\x00\x04\x04\x04\x00", "record length"),
        (b"\x80\x20\x07\x00\x00", "no server hello"),
        (b"\x80\x02\x00\x00\x01", "error message"),
        (b"\x80\x04\x04\x00\x00\x00", "server hello"),
        (b"\x80\x0d\x04\x00\x01\x00\x02\x00\x00\x00\x02\x00\x00\x01\x00", "server hello"),
        (older_hello(0x010080)[:-1] + b"\0\0", None),
        (b"\x80\x0b\x04\x00\x01\x00\x02\xff\xff\x00\x03\x00\x10", "server hello"),
    ],
)
def test_broken_answers_of_ssl_2_are_no_answer(wire: bytes, why: str | None) -> None:
    """Lengths that do not add up are inconclusive; what comes after the hello is not read."""
    reader = AnswerReader(None)
    assert reader.feed(wire)
    if why is None:
        assert isinstance(reader.answer, Accepted)
    else:
        assert reader.answer == Inconclusive(f"malformed: {why}")
