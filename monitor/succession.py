"""A chain of logs: each one's first entry names the last known checkpoint of the one before. Pure
but for what the sources read.

Checks that the named checkpoint is signed by the earlier log's trusted key, and, as far as the
earlier log reaches, that it is a checkpoint of this very log. What was lost between the end of
the earlier log and the named checkpoint is counted; what was lost after it nobody can know.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from monitor.ledger.checkpoint import Checkpoint, open_checkpoint
from monitor.ledger.entry import EntryError, LogOpened, read_record
from monitor.ledger.errors import LedgerError
from monitor.ledger.finding import Finding
from monitor.ledger.signer import Verifier
from monitor.source import Anchored, Source
from monitor.text import Reason


class ChainError(LedgerError):
    """The logs do not form one chain, so that there is nothing to judge as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Where one log ends and its successor begins."""

    earlier: str
    later: str
    there: int
    """Entries of the earlier log as it is at hand."""
    head: Checkpoint | None = None
    """The named checkpoint, once its signature was found good."""
    finding: Finding | None = None
    """Why the successor's word counts for nothing, if so."""

    @property
    def named(self) -> int:
        """Entries that the named checkpoint vouches for."""
        return 0 if self.head is None else self.head.size

    @property
    def lost(self) -> int:
        """Entries that once were signed and are not at hand."""
        return max(0, self.named - self.there)

    @property
    def beyond(self) -> int:
        """Entries of the earlier log after the named checkpoint: the successor does not know them.

        They were written after the successor began, or restored from a better copy.
        """
        return max(0, self.there - self.named) if self.head else 0


def opening(source: Source) -> LogOpened | None:
    """The first entry of a log; None where it cannot be read."""
    # Not `entries(1)`: an export's first bundle is as wide as its log is long.
    index, raw = next(iter(source.entries(source.head()[1])), (0, b""))
    try:
        entry = read_record(raw)
    except EntryError:
        return None
    return entry if index == 0 and isinstance(entry, LogOpened) else None


def previous(entry: LogOpened | None, verifiers: Sequence[Verifier]) -> Checkpoint | None:
    """The checkpoint that a first entry names, signed by one of these keys; None if it names none.

    NoteError, SignatureError or CheckpointError where it is not so.
    """
    if entry is None or entry.previous is None:
        return None
    note = entry.previous.encode()
    tried: LedgerError | None = None
    for verifier in verifiers:
        try:
            return open_checkpoint(note, verifier)
        except LedgerError as error:
            tried = tried or error
    raise tried or ChainError("verify.chain-keyless")


def in_order(openings: Sequence[LogOpened | None]) -> list[int]:
    """Positions of the logs, the oldest first; ChainError unless they are one chain.

    By what the first entries claim: whether they may is for `handover`.
    """
    by_origin: dict[str, int] = {}
    for at, entry in enumerate(openings):
        if entry is None or entry.origin in by_origin:
            raise ChainError("verify.chain-broken", origin="?" if entry is None else entry.origin)
        by_origin[entry.origin] = at
    before = {
        entry.origin: entry.previous.partition("\n")[0]
        for entry in openings
        if entry is not None and entry.previous is not None
    }
    first = [origin for origin in by_origin if before.get(origin) not in by_origin]
    if len(first) != 1:
        raise ChainError("verify.chain-broken", origin=", ".join(sorted(first))[:200])
    after = {earlier: later for later, earlier in before.items()}
    ordered, origin = [by_origin[first[0]]], after.get(first[0])
    while origin is not None and len(ordered) < len(openings):
        ordered.append(by_origin[origin])
        origin = after.get(origin)
    if len(ordered) != len(openings):
        raise ChainError("verify.chain-broken", origin=first[0][:200])
    return ordered


def handover(
    earlier: LogOpened, there: int, later: LogOpened, verifiers: Sequence[Verifier]
) -> tuple[Handover, Anchored | None]:
    """What a successor says of the log before it, and its checkpoint to hold that log against.

    `there` is the size of the earlier log; `verifiers` are its trusted keys. The checkpoint is
    None where the earlier log does not reach it: then `lost` says how much is missing.
    """
    note = (later.previous or "").encode()
    made = Handover(earlier=earlier.origin, later=later.origin, there=there)
    try:
        head = previous(later, verifiers)
    except LedgerError as error:
        values: dict[str, str | Reason] = {"origin": later.origin, "why": error.reason}
        finding = Finding(index=0, what="verify.succession", values=values)
        return replace(made, finding=finding), None
    place = f"{later.origin}, entry 0"
    reached = head is not None and head.size <= there
    return replace(made, head=head), Anchored(place=place, note=note) if reached else None


def told_as_lost(note: bytes, told: Handover, verifiers: Sequence[Verifier]) -> bool:
    """Whether a checkpoint of the earlier log is ahead of it only by what the successor calls lost.

    One of the same size as the named one and with another root is not: two histories were shown.
    """
    head = next(iter(_opened(note, verifiers)), None)
    if head is None or told.head is None or not told.there < head.size <= told.named:
        return False
    return head.size < told.named or head.root == told.head.root


def _opened(note: bytes, verifiers: Sequence[Verifier]) -> Iterator[Checkpoint]:
    for verifier in verifiers:
        with suppress(LedgerError):
            yield open_checkpoint(note, verifier)
