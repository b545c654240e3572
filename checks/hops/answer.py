"""What came back for one packet, and what it means. Pure.

Sources: RFC 792 and RFC 1812 5.2.7 (ICMP), RFC 4443 3 (ICMPv6), RFC 1191 and RFC 8201 (too big).
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from checks.hops.error_queue import ICMP, ICMP6, LOCAL, QueuedError

Kind = Literal["exceeded", "arrived", "unreachable", "too-big"]

_EXCEEDED = {ICMP: 11, ICMP6: 3}
_UNREACHABLE = {ICMP: 3, ICMP6: 1}
_NEEDS_FRAGMENTS: Final = 4
_TOO_BIG: Final = 2
_EMSGSIZE: Final = 90

NEIGHBOUR: Final = "neighbour"
"""This host says itself that the next host on its own link does not answer (ARP, RFC 4861)."""
_WORDS_V4 = {
    **dict.fromkeys((0, 6, 11), "network"),
    **dict.fromkeys((1, 7, 8, 12), "host"),
    2: "protocol",
    3: "port",
    5: "source-route",
    **dict.fromkeys((9, 10, 13, 14, 15), "prohibited"),
}
_WORDS_V6 = {
    0: "network",
    1: "prohibited",
    2: "beyond-scope",
    3: "host",
    4: "port",
    5: "prohibited",
    6: "network",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Somebody answered. `address` is empty where it was this host's own stack.

    `exceeded`: a router on the way. `arrived`: the destination itself, with whatever.
    `unreachable`: a router, or this host, says that it is no use; `word` says why. `too-big`:
    `mtu` is the greatest that fits, as the sender of the error says (0: it does not say).
    """

    kind: Kind
    address: str
    delay_us: int | None = None
    word: str = ""
    mtu: int = 0


def meaning(error: QueuedError, destination: str, own: str) -> Answer | None:
    """What an entry of the error queue says; None for one that says nothing about the way.

    `destination` and `own` are this packet's addresses without a zone. An error by the
    destination itself shows that the packet arrived, whatever it complains of; a too-big one
    is the exception, as the packet did not fit where it was.
    """
    if error.origin == LOCAL:
        if error.number == _EMSGSIZE:
            return Answer(kind="too-big", address="", mtu=error.value)
        return None
    if _is_too_big(error):
        return Answer(kind="too-big", address=error.offender, mtu=error.value)
    if error.kind == _EXCEEDED[error.origin]:
        # Code 1 is a fragment that timed out: we send none (RFC 792).
        return Answer(kind="exceeded", address=error.offender) if error.code == 0 else None
    if error.kind != _UNREACHABLE[error.origin]:
        return None
    if error.offender == destination != own:
        return Answer(kind="arrived", address=error.offender)
    return _unreachable(error, destination, own)


def _unreachable(error: QueuedError, destination: str, own: str) -> Answer:
    words = _WORDS_V4 if error.origin == ICMP else _WORDS_V6
    word = words.get(error.code, "other")
    if error.offender == own and word == "port" and destination == own:
        return Answer(kind="arrived", address=error.offender)
    if error.offender == own and word == "host":
        return Answer(kind="unreachable", address="", word=NEIGHBOUR)
    return Answer(kind="unreachable", address=error.offender, word=word)


def _is_too_big(error: QueuedError) -> bool:
    if error.origin == ICMP:
        return error.kind == _UNREACHABLE[ICMP] and error.code == _NEEDS_FRAGMENTS
    return error.kind == _TOO_BIG


def plain(address: str) -> str:
    """An address as the error queue writes it: canonical and without its zone."""
    return str(ip_address(address.partition("%")[0]))
