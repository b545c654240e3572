"""One certificate in words, for evidence. Pure: bounded, and nothing is guessed."""

import contextlib
import hashlib
import warnings

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID

from checks.tls.certificate import (
    UNREADABLE,
    extension_of,
    is_authority,
    key_of,
    points_to,
    read,
    readable_extensions,
)

_PURPOSES_BOUND = 16
_TEXT_BOUND = 255


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
        "not_before": _moment(certificate, "not_valid_before_utc"),
        "not_after": _moment(certificate, "not_valid_after_utc"),
        "key_type": kind,
        "key_bits": "" if bits is None else str(bits),
        "signature": _signature(certificate),
        **_where_present(certificate),
    }


def _where_present(certificate: x509.Certificate) -> dict[str, str]:
    """What many certificates do not have, or do not show: named curve, purposes, …"""
    readable = readable_extensions(certificate)
    found = {
        "is_ca": ("true" if is_authority(certificate) else "false") if readable else "",
        "curve": _curve(certificate),
        "key_oid": _key_oid(certificate) if key_of(certificate)[0] == "unknown" else "",
        "eku": ",".join(purposes(certificate) or ()),
        "ocsp": "yes" if points_to(certificate, AuthorityInformationAccessOID.OCSP) else "",
        "ca_issuers": (
            "yes" if points_to(certificate, AuthorityInformationAccessOID.CA_ISSUERS) else ""
        ),
        "crl": "yes" if extension_of(certificate, x509.CRLDistributionPoints) else "",
    }
    return {name: value for name, value in found.items() if value}


def purposes(certificate: x509.Certificate) -> tuple[str, ...] | None:
    """The extended key usages by name (an OID where it has none); None: it is not restricted."""
    usage = extension_of(certificate, x509.ExtendedKeyUsage)
    return None if usage is None else tuple(map(_word, list(usage)[:_PURPOSES_BOUND]))


def _name(certificate: x509.Certificate, which: str) -> str:
    try:
        return str(getattr(certificate, which).rfc4514_string())[:_TEXT_BOUND]
    except UNREADABLE:
        return ""


def _serial(certificate: x509.Certificate) -> str:
    with warnings.catch_warnings(), contextlib.suppress(*UNREADABLE):
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return f"{certificate.serial_number:x}"[:64]
    return ""


def _moment(certificate: x509.Certificate, which: str) -> str:
    try:
        return f"{getattr(certificate, which):%Y-%m-%dT%H:%M:%SZ}"
    except UNREADABLE:
        return ""


def _curve(certificate: x509.Certificate) -> str:
    with contextlib.suppress(*UNREADABLE):
        key = certificate.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            return key.curve.name
    return ""


def _key_oid(certificate: x509.Certificate) -> str:
    try:
        return certificate.public_key_algorithm_oid.dotted_string
    except UNREADABLE:
        return ""


def _signature(certificate: x509.Certificate) -> str:
    """Such as "ecdsa-with-SHA256"; a dotted OID when it has no name here."""
    try:
        return _word(certificate.signature_algorithm_oid)
    except UNREADABLE:
        return ""


def _word(identifier: x509.ObjectIdentifier) -> str:
    name = str(identifier._name)
    return identifier.dotted_string if name == "Unknown OID" else name
