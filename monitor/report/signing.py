"""A signature on a report's PDF: PAdES baseline B-B (ETSI EN 319 142-1) by a PKCS#12 key (shell).

The signature certifies nothing about later changes (no DocMDP), so that an institutional seal may
follow. The time in it is the signer's own claim. Needs the extra `signing` (pyHanko).
"""

import io
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from monitor.ledger.errors import LedgerError
from monitor.ledger.files import read_bounded

FIELD = "Sasando"
MOST_BYTES = 1_000_000
"""Of a key file with its chain."""


class SigningError(LedgerError):
    """The key cannot sign a PDF, or pyHanko is not there."""


def pdf_signer(key: Path, passphrase: Path | None) -> Callable[[bytes], bytes]:
    """What signs a PDF with the key of a PKCS#12 file; SigningError says why none can."""
    raw = _read(key)
    secret = _read(passphrase).rstrip(b"\r\n") if passphrase is not None else None
    _require_usable(raw, secret, key)
    try:
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import PdfSignatureMetadata, SimpleSigner, sign_pdf
        from pyhanko.sign.fields import SigSeedSubFilter
    except ImportError as error:
        raise SigningError("report.signing-extra") from error
    signer = SimpleSigner.load_pkcs12_data(raw, other_certs=[], passphrase=secret)
    if signer is None:
        raise SigningError("report.signing-key", place=str(key), why="PKCS#12")
    metadata = PdfSignatureMetadata(
        field_name=FIELD, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256"
    )

    def sign(pdf: bytes) -> bytes:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        return bytes(sign_pdf(writer, metadata, signer=signer).getvalue())

    return sign


def _read(place: Path) -> bytes:
    try:
        return read_bounded(place, MOST_BYTES)
    except OSError as error:
        why = error.strerror or str(error)
        raise SigningError("report.signing-key", place=str(place), why=why) from error


def _require_usable(raw: bytes, secret: bytes | None, key: Path) -> None:
    """A private key with its certificate, of a kind that readers of PDFs know."""
    try:
        private, certificate, _ = pkcs12.load_key_and_certificates(raw, secret)
    except (ValueError, TypeError) as error:
        raise SigningError("report.signing-key", place=str(key), why=str(error)[:100]) from error
    if certificate is None or not isinstance(
        private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    ):
        raise SigningError("report.signing-kind", place=str(key))
