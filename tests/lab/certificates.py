"""A certificate authority of one's own, for TLS servers on loopback: good and faulty leaves."""

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A server's certificate (with what it sends beside it) and its key, as PEM."""

    certificates: bytes
    key: bytes

    def context(self) -> ssl.SSLContext:
        """A server's context; the key is on disk only while it is read."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "leaf.pem"
            path.touch(mode=0o600)
            path.write_bytes(self.key + self.certificates)
            context.load_cert_chain(path)
        return context


class Authority:
    """Issues certificates; `pem` is what a client has to trust."""

    def __init__(self, name: str, key: Key, certificate: x509.Certificate, sent: bytes) -> None:
        self._name = _name(name)
        self._key = key
        self.certificate = certificate
        self._sent = sent
        """Intermediates a server has to send after its leaf."""
        self._identified = True
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    @classmethod
    def new(cls, name: str = "Lab Root") -> Self:
        """A new root."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, key.public_key(), timedelta(days=-1), timedelta(days=3650))
        return cls(name, key, _authority(builder, key.public_key(), key.public_key(), key), b"")

    @classmethod
    def plain(cls, name: str = "City CA") -> Self:
        """A root with basic constraints alone, as small authorities of one's own often are."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, key.public_key(), timedelta(days=-1), timedelta(days=3650))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        made = cls(name, key, builder.sign(key, hashes.SHA256()), b"")
        made._identified = False
        return made

    @classmethod
    def of_leaf(cls, name: str, leaf: Leaf) -> Self:
        """A thief's authority: issues by the key of a leaf, which may not issue."""
        key = serialization.load_pem_private_key(leaf.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(name, key, x509.load_pem_x509_certificate(leaf.certificates), b"")

    def intermediate(self, name: str = "Lab Intermediate", *, days: float = 1_000) -> "Authority":
        """An authority below this one."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._name.rfc4514_string().removeprefix("CN=")
        builder = _builder(name, issuer, key.public_key(), timedelta(days=-2), timedelta(days=days))
        made = _authority(builder, key.public_key(), self._key.public_key(), self._key)
        return Authority(
            name, key, made, made.public_bytes(serialization.Encoding.PEM) + self._sent
        )

    def write(self, path: Path) -> str:
        """Write the certificate for `ca_file`; returns the path as text."""
        path.write_bytes(self.pem)
        return str(path)

    def issue(
        self, *names: str, days: float = 90, since_days: float = -1, with_chain: bool = True
    ) -> Leaf:
        """A leaf for DNS names and addresses; `days` from now may be negative: expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._name.rfc4514_string().removeprefix("CN=")
        builder = _builder(
            names[0] if names else "nameless",
            issuer,
            key.public_key(),
            timedelta(days=since_days),
            timedelta(days=days),
        )
        builder = _leaf(builder, names, key, self._key if self._identified else None)
        made = builder.sign(self._key, hashes.SHA256())
        return _packed(made, key, self._sent if with_chain else b"")


def self_signed(*names: str, days: float = 90) -> Leaf:
    """A leaf that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(
        names[0], names[0], key.public_key(), timedelta(days=-1), timedelta(days=days)
    )
    return _packed(_leaf(builder, names, key, key).sign(key, hashes.SHA256()), key, b"")


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey, since: timedelta, until: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    since = min(since, until - timedelta(days=1))
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
    )


def _authority(
    builder: x509.CertificateBuilder,
    own: ec.EllipticCurvePublicKey,
    above: ec.EllipticCurvePublicKey,
    key: Key,
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    builder: x509.CertificateBuilder, names: tuple[str, ...], key: Key, above: Key | None
) -> x509.CertificateBuilder:
    """The extensions of a server's certificate; without `above` no key identifiers."""
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    ).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    if above is not None:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key())
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(authority, False).add_extension(own, False)
    if not names:
        return builder
    return builder.add_extension(
        x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _packed(made: x509.Certificate, key: Key, sent: bytes) -> Leaf:
    return Leaf(
        certificates=made.public_bytes(serialization.Encoding.PEM) + sent,
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
