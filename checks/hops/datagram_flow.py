"""A flow of datagrams: UDP towards a port, or echo requests from an unprivileged ping socket."""

import errno
import os
import socket
import struct
from collections import deque
from dataclasses import replace
from typing import Final

from checks.connection import sockaddr
from checks.failure import failure_at_once
from checks.hops.answer import Answer, meaning
from checks.hops.binding import connect
from checks.hops.error_queue import LOCAL, QueuedError
from checks.hops.flow import (
    Desk,
    Route,
    Sent,
    Waiting,
    datagrams_of,
    errors_of,
    own_address,
    refused,
)
from checks.poller import READABLE
from monitor.model import Fault, FaultKind

_TOKEN: Final = 8
"""Random bytes at the start of each packet: what quotes others is not an answer to it."""
_HEADER: Final = 8
"""Bytes of a UDP header, and of an ICMP echo header."""
_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
"""Types of request and reply (RFC 792, RFC 4443 4)."""
_SENDS: Final = 3
_REMEMBERED: Final = 64
"""Tokens of packets that are no longer waited for."""


class DatagramFlow:
    """One connected socket; packets are told apart by a random token. See `flow.Asker`.

    `echo`: echo requests instead of UDP; the kernel chooses their identifier, and matches it.
    """

    def __init__(self, desk: Desk, route: Route, *, echo: bool = False) -> None:
        self._desk = desk
        self._route = route
        self._echo = echo
        self._waiting: Waiting | None = None
        self._tokens: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._late: Answer | None = None
        self._sequence = 0
        kind, protocol = socket.SOCK_DGRAM, 0
        if echo:
            protocol = socket.IPPROTO_ICMPV6 if ":" in route.address else socket.IPPROTO_ICMP
        self._sock = route.socket(kind, protocol)
        try:
            connect(self._sock, sockaddr(route.address, 0 if echo else route.port)[1])
            self.own = own_address(self._sock)
            """The source address of the packets."""
            desk.poller.watch(self._sock, READABLE, self._ready)
        except BaseException:
            self._sock.close()
            raise

    def close(self) -> None:
        """Nothing more is sent or heard."""
        self._desk.poller.close_socket(self._sock)

    async def ask(self, hops: int, wait_us: int, size: int = 0) -> Answer | Fault | None:
        """See `flow.Asker`."""
        self._ready(0)  # what came for earlier packets
        refusal = refused(self._desk, self._route)
        if refusal is not None:
            return refusal
        token = os.urandom(_TOKEN)
        self._waiting = Waiting(self._desk, token)
        try:
            at_once = self._send(self._packet(token, size), hops)
            return at_once or await self._waiting.answer(wait_us)
        finally:
            self._waiting = None
            self._tokens.append(token)

    @property
    def late(self) -> Answer | None:
        """See `flow.Asker`."""
        return self._late

    def _packet(self, token: bytes, size: int) -> bytes:
        """The payload as the socket wants it: with the ICMP header for an echo request."""
        padded = token.ljust(max(_TOKEN, size - self._route.options.header - _HEADER), b"\0")
        if not self._echo:
            return padded
        self._sequence = (self._sequence + 1) % 65_536
        return struct.pack("!BBHHH", _ECHO[self._sock.family][0], 0, 0, 0, self._sequence) + padded

    def _send(self, packet: bytes, hops: int) -> Answer | Fault | None:
        """None: it left. A pending error of an earlier packet is told in place of sending."""
        options = self._route.options
        beside = [(options.level, options.hops_beside, struct.pack("@i", hops))]
        number = 0
        for _ in range(_SENDS):
            assert self._waiting is not None
            self._waiting.sent = Sent.now(self._desk.net)
            try:
                self._sock.sendmsg([packet], beside)
            except OSError as error:
                number = error.errno or errno.EINVAL
            else:
                return None
            local = [error for _, error in errors_of(self._sock) if error.origin == LOCAL]
            if number == errno.EMSGSIZE:
                return Answer(kind="too-big", address="", mtu=self._local_mtu(local))
        why = failure_at_once(number)
        if isinstance(why, Fault):
            return why
        message = "the socket kept reporting errors of earlier packets in place of sending"
        return Fault(kind=FaultKind.LOCAL_NETWORK, message=message)

    def _local_mtu(self, errors: list[QueuedError]) -> int:
        if errors:
            return errors[-1].value
        options = self._route.options
        return self._sock.getsockopt(options.level, options.mtu)

    def _ready(self, _: int) -> None:
        for quoted, error in errors_of(self._sock):
            answer = meaning(error, self._route.destination, self.own)
            if answer is not None:
                self._take(quoted, answer, error.arrived_ns, local=answer.address == "")
        for content, sender in datagrams_of(self._sock):
            fits = sender == self._route.destination and self._is_reply(content)
            if fits:
                self._take(content, Answer(kind="arrived", address=sender), None, local=False)
            else:
                self._desk.counts["foreign"] += 1

    def _is_reply(self, content: bytes) -> bool:
        """Whether it repeats our token; for an echo reply, with the right type before it."""
        waiting = self._waiting
        if waiting is None or not self._at_token(content).startswith(waiting.token):
            return False
        return not self._echo or content[0] == _ECHO[self._sock.family][1]

    def _at_token(self, content: bytes) -> bytes:
        return content[_HEADER:] if self._echo else content

    def _take(self, quoted: bytes, answer: Answer, arrived_ns: int | None, *, local: bool) -> None:
        """Tell it if it answers the packet in flight.

        A quote may end before the token (RFC 792); then only this packet can be meant, as the
        kernel has compared the ports. This host's own words quote whatever was waiting.
        """
        waiting = self._waiting
        start = self._at_token(quoted)[:_TOKEN]
        if waiting is None or not (local or waiting.token.startswith(start)):
            self._keep(start, answer)
            return
        if len(start) < _TOKEN:
            self._desk.counts["short_quotes"] += 1
        if arrived_ns is None:
            self._desk.counts["no_timestamp"] += 1
        waiting.tell(replace(answer, delay_us=waiting.sent.delay_us(arrived_ns, self._desk.net)))

    def _keep(self, start: bytes, answer: Answer) -> None:
        """It answers an earlier packet of ours, or no packet at all."""
        ours = start in self._tokens
        self._desk.counts["late" if ours else "foreign"] += 1
        if ours and answer.kind == "unreachable":
            self._late = answer
