"""One question to a server: a hello, and how far its answer is read. Pure.

Every question costs one connection. What came back is an answer of `checks.tls.answer`, what a
whole key exchange showed, or `Lost`: there was no connection to ask on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from checks.tls.hello import SUITES_BOUND, ClientHello
from checks.tls.registry import SUITES, Version, suites_for

PROTOCOLS = ("h2", "http/1.1")
"""What is asked for by ALPN (RFC 7301, 9113)."""
WRONG_NAME = "no-such-name.invalid"
"""A name that no server has (RFC 6761, 6.4)."""
GROUPS_RARE = (0x11EE, *range(34, 42), 0x6399, 0x639A)
"""Groups of TLS 1.3 that no usual hello offers: GOST, SM2, the drafts of Kyber."""

_COMPACT_SUITES = (0xC02B, 0xC02F, 0xC02C, 0xC030, 0x009C, 0x009D, 0xC013, 0xC014, 0x002F, 0x0035)
_COMPACT_SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0201)

Until = Literal["hello", "done"]
Exchange = Literal["", "12", "12 again", "13", "13 tickets"]
"""A whole key exchange instead of a hello; "again": with a renegotiation begun by us; "tickets":
until the server has shown its first, or the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. `name` tells people which question found no answer."""

    name: str
    hello: ClientHello | None = None
    """None: the hello of SSLv2, or a key exchange, which makes its own."""
    until: Until = "hello"
    exchange: Exchange = ""
    version: Version = Version.TLS12
    """Only for a key exchange before TLS 1.3."""
    server_name: str = ""
    """Only for a key exchange: a hello has its own."""
    alpn: tuple[str, ...] = ()
    """Only for a key exchange."""
    attempt: int = 0
    pause: bool = False
    """It was asked before, and the server may be busy."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No connection, or none in time: `outcome` and `reason` as the evidence tells them."""

    outcome: str
    reason: str = ""


@cache
def portions(version: Version) -> tuple[tuple[int, ...], ...]:
    """Every suite of a version, the likely ones first, in portions that one hello can hold."""
    return bounded(suites_for(version))


def bounded(codes: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The codes in portions that one hello can hold."""
    places = range(0, len(codes), SUITES_BOUND)
    return tuple(tuple(codes[at : at + SUITES_BOUND]) for at in places)


@cache
def suites_by(version: Version, *exchanges: str) -> tuple[int, ...]:
    """The suites of a version with one of these key exchanges, as many as a hello holds."""
    codes = (code for code in suites_for(version) if SUITES[code].exchange in exchanges)
    return tuple(codes)[:SUITES_BOUND]


FINITE = ("DHE", "DHE_PSK", "DH_anon")
"""Key exchanges in a finite field that a server chooses."""


@cache
def proving(version: Version) -> tuple[int, ...]:
    """The suites of a version in which the server shows a certificate, at most one hello's."""
    shown = {"RSA", "DSS", "ECDSA", "any"}
    codes = (code for code in suites_for(version) if SUITES[code].authentication in shown)
    return tuple(codes)[:SUITES_BOUND]


def compact(name: str) -> ClientHello:
    """A small hello of TLS 1.2, below 256 bytes, for servers that choke on anything larger."""
    return ClientHello(
        version=Version.TLS12,
        suites=_COMPACT_SUITES,
        groups=(23, 24, 29),
        server_name=name,
        signatures=_COMPACT_SIGNATURES,
        status_request=False,
    )
