"""One submission to a witness over real HTTP; the witness is hostile more often than not."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.config.configuration import WitnessPlan
from monitor.daemon import witness_exchange
from monitor.daemon.witness_exchange import (
    Exchange,
    WitnessConflictError,
    WitnessUnreachableError,
)
from monitor.ledger.checkpoint import sign_checkpoint
from monitor.ledger.errors import LedgerError
from monitor.ledger.merkle import consistency_proof
from monitor.ledger.signer import Cosigner
from monitor.ledger.witness import MAX_ANSWER_BYTES, cosignature_line
from monitor.text import LANGUAGES, say
from tests.lab.webserver import Page, WebServer, cut, dripping, endless, page, raw, redirect, silent
from tests.witness.history import LOG, head, history
from tests.witness.serving import Serving

HONEST, FORK = history(), history(forked_at=20)
WITNESS = Cosigner(
    name="witness.example", key=Ed25519PrivateKey.from_private_bytes(b"w" * 32), time=1_790_000_000
)
STRANGER = Cosigner(
    name="witness.example", key=Ed25519PrivateKey.from_private_bytes(b"s" * 32), time=1_790_000_000
)
NOTE = sign_checkpoint(head(HONEST, 30), LOG)
GOOD = cosignature_line(head(HONEST, 30), WITNESS)
T = TypeVar("T")


async def proved(old: int, size: int) -> tuple[bytes, ...]:
    """The proof of the honest history."""
    return consistency_proof(old, size, HONEST) if old else ()


def run(work: Coroutine[None, None, T]) -> T:
    """On a loop of its own, within the test's patience."""
    return asyncio.run(asyncio.wait_for(work, 60))


async def submitted(answer: Page, known: int = 0) -> LedgerError | str:
    """What comes of a submission that gets this answer: the error, or the witness that cosigned."""
    async with WebServer({"/add-checkpoint": answer}) as server:
        plan = WitnessPlan(name="w", url=server.url(""), verifier=WITNESS.verifier)
        exchange = Exchange(plan, lambda _: LOG.verifier, proved, known=known)
        try:
            return (await exchange.submit(NOTE)).witness
        except LedgerError as error:
            return error


def conflict(body: bytes) -> Page:
    """A 409 that names a size."""
    return page(body, status=409, fields="Content-Type: text/x.tlog.size\r\n")


def test_a_good_answer_is_taken() -> None:
    """The control of the tests below, by length and in chunks."""
    assert run(submitted(page(GOOD))) == f"witness.example+{WITNESS.verifier.key_id.hex()}"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    assert run(submitted(raw(chunked % (len(GOOD), GOOD))))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (page(b""), "ledger.note-without-signatures"),
        (page(b"OK\n"), "ledger.signature-line"),
        (page(b"\xff\xfe\n"), "ledger.note-not-utf8"),
        (page(cosignature_line(head(HONEST, 30), STRANGER)), "witness.answer-unsigned"),
        (page(cosignature_line(head(FORK, 30), WITNESS)), "ledger.signature-wrong"),
        (page(cosignature_line(head(HONEST, 29), WITNESS)), "ledger.signature-wrong"),
        (page(GOOD * 101), "ledger.note-too-many-signatures"),
        (page(b"x" * (MAX_ANSWER_BYTES + 1)), "witness.answer-malformed"),
        (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000), "witness.answer-malformed"),
        (endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), "witness.answer-malformed"),
        (raw(b"SSH-2.0-x\r\n"), "witness.answer-malformed"),
        (raw(b""), "witness.answer-malformed"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + GOOD[:50]), None),
        (cut(b"HTTP/1.1 200 OK\r\n"), "witness.unreachable"),
        (redirect("http://192.0.2.1/add-checkpoint"), "witness.answer-code"),
        (page(b"no\n", status=400), "witness.answer-code"),
        (page(b"no\n", status=403), "witness.answer-not-signed"),
        (page(b"no\n", status=404), "witness.answer-unknown"),
        (page(b"no\n", status=500), "witness.answer-code"),
        (page(b"no\n", status=429), "witness.answer-code"),
        (conflict(b""), "witness.answer-malformed"),
        (conflict(b"1e3\n"), "witness.answer-malformed"),
        (conflict(b"9" * 19 + b"\n"), "witness.answer-malformed"),
        (conflict(b"9" * 10_000 + b"\n"), "witness.answer-malformed"),
        (conflict(b"0\n"), "witness.answer-odd"),  # what it was told itself
        (conflict(b"7\n"), "witness.answer-odd"),  # and again, once asked from there
    ],
)
def test_a_hostile_answer_is_an_error_of_its_own(answer: Page, code: str | None) -> None:
    """Bounded, never believed, never followed, and never a contradiction of the log."""
    error = run(submitted(answer))
    assert isinstance(error, LedgerError)
    assert not isinstance(error, WitnessConflictError)
    if code is not None:
        assert error.code == code
    for lang in LANGUAGES:
        assert say(error.code, lang, **error.values)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (conflict(b"31\n"), "witness.ahead"),
        (page(b"", status=422), "witness.other-history"),
    ],
)
def test_a_contradiction_is_told_apart(answer: Page, code: str) -> None:
    """A larger size, or a proof that does not hold, is what a rolled-back log would hear."""
    error = run(submitted(answer))
    assert isinstance(error, WitnessConflictError)
    assert (error.code, error.size) == (code, 30)


@pytest.mark.parametrize("answer", [silent(), dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x")])
def test_a_slow_witness_is_given_up(answer: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patience is for the whole exchange, whatever trickles in."""
    monkeypatch.setattr(witness_exchange, "PATIENCE_S", 0.3)
    error = run(submitted(answer))
    assert isinstance(error, WitnessUnreachableError)
    assert error.code == "witness.too-slow"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nowhere.invalid:1"])
def test_nobody_there_is_unreachable(url: str) -> None:
    """A refused connection and a name that does not resolve."""
    plan = WitnessPlan(name="w", url=url, verifier=WITNESS.verifier)
    with pytest.raises(WitnessUnreachableError):
        run(Exchange(plan, lambda _: LOG.verifier, proved).submit(NOTE))


def test_a_witness_that_remembers_another_size_is_asked_from_there(tmp_path: Path) -> None:
    """Whatever we believed, two requests are enough, and a fork is found out either way."""
    with Serving(tmp_path / "w", [LOG.verifier]) as serving:
        assert serving.verifier is not None
        plan = WitnessPlan(name="w", url=serving.url, verifier=serving.verifier)
        for known in (0, 10, 30):
            exchange = Exchange(plan, lambda _: LOG.verifier, proved, known=known)
            assert run(exchange.submit(NOTE)).size == exchange.known == 30
        later = sign_checkpoint(head(HONEST, 40), LOG)
        assert run(exchange.submit(later)).size == 40
        with pytest.raises(WitnessConflictError) as ahead:
            run(exchange.submit(NOTE))
        assert (ahead.value.code, ahead.value.witnessed) == ("witness.ahead", 40)
        for size in (40, 50):
            forked = sign_checkpoint(head(FORK, size), LOG)
            with pytest.raises(WitnessConflictError) as other:
                run(Exchange(plan, lambda _: LOG.verifier, _forked).submit(forked))
            assert other.value.code == "witness.other-history"


async def _forked(old: int, size: int) -> tuple[bytes, ...]:
    return consistency_proof(old, size, FORK) if old else ()
