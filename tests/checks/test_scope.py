"""Where packets may go, and until when."""

from datetime import date, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.scope import RangeScope, ScopeRange, loopback_scope
from monitor.model import FaultKind

TODAY = date(2026, 10, 1)


def scope(*networks: str, until: date = TODAY, today: date = TODAY) -> RangeScope:
    """A scope of these networks until a day, judged on a day."""
    ranges = [
        ScopeRange(network=ip_network(text), authorised_by="Diskominfo", letter="12/X", until=until)
        for text in networks
    ]
    return RangeScope(ranges, lambda: today)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8::7", "2001:db8::/32"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/10"),
    ],
)
def test_an_address_inside_a_range_is_admitted(address: str, network: str) -> None:
    """Both families, a mapped address as IPv4, and one with a zone are admitted by their range."""
    assert scope(network).refusal(address) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.1", "192.0.2.0/24"),
        ("::ffff:198.51.100.1", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "::/1"),
        ("192.0.2.7", "::/0"),
        ("name.example", "0.0.0.0/0"),
        ("", "0.0.0.0/0"),
    ],
)
def test_an_address_outside_is_a_scope_fault(address: str, network: str) -> None:
    """What is in no range, in another family, or no address at all is refused."""
    refusal = scope(network).refusal(address)
    assert refusal is not None
    assert refusal.kind is FaultKind.SCOPE


def test_no_ranges_admit_nothing() -> None:
    """An empty scope fails closed."""
    assert scope().refusal("127.0.0.1") is not None


def test_the_last_day_counts_and_the_next_does_not() -> None:
    """Authority holds through `until`; the refusal after it names range, letter and day."""
    assert scope("192.0.2.0/24").refusal("192.0.2.1") is None
    refusal = scope("192.0.2.0/24", today=TODAY + timedelta(days=1)).refusal("192.0.2.1")
    assert refusal is not None
    assert all(part in refusal.message for part in ("192.0.2.0/24", "12/X", "2026-10-01"))


def test_expiry_is_seen_for_an_address_that_was_admitted_before() -> None:
    """A remembered address is refused from the day its authority has ended."""
    days = iter([TODAY, TODAY + timedelta(days=1)])
    ranges = [
        ScopeRange(network=ip_network("192.0.2.0/24"), authorised_by="a", letter="b", until=TODAY)
    ]
    judged = RangeScope(ranges, lambda: next(days))
    assert judged.refusal("192.0.2.1") is None
    assert judged.refusal("192.0.2.1") is not None


def test_the_range_with_the_longest_authority_decides() -> None:
    """An expired range does not hide a valid one over the same address."""
    old, new = (
        ScopeRange(network=ip_network(text), authorised_by="a", letter="b", until=until)
        for text, until in (
            ("192.0.2.0/24", TODAY - timedelta(days=1)),
            ("192.0.0.0/16", TODAY),
        )
    )
    assert RangeScope([old, new], lambda: TODAY).refusal("192.0.2.1") is None


def test_loopback_alone_is_allowed_without_configuration() -> None:
    """The scope of a run without configuration is loopback of both families."""
    judged = loopback_scope()
    assert judged.refusal("127.8.9.10") is None
    assert judged.refusal("::1") is None
    assert judged.refusal("::ffff:127.0.0.1") is None
    assert judged.refusal("192.0.2.1") is not None
    assert judged.refusal("0.0.0.0") is not None


@given(
    address=st.ip_addresses(),
    base=st.ip_addresses(v=4),
    length=st.integers(0, 32),
)
def test_membership_is_that_of_the_numbers(
    address: IPv4Address | IPv6Address, base: IPv4Address, length: int
) -> None:
    """An address is admitted exactly when its first bits are those of the range."""
    network = ip_network((base, length), strict=False)
    admitted = scope(str(network)).refusal(str(address)) is None
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        inside = mapped is not None and int(mapped) >> (32 - length) == int(base) >> (32 - length)
    else:
        inside = int(address) >> (32 - length) == int(base) >> (32 - length)
    assert admitted == inside
