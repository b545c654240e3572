"""Time-stamp replies: of a real authority, of a hostile one, of nobody."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.der_order import in_order
from monitor.ledger.stamp import (
    MAX_REPLY_BYTES,
    Asking,
    Stamped,
    StampError,
    asking,
    claimed_us,
    read_roots,
    roots_in,
    stamped_us,
)
from tests.lab.authority import Issuer
from tests.lab.parts import require

NOTE = b"kupang.example/log\n3\nroot\n\n\xe2\x80\x94 kupang.example/log sig\n"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """An authority whose certificate its root has issued."""
    require("openssl")
    return Issuer(tmp_path_factory.mktemp("tsa") / "a")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """Another authority of the same name."""
    return Issuer(tmp_path_factory.mktemp("foreign") / "b")


@pytest.fixture(scope="module")
def real(issuer: Issuer) -> tuple[Asking, bytes]:
    """A request over the note, and its reply."""
    asked = asking(NOTE)
    return asked, issuer.reply(asked.raw)


def code(act: Callable[[], object]) -> str:
    """Of the StampError that it raises; empty where it raises none."""
    try:
        act()
    except StampError as error:
        return error.code if all(map(harmless, error.values.values())) else "not harmless"
    return ""


def harmless(value: str | int) -> bool:
    """Nothing in it can forge a line, and it is short."""
    return str(value).isascii() and str(value).isprintable() and len(str(value)) <= 200


def test_an_honest_reply_gives_the_authoritys_time(
    issuer: Issuer, real: tuple[Asking, bytes]
) -> None:
    """Imprint, nonce, chain and purpose agree: the time is the token's own."""
    asked, reply = real
    roots = roots_in(issuer.root)
    assert stamped_us(reply, NOTE, roots, asked.nonce) == claimed_us(reply)
    assert stamped_us(reply, NOTE, roots) % 1_000_000 == 0
    stamped = Stamped(authority="a", size=3, time_us=1, note=NOTE, reply=reply)
    assert len(stamped.sha256) == 32


def test_an_intermediate_may_travel_with_the_token(tmp_path: Path) -> None:
    """The root alone is configured; the certificate between comes in the reply, in any order.

    OpenSSL writes the certificates as they come; of an Ed25519 root and an ECDSA one the one
    order is DER's and the other is not.
    """
    orders = set()
    for kind in ("ed25519", "ec"):
        issuer = Issuer(tmp_path / kind, chained=True, root=kind)
        reply = issuer.reply(asking(NOTE).raw)
        orders.add(in_order(reply) == reply)
        assert stamped_us(reply, NOTE, roots_in(issuer.root)) == claimed_us(reply)
    assert False in orders


@given(st.binary(max_size=200))
def test_what_is_no_reply_keeps_its_order(raw: bytes) -> None:
    """Another form is left as it is, whatever lengths it claims."""
    assert in_order(raw) == raw
    nested = b"\x30\x82" + len(raw).to_bytes(2, "big") + raw
    assert sorted(in_order(nested)) == sorted(nested)


def test_each_way_to_be_wrong_has_its_word(
    issuer: Issuer, foreign: Issuer, real: tuple[Asking, bytes]
) -> None:
    """Other bytes, another nonce, a foreign root, a refusal, garbage, too much, no root."""
    asked, reply = real
    roots = roots_in(issuer.root)
    assert code(lambda: stamped_us(reply, NOTE + b"x", roots, asked.nonce)) == "stamp.imprint"
    assert code(lambda: stamped_us(reply, NOTE, roots, asked.nonce ^ 1)) == "stamp.nonce"
    assert code(lambda: stamped_us(reply, NOTE, roots_in(foreign.root))) == "stamp.untrusted"
    refusal = bytes.fromhex("30053003020102")
    assert code(lambda: stamped_us(refusal, NOTE, roots)) == "stamp.refused"
    assert code(lambda: stamped_us(b"<html>", NOTE, roots)) == "stamp.unreadable"
    long = bytes(MAX_REPLY_BYTES + 1)
    assert code(lambda: stamped_us(long, NOTE, roots)) == "stamp.too-long"
    assert code(lambda: stamped_us(reply, NOTE, ())) == "stamp.no-roots"


def test_another_hash_of_the_same_bytes_is_no_imprint(issuer: Issuer) -> None:
    """Nobody asked for SHA-512: what was not asked for is not taken."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    query = TimestampRequestBuilder().data(NOTE).hash_algorithm(HashAlgorithm.SHA512).build()
    refusal = issuer.reply(query.as_bytes())  # of an authority that knows SHA-256 alone
    assert code(lambda: stamped_us(refusal, NOTE, roots_in(issuer.root))) == "stamp.refused"
    text = (issuer.folder / "ts.cnf").read_text()
    (issuer.folder / "ts.cnf").write_text(text.replace("digests = sha256", "digests = sha512"))
    try:
        reply = issuer.reply(query.as_bytes())
    finally:
        (issuer.folder / "ts.cnf").write_text(text)
    assert code(lambda: stamped_us(reply, NOTE, roots_in(issuer.root))) == "stamp.imprint"


def test_an_expired_certificate_is_not_believed(issuer: Issuer) -> None:
    """It had ended at the time that its own token states."""
    issuer.issue("old", "stamping", "-days", "-1")
    reply = issuer.reply(asking(NOTE).raw, "old")
    assert code(lambda: stamped_us(reply, NOTE, roots_in(issuer.root))) == "stamp.untrusted"


def test_a_certificate_for_something_else_is_not_believed(issuer: Issuer) -> None:
    """The root has issued it, the signature holds, but it is a web server's."""
    issuer.issue("one", "stamping", "-days", "99", "-set_serial", "4711")
    reply = issuer.reply(asking(NOTE).raw, "one")
    assert stamped_us(reply, NOTE, roots_in(issuer.root))
    # openssl would not sign with it: it is put into a token by the same key and serial number.
    stamping = issuer.der("one")
    issuer.issue("one", "serving", "-days", "99", "-set_serial", "4711", renew=True)
    serving = issuer.der("one")
    assert len(serving) == len(stamping)
    assert stamping in reply
    bad = reply.replace(stamping, serving)
    assert code(lambda: stamped_us(bad, NOTE, roots_in(issuer.root))) == "stamp.untrusted"


def test_roots_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    """No file, no certificate in it, half of one."""
    assert code(lambda: roots_in(tmp_path / "none.pem")) == "stamp.roots"
    assert code(lambda: read_roots(b"")) == "stamp.roots-none"
    half = b"-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
    assert code(lambda: read_roots(half)) == "stamp.roots-none"


@given(st.binary(max_size=300))
def test_garbage_is_a_stamp_error(raw: bytes) -> None:
    """Whatever comes is refused in words of ours, never by another exception."""
    assert code(lambda: claimed_us(raw)).startswith("stamp.")


@given(st.data())
def test_a_damaged_reply_proves_the_same_or_nothing(
    issuer: Issuer, real: tuple[Asking, bytes], data: st.DataObject
) -> None:
    """No byte can be changed so that another time, or another note, is stamped."""
    asked, reply = real
    place = data.draw(st.integers(0, len(reply) - 1))
    bad = reply[:place] + bytes([data.draw(st.integers(0, 255))]) + reply[place + 1 :]
    roots = roots_in(issuer.root)
    try:
        found = stamped_us(bad, NOTE, roots, asked.nonce)
    except StampError:
        return
    assert found == claimed_us(reply)  # of the bytes that nothing signs
