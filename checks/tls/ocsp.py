"""What a stapled OCSP response says of a certificate (RFC 6960; RFC 6066, 8). Pure.

Nobody is asked: only what the server showed is read. A response is worth something when its
signature is that of the issuer, or of a responder whom the issuer named for this, and when it
is of its time. One whose signature cannot be checked (an unknown issuer, an algorithm that the
library does not have) says nothing: undefined, not bad.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from checks.tls.certificate import UNREADABLE, extension_of, issued

_MOMENT = timedelta(microseconds=1)
_SKEW = timedelta(minutes=5)
"""A responder's clock may be this much ahead."""
_SINGLES_BOUND = 32
_RESPONDERS_BOUND = 4
_SIZE_BOUND = 65_536
_FAILURES = {
    ocsp.OCSPResponseStatus.MALFORMED_REQUEST: "malformed-request",
    ocsp.OCSPResponseStatus.INTERNAL_ERROR: "internal-error",
    ocsp.OCSPResponseStatus.TRY_LATER: "try-later",
    ocsp.OCSPResponseStatus.SIG_REQUIRED: "signature-required",
    ocsp.OCSPResponseStatus.UNAUTHORIZED: "unauthorized",
}
_WORDS = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stapled:
    """A response, judged. `word`: good, revoked, unknown, expired, not-yet-valid,
    invalid-signature, wrong-certificate, unreadable, or why the responder gave none (try-later,
    internal-error, malformed-request, signature-required, unauthorized); None: cannot be said.
    """

    word: str | None
    next_update: datetime | None = None
    turns: tuple[datetime, ...] = ()
    """When the word may become another one without anything else changing."""
    scts: int | None = 0
    """Timestamps of transparency logs inside; None: their list is broken."""


def stapled(
    encoded: bytes, leaf: x509.Certificate, issuer: x509.Certificate | None, now: datetime
) -> Stapled:
    """What the response says of the leaf at `now`."""
    if len(encoded) > _SIZE_BOUND:
        return Stapled(word="unreadable", scts=None)
    try:
        response = ocsp.load_der_ocsp_response(encoded)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return Stapled(word=_FAILURES[response.response_status])
        return _answered(response, leaf, issuer, now)
    except (*UNREADABLE, KeyError):
        return Stapled(word="unreadable", scts=None)


def _answered(
    response: ocsp.OCSPResponse,
    leaf: x509.Certificate,
    issuer: x509.Certificate | None,
    now: datetime,
) -> Stapled:
    single = next(_about(response, leaf, issuer), None)
    if single is None:
        return Stapled(word="wrong-certificate", scts=None)
    until = single.next_update_utc
    turns = tuple(
        turn
        for turn in (single.this_update_utc - _SKEW, until and until + _MOMENT)
        if turn is not None
    )
    word = None if issuer is None else _checked(response, single, issuer, now)
    return Stapled(word=word, next_update=until, turns=turns, scts=_scts(response))


def _about(
    response: ocsp.OCSPResponse, leaf: x509.Certificate, issuer: x509.Certificate | None
) -> Iterator[ocsp.OCSPSingleResponse]:
    """The answers for this very certificate: its serial number under its issuer's key."""
    for single in islice(response.responses, _SINGLES_BOUND):
        if single.serial_number == leaf.serial_number and _same_key(single, issuer):
            yield single


def _same_key(single: ocsp.OCSPSingleResponse, issuer: x509.Certificate | None) -> bool:
    """Whether the answer is for a certificate by this issuer.

    The hash of the key is compared where it is SHA-1, which practically every responder uses
    (RFC 5019, 2.1.1); else the serial number under the issuer's signature has to do.
    """
    if issuer is None or not isinstance(single.hash_algorithm, hashes.SHA1):
        return True
    own = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
    return own == single.issuer_key_hash


def _checked(
    response: ocsp.OCSPResponse,
    single: ocsp.OCSPSingleResponse,
    issuer: x509.Certificate,
    now: datetime,
) -> str | None:
    """The signature first, then the time. A revocation stands when its response grows old."""
    signed = [_signed_by(response, key) for key in _signers(response, issuer, now)]
    if not any(signed):
        return None if None in signed else "invalid-signature"
    if now < single.this_update_utc - _SKEW:
        return "not-yet-valid"
    word = _WORDS[single.certificate_status]
    until = single.next_update_utc
    return "expired" if word != "revoked" and until is not None and now > until else word


def _signers(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> Iterator[x509.Certificate]:
    """The issuer, and responders named by it (RFC 6960, 4.2.2.2)."""
    yield issuer
    for responder in islice(response.certificates, _RESPONDERS_BOUND):
        usage = extension_of(responder, x509.ExtendedKeyUsage)
        named = usage is not None and ExtendedKeyUsageOID.OCSP_SIGNING in usage
        of_its_time = responder.not_valid_before_utc <= now <= responder.not_valid_after_utc
        if named and of_its_time and issued(issuer, responder):
            yield responder


def _signed_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool | None:
    """Whether this key signed the response; None where that cannot be checked here."""
    signature, content = response.signature, response.tbs_response_bytes
    try:
        key = signer.public_key()
        algorithm = response.signature_hash_algorithm
        match key:
            case rsa.RSAPublicKey() if algorithm is not None:
                if response.signature_algorithm_oid == x509.SignatureAlgorithmOID.RSASSA_PSS:
                    return None
                key.verify(signature, content, padding.PKCS1v15(), algorithm)
            case ec.EllipticCurvePublicKey() if algorithm is not None:
                key.verify(signature, content, ec.ECDSA(algorithm))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, content)
            case _:
                return None
    except InvalidSignature:
        return False
    except UNREADABLE:
        return None
    return True


def _scts(response: ocsp.OCSPResponse) -> int | None:
    try:
        every = response.single_extensions
        found = every.get_extension_for_class(x509.SignedCertificateTimestamps)
        return len(found.value)
    except x509.ExtensionNotFound:
        return 0
    except UNREADABLE:
        return None
