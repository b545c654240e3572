"""Asking a time-stamping authority: an honest one, and everything that a hostile one may answer."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from monitor.config.configuration import TimeStampPlan
from monitor.daemon import stamping
from monitor.daemon.stamping import STALE_US, Newest, ask, newest_of
from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.stamp import StampError, asking
from tests.lab.authority import Answering, Authority, Issuer, answer, endless, silent
from tests.lab.parts import require
from tests.store.building import KEY, ORIGIN

NOTE = sign_checkpoint(Checkpoint(origin=ORIGIN, size=7, root=leaf_hash(b"x")), KEY)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """Keys and certificates."""
    require("openssl")
    made = Issuer(tmp_path_factory.mktemp("tsa") / "a")
    made.issue("old", "stamping", "-days", "-1")
    return made


@pytest.fixture
def authority(issuer: Issuer) -> Iterator[Authority]:
    """A server of it."""
    with Authority(issuer) as made:
        yield made


def asked(authority: Authority, root: Path | None = None) -> str:
    """The code of the error, or nothing."""
    plan = TimeStampPlan(name="tsa", url=authority.url, root=root or authority.issuer.root, at=0)
    try:
        found = asyncio.run(ask(plan, NOTE, ""))
    except StampError as error:
        return error.code
    assert (found.authority, found.size, found.note) == ("tsa", 7, NOTE)
    return ""


def test_an_honest_authority_stamps(authority: Authority) -> None:
    """Over HTTP, with its media type, once."""
    assert asked(authority) == ""
    assert authority.asked == 1


def replies(raw: bytes, code: int = 200) -> Answering:
    """Always the same answer."""
    return lambda request, _query: answer(request, raw, code)


def test_a_hostile_authority_is_refused_in_its_own_words(
    authority: Authority, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Garbage, a flood, another's nonce or imprint, an expired or foreign certificate, refusals."""
    foreign = Issuer(tmp_path / "b")
    another = asking(NOTE)
    cases: list[tuple[Answering, str]] = [
        (replies(b"<html>no</html>"), "stamp.unreadable"),
        (replies(b""), "stamp.unreadable"),
        (replies(bytes(65_537)), "stamp.unreadable"),
        (endless, "stamp.unreadable"),
        (replies(issuer.reply(another.raw)), "stamp.nonce"),
        (replies(issuer.reply(asking(b"another").raw)), "stamp.nonce"),
        (lambda to, query: answer(to, issuer.reply(query, "old")), "stamp.untrusted"),
        (lambda to, query: answer(to, foreign.reply(query)), "stamp.untrusted"),
        (replies(bytes.fromhex("30053003020102")), "stamp.refused"),
        (replies(b"busy", 503), "stamp.http"),
        (replies(issuer.reply(another.raw), 302), "stamp.http"),
    ]
    for answering, code in cases:
        authority.answering = answering
        assert asked(authority) == code
    over = threading.Event()
    authority.answering = silent(over)
    monkeypatch.setattr(stamping, "PATIENCE_S", 0.2)
    assert asked(authority) == "stamp.too-slow"
    over.set()


def test_a_wrong_imprint_under_the_right_nonce_is_refused(
    authority: Authority, issuer: Issuer
) -> None:
    """The authority signs what it likes: other bytes, and the nonce that was asked for."""

    def answering(request: BaseHTTPRequestHandler, query: bytes) -> None:
        import hashlib

        imprint = hashlib.sha256(NOTE).digest()
        assert imprint in query
        answer(request, issuer.reply(query.replace(imprint, bytes(32))))

    authority.answering = answering
    assert asked(authority) == "stamp.imprint"


def test_nobody_there_and_no_root_are_said(authority: Authority, tmp_path: Path) -> None:
    """The port is shut; the file is gone."""
    assert asked(authority, tmp_path / "none.pem") == "stamp.roots"
    plan = TimeStampPlan(name="x", url="http://127.0.0.1:1/", root=authority.issuer.root, at=0)
    with pytest.raises(StampError, match="unreachable"):
        asyncio.run(ask(plan, NOTE, ""))


def test_a_token_is_stale_once_after_two_days() -> None:
    """Counted from the newest one, else from the start; told once until the next one comes."""
    one = Newest()
    assert not one.stale(0, STALE_US)
    assert one.stale(0, STALE_US + 1)
    assert not one.stale(0, STALE_US + 2)
    one = Newest(size=1, time_us=5)
    assert not one.stale(0, STALE_US + 5)
    assert one.stale(0, STALE_US + 6)
    assert newest_of(3, b"spoilt") == Newest()
