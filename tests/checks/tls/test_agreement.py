"""Key agreement: both ends come to one secret, and a bad share comes to none."""

import contextlib
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.tls.agreement import CLASSICAL, HYBRID, Agreement, agree, finite_field, groups
from checks.tls.records import MalformedError

FIELDS = (0x100, 0x101, 0x102)
LATTICES = [group for group in groups() if group not in (*CLASSICAL, *FIELDS)]
# The prime of RFC 3526, 2 (1536 bits), and its generator.
PRIME = bytes.fromhex(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca237327ffffffffffffffff"
)


@pytest.mark.parametrize("group", [*CLASSICAL, *FIELDS])
def test_two_keys_of_a_curve_or_field_agree(group: int) -> None:
    """Each end makes the same secret of the other's public key."""
    one, two = agree(group), agree(group)
    assert one.shared(two.public) == two.shared(one.public)
    assert one.public != two.public


@pytest.mark.parametrize("group", LATTICES)
def test_a_server_agrees_by_a_ciphertext(group: int) -> None:
    """ML-KEM alone, and on its side of a curve: first beside X25519, second beside P-256, P-384."""
    ours = agree(group)
    sizes = {HYBRID: (29, 768), 0x11EB: (23, 768), 0x11ED: (24, 1024)}
    curve, size = sizes.get(group, (0, {0x0201: 768, 0x0202: 1024}.get(group, 0)))
    classical = agree(curve) if curve else Agreement(b"", lambda _: b"")
    length = len(ours.public) - len(classical.public)
    first = group == HYBRID
    lattice = ours.public[:length] if first else ours.public[-length:]
    point = ours.public[length:] if first else ours.public[:-length]
    secret, ciphertext = encapsulated(size, lattice)
    parts = [(ciphertext, secret), (classical.public, classical.shared(point))]
    share, shared = zip(*(parts if first else parts[::-1]), strict=True)
    assert ours.shared(b"".join(share)) == b"".join(shared)


def encapsulated(size: int, public: bytes) -> tuple[bytes, bytes]:
    """A server's secret and what it sends for it."""
    from cryptography.hazmat.primitives.asymmetric import mlkem

    kind: Any = {768: mlkem.MLKEM768PublicKey, 1024: mlkem.MLKEM1024PublicKey}[size]
    secret, ciphertext = kind.from_public_bytes(public).encapsulate()
    return secret, ciphertext


def test_an_old_library_offers_no_lattice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ML-KEM the classical groups remain."""

    def absent(_: int) -> Agreement:
        raise ImportError

    monkeypatch.setattr("checks.tls.agreement._lattice", absent)
    groups.cache_clear()
    assert groups() == (*CLASSICAL, *FIELDS)
    groups.cache_clear()


@given(share=st.binary(max_size=200) | st.binary(min_size=1_080, max_size=1_700))
@pytest.mark.parametrize("group", groups())
def test_any_share_is_a_secret_or_malformed(group: int, share: bytes) -> None:
    """Bytes of any length either give a secret of bytes or raise MalformedError."""
    with contextlib.suppress(MalformedError):
        assert once(group).shared(share)


@cache
def once(group: int) -> Agreement:
    """One key for many peers."""
    return agree(group)


@pytest.mark.parametrize("group", groups())
def test_a_share_without_a_secret_is_malformed(group: int) -> None:
    """Nothing, too much, and zeros on a curve: a point of small order, or none."""
    ours = agree(group)
    zeros = [] if group in LATTICES else [bytes(len(ours.public))]
    for share in (b"", ours.public + bytes(1_600), *zeros):
        with pytest.raises(MalformedError):
            ours.shared(share)


def test_two_keys_of_a_field_agree() -> None:
    """In the group that the server tells, a secret without zeros in front."""
    one, two = finite_field(PRIME, b"\x02"), finite_field(PRIME, b"\x02")
    assert one.shared(two.public) == two.shared(one.public)
    assert len(one.public) == 192


def test_a_field_that_is_none_is_malformed() -> None:
    """An even modulus, one too long to count in, a generator or a public key without an order."""
    minus = (int.from_bytes(PRIME, "big") - 1).to_bytes(192, "big")
    fields = [(b"", b"\x02"), (b"\x08", b"\x02"), (b"\xff" * 1_025, b"\x02"), (PRIME, b"\x01")]
    for prime, generator in (*fields, (PRIME, minus), (b"\x01", b"\x00")):
        with pytest.raises(MalformedError):
            finite_field(prime, generator)
    for public in (b"", b"\x01", minus, PRIME):
        with pytest.raises(MalformedError):
            finite_field(PRIME, b"\x02").shared(public)
