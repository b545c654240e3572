"""Checkpoints: exactly three lines, signed by the log that they name."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.checkpoint import (
    Checkpoint,
    cosign,
    open_checkpoint,
    open_cosigned,
    parse_checkpoint,
    read_unverified,
    sign_checkpoint,
)
from monitor.ledger.errors import CheckpointError, LedgerError, SignatureError
from monitor.ledger.merkle import EMPTY_ROOT, MAX_SIZE, leaf_hash
from monitor.ledger.note import sign
from monitor.ledger.signer import Cosigner, Signer

ORIGIN = "agent.example/log"
ROOT = leaf_hash(b"")
LOG = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(b"l" * 32))
CHECKPOINT = Checkpoint(origin=ORIGIN, size=1, root=ROOT)
NOTE = sign_checkpoint(CHECKPOINT, LOG)


def witness(name: str, time: int = 1_790_000_000) -> Cosigner:
    """A witness with a key of its own."""
    return Cosigner(
        name=name, key=Ed25519PrivateKey.from_private_bytes(name[:1].encode() * 32), time=time
    )


@given(st.integers(1, MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_checkpoint_survives(size: int, root: bytes) -> None:
    """What is signed is opened as the same checkpoint."""
    checkpoint = Checkpoint(origin=ORIGIN, size=size, root=root)
    note = sign_checkpoint(checkpoint, LOG)
    assert open_checkpoint(note, LOG.verifier) == checkpoint == read_unverified(note)


def test_text() -> None:
    """The text is origin, size and root in base64, three lines and nothing else."""
    empty = Checkpoint(origin=ORIGIN, size=0, root=EMPTY_ROOT)
    assert empty.text == f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


def test_signing_again_gives_the_same_bytes() -> None:
    """After a crash, the same checkpoint is signed with the same bytes."""
    assert sign_checkpoint(CHECKPOINT, LOG) == NOTE


ENCODED = base64.b64encode(ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{ORIGIN}\n1\n",
        f"{ORIGIN}\n1\n{ENCODED}",
        f"{ORIGIN}\n1\n{ENCODED}\nextension\n",
        f"{ORIGIN}\n1\n{ENCODED}\n\n",
        f"\n1\n{ENCODED}\n",
        f"two words\n1\n{ENCODED}\n",
        f"{ORIGIN}\n01\n{ENCODED}\n",
        f"{ORIGIN}\n+1\n{ENCODED}\n",
        f"{ORIGIN}\n-1\n{ENCODED}\n",
        f"{ORIGIN}\n 1\n{ENCODED}\n",
        f"{ORIGIN}\n1_0\n{ENCODED}\n",
        f"{ORIGIN}\n٣\n{ENCODED}\n",
        f"{ORIGIN}\n\n{ENCODED}\n",
        f"{ORIGIN}\n{2**63}\n{ENCODED}\n",
        f"{ORIGIN}\n{'9' * 5000}\n{ENCODED}\n",
        f"{ORIGIN}\n0\n{ENCODED}\n",
        f"{ORIGIN}\n1\n{ENCODED[:-1]}\n",
        f"{ORIGIN}\n1\n{ENCODED} \n",
        f"{ORIGIN}\n1\nAAAA\n",
        f"{ORIGIN}\n1\n\n",
    ],
)
def test_refused_texts(text: str) -> None:
    """A text that is not exactly a checkpoint is refused, even if the log's key has signed it."""
    with pytest.raises(LedgerError):
        parse_checkpoint(text)


@given(st.text(max_size=60))
def test_any_text_as_checkpoint(text: str) -> None:
    """Whatever is read as a checkpoint has that very text."""
    try:
        checkpoint = parse_checkpoint(f"{ORIGIN}\n{text}\n{ENCODED}\n")
    except LedgerError:
        return
    assert checkpoint.text == f"{ORIGIN}\n{text}\n{ENCODED}\n"


def test_extension_lines_are_refused_though_signed() -> None:
    """Extension lines, which nobody audits, are refused also under a good signature."""
    note = sign(CHECKPOINT.text + "extension\n", [LOG])
    with pytest.raises(CheckpointError, match=r"ledger\.checkpoint-lines"):
        open_checkpoint(note, LOG.verifier)


def test_origin_is_the_key_name() -> None:
    """A log's key signs and vouches for its own origin only."""
    foreign = Checkpoint(origin="other.example/log", size=1, root=ROOT)
    with pytest.raises(CheckpointError, match=r"ledger\.origin-foreign"):
        sign_checkpoint(foreign, LOG)
    with pytest.raises(CheckpointError, match=r"ledger\.origin-foreign"):
        open_checkpoint(sign(foreign.text, [LOG]), LOG.verifier)


def test_another_key_does_not_open_it() -> None:
    """A checkpoint that the given key has not signed is refused."""
    other = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    with pytest.raises(SignatureError, match=r"ledger\.note-unsigned"):
        open_checkpoint(NOTE, other.verifier)


def test_cosignatures() -> None:
    """Witnesses add to the log's signature; those asked for are returned with their times."""
    first, second = witness("a.example"), witness("b.example", 1_790_000_600)
    note = cosign(cosign(NOTE, LOG.verifier, first), LOG.verifier, second)
    opened = open_cosigned(note, LOG.verifier, [second.verifier, witness("c.example").verifier])
    assert opened.checkpoint == CHECKPOINT
    assert [(s.name, s.cosigned_at()) for s in opened.cosignatures] == [
        ("b.example", 1_790_000_600)
    ]
    again = cosign(note, LOG.verifier, witness("a.example", 1_790_000_700))
    both = open_cosigned(again, LOG.verifier, [first.verifier, second.verifier]).cosignatures
    assert sorted(s.cosigned_at() for s in both) == [1_790_000_600, 1_790_000_700]


def test_a_witness_alone_is_not_enough() -> None:
    """A checkpoint that only witnesses have signed is not the log's."""
    alone = sign(CHECKPOINT.text, [witness("a.example")])
    with pytest.raises(SignatureError, match=r"ledger\.note-unsigned"):
        open_cosigned(alone, LOG.verifier, [witness("a.example").verifier])
    with pytest.raises(SignatureError):
        cosign(alone, LOG.verifier, witness("b.example"))


def test_a_false_cosignature_rejects_the_checkpoint() -> None:
    """A wrong cosignature of a known witness rejects the whole note."""
    line = sign("other\n", [witness("a.example")]).partition(b"\n\n")[2]
    with pytest.raises(SignatureError, match=r"ledger\.signature-wrong"):
        open_cosigned(NOTE + line, LOG.verifier, [witness("a.example").verifier])


def test_a_plain_key_is_no_witness() -> None:
    """A key without times cannot be named as a witness."""
    with pytest.raises(CheckpointError, match=r"ledger\.witness-key"):
        open_cosigned(NOTE, LOG.verifier, [LOG.verifier])
