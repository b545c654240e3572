"""What time-stamp tokens say of a log: which are there, and whether its entries' times fit. Pure.

A token over the checkpoint of N entries was given at T: the entries below N stood before T, those
from N on came after (but for the seconds between the checkpoint and its token). An entry that
states otherwise, by more than `TOLERANCE_US`, was written by a clock that was wrong or set, or its
time was made up: either way nobody can rely on it. Cosignatures are not used for this: a witness
stamps by its own clock, which nobody vouches for.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING

from monitor.ledger.batch import Batch
from monitor.ledger.entry import CheckpointStamped, ClockAnchored, LogOpened, Record
from monitor.ledger.finding import Finding
from monitor.ledger.stamp import Stamped, StampError, stamped_us
from monitor.text import Reason

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

TOLERANCE_US = 300_000_000
"""How far an entry's time may leave what a token proves: the authority's accuracy, our clock's,
and the seconds between a checkpoint and its token."""
_FIRST, _LAST = -(1 << 62), 1 << 62


def stated_us(entry: Record | Batch) -> int | None:
    """The wall time (UTC µs) at which an entry says that it was made; None where it says none."""
    match entry:
        case Batch() | ClockAnchored():
            return entry.wall_us
        case LogOpened():
            return entry.opened_us
        case _:
            at_us = getattr(entry, "at_us", None)
            return at_us if isinstance(at_us, int) else None


class Brackets:
    """The times between which each entry was made, by (size, time in µs) of proved tokens."""

    def __init__(self, tokens: Iterable[tuple[int, int]]) -> None:
        known = sorted(tokens)
        self._sizes = [size for size, _ in known]
        times = [at_us for _, at_us in known]
        self._after = [_FIRST, *accumulate(times, max)]
        self._before = [*reversed([*accumulate(reversed(times), min)]), _LAST]

    def of(self, index: int) -> tuple[int, int]:
        """(not before, not after) of the entry of this index."""
        place = bisect_right(self._sizes, index)
        return self._after[place], self._before[place]


@dataclass(slots=True)
class Stamps:
    """The tokens of one log during its verification; `roots` are what the caller trusts."""

    roots: "Sequence[Certificate]" = ()
    tokens: int = 0
    proved: int = 0
    unknown: int = 0
    """Under none of the roots: they prove nothing here."""
    size: int = 0
    """Of the largest checkpoint with a proved token."""
    at_us: int = 0
    """The time of that token."""
    _kept: dict[bytes, tuple[int, int | None]] = field(default_factory=dict)
    """By the reply's SHA-256: (size of the checkpoint, proved time)."""
    _brackets: Brackets = field(default_factory=lambda: Brackets(()))
    _contradicted: str = ""

    @property
    def unchecked(self) -> int:
        """Tokens that nobody named a root for."""
        return 0 if self.roots else self.tokens

    def take(self, stamped: Stamped) -> Iterator[Finding]:
        """A stored token over a checkpoint that the log's key has signed."""
        if stamped.sha256 in self._kept:
            return
        self.tokens += 1
        at_us: int | None = None
        try:
            if self.roots:
                at_us = stamped_us(stamped.reply, stamped.note, self.roots)
        except StampError as error:
            if error.code == "stamp.untrusted":
                self.unknown += 1
            else:
                values: dict[str, int | Reason] = {"size": stamped.size, "why": error.reason}
                yield Finding(index=None, what="verify.stamp", values=values)
        self._kept[stamped.sha256] = (stamped.size, at_us)
        if at_us is not None:
            self.proved += 1
            if stamped.size >= self.size:
                self.size, self.at_us = stamped.size, at_us

    def ready(self) -> None:
        """Every token was taken: entries may pass."""
        known = [(size, at_us) for size, at_us in self._kept.values() if at_us is not None]
        self._brackets = Brackets(known)

    def judge(self, index: int, entry: Record | Batch) -> Finding | None:
        """What of an entry the tokens contradict; of neighbours alike only the first one."""
        if isinstance(entry, CheckpointStamped):
            found = self._told(index, entry)
            if found is not None:
                return found
        return self.judge_stated(index, stated_us(entry) if self.proved else None)

    def judge_stated(self, index: int, stated: int | None) -> Finding | None:
        """The same of the moment that an entry states; None: it states none, or none is proved."""
        if stated is None:
            return None
        after_us, before_us = self._brackets.of(index)
        what, proved_us = "", 0
        if stated > before_us + TOLERANCE_US:
            what, proved_us = "verify.stamp-before", before_us
        elif stated < after_us - TOLERANCE_US:
            what, proved_us = "verify.stamp-after", after_us
        repeated, self._contradicted = what == self._contradicted, what
        if not what or repeated:
            return None
        values: dict[str, str | int] = {"stated": moment(stated), "proved": moment(proved_us)}
        return Finding(index=index, what=what, values=values)

    def _told(self, index: int, entry: CheckpointStamped) -> Finding | None:
        """The token that an entry names is there, and is what the entry says of it."""
        kept = self._kept.get(entry.token)
        values: dict[str, str | int] = {"authority": entry.authority, "size": entry.size}
        if kept is None:
            return Finding(index=index, what="verify.stamp-missing", values=values)
        size, at_us = kept
        if size != entry.size or at_us not in (None, entry.time_us):
            return Finding(index=index, what="verify.stamp-told", values=values)
        return None


def moment(at_us: int) -> str:
    """A time as `verify` tells it: RFC 3339 to the second, or the number where no calendar has it.

    Entries may be anybody's.
    """
    try:
        return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{at_us} µs"
