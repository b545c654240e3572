"""Certificates of every kind of key, good and faulty, as files that real servers read.

One RSA root and one RSA intermediate sign all of them, so that the oldest clients can follow.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "web.farm.example"
"""The name that every server is asked for."""
OTHER = "other.farm.example"

_KEYS: dict[str, Callable[[], Any]] = {
    "rsa1024": lambda: rsa.generate_private_key(65_537, 1_024),
    "rsa2048": lambda: rsa.generate_private_key(65_537, 2_048),
    "rsa4096": lambda: rsa.generate_private_key(65_537, 4_096),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "dsa2048": lambda: dsa.generate_private_key(2_048),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """Files of one server: what it sends (leaf first) and its key."""

    chain: Path
    key: Path


class Credentials:
    """Makes each certificate the first time that it is asked for; everything lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._made: dict[str, Shown] = {}
        self._leaves: dict[str, x509.Certificate] = {}
        self._keys: dict[str, Any] = {}
        self._root_key = rsa.generate_private_key(65_537, 2_048)
        self._middle_key = rsa.generate_private_key(65_537, 2_048)
        self._root = _authority("Farm Root", self._root_key, "Farm Root", self._root_key)
        self._middle = _authority(
            "Farm Intermediate", self._middle_key, "Farm Root", self._root_key
        )
        self.ca_file = self._write("root.pem", _pem(self._root))

    def shown(self, key: str = "rsa2048", fault: str = "") -> Shown:
        """A leaf with a key of this kind.

        `fault`: "" (none), expired, incomplete, self-signed, wrong-name, other (a good one, OTHER).
        """
        name = f"{key}-{fault or 'good'}"
        if name not in self._made:
            self._made[name] = self._make(name, key, fault)
        return self._made[name]

    def staple(self, shown: Shown, word: str = "good") -> Path:
        """An OCSP response for a leaf: good, revoked or expired."""
        leaf = next(one for name, one in self._leaves.items() if self._made.get(name) == shown)
        now = datetime.now(UTC).replace(microsecond=0)
        since = now - timedelta(days=30 if word == "expired" else 1)
        revoked = word == "revoked"
        answer = ocsp.OCSPResponseBuilder().add_response(
            cert=leaf,
            issuer=self._middle,
            algorithm=hashes.SHA1(),  # what every responder uses (RFC 5019, 2.1.1)
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=since,
            next_update=since + timedelta(days=7),
            revocation_time=since if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        answer = answer.responder_id(ocsp.OCSPResponderEncoding.HASH, self._middle)
        signed = answer.sign(self._middle_key, hashes.SHA256())
        path = self.folder / f"{shown.chain.stem}-{word}.ocsp"
        path.write_bytes(signed.public_bytes(serialization.Encoding.DER))
        return path

    def dh(self, bits: int) -> Path:
        """Diffie-Hellman parameters (PKCS #3) of a published group; 512 bits: one made for this."""
        path = self.folder / f"dh{bits}.pem"
        body = _integer(_PRIMES[bits]) + _integer(2)
        whole = base64.encodebytes(b"\x30" + _length(len(body)) + body).decode()
        path.write_text(f"-----BEGIN DH PARAMETERS-----\n{whole}-----END DH PARAMETERS-----\n")
        return path

    @cached_property
    def staple_pem(self) -> Path:
        """The issuer, for servers that verify what they staple."""
        return self._write("issuers.pem", _pem(self._middle) + _pem(self._root))

    def _make(self, name: str, kind: str, fault: str) -> Shown:
        key = self._keys[name] = _KEYS[kind]()
        leaf = self._leaf(key, fault)
        self._leaves[name] = leaf
        above = b"" if fault in ("incomplete", "self-signed") else _pem(self._middle)
        encoded = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Shown(
            self._write(f"{name}.pem", _pem(leaf) + above), self._write(f"{name}.key", encoded)
        )

    def _leaf(self, key: Any, fault: str) -> x509.Certificate:
        own = fault == "self-signed"
        name = {"wrong-name": "elsewhere.example", "other": OTHER}.get(fault, NAME)
        days = (-90, -2) if fault == "expired" else (-1, 89)
        signer = key if own else self._middle_key
        builder = (
            _builder(name, key, name if own else "Farm Intermediate", *days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
            )
        )
        plain = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
        return builder.sign(signer, None if plain else hashes.SHA256())

    def _write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: str, key: Any, issuer: str, since_days: int, until_days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=since_days))
        .not_valid_after(now + timedelta(days=until_days))
    )


def _authority(subject: str, key: Any, issuer: str, signer: Any) -> x509.Certificate:
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "encipher_only", "decipher_only"),
        ),
        False,
    )
    return (
        _builder(subject, key, issuer, -10, 1_000)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
        )
        .sign(signer, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _integer(value: int) -> bytes:
    encoded = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + _length(len(encoded)) + encoded


def _length(size: int) -> bytes:
    """A length in DER (X.690, 8.1.3)."""
    if size < 0x80:
        return bytes([size])
    return bytes([0x82, size >> 8, size & 0xFF])


# Primes of published groups: RFC 7919, appendix A.1, and RFC 2409, section 6.2.
_FFDHE2048 = int(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE"
    "249B3EF97D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3"
    "B557135E7F57C935984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182"
    "B324FB61D108A94BB2C8E3FBB96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D70"
    "9E02FCE1CDF7E2ECC03404CD28342F619172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC"
    "2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA886B423861285C97FFFFFFFFFFFFFFFF",
    16,
)
_RFC2409_GROUP2 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A0879"
    "8E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B"
    "0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)
_PRIMES = {
    512: int(
        "E0A3259B10F18D67CE63CD5B40B1C2DDE24AB9CAE4FAB208680D7B1FED7C154B"
        "C023817B6BC284211FDFBDC834CDF93360AC955607CD7EE04B5E79C037ABAD57",
        16,
    ),
    1_024: _RFC2409_GROUP2,
    2_048: _FFDHE2048,
}
