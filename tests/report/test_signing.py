"""Signatures on the PDF, judged by poppler's pdfsig."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from monitor.ledger.token import PinRefusedError
from monitor.report.document import document_of
from monitor.report.pdf import to_pdf
from monitor.report.signing import SigningError, pdf_signer
from monitor.text import say
from tests.lab.hsm import WRONG, SoftToken
from tests.lab.parts import require
from tests.report.scene import month

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@pytest.fixture(scope="module")
def unsigned() -> bytes:
    """A report's PDF."""
    return to_pdf(document_of(month().report(), b"agent.example/log\n41\n", "id"))


def certificate_of(key: Key) -> x509.Certificate:
    """A certificate that the key signs itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Diskominfo")])
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(key, digest)
    )


def key_file(folder: Path, key: Key, passphrase: bytes = b"") -> Path:
    """A PKCS#12 file with a certificate of its own."""
    certificate = certificate_of(key)
    protected: KeySerializationEncryption = NoEncryption()
    if passphrase:
        protected = BestAvailableEncryption(passphrase)
    path = folder / "seal.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"seal", key, certificate, None, protected)
    )
    return path


def signatures(pdf: bytes, folder: Path) -> str:
    """What pdfsig says."""
    require("pdfsig")
    path = folder / "signed.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(
        ["pdfsig", "-nocert", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())]
)
def test_a_signed_report_is_valid_and_a_changed_one_is_not(
    key: Key, unsigned: bytes, tmp_path: Path
) -> None:
    """PAdES over the whole document, by RSA or a curve, behind a passphrase in a file."""
    (tmp_path / "passphrase").write_text("rahasia\n", encoding="utf-8")
    seal = key_file(tmp_path, key, b"rahasia")
    signed = pdf_signer(seal, tmp_path / "passphrase")(unsigned)
    told = signatures(signed, tmp_path)
    assert "ETSI.CAdES.detached" in told
    assert "Signature is Valid" in told
    assert "Total document signed" in told
    assert signed.startswith(unsigned)
    place = unsigned.index(b"obj")
    changed = signed[: place - 1] + b"\n" + signed[place:]
    assert "Signature is Valid" not in signatures(changed, tmp_path)


def test_nothing_forbids_a_later_seal(unsigned: bytes, tmp_path: Path) -> None:
    """There is no DocMDP, and the structure and archival claims are still there."""
    seal = key_file(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    signed = pdf_signer(seal, None)(unsigned)
    assert b"DocMDP" not in signed
    assert re.search(rb"pdfaid:part>2<", signed)


def test_a_key_that_cannot_sign_is_refused_with_a_reason(tmp_path: Path) -> None:
    """No file, no PKCS#12, a wrong passphrase, a kind of key that readers do not know."""
    seal = key_file(tmp_path, ec.generate_private_key(ec.SECP256R1()), b"rahasia")
    wrong = tmp_path / "wrong"
    wrong.write_text("lain", encoding="utf-8")
    cases = [(tmp_path / "none", None), (wrong, None), (seal, wrong), (seal, None)]
    for key, passphrase in cases:
        with pytest.raises(SigningError) as refused:
            pdf_signer(key, passphrase)
        assert refused.value.code == "report.signing-key"
    other = key_file(tmp_path, ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(SigningError) as refused:
        pdf_signer(other, None)
    assert "elliptic-curve" in say(refused.value.code, "en", **refused.value.values)


def test_a_pem_file_with_its_certificate_signs(unsigned: bytes, tmp_path: Path) -> None:
    """Encrypted PKCS#8 and the certificate in one file; without its certificate it is refused."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"rahasia"))
    (tmp_path / "passphrase").write_text("rahasia\n", encoding="utf-8")
    path = tmp_path / "seal.pem"
    path.write_bytes(certificate_of(key).public_bytes(Encoding.PEM) + pem)
    signed = pdf_signer(path, tmp_path / "passphrase")(unsigned)
    assert "Signature is Valid" in signatures(signed, tmp_path)
    other = certificate_of(ec.generate_private_key(ec.SECP256R1()))
    path.write_bytes(pem + other.public_bytes(Encoding.PEM))
    with pytest.raises(SigningError) as refused:
        pdf_signer(path, tmp_path / "passphrase")
    assert refused.value.code == "report.signing-kind"


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())]
)
def test_a_key_in_a_token_signs(
    key: Key, unsigned: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seal's key is in an HSM with its certificate; a wrong PIN and a bare key are told."""
    token = SoftToken(tmp_path / "hsm")
    token.make()
    for name, value in token.environment.items():
        monkeypatch.setenv(name, value)
    token.show()
    token.put("seal", key, certificate_of(key))
    token.put("bare", key, None)
    signed = pdf_signer(token.uri("seal"), token.pin_file)(unsigned)
    told = signatures(signed, tmp_path)
    assert "Signature is Valid" in told
    assert "Total document signed" in told
    with pytest.raises(SigningError, match="signing-key"):
        pdf_signer(token.uri("bare"), token.pin_file)
    with pytest.raises(SigningError, match="signing-pin"):
        pdf_signer(token.uri("seal"), None)
    token.write_pin(WRONG)
    token.show()
    with pytest.raises(PinRefusedError):
        pdf_signer(token.uri("seal"), token.pin_file)
