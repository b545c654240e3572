"""What one certificate says. Pure: bytes in, facts out.

Hostile certificates raise in many ways; here each reading is guarded and bounded, and what
cannot be read is left out or named, never guessed. Whether a certificate is to be believed is
the matter of `checks.tls.path`.
"""

import contextlib
import warnings
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID

from checks.tls.memory import Memory

UNREADABLE = (
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,  # the library has no name for what the certificate says
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What reading a hostile certificate may raise."""

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


_READ: Memory[bytes, x509.Certificate | None] = Memory(256)
"""Certificates by their bytes; intermediates are shared by many servers."""
_LONGEST_KEY = 8_192
"""Bits of the longest RSA key whose signatures are checked."""
_LONGEST_DSA_KEY = 3_072
"""The same of DSA, which costs many times more (FIPS 186-4, 4.2 has no longer ones)."""
_MOST_WORK = 16_384**2 * 17
"""For one RSA signature: bits of the modulus squared, times bits of the exponent. That of 16,384
bits and the usual exponent, or of 4,096 bits and one of 256 bits, the longest that the
CA/Browser Forum allows (Baseline Requirements, 6.1.6): a millisecond."""
_MEMORABLE = 8_192
"""Bytes of the largest certificate that is remembered: a hostile one may be much larger."""


def read(encoded: bytes) -> x509.Certificate | None:
    """The certificate of DER bytes, if it is one."""
    if len(encoded) > _MEMORABLE:
        return _read(encoded)
    return _READ.of(encoded, lambda: _read(encoded))


def _read(encoded: bytes) -> x509.Certificate | None:
    with warnings.catch_warnings(), contextlib.suppress(*UNREADABLE):
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_der_x509_certificate(encoded)
    return None


def extension_of(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    """An extension's value; None when it is absent or any of the extensions is broken."""
    with warnings.catch_warnings(), contextlib.suppress(*UNREADABLE):
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return certificate.extensions.get_extension_for_class(kind).value
    return None


def readable_extensions(certificate: x509.Certificate) -> bool:
    """Whether its extensions can be read at all."""
    with warnings.catch_warnings(), contextlib.suppress(*UNREADABLE):
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return certificate.extensions is not None
    return False


def key_of(certificate: x509.Certificate) -> tuple[str, int | None]:
    """Kind of the public key and its bits; "unknown" where the library cannot read it."""
    try:
        key = certificate.public_key()
    except UNREADABLE:
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
    return type(key).__name__.lower().removesuffix("publickey"), None


def affordable(certificate: x509.Certificate) -> bool:
    """Whether signatures by its key may be checked: a hostile chain has a hundred of them.

    A key that cannot be read checks nothing, so costs nothing.
    """
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return True
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size**2 * key.public_numbers().e.bit_length() <= _MOST_WORK
    return not isinstance(key, dsa.DSAPublicKey) or key.key_size <= _LONGEST_DSA_KEY


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether its basic constraints say that it may issue (RFC 5280, 4.2.1.9)."""
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool | None:
    """Whether the issuer's name and key are those that signed the certificate.

    None: the names fit and the signature is of a kind (MD5, SHA-1, GOST, …) that cannot be
    checked here, or by a key whose arithmetic is so long that a hostile chain of them would hold
    up the loop. It proves nothing, and it is no forgery either.
    """
    try:
        if certificate.issuer != issuer.subject:
            return False
    except UNREADABLE:
        return False
    kind, bits = key_of(issuer)
    if (kind == "rsa" and (bits or 0) > _LONGEST_KEY) or not affordable(issuer):
        return None
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, UnsupportedAlgorithm):  # the library raises both for an old hash
        return None
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def may_be_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether nothing speaks against it. NEVER for trust: only for words about what was sent."""
    return issued(issuer, certificate) is not False


def signed_itself(certificate: x509.Certificate) -> bool:
    """Whether nobody else vouches for it."""
    return may_be_issued(certificate, certificate)


def points_to(certificate: x509.Certificate, method: x509.ObjectIdentifier) -> bool:
    """Whether the certificate says where to ask by this method (RFC 5280, 4.2.2.1)."""
    access = extension_of(certificate, x509.AuthorityInformationAccess)
    return access is not None and any(item.access_method == method for item in access)


def must_staple(certificate: x509.Certificate) -> bool:
    """Whether the server has to show an OCSP response with it (RFC 7633, 4.2.3.1)."""
    features = extension_of(certificate, x509.TLSFeature)
    return features is not None and x509.TLSFeatureType.status_request in features


def embedded_scts(certificate: x509.Certificate) -> int | None:
    """Timestamps of transparency logs inside (RFC 6962, 3.3); None: their list is broken."""
    with warnings.catch_warnings(), contextlib.suppress(*UNREADABLE):
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for extension in certificate.extensions:
            if extension.oid == ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS:
                value = extension.value
                assert isinstance(value, x509.PrecertificateSignedCertificateTimestamps)
                return len(value)
        return 0
    return None
