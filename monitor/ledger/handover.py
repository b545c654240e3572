"""Keys that a trusted key handed the log over to, under its own signature. Pure.

The last checkpoint of an outgoing key ends with the entry that names the next one, and bears the
signatures of both. Who trusts the outgoing key therefore has its word, signed, for the next one;
an entry alone would be nobody's word, because the tree above it is signed by the next key only.
Leaves to others: that the root of that checkpoint is the tree's, and that the entry stands where it
was read (`monitor.verify`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from monitor.ledger.checkpoint import Checkpoint, open_by_any, read_unverified
from monitor.ledger.entry import EntryError, KeyRotated, read_record
from monitor.ledger.epochs import Rotation
from monitor.ledger.errors import LedgerError
from monitor.ledger.note import Signature, parse_unverified
from monitor.ledger.signer import Verifier

HANDOVER = "handover"
"""Folder of an exported log: by the index of the entry, the checkpoint that two keys signed."""
MOST_FOLLOWED = 1_000
Entry = Callable[[int], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Entry `index` names the next key, and the outgoing one signed the tree that ends with it."""

    index: int
    previous: Verifier
    next: Verifier

    @property
    def rotation(self) -> Rotation:
        """As the fold has it."""
        return self.index, self.previous.vkey, self.next.vkey


def followed(
    notes: Iterable[bytes], entry: Entry, trusted: Sequence[Verifier]
) -> tuple[Handover, ...]:
    """The hand-overs that lead from trusted keys to others, in the order of their entries.

    `notes` are checkpoints from anywhere, of whatever order and truth; `entry` reads the bytes at
    an index. Notes and entries that say nothing of the kind are left out, not complained about.
    """
    known, found = list(trusted), list[Handover]()
    for head, note in sorted(_by_two(notes, known[0].name), key=lambda one: one[0].size):
        step = _step(head, note, entry, known)
        if step is not None and len(found) < MOST_FOLLOWED:
            known.append(step.next)
            found.append(step)
    return tuple(found)


def signed_by_two(note: bytes, name: str) -> bool:
    """Whether two keys of this name seem to have signed, as at a hand-over. Verifies nothing."""
    try:
        signatures = parse_unverified(note).signatures
    except LedgerError:
        return False
    return len({one.key_id for one in signatures if one.name == name}) > 1


def signatures_on(
    text: str, notes: Iterable[bytes], verifiers: Sequence[Verifier]
) -> tuple[Signature, ...]:
    """The valid signatures of these keys on this text in the notes; each once."""
    keys = {(one.name, one.key_id): one for one in verifiers}
    found = dict[Signature, None]()
    for parsed in map(parse_unverified, notes):
        for one in parsed.signatures if parsed.text == text else ():
            key = keys.get((one.name, one.key_id))
            if key is not None and key.accepts(text, one.payload):
                found[one] = None
    return tuple(found)


def _by_two(notes: Iterable[bytes], name: str) -> Iterable[tuple[Checkpoint, bytes]]:
    for note in notes:
        if signed_by_two(note, name):
            try:
                yield read_unverified(note), note
            except LedgerError:
                continue


def _step(
    head: Checkpoint, note: bytes, entry: Entry, known: Sequence[Verifier]
) -> Handover | None:
    try:
        _, by = open_by_any(note, known)
        told = read_record(entry(head.size - 1) or b"")
        if not isinstance(told, KeyRotated):
            return None
        following = Verifier.parse(told.next)
    except (LedgerError, EntryError):
        return None
    outgoing = next((one for one in by if one.vkey == told.previous), None)
    if outgoing is None or following in known or following.name != outgoing.name:
        return None
    return Handover(index=head.size - 1, previous=outgoing, next=following)
