"""Key agreement: our ephemeral key for a group, and the secret shared with the server's. Pure
but for random keys.

RFC 8446 (4.2.8.2, 7.4), RFC 8422 (5.11), RFC 7748, draft-ietf-tls-ecdhe-mlkem (3.1: ML-KEM comes
first beside X25519, and second beside a NIST curve). What cannot be made here is not offered.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519

from checks.tls.records import MalformedError, TooMuchError

X25519 = 29
X448 = 30
HYBRID = 0x11EC
"""X25519MLKEM768."""

_CURVES: dict[int, ec.EllipticCurve] = {23: ec.SECP256R1(), 24: ec.SECP384R1(), 25: ec.SECP521R1()}
_MONTGOMERY: dict[int, tuple[Any, Any]] = {
    X25519: (x25519.X25519PrivateKey, x25519.X25519PublicKey),
    X448: (x448.X448PrivateKey, x448.X448PublicKey),
}
# Group: the curve, the parameter set of ML-KEM, and whether ML-KEM comes first.
_HYBRIDS = {HYBRID: (X25519, 768, True), 0x11EB: (23, 768, False), 0x11ED: (24, 1024, False)}
_LATTICES = {0x0201: 768, 0x0202: 1024}
_CIPHERTEXTS = {768: 1_088, 1024: 1_568}

CLASSICAL = (X25519, 23, 24, 25, X448)
# Group: bits, and the number that makes its prime one (RFC 7919, A). Longer ones take our time.
_FIELDS = {0x0100: (2_048, 560_316), 0x0101: (3_072, 2_625_351), 0x0102: (4_096, 5_736_041)}
_PRIME_BOUND = 4_096
_EXPONENT_BITS = 128


class Agreement(NamedTuple):
    """Our public key, and what makes the secret of the peer's; MalformedError when it is none."""

    public: bytes
    shared: Callable[[bytes], bytes]


def agree(group: int) -> Agreement:
    """A fresh key for one of `groups()` or of `CLASSICAL`; KeyError for another."""
    if group in _HYBRIDS:
        return _hybrid(*_HYBRIDS[group])
    if group in _LATTICES:
        return _lattice(_LATTICES[group])
    if group in _FIELDS:
        bits, number = _FIELDS[group]
        return _field(_named_prime(bits, number), 2)
    return _montgomery(group) if group in _MONTGOMERY else _curve(group)


@cache
def groups() -> tuple[int, ...]:
    """The groups of TLS 1.3 that this machine's library can do, as we prefer them."""
    mlkem = tuple(size for size in _CIPHERTEXTS if _has(size))
    hybrids = tuple(group for group, (_, size, _) in _HYBRIDS.items() if size in mlkem)
    lattices = tuple(group for group, size in _LATTICES.items() if size in mlkem)
    return (*hybrids[:1], *CLASSICAL, *_FIELDS, *hybrids[1:], *lattices)


def _has(size: int) -> bool:
    try:
        _lattice(size)
    except (ImportError, UnsupportedAlgorithm):
        return False
    return True


def _montgomery(group: int) -> Agreement:
    private, public = _MONTGOMERY[group]
    key = private.generate()

    def shared(peer: bytes) -> bytes:
        try:  # ValueError too for a point of small order (RFC 7748, 6)
            return bytes(key.exchange(public.from_public_bytes(peer)))
        except ValueError:
            raise MalformedError("key share") from None

    return Agreement(key.public_key().public_bytes_raw(), shared)


def _curve(group: int) -> Agreement:
    curve = _CURVES[group]
    key = ec.generate_private_key(curve)
    numbers = key.public_key().public_numbers()
    size = (curve.key_size + 7) // 8
    public = b"\x04" + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")

    def shared(peer: bytes) -> bytes:
        if len(peer) != len(public):  # only the uncompressed form is allowed
            raise MalformedError("key share")
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(curve, peer)
            return key.exchange(ec.ECDH(), point)
        except ValueError:
            raise MalformedError("key share") from None

    return Agreement(public, shared)


def _lattice(size: int) -> Agreement:
    # In libraries from 2026 on; an older one raises ImportError, and the group is not offered.
    from cryptography.hazmat.primitives.asymmetric import mlkem

    private: Any = {768: mlkem.MLKEM768PrivateKey, 1024: mlkem.MLKEM1024PrivateKey}[size]
    key = private.generate()

    def shared(peer: bytes) -> bytes:
        if len(peer) != _CIPHERTEXTS[size]:
            raise MalformedError("key share")
        try:
            return bytes(key.decapsulate(peer))
        except ValueError:
            raise MalformedError("key share") from None

    return Agreement(key.public_key().public_bytes_raw(), shared)


def _hybrid(curve: int, size: int, lattice_first: bool) -> Agreement:
    classical, lattice = agree(curve), _lattice(size)
    split = _CIPHERTEXTS[size] if lattice_first else len(classical.public)
    one, two = (lattice, classical) if lattice_first else (classical, lattice)
    return Agreement(
        one.public + two.public,
        lambda peer: one.shared(peer[:split]) + two.shared(peer[split:]),
    )


def finite_field(prime: bytes, generator: bytes) -> Agreement:
    """A key for the server's own group (RFC 5246, 7.4.3; 8.1.2: without zeros in front).

    TooMuchError where it would take tens of ms of our time, which a stranger must not cost us.
    """
    modulus, base = (int.from_bytes(item, "big") for item in (prime, generator))
    if modulus.bit_length() > _PRIME_BOUND:
        raise TooMuchError("diffie-hellman")
    if not (modulus % 2 and 1 < base < modulus - 1):
        raise MalformedError("diffie-hellman")
    made = _field(modulus, base)
    return Agreement(made.public, lambda peer: made.shared(peer).lstrip(b"\x00"))


def _field(modulus: int, base: int) -> Agreement:
    """As long as the prime (RFC 8446, 4.2.8.1, 7.4.1).

    A short exponent is enough for a secret that protects nothing of ours, and costs ms, not
    tens of them.
    """
    exponent = int.from_bytes(os.urandom(_EXPONENT_BITS // 8), "big") | 1 << _EXPONENT_BITS - 1
    size = (modulus.bit_length() + 7) // 8

    def shared(peer: bytes) -> bytes:
        public = int.from_bytes(peer, "big")
        if not 1 < public < modulus - 1:
            raise MalformedError("diffie-hellman")
        return pow(public, exponent, modulus).to_bytes(size, "big")

    return Agreement(pow(base, exponent, modulus).to_bytes(size, "big"), shared)


@cache
def _named_prime(bits: int, number: int) -> int:
    """2^b - 2^(b-64) + (floor(2^(b-130) e) + X) 2^64 - 1 (RFC 7919, A)."""
    guard = 64  # each of some hundred terms is cut off by less than one
    term = total = 1 << bits - 130 + guard
    count = 0
    while term:
        count += 1
        term //= count
        total += term
    return (1 << bits) - (1 << bits - 64) + (((total >> guard) + number) << 64) - 1
