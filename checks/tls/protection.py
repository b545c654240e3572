"""Protection of records, one direction at a time: the AEAD ciphers of TLS 1.3. Pure but for IVs.

RFC 8446 (5.2, 5.3) here; protection12.py has TLS 1.2 and earlier. A record that is not what the
peer sealed is a MalformedError.
"""

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from checks.tls.records import APPLICATION, MalformedError

Cipher = AESCCM | AESGCM | ChaCha20Poly1305

_CCM_8_TAG = 8

KEY_LENGTHS = {
    "AES_128_GCM": 16,
    "AES_256_GCM": 32,
    "CHACHA20_POLY1305": 32,
    "AES_128_CCM": 16,
    "AES_256_CCM": 32,
    "AES_128_CCM_8": 16,
    "AES_256_CCM_8": 32,
}


class Protection(Protocol):
    """One side's records under its keys; counts them."""

    def seal(self, kind: int, content: bytes) -> bytes:
        """The record, with its header."""
        ...

    def open(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """Kind and content of a record; MalformedError when it was not sealed by these keys."""
        ...


def aead(cipher: str, key: bytes) -> Cipher:
    """The AEAD of a suite's cipher, such as "AES_128_GCM"; KeyError for what is none."""
    if cipher.endswith("_GCM"):
        return AESGCM(key)
    if cipher.endswith("_CCM"):
        return AESCCM(key)
    if cipher.endswith("_CCM_8"):
        return AESCCM(key, tag_length=_CCM_8_TAG)
    if cipher == "CHACHA20_POLY1305":
        return ChaCha20Poly1305(key)
    raise KeyError(cipher)


def tag_length(cipher: str) -> int:
    """Bytes that an AEAD adds."""
    return _CCM_8_TAG if cipher.endswith("_CCM_8") else 16


def mixed(iv: bytes, number: int) -> bytes:
    """The nonce of the record of this number: the IV with the number added bit by bit."""
    return (int.from_bytes(iv, "big") ^ number).to_bytes(len(iv), "big")


def opened(cipher: Cipher, nonce: bytes, body: bytes, beside: bytes) -> bytes:
    """The plain text, or a MalformedError."""
    try:
        return cipher.decrypt(nonce, body, beside)
    except (InvalidTag, ValueError):
        raise MalformedError("record protection") from None


def _header(kind: int, length: int) -> bytes:
    return bytes((kind, 3, 3)) + length.to_bytes(2, "big")


class Protection13:
    """TLS 1.3: the kind is inside, behind the content, followed by zeros that hide its length."""

    def __init__(self, cipher: str, key: bytes, iv: bytes) -> None:
        self._cipher = aead(cipher, key)
        self._added = tag_length(cipher)
        self._iv = iv
        self._number = 0

    def seal(self, kind: int, content: bytes) -> bytes:
        """The record, with its header."""
        header = _header(APPLICATION, len(content) + 1 + self._added)
        return header + self._cipher.encrypt(self._nonce(), content + bytes((kind,)), header)

    def open(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """Kind and content of a record."""
        if kind != APPLICATION:
            raise MalformedError(f"record type {kind}")
        beside = _header(kind, len(body))
        inner = opened(self._cipher, self._nonce(), body, beside).rstrip(b"\x00")
        if not inner:
            raise MalformedError("record of nothing")
        return inner[-1], inner[:-1]

    def _nonce(self) -> bytes:
        self._number += 1
        return mixed(self._iv, self._number - 1)
