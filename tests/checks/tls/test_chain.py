"""Chains as evidence: trust, lifetime, timestamps of logs, and what is wrong as sent."""

import math
import subprocess
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.tls.certificate import issued, read
from checks.tls.chain import certificate_facts
from checks.tls.problems import problems_of
from checks.tls.roots import Roots, roots_among
from checks.tls.wording import described
from tests.lab.issuing import NOW, Party, access, new_key, octets, root, sct_list, usage

ROOT = root()
MIDDLE = ROOT.authority("Test Middle")
LEAF = MIDDLE.leaf()
OTHER = root("Other Root", key=new_key("ec", 7))


def roots(*parties: Party) -> Roots:
    """These as roots."""
    made = roots_among([party.certificate for party in parties])
    assert made is not None
    return made


SYSTEM = roots(ROOT)
OWN = roots(OTHER)


def facts(*sent: Party | bytes, **wish: Any) -> dict[str, Any]:
    """The facts of a chain at NOW."""
    chain = tuple(item if isinstance(item, bytes) else item.der for item in sent)
    usual = {
        "name": "web.example",
        "roots": SYSTEM,
        "own_roots": OWN,
        "now": NOW,
        "ocsp": None,
        "scts_by_handshake": 0,
    }
    return certificate_facts(chain, **{**usual, **wish})


def problems(*sent: Party, known: tuple[Roots, ...] = (SYSTEM,)) -> tuple[str, ...]:
    """What is wrong with a chain."""
    return problems_of([item.der for item in sent], known)


def test_a_good_chain_has_every_fact_and_no_problem() -> None:
    """Trust, its origin, names, key, validity, limit and timestamps of a good server are told."""
    seen = facts(LEAF, MIDDLE)
    assert seen["chain_problems"] == ()
    assert (seen["trusted"], seen["trust_by"]) == (True, "system")
    assert "trust_error" not in seen
    assert (seen["hostname_matches"], seen["names"]) == (True, ("web.example",))
    assert (seen["key_type"], seen["key_bits"]) == ("ec", 256)
    assert seen["not_after_s"] - seen["not_before_s"] == 90 * 86_400
    assert seen["lifetime_limit_days"] == 200
    assert (seen["ocsp_expected"], seen["must_staple"]) == (False, False)
    assert "ocsp" not in seen
    assert seen["sct_count"] == 0
    leaf, middle = seen["chain"]
    assert (leaf["is_ca"], middle["is_ca"]) == ("false", "true")
    assert (leaf["curve"], leaf["eku"]) == ("secp256r1", "serverAuth")
    assert leaf["not_before"] == "2026-10-31T00:00:00Z"


def test_no_chain_gives_no_facts() -> None:
    """A server that showed nothing has no certificate facts at all."""
    assert facts() == {}


def test_the_operators_own_roots_are_told_apart_and_have_no_limit() -> None:
    """A chain to an own root is trusted by it, and no rule of the public web limits its life."""
    seen = facts(OTHER.leaf(days=2_000))
    assert (seen["trusted"], seen["trust_by"]) == (True, "own")
    assert "lifetime_limit_days" not in seen


def test_without_any_roots_trust_is_undefined() -> None:
    """A host without roots says nothing of trust, nor of a missing intermediate."""
    seen = facts(LEAF, roots=None, own_roots=None)
    assert not {"trusted", "trust_error", "trust_by", "lifetime_limit_days"} & set(seen)
    assert seen["chain_problems"] == ()


def test_the_more_telling_reason_is_given() -> None:
    """What one of the two sets of roots knows is said, not that the other does not know it."""
    expired = root("Old Root", key=new_key("ec", 5))
    middle = expired.authority("Old Middle", days=-0.5)
    seen = facts(middle.leaf(), middle, own_roots=roots(expired))
    assert (seen["trusted"], seen["trust_error"]) == (False, "chain-expired")
    stranger = root("Nobody", key=new_key("ec", 6)).leaf()
    assert facts(stranger)["trust_error"] == "unknown-authority"


def test_the_rules_of_the_web_are_told_apart_from_forgery() -> None:
    """An Ed25519 root breaks a rule of the web (web-pki); a forged signature is invalid."""
    odd = root("Odd Root", key=new_key("ed25519"))
    seen = facts(odd.leaf(), own_roots=roots(odd))
    assert seen["trust_error"].startswith("web-pki: ")
    thief = Party(certificate=ROOT.certificate, key=new_key("ec", 9))
    assert facts(thief.leaf())["trust_error"].startswith("invalid: ")
    below_a_leaf = LEAF.leaf("inner.example", key=new_key("ec", 12))
    assert facts(below_a_leaf, LEAF, MIDDLE)["trust_error"].startswith("invalid: ")


def test_facts_are_remembered_until_a_certificate_turns() -> None:
    """Remembered facts are the same; at the end of validity they become others at once."""
    end = LEAF.certificate.not_valid_after_utc
    assert facts(LEAF, MIDDLE) == facts(LEAF, MIDDLE, now=NOW + timedelta(days=1))
    assert facts(LEAF, MIDDLE, now=end)["trusted"] is True
    late = facts(LEAF, MIDDLE, now=end + timedelta(microseconds=1))
    assert (late["trusted"], late["trust_error"]) == (False, "expired")
    early = facts(LEAF, MIDDLE, now=LEAF.certificate.not_valid_before_utc - timedelta(seconds=1))
    assert early["trust_error"] == "not-yet-valid"
    assert facts(LEAF, MIDDLE)["trusted"] is True


def test_a_roots_own_time_turns_remembered_facts() -> None:
    """Before a root begins and after it ends, a chain remembered as trusted is not."""
    begin, end = NOW - timedelta(hours=1), NOW + timedelta(days=10)
    short = root("Short Root", key=new_key("ec", 4), since=begin, until=end)
    leaf, known = short.leaf(), roots(short)
    assert facts(leaf, roots=known)["trusted"] is True
    late = facts(leaf, roots=known, now=end + timedelta(seconds=1))
    assert (late["trusted"], late["trust_error"]) == (False, "chain-expired")
    assert facts(leaf, roots=known)["trusted"] is True
    assert facts(leaf, roots=known, now=begin - timedelta(seconds=1))["trusted"] is False


def test_other_roots_are_another_question() -> None:
    """The same chain against other roots is judged anew."""
    assert facts(LEAF, MIDDLE, roots=roots(OTHER), own_roots=None)["trusted"] is False
    assert facts(LEAF, MIDDLE)["trusted"] is True


def test_what_is_given_out_may_be_changed() -> None:
    """A caller that changes its facts, new or remembered, does not change what is remembered."""
    leaf = ROOT.leaf()
    for _ in range(2):
        given_out = facts(leaf)
        assert given_out["trusted"] is True
        given_out["trusted"] = False
    assert facts(leaf)["trusted"] is True


def test_timestamps_of_logs_are_added_up() -> None:
    """Embedded and handshake timestamps count together; an unseen handshake is not zero."""
    oid = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
    leaf = ROOT.leaf(extensions=[(x509.UnrecognizedExtension(oid, sct_list(2)), False)])
    assert facts(leaf)["sct_count"] == 2
    assert facts(leaf, scts_by_handshake=1)["sct_count"] == 3
    assert facts(leaf, scts_by_handshake=None)["sct_count"] == 2
    assert "sct_count" not in facts(LEAF, MIDDLE, scts_by_handshake=None)
    broken = ROOT.leaf(extensions=[(x509.UnrecognizedExtension(oid, octets(b"\0\x09x")), False)])
    assert "sct_count" not in facts(broken)


def test_staples_are_expected_where_the_certificate_says_so() -> None:
    """An OCSP address or must-staple makes a response expected; other addresses do not."""
    feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
    must = facts(ROOT.leaf(extensions=[(feature, False)]))
    assert (must["must_staple"], must["ocsp_expected"], must["ocsp"]) == (True, True, "absent")
    asked = facts(ROOT.leaf(extensions=[(access(), False)]))
    assert (asked["must_staple"], asked["ocsp_expected"]) == (False, True)
    assert asked["chain"][0]["ocsp"] == "yes"
    other = facts(ROOT.leaf(extensions=[(access(ocsp=False), False)]))
    assert (other["ocsp_expected"], other["chain"][0]["ca_issuers"]) == (False, "yes")
    assert "ocsp" not in facts(ROOT.leaf(extensions=[(access(), False)]), staple_asked=False)


def test_the_order_of_a_chain_is_judged() -> None:
    """Unordered, extra, duplicate, root-sent and missing each have their word, alone."""
    lower = MIDDLE.authority("Test Lower", key=new_key("ec", 11))
    deep = lower.leaf()
    assert problems(deep, lower, MIDDLE) == ()
    assert problems(deep, MIDDLE, lower) == ("unordered",)
    assert problems(LEAF, MIDDLE, lower) == ("extra",)
    assert problems(LEAF, MIDDLE, MIDDLE) == ("duplicate",)
    assert problems(LEAF, MIDDLE, ROOT) == ("root-sent",)
    assert problems(LEAF) == ("missing-intermediate",)
    assert problems(LEAF, OTHER) == ("extra", "missing-intermediate")
    assert problems(ROOT.leaf()) == ()
    assert problems(LEAF, known=()) == ()


def test_a_cross_signed_authority_belongs_to_the_chain() -> None:
    """Two certificates of one authority, by two roots, are neither extra nor unordered."""
    crossed = OTHER.authority("Test Middle", key=MIDDLE.key)
    assert problems(LEAF, MIDDLE, crossed) == ()
    assert problems(LEAF, crossed, MIDDLE, ROOT) == ("root-sent",)


def test_very_long_keys_are_not_worked_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature by a key beyond the bound is not checked: neither true nor forged."""
    long = root("Long Root", key=new_key("rsa2048"))
    leaf = long.leaf()
    assert issued(long.certificate, leaf.certificate) is True
    monkeypatch.setattr("checks.tls.certificate._LONGEST_KEY", 1024)
    assert issued(long.certificate, leaf.certificate) is None
    assert issued(ROOT.certificate, leaf.certificate) is False


def _expensive_key(bits: int = 2_047) -> Any:
    """An RSA key with so long a public exponent: quick to sign with, slow to check."""
    usual = new_key("rsa2048").private_numbers()
    order = math.lcm(usual.p - 1, usual.q - 1)
    long = next(e for e in count(2**bits - 1, -2) if math.gcd(e, order) == 1)
    secret = pow(long, -1, order)
    numbers = rsa.RSAPrivateNumbers(
        p=usual.p,
        q=usual.q,
        d=secret,
        dmp1=rsa.rsa_crt_dmp1(secret, usual.p),
        dmq1=rsa.rsa_crt_dmq1(secret, usual.q),
        iqmp=usual.iqmp,
        public_numbers=rsa.RSAPublicNumbers(long, usual.p * usual.q),
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def test_keys_that_are_expensive_to_check_are_not_worked_with() -> None:
    """Nine authorities with a long exponent that vouch for each other cost less than 20 checks."""
    key = _expensive_key()
    sent = [root("Slow", key=key, serial=number) for number in range(1, 10)]
    leaf = sent[0].leaf()
    began = time.process_time()
    for _ in range(5):
        leaf.certificate.verify_directly_issued_by(sent[0].certificate)
    one = (time.process_time() - began) / 5
    began = time.process_time()
    seen = facts(leaf, *sent)
    assert time.process_time() - began < 20 * one
    assert seen["trusted"] is False
    assert issued(sent[0].certificate, leaf.certificate) is None


def test_names_are_not_compared_with_constraints_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An authority with too many constraints for the names below it is no authority here."""
    limits = [x509.DNSName(f"c{number}.example") for number in range(20)]
    constraints = x509.NameConstraints(None, limits)
    middle = ROOT.authority("Narrow", extensions=[(constraints, True)])
    other = ROOT.authority("Narrow Too", extensions=[(constraints, True)])
    leaf = middle.leaf()
    assert facts(leaf, middle)["trusted"] is True
    monkeypatch.setattr("checks.tls.path._MOST_COMPARISONS", 30)
    assert facts(leaf, middle, scts_by_handshake=1)["trusted"] is True
    assert facts(leaf, other, middle)["trusted"] is False, "the bound is that of the whole chain"


def test_a_long_exponent_that_is_allowed_is_worked_with() -> None:
    """The public web allows 256 bits of exponent: such an authority is believed as any other."""
    slow = root("Slow", key=_expensive_key(256))
    assert facts(slow.leaf(), own_roots=roots(slow))["trust_by"] == "own"
    below = slow.authority("Slow Middle", key=_expensive_key(256))
    assert facts(below.leaf(), below, own_roots=roots(slow))["trust_by"] == "own"


def test_weak_keys_are_told() -> None:
    """Short keys have their word, and an uncommon key has none."""
    assert problems(ROOT.leaf(key=new_key("rsa1024"))) == ("weak-key",)
    assert problems(ROOT.leaf(key=new_key("ec192"))) == ("weak-key",)
    assert problems(ROOT.leaf(key=new_key("ed25519"))) == ()
    assert facts(ROOT.leaf(key=new_key("ed25519")))["key_type"] == "ed25519"


def test_a_certificate_for_another_use_is_told() -> None:
    """No server purpose, a key that may not sign, an authority as leaf: each has its word."""
    client = ROOT.leaf(purposes=[ExtendedKeyUsageOID.CLIENT_AUTH])
    assert problems(client) == ("no-server-auth",)
    assert problems(ROOT.leaf(purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])) == ()
    assert problems(ROOT.leaf(purposes=())) == ()
    assert problems(ROOT.leaf(extensions=[(usage(crl=True), True)])) == ("wrong-key-usage",)
    assert problems(ROOT.leaf(extensions=[(usage(sign=True), True)])) == ()
    assert "ca-as-leaf" in problems(MIDDLE)
    below_a_leaf = LEAF.leaf("inner.example", key=new_key("ec", 12))
    assert problems(below_a_leaf, LEAF, MIDDLE) == ("not-a-ca",)


def test_what_is_no_certificate_is_told() -> None:
    """Bytes in the chain that are no certificate are a problem, not an error."""
    assert problems_of([LEAF.der, b"nothing", MIDDLE.der], (SYSTEM,)) == ("unreadable",)
    seen = facts(b"nothing")
    assert (seen["trusted"], seen["trust_error"]) == (False, "unreadable")
    assert seen["chain_problems"] == ("unreadable",)
    assert "hostname_matches" not in seen


def test_a_certificate_of_version_1_is_told(tmp_path: Path) -> None:
    """What `openssl x509` makes without extensions is of version 1, and has no names."""
    encoded = _by_openssl(tmp_path, "-sha256")
    assert problems_of([encoded], (SYSTEM,)) == ("version-1",)
    assert facts(encoded, now=datetime.now(UTC))["trust_error"] == "no-names"


def test_an_old_hash_is_told_but_for_a_root(tmp_path: Path) -> None:
    """SHA-1 and MD5 below a root have their word; the signature of a root needs nobody."""
    names = "subjectAltName=DNS:web.example"
    old = root("Rsa Root", key=new_key("rsa2048"))
    for issuer, option in ((ROOT, "-sha1"), (old, "-sha1"), (old, "-md5")):
        encoded = _by_openssl(tmp_path, option, names, issuer)
        assert problems_of([encoded], (SYSTEM, roots(old))) == ("weak-signature",)
        seen = facts(encoded, now=datetime.now(UTC), own_roots=roots(old))
        assert seen["trust_error"].startswith("web-pki: ")
    _openssl(
        tmp_path,
        "req -x509 -new -key ca.key -sha1 -subj /CN=web.example -days 9 -outform DER -out old.der",
    )
    own = (tmp_path / "old.der").read_bytes()
    assert problems_of([own], (SYSTEM,)) == ("ca-as-leaf",)


def _by_openssl(directory: Path, option: str, extension: str = "", issuer: Party = ROOT) -> bytes:
    """A leaf valid now; without an extension it is of version 1."""
    for name, party in (("ca", issuer), ("leaf", LEAF)):
        pem = party.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (directory / f"{name}.key").write_bytes(pem)
    (directory / "ca.pem").write_bytes(issuer.certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "ext").write_text(extension)
    _openssl(directory, "req -new -key leaf.key -subj /CN=web.example -out req.pem")
    _openssl(
        directory,
        f"x509 -req -in req.pem -CA ca.pem -CAkey ca.key -set_serial 7 -days 30 {option}"
        f" -outform DER -out leaf.der {'-extfile ext' if extension else ''}",
    )
    return (directory / "leaf.der").read_bytes()


def _openssl(directory: Path, command: str) -> None:
    subprocess.run(
        ["openssl", *command.split()], cwd=directory, check=True, capture_output=True, timeout=20
    )


def test_a_broken_extension_is_told() -> None:
    """An extension that cannot be read is a problem, and nothing is said of what it may hide."""
    broken = ROOT.leaf(extensions=[(_BROKEN, True)])
    seen = facts(broken)
    assert seen["chain_problems"] == ("unreadable-extension",)
    assert (seen["trusted"], seen["trust_error"]) == (False, "unreadable")
    hidden = {"hostname_matches", "names", "must_staple", "ocsp_expected", "ocsp", "sct_count"}
    assert hidden.isdisjoint(seen)
    assert "is_ca" not in seen["chain"][0]
    itself = root("web.example", key=new_key("ec", 5), extensions=[(_BROKEN, True)])
    assert facts(itself)["trust_error"] == "unreadable"


def test_an_authority_with_a_broken_extension_is_not_said_to_be_none() -> None:
    """That an issuer is no authority is told of one whose extensions can be read."""
    middle = ROOT.authority("Broken Middle", extensions=[(_BROKEN, False)])
    assert problems(middle.leaf(), middle) == ("unreadable-extension",)


_BROKEN = x509.UnrecognizedExtension(ExtensionOID.CERTIFICATE_POLICIES, b"\x30\x05")
_CHAIN = [LEAF.der, MIDDLE.der]


@settings(max_examples=150)
@given(
    which=st.integers(0, 1),
    places=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 900),
)
def test_mutated_chains_never_raise_and_are_never_trusted(
    which: int, places: list[tuple[int, int]], cut: int
) -> None:
    """Whatever bytes are changed or cut off, facts come back; what was signed is what counts."""
    mutated = bytearray(_CHAIN[which])
    for place, value in places:
        mutated[place % len(mutated)] = value
    changed = bytes(mutated[: max(1, len(mutated) - cut % 3)])
    chain = [changed if place == which else item for place, item in enumerate(_CHAIN)]
    seen = facts(*chain)
    assert len(seen["chain"]) == 2
    assert isinstance(seen["chain_problems"], tuple)
    if seen["trusted"]:
        signed = [read(item).tbs_certificate_bytes for item in (changed, _CHAIN[which])]  # type: ignore[union-attr]
        assert signed[0] == signed[1]
    assert all(isinstance(value, str) for item in seen["chain"] for value in item.values())


@given(chain=st.lists(st.binary(max_size=60), min_size=1, max_size=30))
def test_rubbish_is_described_and_bounded(chain: list[bytes]) -> None:
    """Any number of any bytes gives at most ten descriptions."""
    seen = facts(*chain)
    assert len(seen["chain"]) == min(10, len(chain))
    assert seen["trusted"] is False


@pytest.mark.parametrize("size", [9_000, 200_000])
def test_an_oversized_certificate_is_read_but_not_remembered(size: int) -> None:
    """A hostile certificate may be large; only its fingerprint and bounded words are kept."""
    oid = x509.ObjectIdentifier("2.25.1")
    leaf = ROOT.leaf(extensions=[(x509.UnrecognizedExtension(oid, b"\0" * size), False)])
    assert sum(map(len, described(leaf.der).values())) < 2_000
