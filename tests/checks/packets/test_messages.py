"""What the daemon and the packet process say to one another: strict, bounded, the same again."""

import json
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.packets.codec import MAX_BYTES, WireError
from checks.packets.messages import (
    MAX_ADDRESSES,
    MAX_AGE_US,
    MAX_CHANGES,
    MAX_CLAIMS,
    MAX_SPEAKERS,
    REASONS,
    Change,
    Claim,
    Hear,
    Heard,
    Refused,
    Resolve,
    Resolved,
    Speaker,
    is_interface,
    read_reply,
    read_request,
    to_bytes,
)

COUNTS = st.integers(0, 2**40)
ADDRESSES = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda n: str(IPv4Address(n))),
    st.integers(0, 2**128 - 1).map(lambda n: str(IPv6Address(n))),
)
MACS = st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":"))
MAYBE = st.none() | COUNTS
SPEAKERS = st.builds(
    Speaker,
    address=ADDRESSES,
    heard_age_us=COUNTS,
    adverts=COUNTS,
    active=st.booleans(),
    state=st.sampled_from(["active", "standby", "leaving"]),
    version=st.integers(1, 3),
    priority=st.integers(0, 255),
    interval_us=COUNTS,
    hold_us=COUNTS,
    addresses=st.lists(ADDRESSES, max_size=3).map(tuple),
    address_count=st.integers(0, 255),
    authentication=st.sampled_from(["none", "text"]),
    left_age_us=MAYBE,
    standby_age_us=MAYBE,
)
CHANGES = st.builds(
    Change,
    before=ADDRESSES,
    after=ADDRESSES,
    age_us=COUNTS,
    settled_age_us=COUNTS,
    gap_us=COUNTS,
    left=st.booleans(),
)
COMMON: dict[str, Any] = {"id": COUNTS, "instance": st.just("a1b2"), "listening_us": COUNTS}
REPLIES = st.one_of(
    st.builds(
        Heard,
        **COMMON,
        speakers=st.lists(SPEAKERS, max_size=3).map(tuple),
        more_speakers=COUNTS,
        changes=st.lists(CHANGES, max_size=3).map(tuple),
        both_age_us=MAYBE,
        malformed=COUNTS,
        wrong_ttl=COUNTS,
        lost=COUNTS,
    ),
    st.builds(
        Resolved,
        **COMMON,
        asked=st.integers(0, 10),
        claims=st.lists(
            st.builds(Claim, hardware_address=MACS, age_us=COUNTS, answers=COUNTS), max_size=3
        ).map(tuple),
        more_claims=COUNTS,
        announced_age_us=MAYBE,
        malformed=COUNTS,
        lost=COUNTS,
    ),
    st.builds(Refused, id=COUNTS, reason=st.sampled_from(REASONS)),
)
HEAR = Hear(id=7, interface="eth0", protocol="vrrp", family=4, group=51, version=0, keep_us=1)
RESOLVE = Resolve(
    id=8,
    interface="eth0",
    address="192.0.2.1",
    count=3,
    spacing_us=200_000,
    window_us=500_000,
    keep_us=0,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=8,
)


def spoilt(**changes: Any) -> bytes:
    """`HEAR` as sent, some of it changed."""
    return json.dumps({**json.loads(to_bytes(HEAR)), **changes}).encode()


@given(REPLIES)
def test_a_reply_is_read_back_as_it_was(reply: Heard | Resolved | Refused) -> None:
    """Whatever is sent is read back equal."""
    assert read_reply(to_bytes(reply)) == reply


def test_a_request_is_read_back_as_it_was() -> None:
    """Both requests are read back equal, and neither is a reply."""
    for request in (HEAR, RESOLVE):
        assert read_request(to_bytes(request)) == request
        with pytest.raises(WireError):
            read_reply(to_bytes(request))


def test_the_longest_reply_fits_one_datagram() -> None:
    """With every table full of the longest values a reply stays below 64 KiB."""
    address, big, age = "2001:db8:1111:2222:3333:4444:5555:6666", 2**62, MAX_AGE_US
    speaker = Speaker(
        address=address,
        heard_age_us=age,
        adverts=big,
        active=False,
        state="preempted",
        version=3,
        priority=2**32 - 1,
        interval_us=big,
        hold_us=big,
        addresses=(address,) * MAX_ADDRESSES,
        address_count=255,
        authentication="default",
        left_age_us=age,
        standby_age_us=age,
    )
    change = Change(
        before=address, after=address, age_us=age, settled_age_us=age, gap_us=big, left=False
    )
    heard = Heard(
        id=2**53,
        instance="a" * 32,
        listening_us=age,
        speakers=(speaker,) * MAX_SPEAKERS,
        more_speakers=big,
        changes=(change,) * MAX_CHANGES,
        both_age_us=age,
        malformed=big,
        wrong_ttl=big,
        lost=big,
    )
    assert len(to_bytes(heard)) <= MAX_BYTES
    assert read_reply(to_bytes(heard)) == heard


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"kind": "told"},
        {"kind": 1},
        {"id": -1},
        {"id": 1.0},
        {"id": True},
        {"id": 2**64},
        {"id": None},
        {"more": 1},
        {"interface": ""},
        {"interface": "../eth0"},
        {"interface": "e" * 16},
        {"interface": "a b"},
        {"protocol": "VRRP!"},
        {"family": 3},
        {"group": 4_096},
        {"group": [1]},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    """Another version, kind, type, bound or an additional key is no message."""
    read_request(spoilt())
    with pytest.raises(WireError):
        read_request(spoilt(**changes))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"null",
        b"[" * 60_000,
        b'{"v":1,"v":1}',
        b'{"v":NaN}',
        b"\xff",
        b'{"v":1,"kind":"hear"}',
        b"1" * 5_000,
        b" " * (MAX_BYTES + 1),
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    """Nothing, other JSON, deep nesting, a key twice, bad text and too much are all one error."""
    for read in (read_request, read_reply):
        with pytest.raises(WireError):
            read(raw)


@given(st.binary(max_size=200) | JSON.map(lambda tree: json.dumps(tree).encode()))
def test_any_bytes_are_a_message_or_one_error(raw: bytes) -> None:
    """Whatever comes is refused with `WireError` and nothing else."""
    for read in (read_request, read_reply):
        with pytest.raises(WireError):
            read(raw)


@given(st.data())
def test_a_spoilt_reply_is_refused_or_in_bounds(data: st.DataObject) -> None:
    """A reply with one byte changed is refused, or is a reply within its bounds again."""
    raw = bytearray(to_bytes(data.draw(REPLIES)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))
    try:
        reply = read_reply(bytes(raw))
    except WireError:
        return
    assert read_reply(to_bytes(reply)) == reply
    if isinstance(reply, Resolved):
        assert len(reply.claims) <= MAX_CLAIMS


def test_the_names_of_interfaces_are_those_of_the_kernel() -> None:
    """1 to 15 bytes without space, slash and colon, not a dot or two."""
    for good in ("eth0", "br-lan.10", "wg_city", "enp0s31f6"):
        assert is_interface(good)
    for bad in ("", ".", "..", "a/b", "a:1", "a b", "a\n", "é" * 8, "0123456789abcdef"):
        assert not is_interface(bad)
