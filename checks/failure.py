"""What an error of a socket says: about the peer (evidence), or about this host (a fault). Pure."""

import errno
import os
from dataclasses import dataclass

from monitor.model import Fault, FaultKind

_LOCAL_RESOURCE = {
    errno.EMFILE: "too many open files: raise LimitNOFILE",
    errno.ENFILE: "the system's file table is full: raise fs.file-max",
    errno.ENOBUFS: "no buffer space: raise net.core limits or probe less at once",
    errno.ENOMEM: "out of memory",
    errno.ENOSPC: "too many watched sockets: raise fs.epoll.max_user_watches",
    errno.EADDRNOTAVAIL: (
        "no free local port, or no local address of this family: "
        "widen net.ipv4.ip_local_port_range or give the host an address"
    ),
}
_PERMISSION = {
    errno.EPERM: "a firewall of this host refuses the packet: look at its output rules",
    errno.EACCES: "this host forbids the packet: look at its routes and sandbox",
}
_LOCAL_NETWORK = {
    errno.ENETUNREACH: "no route: look at this host's routing table",
    errno.EHOSTUNREACH: "this host's routing table rejects the address",
    errno.ENETDOWN: "the network interface is down",
    errno.ENODEV: "the network interface is gone",
    errno.EINVAL: "the address cannot be used as written; a link-local one needs its %zone",
    errno.EAFNOSUPPORT: "this address family is switched off on this host",
    errno.EPROTONOSUPPORT: "this protocol is switched off on this host",
}
_PEER = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ENOTCONN: "reset",
    errno.ETIMEDOUT: "timeout",
}
_FROM_THE_NETWORK = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.EPROTO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The peer or the network between did this: an outcome word, and the detail if any."""

    outcome: str
    reason: str = ""


def failure_at_once(number: int) -> Failure | Fault:
    """An errno that a call returned before any packet could be answered."""
    if number in _PEER:
        return Failure(outcome=_PEER[number])
    return _fault(number)


def failure_from_network(number: int) -> Failure | Fault:
    """An errno that the socket reported later: an answer, an ICMP error, or a lost peer."""
    if number in _FROM_THE_NETWORK:
        return Failure(outcome="unreachable", reason=errno.errorcode[number])
    return failure_at_once(number)


def _fault(number: int) -> Fault:
    for kind, remedies in (
        (FaultKind.LOCAL_RESOURCE, _LOCAL_RESOURCE),
        (FaultKind.PERMISSION, _PERMISSION),
        (FaultKind.LOCAL_NETWORK, _LOCAL_NETWORK),
    ):
        if number in remedies:
            return Fault(kind=kind, message=f"{_name(number)}: {remedies[number]}")
    return Fault(kind=FaultKind.INTERNAL, message=f"unexpected {_name(number)}")


def _name(number: int) -> str:
    return f"{errno.errorcode.get(number, number)} ({os.strerror(number)})"
