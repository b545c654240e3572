"""One DNS question to one server: UDP, and TCP when the answer does not fit.

An answer counts only when it comes from the very address and port, repeats the random id and
asks the same question back (RFC 5452, 9.1), with 0x20 also in the same random case.
"""

import asyncio
import secrets

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype

from checks.datagram import Endpoint, exchange

_PAYLOAD = 1_232
"""UDP payload offered by EDNS: fits one frame on every path (DNS flag day 2020)."""
_TC = 0x0200


class AnswerError(Exception):
    """The server answered, but not with a DNS answer to this question."""


def question(name: str, kind: dns.rdatatype.RdataType, *, mixed_case: bool) -> dns.message.Message:
    """A recursive query with a random id; with `mixed_case` the name's letters are shuffled.

    ValueError for what is not a domain name.
    """
    try:
        asked = dns.name.from_text(name)
    except dns.exception.DNSException as error:
        raise ValueError(f"{name!r} is not a domain name") from error
    if mixed_case:
        asked = dns.name.Name([_shuffled(label) for label in asked.labels])
    flags = dns.flags.RD | dns.flags.AD
    return dns.message.make_query(asked, kind, use_edns=0, payload=_PAYLOAD, flags=flags)


async def ask(server: Endpoint, query: dns.message.Message) -> dns.message.Message:
    """The server's answer. The caller sets the time limit.

    AnswerError, OSError (refused, unreachable; `NotSentError` where it is this host's own).
    """
    wire = query.to_wire()

    def accept(content: bytes, _: int | None) -> bytes | None:
        """A datagram with another id is somebody else's: it is passed over."""
        answers = content[:2] == wire[:2] and len(content) >= 12 and content[2] & 0x80
        return content if answers else None

    content = await exchange(server, wire, accept)
    if not content[2] & (_TC >> 8):
        answer = _parsed(content, query)
        if _same_case(answer, query):
            return answer
    # Cut off, or a server that does not keep the case, or a forger: TCP settles it.
    return _parsed(await _over_tcp(server, wire), query)


async def _over_tcp(server: Endpoint, wire: bytes) -> bytes:
    """RFC 7766: a length of two bytes before each message."""
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        writer.write(len(wire).to_bytes(2) + wire)
        length = int.from_bytes(await reader.readexactly(2))
        content = await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise AnswerError("the TCP answer ended early") from error
    finally:
        writer.transport.abort()
    if content[:2] != wire[:2]:
        raise AnswerError("the TCP answer has another id")
    return content


def _parsed(content: bytes, query: dns.message.Message) -> dns.message.Message:
    try:
        answer = dns.message.from_wire(content)
    except Exception as error:
        raise AnswerError(f"not a DNS message: {type(error).__name__}") from error
    # A refusal may come without the question (RFC 5452, 9.1 does not ask it of an error).
    if answer.question != query.question and (answer.question or not answer.rcode()):
        raise AnswerError("the answer is to another question")
    return answer


def _same_case(answer: dns.message.Message, query: dns.message.Message) -> bool:
    if not answer.question:
        return True
    return bool(answer.question[0].name.labels == query.question[0].name.labels)


def _shuffled(label: bytes) -> bytes:
    bits = secrets.randbits(8 * len(label) or 1)
    return bytes(
        byte ^ 0x20 if bits >> at & 1 and chr(byte).isascii() and chr(byte).isalpha() else byte
        for at, byte in enumerate(label)
    )
