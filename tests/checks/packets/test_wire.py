"""Frames as they are read: good ones exactly, bad ones counted, no bytes ever an error.

SASANDO_FUZZ_SECONDS is how long the fuzzing lasts (default 1.5, 300 is the acceptance run).
"""

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.packets.messages import MAX_ADDRESSES
from checks.packets.process import wire
from checks.packets.process.frames import Advert, Announcement, Bad
from tests.checks.packets import samples

FUZZ_S = float(os.environ.get("SASANDO_FUZZ_SECONDS", "1.5"))
CAPTURED = Path(__file__).parents[2] / "vectors/packets"
"""Frames of keepalived 2.2.7, one a line in hex: versions 2 and 3 over IPv4, 3 over IPv6."""


def captured() -> list[bytes]:
    """The frames of keepalived."""
    lines = (CAPTURED / "keepalived.hex").read_text(encoding="ascii").splitlines()
    return [bytes.fromhex(line.split()[-1]) for line in lines if not line.startswith("#")]


def advert(frame: bytes) -> Advert:
    """The advertisement in a good frame."""
    read = wire.read(frame)
    assert isinstance(read, Advert), read
    return read


def why(frame: bytes) -> str:
    """Why a frame is bad."""
    read = wire.read(frame)
    assert isinstance(read, Bad), read
    return read.why


def test_vrrp_2_is_read() -> None:
    """Version 2: seconds, skew of a second, its kind of password but not the password."""
    read = advert(samples.vrrp_2(authtype=1, auth1=0x73656372, auth2=0x65740000))
    assert (read.version, read.family, read.group, read.source) == (2, 4, 51, "192.0.2.2")
    assert (read.priority, read.interval_us, read.state) == (150, 1_000_000, "active")
    assert read.hold_us == 3_000_000 + 106 * 1_000_000 // 256
    assert (read.addresses, read.authentication) == (("192.0.2.100",), "text")
    assert "secr" not in repr(read)


@pytest.mark.parametrize(
    ("frame", "family", "address"),
    [(samples.vrrp_3(adv=30), 4, "192.0.2.100"), (samples.vrrp_6(adv=30), 6, "fe80::100")],
)
def test_vrrp_3_is_read(frame: bytes, family: int, address: str) -> None:
    """Version 3: hundredths of a second, the skew a share of the interval, both families."""
    read = advert(frame)
    assert (read.version, read.family, read.interval_us) == (3, family, 300_000)
    assert read.hold_us == 900_000 + 106 * 300_000 // 256
    assert (read.addresses, read.address_count) == ((address,), 1)


def test_a_priority_of_zero_is_leaving() -> None:
    """RFC 9568, 5.2.4: the Active gives up."""
    assert advert(samples.vrrp_3(priority=0)).state == "leaving"


def test_many_addresses_are_cut_and_counted() -> None:
    """Of 255 addresses as many are kept as there is room for, and the number is known."""
    read = advert(samples.vrrp_3(addrlist=[f"198.51.100.{n}" for n in range(255)]))
    assert (len(read.addresses), read.address_count) == (MAX_ADDRESSES, 255)


def test_both_checksums_of_version_3_are_right() -> None:
    """Over IPv4 implementations differ on the pseudo-header; any other sum is malformed."""
    frame = bytearray(samples.vrrp_3())
    frame[40:42] = b"\0\0"
    frame[40:42] = wire.checksum(bytes(frame[34:])).to_bytes(2)
    assert advert(bytes(frame)).version == 3
    frame[41] ^= 1
    assert why(bytes(frame)) == "malformed"


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (samples.vrrp_3(ttl=254), "wrong_ttl"),
        (samples.vrrp_6(hlim=64), "wrong_ttl"),
        (samples.advertisement(hlim=254), "wrong_ttl"),
        (samples.vrrp_3(vrid=0), "malformed"),
        (samples.vrrp_3(addrlist=[]), "malformed"),
        (samples.vrrp_3(adv=0), "malformed"),
        (samples.vrrp_3(type=2), "malformed"),
        (samples.vrrp_3(version=4), "malformed"),
        (samples.vrrp_3(ipcount=9), "malformed"),
        (samples.vrrp_3(chksum=1), "malformed"),
        (samples.vrrp_6(chksum=1), "malformed"),
        (samples.vrrp_2(chksum=1), "malformed"),
        (samples.hsrp_1(state=3), "malformed"),
        (samples.hsrp_1(opcode=9), "malformed"),
        (samples.hsrp_1(hellotime=0), "malformed"),
        (samples.hsrp_2(holdtime=255_001), "malformed"),
        (samples.hsrp_2(opcode=2, hellotime=2**32 - 1), "malformed"),
        (samples.hsrp_2(version=3), "malformed"),
        (samples.hsrp_2(ipVer=6, virtualIP="fe80::1"), "malformed"),
        (samples.hsrp_2(len=7), "malformed"),
        (samples.hsrp_2(group=5_000), "malformed"),
        (samples.arp(hwsrc="01:00:5e:00:00:01"), "malformed"),
        (samples.arp(hwsrc="00:00:00:00:00:00"), "malformed"),
        (samples.arp(op=7), "malformed"),
        (samples.advertisement(cksum=1), "malformed"),
    ],
)
def test_a_frame_that_breaks_a_rule_is_bad(frame: bytes, reason: str) -> None:
    """TTL, version, type, count, checksum, state, lengths: each breach is counted, never heard."""
    assert why(frame) == reason


@pytest.mark.parametrize("frame", samples.GOOD, ids=range(len(samples.GOOD)))
def test_a_frame_that_was_cut_is_bad(frame: bytes) -> None:
    """Cut anywhere behind its protocol's mark, a frame is bad or none of ours, never heard."""
    whole = wire.read(frame)
    assert isinstance(whole, Advert | Announcement)
    for length in range(len(frame)):
        cut = wire.read(frame[:length])
        assert cut is None or isinstance(cut, Bad), length


def test_padding_is_passed_over() -> None:
    """Ethernet pads short frames; what follows the packet changes nothing."""
    for frame in samples.GOOD:
        assert wire.read(frame + b"\xaa" * 18) == wire.read(frame)


@pytest.mark.parametrize(
    ("frame", "version", "group", "kind"),
    [
        (samples.hsrp_1(), 1, 7, "default"),
        (samples.hsrp_1(auth=b"geheim\0\0"), 1, 7, "text"),
        (samples.hsrp_1(auth=bytes(8), md5=True), 1, 7, "md5"),
        (samples.hsrp_2(), 2, 700, "none"),
        (samples.hsrp_2(text=b"geheim\0\0"), 2, 700, "text"),
        (samples.hsrp_6(), 2, 700, "none"),
    ],
)
def test_hsrp_is_read(frame: bytes, version: int, group: int, kind: str) -> None:
    """Both versions: group, times, priority, virtual address, kind of authentication."""
    read = advert(frame)
    assert (read.version, read.group, read.authentication) == (version, group, kind)
    assert (read.interval_us, read.hold_us, read.state) == (3_000_000, 10_000_000, "active")
    assert read.addresses == (("fe80::100",) if read.family == 6 else ("192.0.2.100",))
    assert "geheim" not in repr(read)


def test_the_states_of_hsrp_are_numbered_by_version() -> None:
    """8 is Standby in version 1 and nothing in version 2, where 5 is."""
    assert advert(samples.hsrp_1(state=8)).state == "standby"
    assert advert(samples.hsrp_2(state=5)).state == "standby"
    assert why(samples.hsrp_2(state=8)) == "malformed"


def test_resign_and_coup_are_no_claims() -> None:
    """A resigning router leaves; one that makes a coup only wants to be Active."""
    assert advert(samples.hsrp_1(opcode=2)).state == "leaving"
    assert advert(samples.hsrp_1(opcode=1)).state == "speak"
    assert wire.read(samples.hsrp_1(opcode=3)) is None


def test_answers_of_neighbours_are_read() -> None:
    """ARP and neighbour advertisements: the address, its hardware address, asked or not."""
    answer = wire.read(samples.arp())
    assert answer == Announcement(address="192.0.2.1", hardware_address=samples.MAC, unasked=False)
    gratuitous = wire.read(samples.arp(op=1, pdst="192.0.2.1"))
    assert isinstance(gratuitous, Announcement)
    assert gratuitous.unasked
    solicited, unsolicited = (wire.read(samples.advertisement(S=s)) for s in (1, 0))
    assert isinstance(solicited, Announcement)
    assert isinstance(unsolicited, Announcement)
    assert (solicited.address, solicited.unasked) == ("2001:db8::1", False)
    assert unsolicited.unasked


def test_what_is_asked_is_in_order() -> None:
    """Our requests are what RFC 826, 5227 and 4861 say, byte by byte where it matters."""
    request = wire.arp_request(samples.MAC, "192.0.2.9", "192.0.2.1")
    assert request[:6] == b"\xff" * 6
    assert request[20:22] == b"\x00\x01"
    assert (request[28:32], request[38:42]) == (bytes([192, 0, 2, 9]), bytes([192, 0, 2, 1]))
    solicitation = wire.neighbour_solicitation(samples.MAC, "fe80::9", "2001:db8::12:3456")
    assert solicitation[:6] == bytes.fromhex("3333ff123456")
    assert solicitation[21] == 255
    assert len(solicitation) == 14 + 40 + 24 + 8
    assert len(wire.neighbour_solicitation(samples.MAC, "::", "2001:db8::1")) == 14 + 40 + 24


def test_frames_of_keepalived_are_read() -> None:
    """What a real router sent is read: both versions, both families, and the farewell."""
    read = [advert(frame) for frame in captured()]
    assert {(one.version, one.family) for one in read} == {(2, 4), (3, 4), (3, 6)}
    assert {one.state for one in read} == {"active", "leaving"}
    assert {one.group for one in read} == {51}


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([0x0800, 0x86DD, 0x0806]))
def test_any_bytes_are_read(raw: bytes, kind: int) -> None:
    """Arbitrary bytes behind an Ethernet header are bad, none of ours, or in bounds."""
    require_bounded(raw[:12].ljust(12, b"\0") + kind.to_bytes(2) + raw[12:])


def require_bounded(frame: bytes) -> None:
    """What a frame is read as keeps every bound that a reply must keep."""
    read: Any = wire.read(frame)
    if isinstance(read, Advert):
        assert len(read.addresses) <= MAX_ADDRESSES
        assert 0 < read.interval_us <= 2**32 * 1_000
        assert 0 < read.hold_us <= 766_000_000  # VRRP 2: three intervals of 255 s, and the skew
        assert 0 <= read.priority < 2**32
        assert read.group <= 4_095
    else:
        assert read is None or isinstance(read, Announcement | Bad)


def test_no_spoilt_frame_is_an_error() -> None:
    """Frames of keepalived and of scapy with bytes changed, cut, doubled or with the checksum put
    right behind a change: every dissector that hostile frames reach stays within its bounds."""
    seed = os.environ.get("SASANDO_SEED", str(random.SystemRandom().randrange(1 << 32)))
    chance, until, count, heard = random.Random(seed), time.monotonic() + FUZZ_S, 0, 0
    good = [*samples.GOOD, *captured()]
    while time.monotonic() < until:
        frame = spoilt(chance, chance.choice(good))
        began = time.process_time()  # its own work: a busy machine is no fault of a parser
        try:
            require_bounded(frame)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {frame.hex()}") from error
        assert time.process_time() - began < 5, f"seed {seed}: {frame.hex()}"
        count += 1
        heard += isinstance(wire.read(frame), Advert | Announcement)
    print(f"\n{count} spoilt frames (seed {seed}), {heard} of them still in order")
    assert count > 100
    assert heard > 0


def spoilt(chance: random.Random, frame: bytes) -> bytes:
    """A good frame made worse, sometimes so that its checksum holds again."""
    raw = bytearray(frame)
    for _ in range(chance.randint(1, 4)):
        act, at = chance.randrange(5), chance.randrange(len(raw))
        if act == 0:
            raw[at] = chance.randrange(256)
        elif act == 1:
            raw[at] ^= 1 << chance.randrange(8)
        elif act == 2:
            del raw[at : at + chance.randrange(1, 9)]
        elif act == 3:
            raw[at:at] = chance.randbytes(chance.randrange(1, 40))
        else:
            raw[at:] = raw[at:] * chance.randrange(1, 4)
        raw = raw[:2_048] or bytearray(14)
    if chance.random() < 0.5 and len(raw) > 44 and raw[23] == 112:
        raw[16:18] = (len(raw) - 14).to_bytes(2)
        raw[40:42] = b"\0\0"
        raw[40:42] = wire.checksum(bytes(raw[34:])).to_bytes(2)
    return bytes(raw)
