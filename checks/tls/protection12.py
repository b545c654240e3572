"""Protection of records in TLS 1.0 to 1.2: AEAD ciphers, and block ciphers with an HMAC.

RFC 5246 (6.2.3), RFC 4346 and 2246 (6.2.3.2: the IV of TLS 1.0 is the last block before it),
RFC 5288, 6655, 7905. No compression, no encrypt-then-MAC (RFC 7366): neither is ever offered.
"""

import hmac
import os
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from checks.tls.prf12 import keyed
from checks.tls.protection import KEY_LENGTHS, Protection, aead, mixed, opened, tag_length
from checks.tls.records import MalformedError
from checks.tls.registry import Suite, Version

_MACS = {"SHA": ("sha1", 20), "SHA256": ("sha256", 32), "SHA384": ("sha384", 48)}
_BLOCKS = {"AES_128_CBC": (16, 16), "AES_256_CBC": (32, 16), "3DES_EDE_CBC": (24, 8)}
_SALT = 4


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the keys that one side needs."""

    mac: int
    key: int
    iv: int

    @property
    def both(self) -> int:
        """Of both sides together (RFC 5246, 6.3)."""
        return 2 * (self.mac + self.key + self.iv)


def can(suite: Suite) -> bool:
    """Whether records can be protected as this suite says."""
    if suite.mac == "AEAD":
        return suite.cipher in KEY_LENGTHS
    return suite.cipher in _BLOCKS and suite.mac in _MACS


def sizes(suite: Suite, version: Version) -> Sizes:
    """The keys of a suite."""
    if suite.mac == "AEAD":
        whole = suite.cipher == "CHACHA20_POLY1305"
        return Sizes(mac=0, key=KEY_LENGTHS[suite.cipher], iv=12 if whole else _SALT)
    key, block = _BLOCKS[suite.cipher]
    return Sizes(mac=_MACS[suite.mac][1], key=key, iv=block if version <= Version.TLS10 else 0)


def protections(suite: Suite, version: Version, block: bytes) -> tuple[Protection, Protection]:
    """The client's and the server's, from the key block."""
    size = sizes(suite, version)
    parts = []
    for length in (size.mac, size.mac, size.key, size.key, size.iv, size.iv):
        parts.append(block[:length])
        block = block[length:]
    client, server = (_protection(suite, version, *parts[side::2]) for side in (0, 1))
    return client, server


def _protection(suite: Suite, version: Version, mac: bytes, key: bytes, iv: bytes) -> Protection:
    if suite.mac == "AEAD":
        return Aead12(suite.cipher, key, iv, version)
    return Cbc12(suite, mac, key, iv, version)


class _Counted:
    """What is protected beside the content: the number of the record and its header."""

    def __init__(self, version: Version) -> None:
        self._version = version.to_bytes(2, "big")
        self._number = 0

    def _beside(self, kind: int, length: int) -> bytes:
        number = self._number.to_bytes(8, "big")
        self._number += 1
        return number + bytes((kind,)) + self._version + length.to_bytes(2, "big")

    def _record(self, kind: int, body: bytes) -> bytes:
        return bytes((kind,)) + self._version + len(body).to_bytes(2, "big") + body


class Aead12(_Counted):
    """AES-GCM and AES-CCM tell half of the nonce in the record; ChaCha20 counts (RFC 7905)."""

    def __init__(self, cipher: str, key: bytes, iv: bytes, version: Version) -> None:
        super().__init__(version)
        self._cipher = aead(cipher, key)
        self._added = tag_length(cipher)
        self._iv = iv
        self._told = 8 if len(iv) == _SALT else 0

    def seal(self, kind: int, content: bytes) -> bytes:
        """The record, with its header."""
        told = self._number.to_bytes(8, "big")[: self._told]
        nonce = self._iv + told if self._told else mixed(self._iv, self._number)
        sealed = self._cipher.encrypt(nonce, content, self._beside(kind, len(content)))
        return self._record(kind, told + sealed)

    def open(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """Kind and content of a record."""
        told, sealed = body[: self._told], body[self._told :]
        length = len(sealed) - self._added
        if length < 0:
            raise MalformedError("record protection")
        nonce = self._iv + told if self._told else mixed(self._iv, self._number)
        beside = self._beside(kind, length)
        return kind, opened(self._cipher, nonce, sealed, beside)


class Cbc12(_Counted):
    """First the MAC, then padding, then the cipher."""

    def __init__(self, suite: Suite, mac: bytes, key: bytes, iv: bytes, version: Version) -> None:
        super().__init__(version)
        name, self._mac_length = _MACS[suite.mac]
        self._mac = keyed(name)
        self._mac_key = mac
        self._algorithm = TripleDES(key) if suite.cipher == "3DES_EDE_CBC" else AES(key)
        self._block = _BLOCKS[suite.cipher][1]
        self._chained = iv
        """TLS 1.0: the IV of the next record. Later versions tell it in each: empty."""

    def seal(self, kind: int, content: bytes) -> bytes:
        """The record, with its header."""
        content += self._mac(self._mac_key, self._beside(kind, len(content)) + content)
        padding = -(len(content) + 1) % self._block
        content += bytes((padding,)) * (padding + 1)
        iv = self._chained or os.urandom(self._block)
        encryptor = Cipher(self._algorithm, modes.CBC(iv)).encryptor()
        sealed = encryptor.update(content) + encryptor.finalize()
        if self._chained:
            self._chained = sealed[-self._block :]
            return self._record(kind, sealed)
        return self._record(kind, iv + sealed)

    def open(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """Kind and content of a record."""
        iv, sealed = self._chained, body
        if not iv:
            iv, sealed = body[: self._block], body[self._block :]
        if len(sealed) < self._mac_length + 1 or len(sealed) % self._block:
            raise MalformedError("record protection")
        if self._chained:
            self._chained = sealed[-self._block :]
        decryptor = Cipher(self._algorithm, modes.CBC(iv)).decryptor()
        return kind, self._checked(kind, decryptor.update(sealed) + decryptor.finalize())

    def _checked(self, kind: int, plain: bytes) -> bytes:
        """The content alone. No secret of ours is at stake: it need not take constant time."""
        padding = plain[-1] + 1
        length = len(plain) - padding - self._mac_length
        if length < 0 or plain[-padding:] != bytes((padding - 1,)) * padding:
            raise MalformedError("record protection")
        content, mac = plain[:length], plain[length : length + self._mac_length]
        wanted = self._mac(self._mac_key, self._beside(kind, length) + content)
        if not hmac.compare_digest(mac, wanted):
            raise MalformedError("record protection")
        return content
