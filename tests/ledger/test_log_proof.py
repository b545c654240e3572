"""Proof files: what is written is read back, and nothing altered passes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.errors import LedgerError, ProofError
from monitor.ledger.log_proof import LogProof, is_proof, parse
from monitor.ledger.merkle import inclusion_proof, leaf_hash, root
from tests.store.building import KEY, ORIGIN, OTHER_KEY


def made(size: int, index: int, extra: bytes | None = None) -> LogProof:
    """The proof of an entry in a log whose entries are their numbers in decimal."""
    leaves = [leaf_hash(str(n).encode()) for n in range(size)]

    def read(level: int, at: int) -> bytes:
        return root(leaves[at << level : (at + 1) << level])

    head = Checkpoint(origin=ORIGIN, size=size, root=root(leaves))
    hashes = inclusion_proof(index, size, read)
    note = sign_checkpoint(head, KEY)
    return LogProof(index=index, hashes=hashes, checkpoint=note, extra=extra)


@given(st.integers(1, 70), st.data(), st.none() | st.binary(min_size=1, max_size=40))
def test_a_proof_survives_its_file(size: int, data: st.DataObject, extra: bytes | None) -> None:
    """Every entry of every small log: written, read back equal, and it proves the entry."""
    index = data.draw(st.integers(0, size - 1))
    proof = made(size, index, extra)
    again = parse(proof.to_bytes())
    assert again == proof
    assert again.check(str(index).encode(), KEY.verifier).size == size


@given(st.integers(0, 7), st.binary(max_size=3))
def test_another_entry_or_another_key_proves_nothing(index: int, entry: bytes) -> None:
    """Other bytes, the neighbour's number and a stranger's key are refused."""
    proof = made(8, index)
    if entry != str(index).encode():
        with pytest.raises(ProofError):
            proof.check(entry, KEY.verifier)
    moved = LogProof(index=index ^ 1, hashes=proof.hashes, checkpoint=proof.checkpoint)
    with pytest.raises(ProofError):
        moved.check(str(index).encode(), KEY.verifier)
    with pytest.raises(LedgerError):
        proof.check(str(index).encode(), OTHER_KEY.verifier)


@settings(max_examples=300)
@given(st.data())
def test_no_single_altered_byte_passes(data: st.DataObject) -> None:
    """A byte exchanged anywhere is a typed error; only `extra` is under no protection."""
    raw = made(11, 5).to_bytes()
    at = data.draw(st.integers(0, len(raw) - 1))
    wrong = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    with pytest.raises(LedgerError):
        parse(wrong).check(b"5", KEY.verifier)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_proof_or_a_typed_error(raw: bytes) -> None:
    """Whatever follows the first line, the reader ends with a proof or a ProofError."""
    try:
        proof = parse(b"c2sp.org/tlog-proof@v1\n" + raw)
    except ProofError:
        return
    assert parse(proof.to_bytes()) == proof


@pytest.mark.parametrize(
    ("found", "put"),
    [
        (b"@v1\n", b"@v2\n"),
        (b"index 5\n", b"index 05\n"),
        (b"index 5\n", b"index 5\nindex 5\n"),
        (b"index 5\n", b"extra \nindex 5\n"),
        (b"index 5\n", b"index 9223372036854775807\n"),
        (b"index 5\n", b"index 5\n" + b"A" * 43 + b"=\n" * 1 + (b"A" * 43 + b"=\n") * 63),
        (b"\n\n", b"\r\n\r\n"),
    ],
)
def test_what_is_not_the_format_is_refused(found: bytes, put: bytes) -> None:
    """Another version, numbers in other forms, empty extra data, and endless hashes."""
    with pytest.raises(ProofError):
        parse(made(11, 5).to_bytes().replace(found, put, 1))


def test_an_oversized_file_is_refused() -> None:
    """A file that begins rightly and does not end is not taken apart."""
    raw = b"c2sp.org/tlog-proof@v1\n" + b"\n" * 1_200_000
    assert is_proof(raw)
    with pytest.raises(ProofError):
        parse(raw)
