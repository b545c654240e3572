"""The keys behind signed notes: names, verifier keys, signing and checking one text, pure.

C2SP signed-note v1.0.0 (type 0x01) and tlog-cosignature v1.0.1 (type 0x04). Enforces: a key's name
has no space, plus or control character; a stated key id is that of the key; keys are 32 bytes.
Leaves to others: the form of notes (``note``), where private keys are kept (``keys``).
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from monitor.ledger.errors import NoteError

KEY_ID_BYTES = 4
TIME_BYTES = 8
UNENCODABLE = re.compile(r"[\ud800-\udfff]")
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_MAX_TIME = 2**63 - 1
_GO_MARKER = "PRIVATE+KEY+"
# RFC 8410: SubjectPublicKeyInfo of an Ed25519 key up to the key itself.
_ED25519_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")


class KeyKind(IntEnum):
    """The signature type byte of a key."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """A public key under a name; what a verifier key line (vkey) says."""

    name: str
    kind: KeyKind
    public_key: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        if len(self.public_key) != _KEY_BYTES:
            raise NoteError("ledger.vkey-malformed")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Reads ``name+hex(key id)+base64(type, key)``; the key id must be that of the key."""
        name, key_id, kind, key = _parse_key(vkey, "ledger.vkey-malformed")
        verifier = cls(name=name, kind=kind, public_key=key)
        if verifier.key_id.hex() != key_id:
            raise NoteError("ledger.key-id-foreign", name=name, stated=key_id)
        return verifier

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name, newline, type, public key)."""
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key
        return hashlib.sha256(named).digest()[:KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The verifier key line."""
        return (
            f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.kind]) + self.public_key)}"
        )

    @property
    def spki(self) -> bytes:
        """The key as DER SubjectPublicKeyInfo, for ``openssl pkeyutl -verify -rawin``."""
        return _ED25519_SPKI_PREFIX + self.public_key

    def accepts(self, text: str, payload: bytes) -> bool:
        """True where the payload is this key's signature (or cosignature) of the text."""
        message, signature = text.encode(), payload
        if self.kind is KeyKind.COSIGNATURE:
            time = int.from_bytes(payload[:TIME_BYTES], "big")
            message, signature = _cosigned_message(text, time), payload[TIME_BYTES:]
            if time > _MAX_TIME:
                return False
        if len(signature) != _SIGNATURE_BYTES:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class NoteSigner(Protocol):
    """Whatever signs notes: a key in memory, or one in an HSM."""

    @property
    def verifier(self) -> Verifier:
        """The public half, which names the signer."""

    def sign(self, text: str) -> bytes:
        """The payload of the signature line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """An Ed25519 key that signs a note's text as it stands (type 0x01); deterministic."""

    name: str
    key: Ed25519PrivateKey

    @classmethod
    def parse(cls, signing_key: str) -> Self:
        """Reads Go's ``PRIVATE+KEY+name+hex(key id)+base64(type, seed)``."""
        if not signing_key.startswith(_GO_MARKER):
            raise NoteError("ledger.signing-key-malformed")
        rest = signing_key.removeprefix(_GO_MARKER)
        name, key_id, kind, seed = _parse_key(rest, "ledger.signing-key-malformed")
        if kind is not KeyKind.ED25519 or len(seed) != _KEY_BYTES:
            raise NoteError("ledger.signing-key-malformed")
        signer = cls(name=name, key=Ed25519PrivateKey.from_private_bytes(seed))
        if signer.verifier.key_id.hex() != key_id:
            raise NoteError("ledger.key-id-foreign", name=name, stated=key_id)
        return signer

    @property
    def verifier(self) -> Verifier:
        """The public half, which names the signer."""
        public = self.key.public_key().public_bytes_raw()
        return Verifier(name=self.name, kind=KeyKind.ED25519, public_key=public)

    def sign(self, text: str) -> bytes:
        """The payload: the 64-byte signature of the text."""
        return self.key.sign(text.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigner:
    """A witness's key at ``time`` (Unix seconds): signs cosignature/v1 (type 0x04)."""

    name: str
    key: Ed25519PrivateKey
    time: int

    def __post_init__(self) -> None:
        if not 0 <= self.time <= _MAX_TIME:
            raise NoteError("ledger.cosignature-time", time=self.time)

    @property
    def verifier(self) -> Verifier:
        """The public half, which names the cosigner."""
        public = self.key.public_key().public_bytes_raw()
        return Verifier(name=self.name, kind=KeyKind.COSIGNATURE, public_key=public)

    def sign(self, text: str) -> bytes:
        """The payload: the time as a big-endian 64-bit integer, then the signature."""
        signature = self.key.sign(_cosigned_message(text, self.time))
        return self.time.to_bytes(TIME_BYTES, "big") + signature


def require_name(name: str) -> None:
    """Refuses a key name that is empty or has a Unicode space, a plus or a control character."""
    unfit = not name or "+" in name or any(c.isspace() or c < " " for c in name)
    if unfit or UNENCODABLE.search(name):
        raise NoteError("ledger.key-name", name=ascii(name))


def _parse_key(line: str, code: str) -> tuple[str, str, KeyKind, bytes]:
    """Name, key id in hex, type and key of a vkey or of what follows PRIVATE+KEY+."""
    parts = line.split("+", 2)  # base64 may contain further pluses
    decoded = decode_base64(parts[-1])
    if len(parts) != 3 or not decoded:
        raise NoteError(code)
    name, key_id, _ = parts
    require_name(name)
    if decoded[0] not in set(KeyKind):
        raise NoteError("ledger.key-type-unknown", name=name, type=f"0x{decoded[0]:02x}")
    return name, key_id, KeyKind(decoded[0]), decoded[1:]


def _cosigned_message(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def encode_base64(content: bytes) -> str:
    """Standard base64 (RFC 4648 section 4)."""
    return base64.b64encode(content).decode()


def decode_base64(encoded: str) -> bytes | None:
    """Canonical standard base64 (RFC 4648 section 4, pad bits zero), or None."""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if encode_base64(decoded) == encoded else None
