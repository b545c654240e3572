"""Whose signatures make a checkpoint one of this log. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.ledger.checkpoint import Checkpoint, open_by_any
from monitor.ledger.epochs import in_force
from monitor.ledger.errors import LedgerError
from monitor.ledger.signer import Verifier
from monitor.store.errors import RolledBackError, StoreError


@dataclass(frozen=True, slots=True)
class Keys:
    """The key at hand and the hand-overs in the log, as `Fold.rotations`."""

    own: Verifier
    rotations: Sequence[tuple[int, str, str]]

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The key at hand, then every one that was in force, the newest first."""
        outgoing = (out for _, out, _ in reversed(self.rotations))
        return (self.own, *(Verifier.parse(vkey) for vkey in outgoing))

    def require_in_force(self) -> None:
        """StoreError unless the key at hand is the one in force: an outgoing key signs no more."""
        if self.rotations and self.rotations[-1][2] != self.own.vkey:
            at = self.rotations[-1][0]
            raise StoreError("store.key-rotated", by=self.own.key_id.hex(), index=at)

    def opened(self, note: bytes, place: str) -> Checkpoint:
        """The checkpoint, signed by a key that was in force at its size; RolledBackError if not."""
        try:
            head, by = open_by_any(note, self.verifiers)
        except LedgerError as error:
            raise RolledBackError("store.other-key", place=place) from error
        if not any(in_force(one.vkey, head.size, self.rotations) for one in by):
            raise RolledBackError("store.other-key", place=place)
        return head
