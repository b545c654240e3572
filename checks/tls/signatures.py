"""What a server signed in its handshake, checked with the key of its certificate. Pure.

RFC 8446 (4.2.3, 4.4.3), RFC 5246 (4.7, 7.4.3), RFC 4346 (7.4.3: MD5 and SHA-1 in a row).
"""

import hashlib
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from checks.tls.certificate import read
from checks.tls.records import MalformedError

Hash = hashes.HashAlgorithm

_PKCS1: dict[int, Hash] = {
    0x0101: hashes.MD5(),  # noqa: S303 - what old servers sign with
    0x0201: hashes.SHA1(),  # noqa: S303 - the same
    0x0301: hashes.SHA224(),
    0x0401: hashes.SHA256(),
    0x0501: hashes.SHA384(),
    0x0601: hashes.SHA512(),
}
_PSS: dict[int, Hash] = {
    code: made
    for first in (0x0804, 0x0809)
    for code, made in enumerate((hashes.SHA256(), hashes.SHA384(), hashes.SHA512()), first)
}
_ECDSA: dict[int, Hash] = {
    0x0203: hashes.SHA1(),  # noqa: S303 - the same
    0x0303: hashes.SHA224(),
    0x0403: hashes.SHA256(),
    0x0503: hashes.SHA384(),
    0x0603: hashes.SHA512(),
    0x081A: hashes.SHA256(),
    0x081B: hashes.SHA384(),
    0x081C: hashes.SHA512(),
}
_DSA: dict[int, Hash] = {
    0x0202: hashes.SHA1(),  # noqa: S303 - the same
    0x0302: hashes.SHA224(),
    0x0402: hashes.SHA256(),
    0x0502: hashes.SHA384(),
    0x0602: hashes.SHA512(),
}
# TLS 1.3 binds a curve to each number; TLS 1.2 does not (RFC 8446, 4.2.3).
_CURVES = {
    0x0403: "secp256r1",
    0x0503: "secp384r1",
    0x0603: "secp521r1",
    0x081A: "brainpoolP256r1",
    0x081B: "brainpoolP384r1",
    0x081C: "brainpoolP512r1",
}
_EDWARDS = {0x0807: ed25519.Ed25519PublicKey, 0x0808: ed448.Ed448PublicKey}
# ML-DSA and SM2: offered by others, and not checked here.
_UNCHECKED = (0x0904, 0x0905, 0x0906, 0x0708)

Key = CertificatePublicKeyTypes


def key_of(encoded: bytes) -> Key | None:
    """The public key of a certificate; None when this library can read none."""
    certificate = read(encoded)
    try:
        return None if certificate is None else certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def verified13(key: Key | None, scheme: int, signature: bytes, transcript: bytes) -> bool:
    """Whether a CertificateVerify of a server was checked; MalformedError when it is wrong."""
    content = b" " * 64 + b"TLS 1.3, server CertificateVerify\x00" + transcript
    if key is None or scheme in _UNCHECKED:
        return False
    if scheme in _CURVES and isinstance(key, ec.EllipticCurvePublicKey):
        allowed = key.curve.name == _CURVES[scheme]
    else:
        allowed = scheme in _PSS or scheme in _EDWARDS
    if not allowed:
        raise MalformedError("signature")
    return _checked(key, scheme, signature, content)


def verified12(key: Key | None, scheme: int | None, signature: bytes, content: bytes) -> bool:
    """The same for a ServerKeyExchange; `scheme` is None before TLS 1.2."""
    if key is None or scheme in _UNCHECKED:
        return False
    if scheme is not None:
        return _checked(key, scheme, signature, content)
    if isinstance(key, rsa.RSAPublicKey):
        return _old_rsa(key, signature, content)
    sha1 = 0x0202 if isinstance(key, dsa.DSAPublicKey) else 0x0203
    return _checked(key, sha1, signature, content)


def _checked(key: Key, scheme: int, signature: bytes, content: bytes) -> bool:
    how = _how(key, scheme)
    if how is None or not isinstance(
        key,
        rsa.RSAPublicKey
        | dsa.DSAPublicKey
        | ec.EllipticCurvePublicKey
        | ed25519.Ed25519PublicKey
        | ed448.Ed448PublicKey,
    ):
        raise MalformedError("signature")
    verify: Any = key.verify
    try:
        verify(signature, content, *how)
    except UnsupportedAlgorithm:
        return False
    except (InvalidSignature, ValueError):
        raise MalformedError("signature") from None
    return True


def _how(key: Key, scheme: int) -> tuple[Any, ...] | None:
    """What else `verify` wants to know; None when the scheme is not one of this key."""
    if isinstance(key, rsa.RSAPublicKey) and scheme in _PKCS1:
        return padding.PKCS1v15(), _PKCS1[scheme]
    if isinstance(key, rsa.RSAPublicKey) and scheme in _PSS:
        made = _PSS[scheme]
        return padding.PSS(padding.MGF1(made), made.digest_size), made
    if isinstance(key, ec.EllipticCurvePublicKey) and scheme in _ECDSA:
        return (ec.ECDSA(_ECDSA[scheme]),)
    if isinstance(key, dsa.DSAPublicKey) and scheme in _DSA:
        return (_DSA[scheme],)
    kind = _EDWARDS.get(scheme)
    return () if kind is not None and isinstance(key, kind) else None


def _old_rsa(key: rsa.RSAPublicKey, signature: bytes, content: bytes) -> bool:
    wanted = b"".join(
        hashlib.new(name, content, usedforsecurity=False).digest() for name in ("md5", "sha1")
    )
    try:
        found = key.recover_data_from_signature(signature, padding.PKCS1v15(), None)
    except UnsupportedAlgorithm:
        return False
    except (InvalidSignature, ValueError):
        raise MalformedError("signature") from None
    if found != wanted:
        raise MalformedError("signature")
    return True
