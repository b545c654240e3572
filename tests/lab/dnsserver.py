"""An authoritative DNS server on loopback, UDP and TCP, that can be made to lie."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self, cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Spoil = Callable[[bytes, bytes], list[bytes]]
"""Takes the query and the honest answer; gives the datagrams that are sent instead."""


class DnsServer:
    """Answers from `records`: (name, type) → texts of records. Change them while it runs.

    `rcodes` forces a code for a name; `spoil` changes what is sent over UDP, `tcp` nothing.
    """

    def __init__(self, *, address: str = "127.0.0.1", ttl: int = 60) -> None:
        self.address = address
        self.port = 0
        self.ttl = ttl
        self.records: dict[tuple[str, str], list[str]] = {}
        self.rcodes: dict[str, dns.rcode.Rcode] = {}
        self.spoil: Spoil | None = None
        self.flags = dns.flags.RA
        self.queries: list[tuple[str, str, str]] = []
        """(transport, name as asked, type) of each query."""
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._over_tcp, self.address, 0)
        self.port = self._tcp.sockets[0].getsockname()[1]
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Udp(self), local_addr=(self.address, self.port)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._udp is not None
        assert self._tcp is not None
        self._udp.close()
        self._tcp.close()
        await asyncio.sleep(0)

    @property
    def endpoint(self) -> str:
        """As the settings of a check or `nameservers` write it."""
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{shown}:{self.port}"

    def add(self, name: str, kind: str, *texts: str) -> None:
        """Let `name` have these records of this type."""
        self.records[(name.lower().rstrip("."), kind)] = list(texts)

    def answer(self, wire: bytes, transport: str) -> bytes:
        """The honest answer to a query."""
        query = dns.message.from_wire(wire)
        asked = query.question[0]
        kind = dns.rdatatype.to_text(asked.rdtype)
        self.queries.append((transport, asked.name.to_text(), kind))
        reply = dns.message.make_response(query)
        reply.flags |= self.flags
        key = asked.name.to_text().lower().rstrip(".")
        reply.set_rcode(self.rcodes.get(key, dns.rcode.NOERROR))
        if not reply.rcode():
            self._fill(reply, asked.name, kind)
        return reply.to_wire(max_size=65_535)

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, kind: str) -> None:
        """The chain of CNAMEs, at most 20, and the records at its end; its code is the last name's
        (RFC 6604, 3)."""
        for _ in range(20):
            key = name.to_text().lower().rstrip(".")
            kinds = {own for own_name, own in self.records if own_name == key}
            if not kinds:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            if kind in kinds or "CNAME" not in kinds:
                texts = self.records.get((key, kind), [])
                if texts:
                    reply.answer.append(dns.rrset.from_text(name, self.ttl, "IN", kind, *texts))
                return
            target = self.records[(key, "CNAME")][0]
            reply.answer.append(dns.rrset.from_text(name, self.ttl, "IN", "CNAME", target))
            name = dns.name.from_text(target)

    async def _over_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            length = int.from_bytes(await reader.readexactly(2))
            reply = self.answer(await reader.readexactly(length), "tcp")
            writer.write(len(reply).to_bytes(2) + reply)
            await writer.drain()
        writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, content: bytes, peer: tuple[str, int]) -> None:
        honest = self._server.answer(content, "udp")
        spoil = self._server.spoil
        for datagram in [honest] if spoil is None else spoil(content, honest):
            self._transport.sendto(datagram, peer)


def silence(_: bytes, __: bytes) -> list[bytes]:
    """No answer at all."""
    return []


def truncated(_: bytes, honest: bytes) -> list[bytes]:
    """The header and the question, marked as cut off."""
    reply = dns.message.from_wire(honest)
    reply.answer.clear()
    reply.flags |= dns.flags.TC
    return [reply.to_wire()]


def garbage(query: bytes, _: bytes) -> list[bytes]:
    """The right id, then nonsense."""
    return [query[:2] + b"\x80\x00" + b"\xff" * 40]


def forged_first(_: bytes, honest: bytes) -> list[bytes]:
    """Lies with other ids before the honest answer."""
    lie = dns.message.from_wire(honest)
    lie.answer = [dns.rrset.from_text(lie.question[0].name, 60, "IN", "A", "203.0.113.66")]
    forged = lie.to_wire()
    identity = int.from_bytes(honest[:2])
    wrong = [((identity + step) % 65_536).to_bytes(2) + forged[2:] for step in (1, 2, 3)]
    return [*wrong, b"", b"short", honest]


def other_question(_: bytes, honest: bytes) -> list[bytes]:
    """The answer to a question that was not asked."""
    reply = dns.message.from_wire(honest)
    reply.question[0].name = dns.name.from_text("other.example.")
    return [reply.to_wire()]


def lower_case(_: bytes, honest: bytes) -> list[bytes]:
    """A server that does not keep the case of the question."""
    reply = dns.message.from_wire(honest)
    reply.question[0].name = dns.name.from_text(reply.question[0].name.to_text().lower())
    return [reply.to_wire()]
