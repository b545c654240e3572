"""Signed notes: what is opened, what is refused, and what is ignored."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.errors import NoteError, SignatureError
from monitor.ledger.note import MAX_NOTE_BYTES, Note, open_note, parse_unverified, sign
from monitor.ledger.signer import Cosigner, KeyKind, Signer, Verifier

TEXT = "agent.example/log\n3\n\nline\n"


def key(number: int) -> Ed25519PrivateKey:
    """A key fixed by a number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


ALICE = Signer(name="alice.example", key=key(1))
BOB = Signer(name="bob.example", key=key(2))
WITNESS = Cosigner(name="witness.example", key=key(3), time=1_790_000_000)


def texts() -> st.SearchStrategy[str]:
    """Texts that a note can carry, with many empty lines and em dashes in them."""
    characters = st.characters(min_codepoint=32, exclude_categories=["Cs"]) | st.just("\n")
    pieces = st.sampled_from(["\n", "\n\n", "— ", "— alice.example AAAA\n"]) | st.text(characters)
    return st.lists(pieces, max_size=6).map(lambda parts: "".join(parts) + "\n")


@given(texts(), st.sets(st.sampled_from([ALICE, BOB, WITNESS]), min_size=1))
def test_what_is_signed_is_opened(text: str, signers: set[Signer | Cosigner]) -> None:
    """Any text, however many empty lines it has, is opened as it was signed."""
    note = sign(text, list(signers))
    opened = open_note(note, [ALICE.verifier, BOB.verifier, WITNESS.verifier])
    assert opened.text == text
    assert {signature.name for signature in opened.verified} == {s.name for s in signers}
    assert opened.unverified == ()


@given(texts(), st.data())
def test_a_flipped_bit_is_never_believed(text: str, data: st.DataObject) -> None:
    """A note with one bit flipped is refused, or says what it said."""
    note = sign(text, [ALICE])
    bit = data.draw(st.integers(0, len(note) * 8 - 1))
    flipped = bytearray(note)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NoteError):
        open_note(bytes(flipped), [ALICE.verifier])


@given(st.binary(max_size=200) | texts().map(str.encode))
def test_anything_else_is_refused(content: bytes) -> None:
    """Arbitrary bytes give a NoteError, never another exception, and never a note."""
    with pytest.raises(NoteError):
        open_note(content, [ALICE.verifier])


def test_unknown_keys_are_ignored() -> None:
    """A signature of an unknown key is kept as unverified and does not disturb."""
    opened = open_note(sign(TEXT, [ALICE, BOB]), [BOB.verifier])
    assert [signature.name for signature in opened.verified] == ["bob.example"]
    assert [signature.name for signature in opened.unverified] == ["alice.example"]


def test_name_and_key_id_must_both_match() -> None:
    """A key of the same name, or the same key under another name, is an unknown key."""
    other_key, other_name = (
        Signer(name=ALICE.name, key=key(9)),
        Signer(name="a.example", key=key(1)),
    )
    opened = open_note(sign(TEXT, [other_key, other_name, ALICE]), [ALICE.verifier])
    assert [len(opened.verified), len(opened.unverified)] == [1, 2]


def test_no_known_key_is_an_error() -> None:
    """A note that no known key has signed is refused, and the error names who signed."""
    for known in ([], [BOB.verifier]):
        with pytest.raises(SignatureError, match=r"note-unsigned.*alice\.example"):
            open_note(sign(TEXT, [ALICE]), known)


def test_a_known_key_that_fails_rejects_the_note() -> None:
    """One wrong signature of a known key outweighs every right one, wherever it stands."""
    right, wrong = sign(TEXT, [ALICE, BOB]), sign("other\n", [BOB])
    bad_line = wrong[len(b"other\n\n") :]
    note_text, first_line = right.split("— bob".encode())[0], right
    for note in (note_text + bad_line, first_line + bad_line):
        with pytest.raises(SignatureError, match=r"signature-wrong.*bob\.example"):
            open_note(note, [ALICE.verifier, BOB.verifier])


def test_a_key_counts_once() -> None:
    """A repeated signature, known or unknown, is listed once."""
    note = sign(TEXT, [ALICE])
    line = note[len(TEXT) + 1 :]
    bob = sign(TEXT, [BOB])[len(TEXT) + 1 :]
    opened = open_note(note + line + bob + bob, [ALICE.verifier])
    assert [len(opened.verified), len(opened.unverified)] == [1, 1]


def test_cosignatures_at_two_times_count_once() -> None:
    """A witness that signed twice is one witness."""
    later = Cosigner(name=WITNESS.name, key=WITNESS.key, time=WITNESS.time + 1)
    note = sign(TEXT, [WITNESS]) + sign(TEXT, [later])[len(TEXT) + 1 :]
    (signature,) = open_note(note, [WITNESS.verifier]).verified
    assert signature.cosigned_at() == WITNESS.time


def test_colliding_keys_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys that share name and key id are not told apart, so neither is trusted."""
    note = sign(TEXT, [ALICE])
    assert isinstance(open_note(note, [ALICE.verifier, ALICE.verifier]), Note)
    monkeypatch.setattr(Verifier, "key_id", property(lambda _self: b"same"))
    with pytest.raises(NoteError, match=r"ledger\.keys-collide"):
        open_note(note, [ALICE.verifier, Signer(name=ALICE.name, key=key(9)).verifier])


GOOD = sign("x\n", [ALICE]).decode()
ENCODED = GOOD.split(" ")[-1].strip()


@pytest.mark.parametrize(
    "note",
    [
        "",
        "x\n",
        "x\n\n",
        "\n\n",
        GOOD[:-1],
        GOOD + "\n",
        GOOD.replace("\n\n", "\n"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("x", "x\t"),
        GOOD.replace("x", "x\0"),
        GOOD.replace("—", "-"),
        GOOD.replace("— ", "—"),
        GOOD.replace("alice.example ", "alice.example  "),
        GOOD.replace("alice.example ", ""),
        GOOD.replace("alice.example", ""),
        GOOD.replace("alice.example", "alice+example"),
        GOOD.replace("alice.example", "alice\u00a0example"),
        GOOD.replace("alice.example", "alice\u2028example"),
        GOOD.replace("alice.example", "alice\u0085example"),
        GOOD.replace(ENCODED, ""),
        GOOD.replace(ENCODED, "AAAA"),
        GOOD.replace(ENCODED, "AAAAAA=="),
        GOOD.replace(ENCODED, ENCODED[:-1]),
        GOOD.replace(ENCODED, ENCODED.replace("=", "")),
        GOOD.replace(ENCODED, ENCODED + "===="),
        GOOD.replace(ENCODED, ENCODED[:8] + "\u0661" + ENCODED[9:]),
        GOOD.replace(ENCODED, ENCODED[:8] + "-" + ENCODED[9:]),
        GOOD + "trailing\n",
        GOOD + "— \n",
        GOOD + "— unknown.example !!!!\n",
    ],
)
def test_malformed_notes(note: str) -> None:
    """A note that breaks a rule of the format is refused, even if a known key has signed it."""
    with pytest.raises(NoteError):
        open_note(note.encode(), [ALICE.verifier])


def test_pad_bits_must_be_zero() -> None:
    """Base64 whose unused bits are set is another spelling of the same bytes, and refused."""
    twisted = ENCODED.rstrip("=")
    last = chr(ord(twisted[-1]) + 1)
    spelled = twisted[:-1] + last + "=" * (len(ENCODED) - len(twisted))
    assert base64.b64decode(spelled) == base64.b64decode(ENCODED)
    with pytest.raises(NoteError, match=r"ledger\.signature-line"):
        open_note(GOOD.replace(ENCODED, spelled).encode(), [ALICE.verifier])


def test_not_utf8() -> None:
    """Bytes that are not UTF-8 are refused with their place."""
    with pytest.raises(NoteError, match=r"note-not-utf8 \(byte=1\)"):
        open_note(b"x\xff" + GOOD.encode()[1:], [ALICE.verifier])


def test_bounds() -> None:
    """A note of 100 signatures and one million bytes is opened, anything beyond is not."""
    lines = "".join(f"— u{number}.example AAAAAAA=\n" for number in range(99))
    opened = open_note((GOOD + lines).encode(), [ALICE.verifier])
    assert len(opened.unverified) == 99
    with pytest.raises(NoteError, match=r"ledger\.note-too-many-signatures"):
        open_note((GOOD + lines + "— v.example AAAAAAA=\n").encode(), [ALICE.verifier])
    rest = MAX_NOTE_BYTES - len(GOOD.encode()) + 1
    assert len(sign("x" * rest + "\n", [ALICE])) == MAX_NOTE_BYTES
    with pytest.raises(NoteError, match=r"ledger\.note-too-large"):
        sign("x" * (rest + 1) + "\n", [ALICE])


def test_existing_signatures_are_kept_or_replaced() -> None:
    """Signing again keeps what others signed, in front, and replaces one's own."""
    first = parse_unverified(sign(TEXT, [ALICE, BOB]))
    again = parse_unverified(sign(TEXT, [ALICE, WITNESS], first.signatures))
    assert [s.name for s in again.signatures] == [BOB.name, ALICE.name, WITNESS.name]
    assert set(first.signatures) < set(again.signatures)


@pytest.mark.parametrize("text", ["", "x", "x\t\n", "x\r\n", "x\ud800\n"])
def test_texts_that_are_not_signed(text: str) -> None:
    """Nothing is signed that could not be opened."""
    with pytest.raises(NoteError):
        sign(text, [ALICE])


def test_nothing_is_issued_unsigned() -> None:
    """Without a signer there is no note."""
    with pytest.raises(NoteError):
        sign(TEXT, [])


def test_cosignature_binds_its_time() -> None:
    """A cosignature under another time, or of a time beyond 63 bits, does not verify."""
    payload = WITNESS.sign(TEXT)
    assert WITNESS.verifier.accepts(TEXT, payload)
    later = (WITNESS.time + 1).to_bytes(8, "big")
    for wrong in (later + payload[8:], b"\xff" * 8 + payload[8:], payload[:-1], payload[:5], b""):
        assert not WITNESS.verifier.accepts(TEXT, wrong)
    for time in (-1, 2**63):
        with pytest.raises(NoteError, match=r"ledger\.cosignature-time"):
            Cosigner(name="w", key=key(3), time=time)


def test_kinds_are_kept_apart() -> None:
    """A plain signature is no cosignature and the reverse, even by the same key and name."""
    plain, timed = Signer(name="w", key=key(3)), Cosigner(name="w", key=key(3), time=5)
    assert plain.verifier.key_id != timed.verifier.key_id
    with pytest.raises(SignatureError, match=r"ledger\.note-unsigned"):
        open_note(sign(TEXT, [plain]), [timed.verifier])
    assert not timed.verifier.accepts(TEXT, plain.sign(TEXT))


@given(st.text(), st.sampled_from(KeyKind), st.binary(min_size=32, max_size=32))
def test_vkey_survives(name: str, kind: KeyKind, public_key: bytes) -> None:
    """Every verifier key that can exist is read back from its line."""
    try:
        verifier = Verifier(name=name, kind=kind, public_key=public_key)
    except NoteError as error:
        assert error.code == "ledger.key-name"  # noqa: PT017
        return
    assert Verifier.parse(verifier.vkey) == verifier


@pytest.mark.parametrize("name", ["", " ", "a b", "a+b", "a\n", "a\u3000b", "a\x00", "\ud800"])
def test_refused_names(name: str) -> None:
    """A name that is empty or has a space, a plus or a control character names no key."""
    with pytest.raises(NoteError, match=r"ledger\.key-name"):
        Signer(name=name, key=key(1)).verifier  # noqa: B018


VKEY = ALICE.verifier.vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "alice.example",
        VKEY[:-4],
        VKEY + "\n",
        VKEY.replace("alice", "mallory"),
        VKEY.replace("+", "+0", 1),
        VKEY.upper().replace("ALICE.EXAMPLE", "alice.example"),
        VKEY.split("+", 2)[0] + "+" + VKEY.split("+", 2)[1] + "+",
    ],
)
def test_malformed_vkeys(vkey: str) -> None:
    """A verifier key with a part missing, altered or of another name is refused."""
    assert vkey != VKEY
    with pytest.raises(NoteError):
        Verifier.parse(vkey)


def test_unknown_key_type() -> None:
    """A key of a type that we do not verify is named with its type, not called malformed."""
    encoded = base64.b64encode(b"\x06" + b"k" * 1312).decode()
    with pytest.raises(NoteError, match=r"ledger\.key-type-unknown.*0x06"):
        Verifier.parse(f"w.example+00000000+{encoded}")
