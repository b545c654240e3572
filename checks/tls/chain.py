"""What certificates say, and whether they are to be believed. Pure but for reading the roots.

Hostile certificates raise in many ways; here each reading is guarded and bounded, and what
cannot be read is left out or named, never guessed.
"""

import contextlib
import hashlib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

CHAIN_BOUND = 10
_NAMES_BOUND = 100
_TEXT_BOUND = 255
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names a certificate is for (subjectAltName alone; RFC 9525 ignores the subject)."""

    dns: tuple[str, ...]
    addresses: tuple[Address, ...]

    def shown(self) -> tuple[str, ...]:
        """As text, bounded."""
        every = (*self.dns, *map(str, self.addresses))
        return tuple(name[:_TEXT_BOUND] for name in every[:_NAMES_BOUND])

    def match(self, name: str) -> bool:
        """Whether a name or a literal address is covered (RFC 9525, 6.3; RFC 2818 for addresses).

        A `*` stands for one whole leftmost label.
        """
        try:
            return ip_address(name) in self.addresses
        except ValueError:
            pass
        wanted = name.lower().rstrip(".").split(".")
        return any(_covers(pattern.lower().rstrip(".").split("."), wanted) for pattern in self.dns)


def _covers(pattern: Sequence[str], wanted: Sequence[str]) -> bool:
    if pattern[0] == "*" and len(pattern) > 2:
        return len(pattern) == len(wanted) and pattern[1:] == wanted[1:] and bool(wanted[0])
    return list(pattern) == list(wanted)


def read(encoded: bytes) -> x509.Certificate | None:
    """The certificate of DER bytes, if it is one."""
    with warnings.catch_warnings(), contextlib.suppress(*_UNREADABLE):
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_der_x509_certificate(encoded)
    return None


def names_of(certificate: x509.Certificate) -> Names:
    """Its names; none when the extension is absent or broken."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        dns = extension.value.get_values_for_type(x509.DNSName)
        literals = extension.value.get_values_for_type(x509.IPAddress)
    except (*_UNREADABLE, x509.ExtensionNotFound, x509.DuplicateExtension):
        return Names(dns=(), addresses=())
    addresses = tuple(item for item in literals if isinstance(item, IPv4Address | IPv6Address))
    return Names(dns=tuple(dns), addresses=addresses)


def key_of(certificate: x509.Certificate) -> tuple[str, int | None]:
    """Kind of the public key and its bits."""
    try:
        key = certificate.public_key()
    except _UNREADABLE:
        return "unknown", None
    match key:
        case rsa.RSAPublicKey():
            return "rsa", key.key_size
        case dsa.DSAPublicKey():
            return "dsa", key.key_size
        case ec.EllipticCurvePublicKey():
            return "ec", key.curve.key_size
        case ed25519.Ed25519PublicKey():
            return "ed25519", 256
        case ed448.Ed448PublicKey():
            return "ed448", 456
    return type(key).__name__.lower(), None


def described(encoded: bytes) -> dict[str, str]:
    """One certificate of the chain in words; of an unreadable one only its fingerprint."""
    fingerprint = {"sha256": hashlib.sha256(encoded).hexdigest()}
    certificate = read(encoded)
    if certificate is None:
        return {**fingerprint, "error": "not a certificate"}
    kind, bits = key_of(certificate)
    return {
        **fingerprint,
        "subject": _name(certificate, "subject"),
        "issuer": _name(certificate, "issuer"),
        "serial": _serial(certificate),
        "key_type": kind,
        "key_bits": "" if bits is None else str(bits),
        "signature": _signature(certificate),
    }


def _name(certificate: x509.Certificate, which: str) -> str:
    try:
        return str(getattr(certificate, which).rfc4514_string())[:_TEXT_BOUND]
    except _UNREADABLE:
        return ""


def _serial(certificate: x509.Certificate) -> str:
    with warnings.catch_warnings(), contextlib.suppress(*_UNREADABLE):
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return f"{certificate.serial_number:x}"[:64]
    return ""


def _signature(certificate: x509.Certificate) -> str:
    """Such as "ecdsa-with-SHA256"; a dotted OID when it has no name here."""
    try:
        identifier = certificate.signature_algorithm_oid
    except _UNREADABLE:
        return ""
    name = str(identifier._name)
    return identifier.dotted_string if name == "Unknown OID" else name


@dataclass(frozen=True, slots=True)
class Roots:
    """The certificates that are believed without further proof."""

    store: Store
    subjects: frozenset[x509.Name]


def _may_sign(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an authority whose key may not sign certificates")


# The rules of the public web (CA/Browser Forum) but for three extensions that authorities of
# one's own, such as one made by `openssl req -x509`, leave out and that browsers do not miss.
_CA_POLICY = ExtensionPolicy.webpki_defaults_ca().may_be_present(
    x509.KeyUsage, Criticality.AGNOSTIC, _may_sign
)
_LEAF_POLICY = ExtensionPolicy.webpki_defaults_ee().may_be_present(
    x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None
)
for _extension in (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier):
    _CA_POLICY = _CA_POLICY.may_be_present(_extension, Criticality.AGNOSTIC, None)
_POLICY = PolicyBuilder().extension_policies(ca_policy=_CA_POLICY, ee_policy=_LEAF_POLICY)


def untrusted(chain: Sequence[bytes], roots: Roots, now: datetime) -> str:
    """Why the chain is not to be believed at `now`; empty: it is.

    The name is judged apart (`Names.match`): here the chain is verified for a name that the
    certificate itself has. Words: unreadable, not-yet-valid, expired, no-names, self-signed,
    chain-expired, unknown-authority, or invalid: with the verifier's sentence.
    """
    certificates = [read(encoded) for encoded in chain]
    leaf, *others = certificates or [None]
    if leaf is None:
        return "unreadable"
    if now < leaf.not_valid_before_utc:
        return "not-yet-valid"
    if now > leaf.not_valid_after_utc:
        return "expired"
    subject = _own_subject(names_of(leaf))
    if subject is None:
        return "self-signed" if _signed_itself(leaf) else "no-names"
    between = [item for item in others if item is not None]
    try:
        verifier = _POLICY.store(roots.store).time(now).build_server_verifier(subject)
        verifier.verify(leaf, between)
    except VerificationError as error:
        return _why(leaf, between, roots, now) or f"invalid: {error}"[:_TEXT_BOUND]
    except _UNREADABLE as error:
        return f"invalid: {error}"[:_TEXT_BOUND]
    return ""


def _own_subject(names: Names) -> x509.DNSName | x509.IPAddress | None:
    """A name that this certificate covers; of a wildcard one of its names."""
    for name in names.dns:
        try:
            return x509.DNSName(name.replace("*.", "any.", 1) if name[:2] == "*." else name)
        except ValueError:
            continue
    return x509.IPAddress(names.addresses[0]) if names.addresses else None


def _why(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: Roots, now: datetime
) -> str:
    """The plain reason for a chain that was not believed; empty when there is none."""
    try:
        return _readable_why(leaf, between, roots, now)
    except _UNREADABLE:  # a name that cannot be read is the name of no authority
        return "unknown-authority"


def _readable_why(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: Roots, now: datetime
) -> str:
    if _signed_itself(leaf):
        return "self-signed"
    if any(now > item.not_valid_after_utc for item in between):
        return "chain-expired"
    issuers = {item.subject: item.issuer for item in between}
    wanted = leaf.issuer
    for _ in range(CHAIN_BOUND):
        if wanted in roots.subjects:
            return ""
        wanted = issuers.get(wanted, wanted)
    return "unknown-authority"


def _signed_itself(certificate: x509.Certificate) -> bool:
    try:
        if certificate.subject != certificate.issuer:
            return False
        certificate.verify_directly_issued_by(certificate)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def roots_of(paths: Iterable[str]) -> Roots | None:
    """The roots of PEM files, read again when a file changes; None when there are none."""
    try:
        return _read_roots(tuple((path, Path(path).stat().st_mtime_ns) for path in paths))
    except OSError:
        return None


@lru_cache(maxsize=4)
def _read_roots(files: tuple[tuple[str, int], ...]) -> Roots | None:
    roots = [root for path, _ in files for root in _pem(Path(path).read_bytes())]
    return Roots(Store(roots), frozenset(root.subject for root in roots)) if roots else None


def _pem(text: bytes) -> list[x509.Certificate]:
    """Each certificate by itself: one that cannot be read must not cost the others."""
    end = b"-----END CERTIFICATE-----"
    roots = []
    for block in text.split(end)[:-1]:
        start = block.find(b"-----BEGIN CERTIFICATE-----")
        with warnings.catch_warnings(), contextlib.suppress(*_UNREADABLE):
            # Some old public roots have a serial number that RFC 5280 forbids.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            roots.append(x509.load_pem_x509_certificate(block[max(0, start) :] + end))
    return roots
