"""Stapled OCSP responses, made here, by `openssl ocsp`, and damaged."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp as messages
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.tls.chain import certificate_facts
from checks.tls.ocsp import stapled
from checks.tls.roots import roots_among
from tests.lab.issuing import NOW, Party, new_key, root, sct_list, tlv

ROOT = root()
LEAF = ROOT.leaf()
RESPONDER = ROOT.leaf(
    "responder.example", key=new_key("ec", 21), purposes=[ExtendedKeyUsageOID.OCSP_SIGNING]
)
DAY = timedelta(days=1)
GOOD, REVOKED, UNKNOWN = messages.OCSPCertStatus
_GOOD_TODAY = (hashes.SHA1(), GOOD, NOW, NOW + DAY, None, None)


def response(
    leaf: Party = LEAF,
    *,
    issuer: Party = ROOT,
    by: Party | None = None,
    state: messages.OCSPCertStatus = GOOD,
    since: datetime = NOW - DAY,
    until: datetime | None = NOW + DAY,
    algorithm: Any = None,
) -> bytes:
    """A response about the leaf; `by`: a responder that is sent along."""
    signer = by or issuer
    revoked = state is REVOKED
    builder = messages.OCSPResponseBuilder().add_response(
        cert=leaf.certificate,
        issuer=issuer.certificate,
        algorithm=algorithm or hashes.SHA1(),
        cert_status=state,
        this_update=since,
        next_update=until,
        revocation_time=NOW - 2 * DAY if revoked else None,
        revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
    )
    builder = builder.responder_id(messages.OCSPResponderEncoding.HASH, signer.certificate)
    if by is not None:
        builder = builder.certificates([by.certificate])
    made = builder.sign(signer.key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def word(encoded: bytes, now: datetime = NOW, *, issuer: Party | None = ROOT) -> str | None:
    """What a response says of LEAF."""
    known = None if issuer is None else issuer.certificate
    return stapled(encoded, LEAF.certificate, known, now).word


@pytest.mark.parametrize(
    ("state", "said"), [(GOOD, "good"), (REVOKED, "revoked"), (UNKNOWN, "unknown")]
)
def test_the_responders_answer_is_told(state: messages.OCSPCertStatus, said: str) -> None:
    """Good, revoked and unknown are told as the issuer signed them, with the next update."""
    judged = stapled(response(state=state), LEAF.certificate, ROOT.certificate, NOW)
    assert (judged.word, judged.next_update) == (said, NOW + DAY)


def test_a_response_has_its_time() -> None:
    """Old ones are expired, future ones not yet valid; a revocation stands when it grows old."""
    assert word(response(), NOW + DAY) == "good"
    assert word(response(), NOW + DAY + timedelta(microseconds=1)) == "expired"
    assert word(response(state=REVOKED), NOW + 9 * DAY) == "revoked"
    assert word(response(since=NOW + timedelta(minutes=4))) == "good"
    assert word(response(since=NOW + timedelta(minutes=6))) == "not-yet-valid"
    assert word(response(until=None), NOW + 9 * DAY) == "good"


def test_only_the_issuer_or_whom_it_named_may_answer() -> None:
    """A delegated responder is believed; a leaf, a stranger and an expired one are not."""
    assert word(response(by=RESPONDER)) == "good"
    assert word(response(by=LEAF)) == "invalid-signature"
    stranger = root("Stranger", key=new_key("ec", 22))
    assert word(response(by=stranger)) == "invalid-signature"
    forged = stranger.leaf("responder.example", purposes=[ExtendedKeyUsageOID.OCSP_SIGNING])
    assert word(response(by=forged)) == "invalid-signature"
    assert word(response(by=RESPONDER), NOW + 100 * DAY) == "invalid-signature"


def test_a_response_for_another_certificate_says_nothing_of_this_one() -> None:
    """Another serial number, or the same one under another issuer, is the wrong certificate."""
    assert word(response(ROOT.leaf())) == "wrong-certificate"
    other = root("Other", key=new_key("ec", 23))
    assert word(response(issuer=other)) == "wrong-certificate"
    assert word(response(issuer=other, algorithm=hashes.SHA256())) == "invalid-signature"
    assert word(response(algorithm=hashes.SHA256())) == "good"


def test_an_unknown_issuer_leaves_the_answer_undefined() -> None:
    """A signature that nobody here can check is neither good nor bad."""
    assert word(response(), issuer=None) is None


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (messages.OCSPResponseStatus.TRY_LATER, "try-later"),
        (messages.OCSPResponseStatus.INTERNAL_ERROR, "internal-error"),
        (messages.OCSPResponseStatus.UNAUTHORIZED, "unauthorized"),
        (messages.OCSPResponseStatus.MALFORMED_REQUEST, "malformed-request"),
        (messages.OCSPResponseStatus.SIG_REQUIRED, "signature-required"),
    ],
)
def test_a_refusal_of_the_responder_is_told(state: Any, said: str) -> None:
    """A stapled error has the responder's word."""
    made = messages.OCSPResponseBuilder.build_unsuccessful(state)
    assert word(made.public_bytes(serialization.Encoding.DER)) == said


def test_what_is_no_response_is_unreadable() -> None:
    """Empty, random and oversized bytes are unreadable."""
    for encoded in (b"", b"nothing", b"\x30\x82" * 40_000):
        assert word(encoded) == "unreadable"


def test_keys_of_every_kind_sign() -> None:
    """RSA and Ed25519 issuers are checked as ECDSA ones are."""
    for kind in ("rsa2048", "ed25519"):
        authority = root(f"Root {kind}", key=new_key(kind))
        leaf = authority.leaf()
        builder = (
            messages.OCSPResponseBuilder()
            .add_response(
                leaf.certificate,
                authority.certificate,
                hashes.SHA1(),
                GOOD,
                NOW,
                NOW + DAY,
                None,
                None,
            )
            .responder_id(messages.OCSPResponderEncoding.NAME, authority.certificate)
        )
        made = builder.sign(authority.key, None if kind == "ed25519" else hashes.SHA256())
        encoded = made.public_bytes(serialization.Encoding.DER)
        assert stapled(encoded, leaf.certificate, authority.certificate, NOW).word == "good"


def test_timestamps_in_a_response_are_counted_once() -> None:
    """A list of log timestamps in the response is part of the chain's count."""
    encoded = _with_scts(sct_list(2))
    assert stapled(encoded, LEAF.certificate, ROOT.certificate, NOW).scts == 2
    facts = _facts(encoded)
    assert (facts["ocsp"], facts["sct_count"]) == ("good", 3)
    assert stapled(_with_scts(b"\4\1x"), LEAF.certificate, ROOT.certificate, NOW).scts is None


def test_the_facts_of_a_chain_carry_the_response() -> None:
    """The issuer is found among the roots; facts turn when the response grows old."""
    encoded = response()
    facts = _facts(encoded)
    assert (facts["ocsp"], facts["ocsp_next_update_s"]) == ("good", int((NOW + DAY).timestamp()))
    assert _facts(encoded, NOW + DAY + timedelta(seconds=1))["ocsp"] == "expired"
    assert _facts(encoded)["ocsp"] == "good"
    assert "ocsp" not in _facts(encoded, roots=())


_KNOWN = roots_among([ROOT.certificate])


def _facts(encoded: bytes, now: datetime = NOW, roots: tuple[Party, ...] = (ROOT,)) -> Any:
    return certificate_facts(
        (LEAF.der,),
        name="web.example",
        roots=_KNOWN if roots else None,
        own_roots=None,
        now=now,
        ocsp=encoded,
        scts_by_handshake=1,
    )


def _with_scts(extension: bytes) -> bytes:
    """A response with timestamps inside, put together by hand: no builder has them."""
    plain = messages.load_der_ocsp_response(response())
    moment = tlv(0x18, f"{NOW - DAY:%Y%m%d%H%M%SZ}".encode())
    until = tlv(0xA0, tlv(0x18, f"{NOW + DAY:%Y%m%d%H%M%SZ}".encode()))
    sha1 = tlv(0x30, bytes.fromhex("06052b0e03021a"), b"\5\0")
    serial = LEAF.certificate.serial_number.to_bytes(21).lstrip(b"\0")
    serial = b"\0" + serial if serial[0] & 0x80 else serial
    of_whom = tlv(
        0x30,
        sha1,
        tlv(0x04, plain.issuer_name_hash),
        tlv(0x04, plain.issuer_key_hash),
        tlv(0x02, serial),
    )
    scts = tlv(0x30, tlv(0x06, bytes.fromhex("2b06010401d679020405")), tlv(0x04, extension))
    single = tlv(0x30, of_whom, tlv(0x80), moment, until, tlv(0xA1, tlv(0x30, scts)))
    key_hash = x509.SubjectKeyIdentifier.from_public_key(ROOT.key.public_key()).digest
    content = tlv(0x30, tlv(0xA2, tlv(0x04, key_hash)), moment, tlv(0x30, single))
    signature = ROOT.key.sign(content, ec.ECDSA(hashes.SHA256()))
    ecdsa = tlv(0x30, bytes.fromhex("06082a8648ce3d040302"))
    basic = tlv(0x30, content, ecdsa, tlv(0x03, b"\0", signature))
    kind = bytes.fromhex("06092b0601050507300101")
    return tlv(0x30, tlv(0x0A, b"\0"), tlv(0xA0, tlv(0x30, kind, tlv(0x04, basic))))


def test_openssls_responder_is_understood(tmp_path: Path) -> None:
    """What `openssl ocsp` answers, with a delegated responder, is good, and revoked if it is."""
    for said, mark in (("good", "V"), ("revoked", "R")):
        encoded = _by_openssl(tmp_path, ROOT, RESPONDER, LEAF, mark)
        assert word(encoded, datetime.now(UTC)) == said


def test_a_pss_signature_is_not_guessed(tmp_path: Path) -> None:
    """A signature whose parameters the library does not tell leaves the answer undefined."""
    authority = root("Root pss", key=new_key("rsa2048"))
    leaf = authority.leaf()
    encoded = _by_openssl(tmp_path, authority, authority, leaf, "V", "rsa_padding_mode:pss")
    now = datetime.now(UTC)
    assert stapled(encoded, leaf.certificate, authority.certificate, now).word is None


def _by_openssl(
    directory: Path, issuer: Party, signer: Party, leaf: Party, mark: str, option: str = ""
) -> bytes:
    """The answer of `openssl ocsp` from an index in which the leaf has this mark."""
    for name, party in {"ca": issuer, "responder": signer, "leaf": leaf}.items():
        pem = party.certificate.public_bytes(serialization.Encoding.PEM)
        (directory / f"{name}.pem").write_bytes(pem)
        key = party.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (directory / f"{name}.key").write_bytes(key)
    serial = f"{leaf.certificate.serial_number:X}"
    serial = serial.zfill(len(serial) + len(serial) % 2)
    revoked = "261001000000Z" if mark == "R" else ""
    line = f"{mark}\t290101000000Z\t{revoked}\t{serial}\tunknown\t/CN=web.example\n"
    (directory / "index.txt").write_text(line)
    for command in (
        "openssl ocsp -issuer ca.pem -cert leaf.pem -reqout req.der -no_nonce",
        "openssl ocsp -index index.txt -CA ca.pem -rsigner responder.pem -rkey responder.key"
        f" -ndays 3 -reqin req.der -respout resp.der {option and '-rsigopt'} {option}",
    ):
        subprocess.run(command.split(), cwd=directory, check=True, capture_output=True, timeout=20)
    return (directory / "resp.der").read_bytes()


_WHOLE = response(by=RESPONDER)


@settings(max_examples=200)
@given(
    places=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 3),
)
def test_mutated_responses_never_raise(places: list[tuple[int, int]], cut: int) -> None:
    """Whatever bytes are changed or cut off, a word comes back, and good only for what was signed.

    A change in the responder's own certificate or beside what is signed may leave it good.
    """
    mutated = bytearray(_WHOLE)
    for place, value in places:
        mutated[place % len(mutated)] = value
    changed = bytes(mutated[: len(mutated) - cut])
    judged = stapled(changed, LEAF.certificate, ROOT.certificate, NOW)
    if judged.word == "good":
        signed = messages.load_der_ocsp_response(changed).tbs_response_bytes
        assert signed == messages.load_der_ocsp_response(_WHOLE).tbs_response_bytes


@given(st.binary(max_size=300))
def test_rubbish_is_unreadable(encoded: bytes) -> None:
    """Random bytes are unreadable and never raise."""
    assert word(encoded) == "unreadable"
