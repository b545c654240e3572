"""What a log and a witness say to each other, without any network (C2SP tlog-witness v1.0.0)."""

import base64
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.checkpoint import Checkpoint, open_cosigned, sign_checkpoint
from monitor.ledger.errors import LedgerError, NoteError, SignatureError
from monitor.ledger.merkle import EMPTY_ROOT, Frontier, HashReader, consistency_proof, leaf_hash
from monitor.ledger.note import parse_unverified
from monitor.ledger.signer import Cosigner, Signer, Verifier
from monitor.ledger.tiles import TileTree, hash_reader
from monitor.ledger.witness import (
    MAX_PROOF,
    MAX_SUBMISSION_BYTES,
    SIZE_TYPE,
    AnswerError,
    Code,
    Refusal,
    Submission,
    SubmissionError,
    cosignature_line,
    judge,
    read_conflict,
    read_cosignature,
    read_submission,
    short_name,
)

ORIGIN = "agent.example/log"
LOG = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(b"l" * 32))
FORGER = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(b"f" * 32))
OTHER_LOG = Signer(name="other.example/log", key=LOG.key)
WITNESS = Cosigner(
    name="witness.example", key=Ed25519PrivateKey.from_private_bytes(b"w" * 32), time=1_790_000_000
)
STRANGER = replace(WITNESS, key=Ed25519PrivateKey.from_private_bytes(b"s" * 32))
MOST = 40


def _reader(leaves: int, salt: bytes = b"") -> HashReader:
    _, tiles = TileTree().append(leaf_hash(salt + bytes([n])) for n in range(leaves))
    stored = {(tile.level, tile.index): tile.hashes for tile in tiles}
    return hash_reader(lambda level, index: stored.get((level, index), b""))


READ, FORKED = _reader(MOST), _reader(MOST, b"x")


def head(size: int, read: HashReader = READ) -> Checkpoint:
    """The log at a size."""
    root = Frontier.at(size, read).root() if size else EMPTY_ROOT
    return Checkpoint(origin=ORIGIN, size=size, root=root)


def submission(old: int, size: int, read: HashReader = READ, signer: Signer = LOG) -> Submission:
    """What an honest log of this history hands in."""
    proof = consistency_proof(old, size, read) if 0 < old <= size else ()
    return Submission(old=old, proof=proof, note=sign_checkpoint(head(size, read), signer))


def code(found: Checkpoint | Refusal) -> Code:
    """The answer's code."""
    return found.code if isinstance(found, Refusal) else Code.COSIGNED


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_a_log_that_grows_is_cosigned(old: int, size: int) -> None:
    """Every pair of sizes of one history is accepted, through the bytes of the request."""
    old, size = sorted((old, size))
    sent = read_submission(submission(old, size).to_bytes())
    for kept in (head(old), *(() if old else (None,))):
        assert judge(sent, LOG.verifier, kept) == head(size)


@given(st.integers(1, MOST), st.integers(1, MOST))
def test_another_history_is_never_cosigned(old: int, size: int) -> None:
    """No size of a forked log, signed by the log's own key, follows what was cosigned."""
    old, size = sorted((old, size))
    forked = submission(old, size, FORKED)
    wanted = Code.CONFLICT if old == size else Code.PROOF_WRONG
    assert code(judge(forked, LOG.verifier, head(old))) == wanted
    honest = submission(old, size)
    patched = replace(forked, proof=honest.proof)
    assert code(judge(patched, LOG.verifier, head(old))) == wanted


@pytest.mark.parametrize(
    ("sent", "kept", "wanted"),
    [
        (submission(3, 9), 7, Code.CONFLICT),  # behind what was cosigned
        (submission(0, 9), 7, Code.CONFLICT),  # asks where the witness stands
        (submission(5, 5), 7, Code.CONFLICT),  # a log that was rolled back
        (submission(7, 9), None, Code.CONFLICT),  # the witness knows nothing of it
        (replace(submission(7, 9), old=10), 7, Code.MALFORMED),  # old above the checkpoint
        (replace(submission(7, 9), proof=()), 7, Code.PROOF_WRONG),
        (replace(submission(0, 9), proof=(b"p" * 32,)), None, Code.PROOF_WRONG),
        (replace(submission(9, 9), proof=(b"p" * 32,)), 9, Code.PROOF_WRONG),
        (submission(7, 9, signer=FORGER), 7, Code.NOT_SIGNED),
        (replace(submission(7, 9), note=b"agent.example/log\n"), 7, Code.MALFORMED),
    ],
)
def test_refusals(sent: Submission, kept: int | None, wanted: Code) -> None:
    """Each thing that a witness must refuse has the code of the specification."""
    found = judge(sent, LOG.verifier, None if kept is None else head(kept))
    assert code(found) == wanted
    if isinstance(found, Refusal) and wanted is Code.CONFLICT:
        assert (found.body, found.content_type) == (f"{kept or 0}\n".encode(), SIZE_TYPE)
        assert read_conflict(found.body) == (kept or 0)


def test_the_form_of_a_request() -> None:
    """The bytes are those of the specification: old, hashes, an empty line, the note."""
    sent = submission(7, 9)
    lines = sent.to_bytes().split(b"\n\n", 1)
    hashes = [base64.b64encode(one) for one in sent.proof]
    assert lines == [b"\n".join([b"old 7", *hashes]), sent.note]
    assert read_submission(sent.to_bytes()) == sent


NOTE = submission(0, 3).note


@pytest.mark.parametrize(
    "body",
    [
        b"",
        NOTE,
        b"old 3\n" + NOTE,
        b"old 03\n\n" + NOTE,
        b"old -1\n\n" + NOTE,
        b"old 3 \n\n" + NOTE,
        b"old 3\r\n\n" + NOTE,
        b"OLD 3\n\n" + NOTE,
        b"old 9223372036854775808\n\n" + NOTE,
        "old \u0663\n\n".encode() + NOTE,
        b"old 3\nAAAA\n\n" + NOTE,
        b"old 3\n" + base64.b64encode(b"p" * 32)[:-1] + b"\n\n" + NOTE,
        b"old 3\n" + (base64.b64encode(b"p" * 32) + b"\n") * (MAX_PROOF + 1) + b"\n" + NOTE,
        b"old 3\n\n" + b"x" * MAX_SUBMISSION_BYTES,
    ],
)
def test_a_malformed_request_is_refused(body: bytes) -> None:
    """Whatever is not a submission exactly is an error of its own kind."""
    with pytest.raises(SubmissionError):
        read_submission(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_submission_or_an_error(body: bytes) -> None:
    """Nothing else is ever raised, and what is read is written the same way."""
    for raw in (body, b"old 7\n" + body):
        with suppress(SubmissionError):
            assert read_submission(raw).to_bytes() == raw


LINE = cosignature_line(head(3), WITNESS)


def test_a_good_answer_is_kept_with_the_logs_signature_alone() -> None:
    """The note keeps the log's signature and this witness's, and other lines are left out."""
    stranger = cosignature_line(head(3), replace(STRANGER, name="stranger.example"))
    got = read_cosignature(stranger + LINE, NOTE, LOG.verifier, WITNESS.verifier)
    assert (got.size, got.at_s, got.witness) == (3, WITNESS.time, short_name(WITNESS.verifier))
    assert [s.name for s in parse_unverified(got.note).signatures] == [ORIGIN, WITNESS.name]
    opened = open_cosigned(got.note, LOG.verifier, [WITNESS.verifier])
    assert opened.checkpoint == head(3)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", NoteError),
        (b"\n", NoteError),
        (b"OK\n", NoteError),
        (LINE[:-1], NoteError),
        (b"<html>" + LINE, NoteError),
        (LINE * 101, NoteError),
        (b"3\n\n" + LINE, AnswerError),  # moves the end of the text
        (cosignature_line(head(3), STRANGER), AnswerError),  # the same name, another key
        (cosignature_line(head(4), WITNESS), SignatureError),  # of another checkpoint
        (cosignature_line(head(3, FORKED), WITNESS), SignatureError),
        (cosignature_line(replace(head(3), origin=OTHER_LOG.name), WITNESS), SignatureError),
    ],
)
def test_a_bad_answer_is_never_kept(body: bytes, error: type[LedgerError]) -> None:
    """Nonsense, a forgery, another checkpoint's and another log's cosignature are all refused."""
    with pytest.raises(error):
        read_cosignature(body, NOTE, LOG.verifier, WITNESS.verifier)


@pytest.mark.parametrize(
    "body", [b"", b"7", b"07\n", b"-7\n", b"7\n7\n", b"7 \n", b"9223372036854775808\n", b"x\n"]
)
def test_a_conflict_without_a_size_is_refused(body: bytes) -> None:
    """The size is a decimal number and a newline, or the answer says nothing."""
    with pytest.raises(AnswerError):
        read_conflict(body)


def test_a_witness_key_is_of_its_own_type() -> None:
    """The verifier key of a witness has type 0x04 and survives its text."""
    assert Verifier.parse(WITNESS.verifier.vkey) == WITNESS.verifier
    assert base64.b64decode(WITNESS.verifier.vkey.split("+", 2)[2])[0] == 0x04
