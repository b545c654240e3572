"""Certificates of any kind, good and odd, as DER: whatever a test wishes is in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

Extensions = Sequence[tuple[x509.ExtensionType, bool]]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
"""The moment at which tests look at these certificates."""


@cache
def new_key(kind: str = "ec", number: int = 0) -> Any:
    """A key, the same one for the same kind and number; RSA ones are other ones in each run."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa") or 2048))
    return ec.derive_private_key(
        10_007 + number, ec.SECP192R1() if kind == "ec192" else ec.SECP256R1()
    )


def name(text: str) -> x509.Name:
    """A distinguished name of a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*, sign: bool = False, certify: bool = False, crl: bool = False) -> x509.KeyUsage:
    """A key usage with these bits."""
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certify,
        crl_sign=crl,
        encipher_only=False,
        decipher_only=False,
    )


def access(ocsp: bool = True) -> x509.AuthorityInformationAccess:
    """Where to ask about the certificate."""
    oids = AuthorityInformationAccessOID
    place = x509.UniformResourceIdentifier("http://ca.example/")
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(oids.OCSP if ocsp else oids.CA_ISSUERS, place)]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        """The certificate as it is sent."""
        return self.certificate.public_bytes(Encoding.DER)

    def authority(
        self,
        subject: str,
        *,
        key: Any = None,
        days: float = 900,
        extensions: Extensions = (),
        **wish: Any,
    ) -> "Party":
        """An authority below this one."""
        every = (*_CA, *extensions)
        return _issued(self, subject, key or new_key(), days=days, extensions=every, **wish)

    def leaf(
        self,
        subject: str = "web.example",
        *,
        key: Any = None,
        extensions: Extensions = (),
        purposes: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.SERVER_AUTH,),
        **wish: Any,
    ) -> "Party":
        """A server's certificate below this authority."""
        every = [
            (x509.SubjectAlternativeName([x509.DNSName(subject)]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
            *(((x509.ExtendedKeyUsage(purposes), False),) if purposes else ()),
            *extensions,
        ]
        return _issued(self, subject, key or new_key("ec", 1), extensions=every, **wish)


_CA: Extensions = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (usage(certify=True, crl=True), True),
)


def root(
    subject: str = "Test Root",
    *,
    key: Any = None,
    days: float = 3_650,
    extensions: Extensions = (),
    **wish: Any,
) -> Party:
    """An authority that nobody else vouches for."""
    own = key or new_key("ec", 2)
    return _issued(None, subject, own, days=days, extensions=(*_CA, *extensions), **wish)


def _issued(
    issuer: Party | None,
    subject: str,
    key: Any,
    *,
    extensions: Extensions,
    days: float = 89,
    since: datetime = NOW - timedelta(days=1),
    until: datetime | None = None,
    algorithm: Any = None,
    serial: int | None = None,
) -> Party:
    signer = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(subject) if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until or NOW + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    fixed = isinstance(signer, ed25519.Ed25519PrivateKey)
    made = builder.sign(
        signer,
        None if fixed else algorithm or hashes.SHA256(),
        ecdsa_deterministic=True if isinstance(signer, ec.EllipticCurvePrivateKey) else None,
    )
    return Party(certificate=made, key=key)


def sct_list(count: int) -> bytes:
    """A SignedCertificateTimestampList as it is in an extension (RFC 6962, 3.3), made up."""
    one = b"\0" + b"L" * 32 + (1_700_000_000_000).to_bytes(8) + b"\0\0" + b"\4\3" + b"\0\4sign"
    every = (len(one).to_bytes(2) + one) * count
    return octets(len(every).to_bytes(2) + every)


def octets(content: bytes) -> bytes:
    """A DER octet string."""
    return tlv(0x04, content)


def tlv(tag: int, *parts: bytes) -> bytes:
    """Tag, length and content in DER."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content
