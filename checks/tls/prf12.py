"""Key derivation of TLS 1.0 to 1.2 (RFC 2246, 5; RFC 5246, 5, 6.3, 8.1; RFC 7627). Pure.

The name of the hash is "sha256" or "sha384" in TLS 1.2, which takes it from the cipher suite,
and "md5+sha1" before it.
"""

import hashlib
import hmac
from collections.abc import Callable

OLD = "md5+sha1"
MASTER_LENGTH = 48
_VERIFY_LENGTH = 12

Keyed = Callable[[bytes, bytes], bytes]


def keyed(name: str) -> Keyed:
    """HMAC with this hash. MD5 is what old servers speak, and protects nothing of ours."""

    def made(content: bytes = b"") -> "hashlib._Hash":
        return hashlib.new(name, content, usedforsecurity=False)

    return lambda key, content: hmac.new(key, content, made).digest()


def prf(name: str, secret: bytes, label: str, seed: bytes, length: int) -> bytes:
    """So many bytes of the pseudo-random function."""
    words = label.encode() + seed
    if name != OLD:
        return _p(keyed(name), secret, words, length)
    half = (len(secret) + 1) // 2  # of an odd length both halves have the byte in the middle
    left = _p(keyed("md5"), secret[:half], words, length)
    right = _p(keyed("sha1"), secret[len(secret) - half :], words, length)
    return bytes(one ^ two for one, two in zip(left, right, strict=True))


def _p(mac: Keyed, secret: bytes, seed: bytes, length: int) -> bytes:
    made, chained = b"", seed
    while len(made) < length:
        chained = mac(secret, chained)
        made += mac(secret, chained + seed)
    return made[:length]


def transcript_hash(name: str, messages: bytes) -> bytes:
    """The hash of the handshake's messages; before TLS 1.2 those of MD5 and SHA-1 in a row."""
    parts = ("md5", "sha1") if name == OLD else (name,)
    return b"".join(hashlib.new(part, messages, usedforsecurity=False).digest() for part in parts)


def verify_value(name: str, master: bytes, side: str, messages: bytes) -> bytes:
    """What the Finished of the "client" or "server" holds (RFC 5246, 7.4.9)."""
    return prf(name, master, f"{side} finished", transcript_hash(name, messages), _VERIFY_LENGTH)
