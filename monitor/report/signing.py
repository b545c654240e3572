"""A signature on a report's PDF: PAdES baseline B-B (ETSI EN 319 142-1) (shell).

The key lies in a PKCS#12 file, in a PEM file with its certificate, or in a PKCS#11 token that it
never leaves. The signature certifies nothing about later changes (no DocMDP), so that an
institutional seal may follow. The time in it is the signer's own claim. Needs the extra `signing`
(pyHanko), and for a token the extra `pkcs11`.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    NoEncryption,
    load_pem_private_key,
    pkcs12,
)

from monitor.ledger.errors import LedgerError
from monitor.ledger.files import read_bounded
from monitor.ledger.token import TokenKey, token_session
from monitor.secret import Secret

if TYPE_CHECKING:
    from pyhanko.sign import Signer

FIELD = "Sasando"
MOST_BYTES = 1_000_000
"""Of a key file with its chain."""
TOKEN_SCHEME = "pkcs11:"  # noqa: S105 - the scheme of a URI
_PEM = b"-----BEGIN "
_CURVE = "ec"
Usable = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class SigningError(LedgerError):
    """The key cannot sign a PDF, or pyHanko is not there."""


def pdf_signer(key: str | Path, passphrase: Path | None) -> Callable[[bytes], bytes]:
    """What signs a PDF with the key of a file or of a token's URI (RFC 7512).

    `passphrase` is a file with the file's passphrase or the token's PIN. SigningError, TokenError
    or KeyFileError say why nothing can sign.
    """
    in_token = str(key).startswith(TOKEN_SCHEME)
    packed = b"" if in_token else _packed(Path(key), passphrase)
    try:
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import PdfSignatureMetadata, SimpleSigner, sign_pdf
        from pyhanko.sign.fields import SigSeedSubFilter
    except ImportError as error:
        raise SigningError("report.signing-extra") from error
    signer: Signer | None
    if in_token:
        signer = _in_token(str(key), passphrase)
    else:
        signer = SimpleSigner.load_pkcs12_data(packed, other_certs=[], passphrase=None)
    if signer is None:
        raise SigningError("report.signing-key", place=str(key), why="PKCS#12")
    metadata = PdfSignatureMetadata(
        field_name=FIELD, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256"
    )

    def sign(pdf: bytes) -> bytes:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        return bytes(sign_pdf(writer, metadata, signer=signer).getvalue())

    return sign


def _in_token(uri: str, pin: Path | None) -> "Signer":
    """A key and its certificate, both under the URI's label."""
    if pin is None:
        raise SigningError("report.signing-pin")
    place = TokenKey.parse(uri, Secret(f"file:{pin.absolute()}"))
    session: Any = token_session(place)
    from pyhanko.sign.pkcs11 import PKCS11Signer

    plain = PKCS11Signer(session, cert_label=place.label)
    try:
        certificate = plain.signing_cert
        kind = certificate.public_key.algorithm
    except RuntimeError as error:  # what every error of python-pkcs11 is
        why = str(error)[:100]
        raise SigningError("report.signing-key", place=place.label, why=why) from error
    if kind not in ("rsa", _CURVE):
        raise SigningError("report.signing-kind", place=place.label)
    if kind == "rsa":
        return plain
    # Every token has CKM_ECDSA over a digest; those that hash as well are few.
    return PKCS11Signer(session, cert_label=place.label, use_raw_mechanism=True)


def _packed(place: Path, passphrase: Path | None) -> bytes:
    """Key, certificate and chain of a file as an open PKCS#12, in memory only."""
    raw = _read(place)
    secret = _read(passphrase).rstrip(b"\r\n") if passphrase is not None else None
    try:
        private, certificate, chain = _pem(raw, secret) if _PEM in raw else _pkcs12(raw, secret)
    except (ValueError, TypeError) as error:
        why = str(error)[:100]
        raise SigningError("report.signing-key", place=str(place), why=why) from error
    if certificate is None or not isinstance(private, Usable):
        raise SigningError("report.signing-kind", place=str(place))
    return pkcs12.serialize_key_and_certificates(
        None, private, certificate, chain or None, NoEncryption()
    )


Loaded = tuple[object, x509.Certificate | None, list[x509.Certificate]]


def _pkcs12(raw: bytes, secret: bytes | None) -> Loaded:
    return pkcs12.load_key_and_certificates(raw, secret)


def _pem(raw: bytes, secret: bytes | None) -> Loaded:
    """PEM: a private key (PKCS#8), and certificates of which one is the key's."""
    private = load_pem_private_key(raw, secret)
    certificates = x509.load_pem_x509_certificates(raw)
    own = [one for one in certificates if one.public_key() == private.public_key()]
    return private, own[0] if own else None, [one for one in certificates if one not in own]


def _read(place: Path) -> bytes:
    try:
        return read_bounded(place, MOST_BYTES)
    except OSError as error:
        why = error.strerror or str(error)
        raise SigningError("report.signing-key", place=str(place), why=why) from error
