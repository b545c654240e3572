"""SNTP messages and what several servers agree on. Pure; sources: RFC 5905 and RFC 4330."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_MESSAGE = struct.Struct("!BBbbIII QQQQ".replace(" ", ""))
_ERA_S = 2**32
_UNIX_S = 2_208_988_800
"""Seconds from 1900 to 1970."""
_CLIENT = 0x23
"""No leap warning, version 4, mode 3."""
_MODE_SERVER = 4
_UNSYNCHRONISED = 3
_STRATA = range(1, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One good answer: the server's clock minus this host's, and the round trip."""

    offset_us: int
    delay_us: int
    stratum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSample:
    """An answer, or a silence, that says nothing about the time."""

    outcome: Literal["kiss", "unsynchronised", "malformed", "refused", "unreachable", "timeout"]
    reason: str = ""


def request(nonce: int) -> bytes:
    """A client's message whose transmit time is a random number: it comes back as the origin.

    So a reply cannot be forged without seeing the request, and this host's time is not told.
    """
    return _MESSAGE.pack(_CLIENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, nonce)


def sample(message: bytes, nonce: int, sent_us: int, arrived_us: int) -> Sample | NoSample | None:
    """What a datagram says; None: it is no answer to this request (RFC 5905, 8, test 2)."""
    if len(message) < _MESSAGE.size:
        return None
    first, stratum, _, _, _, _, reference, _, origin, received, transmitted = _MESSAGE.unpack_from(
        message
    )
    if origin != nonce or first & 7 != _MODE_SERVER:
        return None
    if stratum == 0:
        code = reference.to_bytes(4).rstrip(b"\0").decode("ascii", "replace")
        return NoSample(outcome="kiss", reason=code)
    if first >> 6 == _UNSYNCHRONISED or stratum not in _STRATA:
        return NoSample(outcome="unsynchronised", reason=f"stratum {stratum}")
    if not received or not transmitted:
        return NoSample(outcome="malformed", reason="a time is zero")
    server_in, server_out = (unix_us(stamp, arrived_us) for stamp in (received, transmitted))
    if server_out < server_in:
        return NoSample(outcome="malformed", reason="answered before it received")
    return Sample(
        offset_us=((server_in - sent_us) + (server_out - arrived_us)) // 2,
        delay_us=max(0, (arrived_us - sent_us) - (server_out - server_in)),
        stratum=stratum,
    )


def unix_us(stamp: int, near_us: int) -> int:
    """UTC µs of a 64-bit NTP time, in the era that is nearest to `near_us` (RFC 5905, 6)."""
    microseconds = (stamp >> 32) * 1_000_000 + ((stamp & 0xFFFF_FFFF) * 1_000_000 >> 32)
    era_us = _ERA_S * 1_000_000
    of_era_0 = microseconds - _UNIX_S * 1_000_000
    return of_era_0 + (near_us - of_era_0 + era_us // 2) // era_us * era_us


def ntp_time(microseconds: int) -> int:
    """The 64-bit NTP time of UTC µs; the era is lost."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return (seconds + _UNIX_S) % _ERA_S << 32 | (rest << 32) // 1_000_000


def agreement(samples: Sequence[Sample], tolerance_us: int) -> tuple[Sample | None, int]:
    """The median of those that agree with the median, and how many they are.

    None when they are no majority of the servers that answered: then nobody knows who lies.
    One server alone agrees with itself.
    """
    if not samples:
        return None, 0
    middle = _median(samples)
    near = [
        item
        for item in samples
        if abs(item.offset_us - middle.offset_us) <= tolerance_us + item.delay_us // 2
    ]
    return (_median(near) if 2 * len(near) > len(samples) else None), len(near)


def _median(samples: Sequence[Sample]) -> Sample:
    """The lower median by offset: a sample that was measured."""
    ranked = sorted(samples, key=lambda item: (item.offset_us, item.delay_us, item.stratum))
    return ranked[(len(ranked) - 1) // 2]
