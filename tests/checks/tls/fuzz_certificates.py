"""What of certificates is fuzzed: the facts of a chain, and of what is stapled to it."""

from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as messages
from cryptography.x509.oid import ExtensionOID

from checks.tls.chain import certificate_facts
from checks.tls.ocsp import stapled
from checks.tls.roots import roots_among
from tests.lab.issuing import NOW, Extensions, access, new_key, root, sct_list, usage

_SCTS = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
_RICH: Extensions = (
    (x509.TLSFeature([x509.TLSFeatureType.status_request]), False),
    (access(), False),
    (usage(sign=True), True),
    (x509.UnrecognizedExtension(_SCTS, sct_list(2)), False),
)
_ROOT = root(serial=1)
_MIDDLE = _ROOT.authority("Test Middle", serial=2)
_LEAF = _MIDDLE.leaf(extensions=_RICH, serial=3)
_PLAIN = _ROOT.leaf(serial=4)
_KNOWN = roots_among([_ROOT.certificate])
_SIGNER = root("Test Signer", key=new_key("ed25519"), serial=5)
_ASKED = _SIGNER.leaf(serial=6)


def _facts(chain: tuple[bytes, ...]) -> dict[str, Any]:
    found = certificate_facts(
        chain,
        name="web.example",
        roots=_KNOWN,
        own_roots=None,
        now=NOW,
        ocsp=None,
        scts_by_handshake=None,
    )
    assert sum(len(value) for item in found["chain"] for value in item.values()) < 30_000
    return found


def _leaf(encoded: bytes) -> None:
    """A leaf is believed only where what was signed is unchanged."""
    if _facts((encoded, _MIDDLE.der))["trusted"]:
        assert _signed(encoded) in (_signed(_LEAF.der), _signed(_PLAIN.der))


def _intermediate(encoded: bytes) -> None:
    """A leaf is believed only below an intermediate whose signed part is unchanged."""
    assert not _facts((_LEAF.der, encoded))["trusted"] or _signed(encoded) == _signed(_MIDDLE.der)


def _signed(encoded: bytes) -> bytes:
    return x509.load_der_x509_certificate(encoded).tbs_certificate_bytes


def _response() -> bytes:
    builder = messages.OCSPResponseBuilder().add_response(
        _ASKED.certificate,
        _SIGNER.certificate,
        hashes.SHA1(),
        messages.OCSPCertStatus.GOOD,
        NOW,
        None,
        None,
        None,
    )
    by = builder.responder_id(messages.OCSPResponderEncoding.HASH, _SIGNER.certificate)
    made = by.certificates([_SIGNER.certificate]).sign(_SIGNER.key, None)
    return made.public_bytes(Encoding.DER)


_STAPLED = _response()


def _staple(encoded: bytes) -> None:
    """Good is only what was signed."""
    if stapled(encoded, _ASKED.certificate, _SIGNER.certificate, NOW).word == "good":
        signed = messages.load_der_ocsp_response(encoded).tbs_response_bytes
        assert signed == messages.load_der_ocsp_response(_STAPLED).tbs_response_bytes


CERTIFICATES: tuple[tuple[str, Callable[[bytes], object], tuple[bytes, ...]], ...] = (
    ("leaf", _leaf, (_LEAF.der, _PLAIN.der)),
    ("intermediate", _intermediate, (_MIDDLE.der,)),
    ("stapled response", _staple, (_STAPLED,)),
)
