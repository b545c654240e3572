"""The error queue's bytes, and what an ICMP error means: published layouts and any bytes at all."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.hops.answer import NEIGHBOUR, Answer, meaning, plain
from checks.hops.error_queue import (
    ICMP,
    ICMP6,
    IP_RECVERR,
    IPV6_RECVERR,
    LOCAL,
    SO_TIMESTAMPNS,
    SOL_IP,
    SOL_IPV6,
    SOL_SOCKET,
    QueuedError,
    offender,
    queued_error,
)

THERE, HERE, ROUTER = "192.0.2.9", "192.0.2.1", "198.51.100.7"


def extended(
    origin: int, kind: int, code: int, info: int, address: str = "", number: int = 113
) -> bytes:
    """A struct sock_extended_err and its offender, as the kernel lays them out."""
    head = struct.pack("@IBBBBII", number, origin, kind, code, 0, info, 0)
    if ":" in address:
        raw = socket.inet_pton(socket.AF_INET6, address)
        return head + struct.pack("@HHI16sI", socket.AF_INET6, 0, 0, raw, 0)
    raw = socket.inet_aton(address or "0.0.0.0")
    return head + struct.pack("@HH4s8x", socket.AF_INET if address else 0, 0, raw)


def error(origin: int, kind: int, code: int, who: str = ROUTER, value: int = 0) -> QueuedError:
    """An entry of the queue."""
    return QueuedError(
        number=113,
        origin=origin,
        kind=kind,
        code=code,
        value=value,
        offender=who,
        arrived_ns=None,
    )


def test_an_entry_is_read_with_its_stamp() -> None:
    """Bytes as Linux 6.18 gave them: time exceeded by 10.0.0.2, stamped."""
    captured = bytes.fromhex("71000000020b000000000000000000000200000000000000".replace(" ", ""))
    beside = [
        (SOL_SOCKET, SO_TIMESTAMPNS, struct.pack("@qq", 1_790_000_000, 789_000)),
        (SOL_IP, IP_RECVERR, captured[:16] + struct.pack("@HH4s8x", 2, 0, b"\n\0\0\2")),
    ]
    assert queued_error(beside) == QueuedError(
        number=113,
        origin=ICMP,
        kind=11,
        code=0,
        value=0,
        offender="10.0.0.2",
        arrived_ns=1_790_000_000_000_789_000,
    )


def test_ipv6_and_local_entries() -> None:
    """ICMPv6 has its own level and a longer address; a local entry has no offender."""
    there = queued_error([(SOL_IPV6, IPV6_RECVERR, extended(ICMP6, 2, 0, 1_280, "2001:db8::7"))])
    assert there is not None
    assert (there.offender, there.value, there.arrived_ns) == ("2001:db8::7", 1_280, None)
    local = queued_error([(SOL_IP, IP_RECVERR, extended(LOCAL, 0, 0, 1_500, number=90))])
    assert local is not None
    assert (local.offender, local.value, local.number) == ("", 1_500, 90)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([SOL_IP, SOL_IPV6, SOL_SOCKET, 6]),
            st.sampled_from([IP_RECVERR, IPV6_RECVERR, SO_TIMESTAMPNS, 1]),
            st.binary(max_size=64),
        ),
        max_size=4,
    )
)
def test_any_ancillary_bytes_are_judged(beside: list[tuple[int, int, bytes]]) -> None:
    """Whatever stands beside a message, it is an entry with a known origin, or none."""
    entry = queued_error(beside)
    if entry is not None:
        assert entry.origin in (LOCAL, ICMP, ICMP6)
        assert 0 <= entry.value <= 0xFFFF_FFFF
        if entry.offender:
            assert plain(entry.offender) == entry.offender
        meaning(entry, THERE, HERE)


@given(st.binary(max_size=40))
def test_any_socket_address_is_an_address_or_none(raw: bytes) -> None:
    """A sockaddr of any bytes gives a canonical address, or nothing."""
    found = offender(raw)
    assert not found or plain(found) == found


@given(st.ip_addresses())
def test_every_address_is_read_back(address: object) -> None:
    """An offender of either family comes back as it was written."""
    text = plain(str(address))
    assert offender(extended(ICMP, 11, 0, 0, text)[16:]) == text


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (error(ICMP, 11, 0), Answer(kind="exceeded", address=ROUTER)),
        (error(ICMP6, 3, 0), Answer(kind="exceeded", address=ROUTER)),
        (error(ICMP, 11, 1), None),
        (error(ICMP, 3, 3, THERE), Answer(kind="arrived", address=THERE)),
        (error(ICMP6, 1, 4, THERE), Answer(kind="arrived", address=THERE)),
        (error(ICMP, 3, 10, THERE), Answer(kind="arrived", address=THERE)),
        (error(ICMP, 3, 3), Answer(kind="unreachable", address=ROUTER, word="port")),
        (error(ICMP, 3, 0), Answer(kind="unreachable", address=ROUTER, word="network")),
        (error(ICMP, 3, 13), Answer(kind="unreachable", address=ROUTER, word="prohibited")),
        (error(ICMP, 3, 200), Answer(kind="unreachable", address=ROUTER, word="other")),
        (error(ICMP6, 1, 0), Answer(kind="unreachable", address=ROUTER, word="network")),
        (error(ICMP6, 1, 3), Answer(kind="unreachable", address=ROUTER, word="host")),
        (error(ICMP, 3, 1, HERE), Answer(kind="unreachable", address="", word=NEIGHBOUR)),
        (error(ICMP, 3, 4, value=1_300), Answer(kind="too-big", address=ROUTER, mtu=1_300)),
        (error(ICMP6, 2, 0, value=1_280), Answer(kind="too-big", address=ROUTER, mtu=1_280)),
        (error(ICMP, 3, 4, THERE, 900), Answer(kind="too-big", address=THERE, mtu=900)),
        (error(ICMP, 12, 0), None),
        (error(ICMP, 5, 1), None),
        (error(LOCAL, 0, 0, ""), None),
    ],
)
def test_what_an_error_means(entry: QueuedError, expected: Answer | None) -> None:
    """Types and codes of RFC 792, RFC 1191, RFC 1812 and RFC 4443."""
    assert meaning(entry, THERE, HERE) == expected


def test_on_loopback_the_destination_is_this_host() -> None:
    """A port that is closed on the own address was reached."""
    closed = error(ICMP, 3, 3, "127.0.0.1")
    assert meaning(closed, "127.0.0.1", "127.0.0.1") == Answer(kind="arrived", address="127.0.0.1")
