"""Signed notes (C2SP signed-note v1.0.0) and cosignatures (tlog-cosignature v1.0.1), pure.

Enforces, when a note is opened: at most 1,000,000 bytes and 100 signature lines; valid UTF-8
without control characters but the newline; the text ends at the LAST empty line; every signature
line is well formed, with canonical base64; a signature is from a known key only if name AND key id
match; every signature of a known key must verify, or the whole note is refused; unknown keys are
ignored; one known key at least must have signed; a key counts once, however often it signed.
Leaves to others: what the text says (``checkpoint``), which keys to trust and when, how many
witnesses make a quorum, whether a cosignature's time is plausible.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.ledger.errors import NoteError, SignatureError
from monitor.ledger.signer import (
    KEY_ID_BYTES,
    TIME_BYTES,
    UNENCODABLE,
    NoteSigner,
    Verifier,
    decode_base64,
    encode_base64,
    require_name,
)

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
_LINE_START = "\N{EM DASH} "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line: who claims to have signed (name and key id), and the bytes behind it."""

    name: str
    key_id: bytes
    payload: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_LINE_START}{self.name} {encode_base64(self.key_id + self.payload)}\n"

    def cosigned_at(self) -> int:
        """Unix seconds in a cosignature's payload; meaningless in another kind of signature."""
        return int.from_bytes(self.payload[:TIME_BYTES], "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note at least one known key has signed. Only ``verified`` signatures were checked."""

    text: str
    verified: tuple[Signature, ...]
    unverified: tuple[Signature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedNote:
    """A well-formed note nobody has checked: its text must not be believed."""

    text: str
    signatures: tuple[Signature, ...]


def sign(
    text: str, signers: Sequence[NoteSigner], existing_signatures: Iterable[Signature] = ()
) -> bytes:
    """The note over ``text``: the existing signatures, then the new ones.

    An existing signature of a key that signs now is replaced.
    """
    _require_text(text)
    new = [
        Signature(name=s.verifier.name, key_id=s.verifier.key_id, payload=s.sign(text))
        for s in signers
    ]
    replaced = {(signature.name, signature.key_id) for signature in new}
    kept = [s for s in existing_signatures if (s.name, s.key_id) not in replaced]
    note = (text + "\n" + "".join(s.line() for s in (*kept, *new))).encode()
    parse_unverified(note)  # what we would refuse to open, we do not issue
    return note


def open_note(note: bytes, verifiers: Iterable[Verifier]) -> Note:
    """The note's text with its signatures, told apart into verified and unknown.

    Raises NoteError where it is malformed and SignatureError where a known key's signature is
    wrong or no known key has signed.
    """
    known = _by_identity(verifiers)
    parsed = parse_unverified(note)
    verified, unverified = dict[tuple[str, bytes], Signature](), dict[Signature, None]()
    for signature in parsed.signatures:
        identity = (signature.name, signature.key_id)
        if identity not in known:
            unverified[signature] = None
        elif known[identity].accepts(parsed.text, signature.payload):
            verified.setdefault(identity, signature)
        else:
            raise SignatureError("ledger.signature-wrong", name=signature.name)
    if not verified:
        raise SignatureError("ledger.note-unsigned", names=_names(parsed.signatures))
    return Note(text=parsed.text, verified=tuple(verified.values()), unverified=tuple(unverified))


def parse_unverified(note: bytes) -> UnverifiedNote:
    """Takes a note apart WITHOUT checking a signature: never act on its text."""
    if len(note) > MAX_NOTE_BYTES:
        raise NoteError("ledger.note-too-large", bytes=len(note), limit=MAX_NOTE_BYTES)
    try:
        decoded = note.decode()
    except UnicodeDecodeError as error:
        raise NoteError("ledger.note-not-utf8", byte=error.start) from error
    _require_plain(decoded)
    text, separator, signed = decoded.rpartition("\n\n")
    if not separator or not signed.endswith("\n"):
        raise NoteError("ledger.note-without-signatures")
    lines = signed[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError("ledger.note-too-many-signatures", limit=MAX_SIGNATURES)
    return UnverifiedNote(
        text=text + "\n", signatures=tuple(_parse_signature(line) for line in lines)
    )


def _require_text(text: str) -> None:
    if not text.endswith("\n") or UNENCODABLE.search(text):
        raise NoteError("ledger.note-text")
    _require_plain(text)


def _require_plain(text: str) -> None:
    if found := _CONTROL.search(text):
        raise NoteError("ledger.note-control-character", character=ascii(found[0]))


def _parse_signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_LINE_START).partition(" ")
    if not line.startswith(_LINE_START) or not space:
        raise NoteError("ledger.signature-line", line=ascii(line[:80]))
    require_name(name)
    decoded = decode_base64(encoded)
    if decoded is None or len(decoded) <= KEY_ID_BYTES:
        raise NoteError("ledger.signature-line", line=ascii(line[:80]))
    return Signature(name=name, key_id=decoded[:KEY_ID_BYTES], payload=decoded[KEY_ID_BYTES:])


def _by_identity(verifiers: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    known = dict[tuple[str, bytes], Verifier]()
    for verifier in verifiers:
        first = known.setdefault((verifier.name, verifier.key_id), verifier)
        if first != verifier:  # a constructed collision of the 4-byte id: trust neither
            raise NoteError("ledger.keys-collide", name=verifier.name)
    return known


def _names(signatures: Sequence[Signature]) -> str:
    return ", ".join(dict.fromkeys(signature.name for signature in signatures))
