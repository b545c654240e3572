"""Signatures of servers that no real server of the other tests makes, or makes wrongly."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from checks.tls.records import MalformedError
from checks.tls.signatures import key_of, verified12, verified13


def test_a_signature_before_tls_12_is_over_two_hashes() -> None:
    """RFC 4346, 7.4.3: RSA signs MD5 and SHA-1 in a row; other content is malformed."""
    key = rsa.generate_private_key(65_537, 2_048)
    hashed = b"".join(
        hashlib.new(name, b"parameters", usedforsecurity=False).digest() for name in ("md5", "sha1")
    )
    padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(hashed)) + b"\x00" + hashed
    numbers = key.private_numbers()
    signed = pow(int.from_bytes(padded, "big"), numbers.d, numbers.public_numbers.n)
    signature = signed.to_bytes(256, "big")
    assert verified12(key.public_key(), None, signature, b"parameters")
    for wrong, content in ((signature, b"others"), (signature[:-1], b"parameters"), (b"", b"")):
        with pytest.raises(MalformedError):
            verified12(key.public_key(), None, wrong, content)


def test_what_cannot_be_checked_is_not_verified() -> None:
    """A certificate that is none has no key; nor is ML-DSA checked."""
    assert key_of(b"no certificate") is None
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert not verified13(None, 0x0403, b"", b"")
    assert not verified13(key, 0x0905, b"", b"")
    assert not verified12(None, None, b"", b"")


def test_a_scheme_of_another_key_is_malformed() -> None:
    """No key signs by the scheme of another kind of key."""
    keys = {
        0x0807: ed25519.Ed25519PrivateKey.generate().public_key(),
        0x0403: ec.generate_private_key(ec.SECP256R1()).public_key(),
        0x0804: rsa.generate_private_key(65_537, 2_048).public_key(),
    }
    for own, key in keys.items():
        for scheme in keys:
            for verified in (verified12, verified13):
                if scheme != own:
                    with pytest.raises(MalformedError):
                        verified(key, scheme, b"signature", b"content")
