"""Signed notes and cosignatures made by others, reproduced bit for bit."""

import json
from pathlib import Path

import pytest

from monitor.ledger.errors import NoteError, SignatureError
from monitor.ledger.note import open_note, sign
from monitor.ledger.signer import Signer, Verifier

EXAMPLE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXm"
    "RKuwHjG1Yu72IneyaQM=\n"
).encode()
EXAMPLE_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NEUMANN_KEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
NEUMANN_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuG"
    "UgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
SUNLIGHT = json.loads(
    (Path(__file__).parents[1] / "vectors" / "sunlight-cosignatures.json").read_text(
        encoding="utf-8"
    )
)


def test_the_note_of_the_specification() -> None:
    """The example of signed-note v1.0.0 is opened with its verifier key, and not when altered."""
    verifier = Verifier.parse(EXAMPLE_VKEY)
    assert verifier.vkey == EXAMPLE_VKEY
    assert open_note(EXAMPLE, [verifier]).text == "This is an example message.\n"
    with pytest.raises(SignatureError):
        open_note(EXAMPLE.replace(b"example message", b"exampl3 message"), [verifier])


def test_the_note_of_go() -> None:
    """Go's signing key gives Go's verifier key and Go's note, bit for bit."""
    signer = Signer.parse(NEUMANN_KEY)
    assert signer.verifier.vkey == NEUMANN_VKEY
    text = NEUMANN_NOTE.decode().rpartition("\n\n")[0] + "\n"
    assert sign(text, [signer]) == NEUMANN_NOTE


@pytest.mark.parametrize(
    "key",
    [
        "",
        NEUMANN_VKEY,
        NEUMANN_KEY[:-4],
        NEUMANN_KEY.replace("c74f20a3", "c74f20a4"),
        NEUMANN_KEY.replace("PeterNeumann", "Peter Neumann"),
        NEUMANN_KEY.replace("AYEK", "BIEK"),
    ],
)
def test_refused_signing_keys(key: str) -> None:
    """A Go signing key with a part missing or altered is refused."""
    with pytest.raises(NoteError):
        Signer.parse(key)


@pytest.mark.parametrize("vector", SUNLIGHT["notes"], ids=["witness", "mirror", "witness2"])
def test_cosignatures_of_sunlight(vector: dict[str, str]) -> None:
    """Sunlight's cosignatures verify at their published time; one altered root is refused."""
    verifier, note = Verifier.parse(vector["vkey"]), vector["note"]
    (signature,) = open_note(note.encode(), [verifier]).verified
    assert signature.cosigned_at() == SUNLIGHT["cosigned_at"]
    with pytest.raises(SignatureError):
        open_note(note.replace("\n300\n", "\n301\n").encode(), [verifier])
