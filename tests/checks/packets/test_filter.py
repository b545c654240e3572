"""The kernel's filter: what was asked for comes through, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.packets.process.filter import MAX_NEIGHBOURS, SNAP_BYTES, Wanted, program, to_bytes
from tests.checks.packets import samples
from tests.checks.packets.bpf import runs

VRRP = (samples.vrrp_2(), samples.vrrp_3(), samples.vrrp_6())
HSRP = (samples.hsrp_1(), samples.hsrp_2(), samples.hsrp_6())
NEIGHBOURS = (samples.arp(), samples.advertisement())
ABOUT = frozenset({"192.0.2.1", "2001:db8::1"})


@pytest.mark.parametrize("vrrp", [False, True])
@pytest.mark.parametrize("hsrp", [False, True])
@pytest.mark.parametrize("about", [frozenset(), ABOUT], ids=["nobody", "two"])
def test_exactly_what_is_asked_for_comes_through(
    vrrp: bool, hsrp: bool, about: frozenset[str]
) -> None:
    """Each of the three kinds comes through when it is wanted, whatever else is."""
    filter_ = program(Wanted(vrrp=vrrp, hsrp=hsrp, neighbours=about))
    for frames, wanted in ((VRRP, vrrp), (HSRP, hsrp), (NEIGHBOURS, bool(about))):
        assert [runs(filter_, one) for one in frames] == [SNAP_BYTES * wanted] * len(frames)


def test_the_addresses_of_others_stay_outside() -> None:
    """ARP and advertisements about another address do not reach user space."""
    filter_ = program(Wanted(vrrp=True, hsrp=True, neighbours=ABOUT))
    others = (
        samples.arp(psrc="192.0.2.2"),
        samples.arp(psrc="192.0.2.7", pdst="192.0.2.1"),
        samples.advertisement(tgt="2001:db8::2"),
        samples.advertisement(tgt="2001:db8:0:1::1"),
    )
    assert [runs(filter_, one) for one in others] == [0] * len(others)


@pytest.mark.parametrize("frame", samples.GOOD, ids=range(len(samples.GOOD)))
def test_other_vlans_and_other_hosts_stay_outside(frame: bytes) -> None:
    """A frame with the tag of a VLAN, or to another host, is not of this network."""
    filter_ = program(Wanted(vrrp=True, hsrp=True, neighbours=ABOUT))
    assert runs(filter_, frame) == SNAP_BYTES
    assert runs(filter_, frame, vlan=10) == 0
    assert runs(filter_, frame, vlan=0x2000) == SNAP_BYTES, "priority without a VLAN is ours"
    assert runs(filter_, frame, packet_type=3) == 0
    assert runs(filter_, frame, packet_type=4) == SNAP_BYTES, "what this host sends is heard"


def test_fragments_options_and_other_groups_stay_outside() -> None:
    """IPv4 fragments and options, and unicast to the same ports, do not come through."""
    filter_ = program(Wanted(vrrp=True, hsrp=True))
    fragment = bytearray(samples.vrrp_3())
    fragment[20:22] = b"\x20\x00"
    options = bytearray(samples.vrrp_3())
    options[14] = 0x46
    unicast = bytearray(samples.hsrp_1())
    unicast[30:34] = bytes([192, 0, 2, 9])
    assert [runs(filter_, bytes(one)) for one in (fragment, options, unicast)] == [0, 0, 0]


@given(
    frame=st.binary(max_size=120),
    kind=st.sampled_from([b"", b"\x08\x00", b"\x86\xdd", b"\x08\x06"]),
    vrrp=st.booleans(),
    hsrp=st.booleans(),
)
def test_any_frame_ends_the_program(frame: bytes, kind: bytes, vrrp: bool, hsrp: bool) -> None:
    """Whatever arrives, the program ends and admits nothing without a multicast destination."""
    whole = frame[:12] + kind + frame[12:]
    filter_ = program(Wanted(vrrp=vrrp, hsrp=hsrp, neighbours=ABOUT))
    if runs(filter_, whole):
        assert any(mark in whole for mark in (b"\xe0\x00\x00", b"\xff\x02", b"\xc0\x00\x02\x01",
                                              b"\x20\x01\x0d\xb8"))  # fmt: skip


def test_a_full_filter_still_finds_everybody() -> None:
    """With as many addresses as an interface may have, each comes through, and the kernel's limit
    of 4,096 instructions is far away."""
    v4 = [f"192.0.2.{n}" for n in range(MAX_NEIGHBOURS // 2)]
    v6 = [f"2001:db8::{n:x}" for n in range(1, MAX_NEIGHBOURS // 2 + 1)]
    filter_ = program(Wanted(vrrp=True, hsrp=True, neighbours=frozenset(v4 + v6)))
    assert len(to_bytes(filter_)) == 8 * len(filter_) < 8 * 4_096
    assert all(runs(filter_, samples.arp(psrc=one)) for one in v4)
    assert all(runs(filter_, samples.advertisement(tgt=one)) for one in v6)
    with pytest.raises(ValueError, match="more than 32"):
        program(Wanted(neighbours=frozenset(f"198.51.100.{n}" for n in range(33))))
