"""The key schedule of TLS 1.3 (RFC 8446, 7.1 to 7.3) without pre-shared keys. Pure."""

import hashlib
import hmac
from typing import NamedTuple


class Traffic(NamedTuple):
    """The traffic secrets of the two sides."""

    client: bytes
    server: bytes


def extract(name: str, salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract (RFC 5869, 2.2) with the hash of this name."""
    return hmac.digest(salt or bytes(hashlib.new(name).digest_size), secret, name)


def expand(name: str, secret: bytes, context: bytes, length: int) -> bytes:
    """HKDF-Expand (RFC 5869, 2.3); at most 255 times the length of a hash."""
    made, block = b"", b""
    for count in range(1, 256):
        if len(made) >= length:
            break
        block = hmac.digest(secret, block + context + bytes((count,)), name)
        made += block
    return made[:length]


def expand_label(name: str, secret: bytes, label: str, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446, 7.1)."""
    words = b"tls13 " + label.encode()
    told = length.to_bytes(2, "big") + bytes((len(words),)) + words
    return expand(name, secret, told + bytes((len(context),)) + context, length)


def write_keys(name: str, secret: bytes, key_length: int) -> tuple[bytes, bytes]:
    """Key and initial vector of a side (RFC 8446, 7.3)."""
    key = expand_label(name, secret, "key", b"", key_length)
    return key, expand_label(name, secret, "iv", b"", 12)


def finished(name: str, secret: bytes, transcript: bytes) -> bytes:
    """What a side's Finished holds (RFC 8446, 4.4.4); `transcript` is a hash."""
    key = expand_label(name, secret, "finished", b"", len(secret))
    return hmac.digest(key, transcript, name)


class Schedule:
    """From the shared secret to the traffic secrets; the hash is that of the cipher suite."""

    def __init__(self, name: str, shared: bytes) -> None:
        self.name = name
        self._empty = hashlib.new(name).digest()
        self._zeros = bytes(len(self._empty))
        early = extract(name, b"", self._zeros)
        self._handshake = extract(name, self._derive(early, "derived", self._empty), shared)

    def handshake(self, transcript: bytes) -> Traffic:
        """The secrets after ServerHello, by the hash of the messages so far."""
        return self._traffic(self._handshake, "hs", transcript)

    def application(self, transcript: bytes) -> Traffic:
        """The secrets after the server's Finished, by the hash of the messages so far."""
        salt = self._derive(self._handshake, "derived", self._empty)
        return self._traffic(extract(self.name, salt, self._zeros), "ap", transcript)

    def _traffic(self, secret: bytes, phase: str, transcript: bytes) -> Traffic:
        return Traffic(
            client=self._derive(secret, f"c {phase} traffic", transcript),
            server=self._derive(secret, f"s {phase} traffic", transcript),
        )

    def _derive(self, secret: bytes, label: str, transcript: bytes) -> bytes:
        return expand_label(self.name, secret, label, transcript, len(self._empty))
