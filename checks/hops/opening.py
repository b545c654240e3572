"""Opens a flow whose 5-tuple is the same at every probe, so that two probes can be compared."""

import errno
import hashlib
import socket
from dataclasses import replace
from typing import Final, Literal

from checks.failure import failure_at_once
from checks.hops.binding import LeavingError
from checks.hops.datagram_flow import DatagramFlow
from checks.hops.flow import Desk, Route
from checks.hops.tcp_flow import TcpFlow
from checks.ping.wire import socket_address
from monitor.model import Fault, FaultKind

Protocol = Literal["udp", "tcp"]
Flow = DatagramFlow | TcpFlow

_FIRST_PORT: Final = 20_000
_PORTS: Final = 12_000
"""Source ports: below Linux's ephemeral ones (32768), where nobody is given one by chance."""
_CANDIDATES: Final = 8


def open_flow(desk: Desk, protocol: Protocol, route: Route, number: int = 0) -> tuple[Flow, int]:
    """Flow `number` to an address that the scope admitted, and its source port.

    The port follows from where the flow goes; one that is taken is passed over. LeavingError or
    OSError where this host does not let it leave.
    """
    last: LeavingError | None = None
    for attempt in range(_CANDIDATES):
        bound = replace(route, source_port=source_port(protocol, route, number, attempt))
        try:
            if protocol == "udp":
                return DatagramFlow(desk, bound), bound.source_port
            bound.socket(socket.SOCK_STREAM).close()
            return TcpFlow(desk, bound), bound.source_port
        except LeavingError as error:
            if error.number != errno.EADDRINUSE:
                raise
            last = error
    assert last is not None
    raise last


def source_port(protocol: Protocol, route: Route, number: int, attempt: int = 0) -> int:
    """The port of a flow: the same for the same way, whichever process asks."""
    named = f"{protocol} {route.address} {route.port} {number} {attempt}"
    digest = hashlib.sha256(named.encode()).digest()
    return _FIRST_PORT + int.from_bytes(digest[:4]) % _PORTS


def leaving_fault(error: OSError | LeavingError) -> Fault:
    """What this host refuses, as a fault that says what to do."""
    number = error.number if isinstance(error, LeavingError) else error.errno or errno.EINVAL
    if number == errno.EADDRINUSE:
        message = f"source ports {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1} are taken: free some"
        return Fault(kind=FaultKind.LOCAL_RESOURCE, message=message)
    why = failure_at_once(number)
    if isinstance(why, Fault):
        return why
    return Fault(kind=FaultKind.LOCAL_NETWORK, message=f"not even begun: {why.outcome}")


def host_refusal(address: str) -> Fault | None:
    """A fault for an address that is not one host's: broadcast, multicast, unspecified, mapped."""
    try:
        socket_address(address)
    except ValueError as error:
        return Fault(kind=FaultKind.SCOPE, message=str(error))
    return None
