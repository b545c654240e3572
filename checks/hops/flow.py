"""What the flows of a path have in common: their socket options, and the reading of answers.

A flow is a sequence of packets with one 5-tuple, so that every router which balances by it sends
them all the same way. It has ONE packet in flight: then an answer that quotes no more than the
ports (RFC 792 asks for 8 bytes) still names its packet, nothing is sent past the destination,
and routers that answer once a second (Linux, RFC 1812 4.3.2.8) are not run dry.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from checks.base import Net
from checks.connection import sockaddr
from checks.hops.answer import Answer, plain
from checks.hops.binding import Binding
from checks.hops.error_queue import (
    ANCILLARY_BOUND,
    IP_RECVERR,
    IPV6_RECVERR,
    SO_TIMESTAMPNS,
    SOL_IP,
    SOL_IPV6,
    QueuedError,
    queued_error,
)
from checks.poller import Poller
from monitor.model import Fault

PROBE: Final = 3
"""IP_PMTUDISC_PROBE and IPV6_PMTUDISC_PROBE: set DF, and ignore what is known of the path."""
_AUTOFLOWLABEL: Final = 70
"""IPV6_AUTOFLOWLABEL: else each socket has a label of its own, and RFC 6438 balances by it."""
_DRAINED: Final = 64
"""Messages looked at in one wake-up; level-triggered polling comes back."""
_QUOTE_BOUND: Final = 2_048
_FITTING_NS: Final = 1_000_000
"""The clocks agree when they went equally far within this, in ns."""


class Asker(Protocol):
    """Sends one packet and waits for what comes of it."""

    @property
    def late(self) -> Answer | None:
        """What a router said of an earlier packet when nobody waited for it any more.

        Only `unreachable` is kept: a router looks for a host on its link for seconds.
        """
        ...

    async def ask(self, hops: int, wait_us: int, size: int = 0) -> Answer | Fault | None:
        """The answer to one packet that may travel `hops`; None: silence for `wait_us`.

        `size`: bytes of the whole IP packet, headers included; 0: as small as it can be.
        """
        ...

    def close(self) -> None:
        """Nothing more is sent or heard."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The names of the socket options in one address family."""

    level: int
    errors: int
    hops: int
    hops_beside: int
    discover: int
    mtu: int
    header: int
    """Bytes of the IP header."""


V4: Final = Options(
    level=SOL_IP,
    errors=IP_RECVERR,
    hops=socket.IP_TTL,
    hops_beside=socket.IP_TTL,
    discover=10,
    mtu=14,
    header=20,
)
V6: Final = Options(
    level=SOL_IPV6,
    errors=IPV6_RECVERR,
    hops=socket.IPV6_UNICAST_HOPS,
    hops_beside=socket.IPV6_HOPLIMIT,
    discover=23,
    mtu=24,
    header=40,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all flows of one prober share."""

    net: Net
    poller: Poller
    counts: Counter[str] = field(default_factory=Counter)
    """foreign: an error or datagram that is not an answer to the packet in flight;
    late: one to an earlier packet; short_quotes: an answer that quoted no payload;
    no_timestamp: an answer that the kernel did not stamp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a flow goes, from which port, and how it leaves. The scope is asked at each packet."""

    address: str
    port: int
    source_port: int = 0
    binding: Binding = field(default_factory=Binding)

    @property
    def options(self) -> Options:
        """Those of the address's family."""
        return V6 if ":" in self.address else V4

    @property
    def destination(self) -> str:
        """The address as errors name it."""
        return plain(self.address)

    def socket(self, kind: int, protocol: int = 0) -> socket.socket:
        """A new bound socket that hears ICMP errors; LeavingError or OSError."""
        family, _ = sockaddr(self.address, self.port)
        sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
        try:
            options = self.options
            sock.setsockopt(options.level, options.errors, 1)
            sock.setsockopt(options.level, options.discover, PROBE)
            if options is V6:
                sock.setsockopt(SOL_IPV6, _AUTOFLOWLABEL, 0)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.binding.apply(sock, self.source_port)
        except BaseException:
            sock.close()
            raise
        return sock


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """When a packet left, by both clocks."""

    wall_ns: int
    boot_ns: int

    @classmethod
    def now(cls, net: Net) -> "Sent":
        """A packet that is just about to leave."""
        return cls(wall_ns=net.wall_us() * 1_000, boot_ns=net.boottime_ns())

    def delay_us(self, arrived_ns: int | None, net: Net) -> int:
        """Until the kernel's stamp of the answer, if it fits our clocks; else until now."""
        spent_ns = net.boottime_ns() - self.boot_ns
        wall_spent_ns = net.wall_us() * 1_000 - self.wall_ns
        if arrived_ns is not None and abs(wall_spent_ns - spent_ns) < _FITTING_NS:
            stamped_ns = arrived_ns - self.wall_ns
            if 0 <= stamped_ns <= spent_ns:
                spent_ns = stamped_ns
        return max(0, spent_ns) // 1_000


def refused(desk: Desk, route: Route) -> Fault | None:
    """Why no packet may leave: an authority can end while a way is walked, or waits its turn."""
    return desk.net.scope.refusal(route.address)


class Waiting:
    """The one answer that a flow waits for; the first that is told counts."""

    def __init__(self, desk: Desk, token: bytes) -> None:
        self.desk = desk
        self.token = token
        self.sent = Sent.now(desk.net)
        self._future: asyncio.Future[Answer | Fault] = asyncio.get_running_loop().create_future()

    def tell(self, answer: Answer | Fault) -> None:
        """This is it."""
        if not self._future.done():
            self._future.set_result(answer)

    async def answer(self, wait_us: int) -> Answer | Fault | None:
        """What was told within the time; None: silence."""
        done, _ = await asyncio.wait({self._future}, timeout=wait_us / 1e6)
        return self._future.result() if done else None


def errors_of(sock: socket.socket) -> Iterator[tuple[bytes, QueuedError]]:
    """Take what the error queue holds: the quoted payload and the entry, a bounded number."""
    for _ in range(_DRAINED):
        try:
            payload, beside, _, _ = sock.recvmsg(_QUOTE_BOUND, ANCILLARY_BOUND, socket.MSG_ERRQUEUE)
        except OSError:
            return
        error = queued_error(beside)
        if error is not None:
            yield payload, error


def datagrams_of(sock: socket.socket) -> Iterator[tuple[bytes, str]]:
    """Take the datagrams that came: the beginning of each and its sender, a bounded number."""
    for _ in range(_DRAINED):
        try:
            content, sender = sock.recvfrom(_QUOTE_BOUND)
        except BlockingIOError:
            return
        except OSError:
            continue  # an error of an earlier packet, told in passing; the queue has it, too
        yield content, plain(sender[0])


def own_address(sock: socket.socket) -> str:
    """The source that this host chose, or was told."""
    return plain(str(sock.getsockname()[0]))
