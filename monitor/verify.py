"""Proof by recomputation: everything from the entries' bytes, trust from the given key alone. Pure
but for what the `Source` reads; streaming, so that memory stays flat.

Cosignatures are believed where the caller names the witness's key, and counted where not.

Checks, in this order for each entry: it is there, it can be read, it follows from what came
before, the evidence it names is stored; its leaf is in the stored tile; the root equals that of
every checkpoint at its size. At the end: every tile, every derived row, every evidence record.
The first wrong thing is the first finding. Not checked here: that a probe told the truth.

Memory: one page of entries, the fold, at most `MAX_FINDINGS` findings, and 32 bytes and some for
each distinct evidence record that is really stored.
"""

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from monitor.derive import AT_ONCE, Changes, Fold, Part, extent, part_of, read_entry, records_of
from monitor.halfway import Halfway, Keeper, StaleError, digest_of
from monitor.ledger.block import Block
from monitor.ledger.checkpoint import Checkpoint, cosignatures_on, open_by_any
from monitor.ledger.entry import CheckpointStamped, EntryError, LogOpened, LogPruned
from monitor.ledger.epochs import Rotation, in_force, strangers
from monitor.ledger.errors import LedgerError
from monitor.ledger.finding import Finding
from monitor.ledger.handover import Handover, followed
from monitor.ledger.merkle import HASH_BYTES, leaf_hash
from monitor.ledger.note import parse_unverified
from monitor.ledger.signer import Verifier, encode_base64
from monitor.ledger.stamp import Stamped
from monitor.ledger.tiles import TILE_WIDTH, Tile, TileTree
from monitor.ledger.witness import short_name
from monitor.stamped import Stamps, moment
from monitor.text import Language, say

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_FINDINGS = 20
MOST_BYTES = 8_000_000
"""Of the entries of a page, but for its last one."""
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """A checkpoint from outside what is verified, and where it came from."""

    place: str
    note: bytes


class Rebuild(Protocol):
    """Derived rows and tiles made anew beside the stored ones."""

    @property
    def figures(self) -> bool:
        """Whether derived figures are among what is compared, not tiles alone."""
        ...

    def begin(self, fold: Fold, boundary: int) -> None:
        """The log was pruned below the boundary, and this is what stood there."""
        ...

    def take(self, changes: Changes, tiles: Iterable[Tile]) -> None:
        """Store what the next entries derive."""
        ...

    def save(self, place: Path) -> bytes:
        """Write what was rebuilt so far into a file; its SHA-256, or nothing if all comes again
        from the entries' hashes.
        """
        ...

    def load(self, place: Path) -> None:
        """Begin with what was saved there."""
        ...

    @property
    def unverifiable(self) -> int:
        """Stored figures from before the boundary, which nothing can be compared with any more."""
        ...

    def differences(self, fold_at: Callable[[], tuple[int, bytes] | None]) -> Iterator[Finding]:
        """Every stored figure that differs from the rebuilt one."""
        ...


class Source(Protocol):
    """What is verified: a database pinned at one size, or an exported log."""

    def head(self) -> tuple[str, int, bytes | None]:
        """(origin, size, root) as claimed; the root None where only a checkpoint claims it.

        An origin of "" is a source without a log in it.
        """
        ...

    def checkpoints(self) -> Iterator[tuple[int | None, bytes]]:
        """(claimed size or None, note) of every checkpoint kept inside, ascending."""
        ...

    def cosigned(self) -> Iterator[tuple[str | None, int | None, bytes]]:
        """(claimed witness or None, claimed size or None, note) of every cosignature kept inside.

        A witness is named as `monitor.ledger.witness.short_name` does.
        """
        ...

    def stamped(self) -> Iterator[tuple[int | None, bytes, bytes]]:
        """(claimed size or None, note, reply) of every time-stamped checkpoint kept inside."""
        ...

    def pruned(self) -> tuple[int, int] | None:
        """(boundary, index of the entry that says so), as claimed; None where none is."""
        ...

    def entry(self, index: int) -> bytes | None:
        """One entry's bytes; None where it is not there."""
        ...

    def entries(self, size: int) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) of the entries from the boundary up to size, ascending.

        A missing one is left out.

        The size is a claim, perhaps a monstrous one: ends with the last entry there is.
        """
        ...

    def surplus(self, size: int) -> Iterator[Finding]:
        """Things that no tree of this size has: entries or tiles beyond it."""
        ...

    def tile(self, level: int, index: int) -> bytes:
        """The stored tile; empty where there is none."""
        ...

    def record(self, sha256: bytes) -> bytes | None:
        """A stored evidence record."""
        ...

    def records(self) -> Iterator[bytes]:
        """The SHA-256 of every stored evidence record."""
        ...

    def snapshot_size(self) -> int | None:
        """The size at which the stored fold was taken; None where there is none."""
        ...

    def rebuild(self) -> Rebuild | None:
        """What to compare with; None where the source stores nothing derived."""
        ...


@dataclass(slots=True)
class Witnessed:
    """What one trusted witness vouches for: how often, up to which size, and when by its clock."""

    count: int = 0
    size: int = 0
    at_s: int = 0

    @property
    def at(self) -> str | None:
        """RFC 3339; None for a time that no calendar has."""
        if self.at_s > _LAST_SECOND:
            return None
        return datetime.fromtimestamp(self.at_s, UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What judging the observations again came to (`monitor.daemon.rejudge`)."""

    same: int
    blind: int
    differing: int
    left: dict[str, int]
    """Observations that could not be judged again, by reason."""
    findings: list[Finding]


@dataclass(slots=True)
class Proof:
    """What verification came to; `verdict` and `as_json` are the contract's."""

    size: int = 0
    root: bytes = b""
    anchor: str | None = None
    checkpoints: int = 0
    unsigned_tail: int = 0
    records: int = 0
    figures: bool = False
    witnesses: dict[str, Witnessed] = field(default_factory=dict)
    """Every trusted witness, whether it cosigned anything or not."""
    strangers: int = 0
    """Cosignatures of witnesses whose keys nobody named: they prove nothing here."""
    stamps: Stamps = field(default_factory=Stamps)
    pruned: int = 0
    """Entries that were removed by a pruning that the log itself tells of."""
    unverifiable: int = 0
    """Figures derived from them."""
    unreached: int = 0
    """Signed checkpoints of sizes below the boundary, whose roots cannot be computed any more."""
    followed: tuple[Handover, ...] = ()
    """Keys that nobody named, believed on the signed word of one that was."""
    findings: list[Finding] = field(default_factory=list)
    unusable: Finding | None = None
    sufficient: bool = False
    """Whether everything that was asked for (a bundle's report) rests on what is there."""
    again: Again | None = None
    """Where the observations were judged again."""

    @property
    def verdict(self) -> str:
        """intact, incomplete (all that is there is intact), tampered or unusable.

        differing: intact, and judged again some verdict is another one.
        """
        if self.unusable is not None:
            return "unusable"
        if self.findings:
            return "tampered"
        if self.again is not None and self.again.differing:
            return "differing"
        return "incomplete" if self.pruned and not self.sufficient else "intact"

    @property
    def full(self) -> bool:
        """Whether no further finding will be kept."""
        return len(self.findings) >= MAX_FINDINGS

    def add(self, index: int | None, what: str, **values: str | int) -> None:
        """Note a finding once; only the first ones are kept."""
        finding = Finding(index=index, what=what, values=values)
        if not self.full and finding not in self.findings:
            self.findings.append(finding)

    def sentences(self, lang: Language) -> list[str]:
        """What was found, and what could not be excluded, for people; the verdict comes first."""
        said = [say(f"verify.{self.verdict}", lang, size=self.size)]
        said += [_sentence(finding, lang) for finding in self._told()]
        said += self._again(lang)
        if self.pruned and self.sufficient and not self.findings:
            said.append(say("verify.pruned-unneeded", lang, count=self.pruned))
        elif self.pruned and self.unusable is None:
            values = {"count": self.pruned, "figures": self.unverifiable}
            said.append(say("verify.pruned", lang, **values, checkpoints=self.unreached))
        if self.unusable is None:
            said += [_followed(one, lang) for one in self.followed]
        if self.full:
            said.append(say("verify.more", lang, count=MAX_FINDINGS))
        if self.unusable is None and self.anchor is None:
            said.append(say("verify.no-anchor", lang))
        if self.unusable is None and self.unsigned_tail:
            said.append(say("verify.unsigned-tail", lang, count=self.unsigned_tail))
        if self.unusable is not None:
            return said
        return [*said, *self._witnessed(lang), *self._stamped(lang)]

    def _witnessed(self, lang: Language) -> list[str]:
        said = []
        for name, one in self.witnesses.items():
            values = {"name": name, "size": one.size, "at": one.at or "–", "count": one.count}
            said.append(
                say("verify.witnessed" if one.count else "verify.unwitnessed", lang, **values)
            )
        if self.strangers:
            said.append(say("verify.strangers", lang, count=self.strangers))
        return said

    def _stamped(self, lang: Language) -> list[str]:
        stamps, said = self.stamps, []
        if stamps.proved:
            values = {"count": stamps.proved, "size": stamps.size, "at": moment(stamps.at_us)}
            said.append(say("verify.stamps", lang, **values))
        elif stamps.roots and not stamps.tokens:
            said.append(say("verify.unstamped", lang))
        if stamps.unknown:
            said.append(say("verify.stamps-unknown", lang, count=stamps.unknown))
        if stamps.unchecked:
            said.append(say("verify.stamps-unchecked", lang, count=stamps.unchecked))
        return said

    def as_json(self, lang: Language) -> dict[str, object]:
        """The object of `sasando verify --json`."""
        return {
            "verdict": self.verdict,
            "size": self.size,
            "root": encode_base64(self.root),
            "checked": {
                "anchor": self.anchor,
                "checkpoints": self.checkpoints,
                "unsigned_tail": self.unsigned_tail,
                "records": self.records,
                "figures": self.figures,
                "witnesses": [
                    {
                        "name": name,
                        "cosignatures": one.count,
                        "size": one.size if one.count else None,
                        "at": one.at if one.count else None,
                    }
                    for name, one in self.witnesses.items()
                ],
                "unknown_cosignatures": self.strangers,
                "time_stamps": {
                    "tokens": self.stamps.tokens,
                    "proved": self.stamps.proved,
                    "unknown": self.stamps.unknown,
                    "unchecked": self.stamps.unchecked,
                    "size": self.stamps.size if self.stamps.proved else None,
                    "at": moment(self.stamps.at_us) if self.stamps.proved else None,
                },
                **self._pruned(),
                **self._followed(),
                **self._rejudged(),
            },
            "findings": [{"index": f.index, "what": _sentence(f, lang)} for f in self._told()],
        }

    def _followed(self) -> dict[str, object]:
        """Which keys were believed without being named; no key where none was."""
        if not self.followed:
            return {}
        return {
            "followed": [
                {"entry": one.index, "previous": one.previous.vkey, "next": one.next.vkey}
                for one in self.followed
            ]
        }

    def _told(self) -> list[Finding]:
        if self.unusable is not None:
            return [self.unusable]
        return [*self.findings, *(self.again.findings if self.again is not None else ())]

    def _again(self, lang: Language) -> list[str]:
        again = self.again
        if again is None:
            return []
        counts = {"same": again.same, "blind": again.blind, "count": again.differing}
        said = [say("verify.again", lang, **counts)]
        said += [say(f"verify.left-{why}", lang, count=n) for why, n in again.left.items()]
        return said

    def _rejudged(self) -> dict[str, object]:
        """What judging again came to; no key where nobody asked for it."""
        again = self.again
        if again is None:
            return {}
        told = {"same": again.same, "blind": again.blind, "differing": again.differing}
        return {"rejudged": {**told, "left": again.left}}

    def _pruned(self) -> dict[str, object]:
        """What could not be checked; no keys where everything could."""
        if not self.pruned:
            return {}
        return {
            "pruned": self.pruned,
            "unverifiable": self.unverifiable,
            "unreached": self.unreached,
        }


def _followed(handed: Handover, lang: Language) -> str:
    keys = {"previous": handed.previous.key_id.hex(), "next": handed.next.key_id.hex()}
    return say("verify.followed", lang, index=handed.index, **keys)


def _sentence(finding: Finding, lang: Language) -> str:
    said = say(finding.what, lang, **finding.values)
    return said if finding.index is None else say("verify.at", lang, index=finding.index, what=said)


def as_json(proof: Proof, lang: Language) -> dict[str, object]:
    """The object of `sasando verify --json`."""
    return proof.as_json(lang)


def verify(
    source: Source,
    trusted: Verifier | Sequence[Verifier],
    anchors: Sequence[Anchored] = (),
    progress: Callable[[int, int], None] = lambda _done, _size: None,
    witnesses: Sequence[Verifier] = (),
    keeper: Keeper | None = None,
    roots: "Sequence[Certificate]" = (),
) -> Proof:
    """Recompute everything; `anchors`, `witnesses`, `roots` (of time-stamping authorities) and the
    keys, all of one log, are what the caller trusts.

    Each key counts only between the hand-overs that the log tells of. A key that nobody named is
    believed where a trusted one handed over to it and signed the tree that ends with its saying so.
    `keeper`: where to keep how far it came, and to go on from; StaleError where what is kept there
    does not fit: it is forgotten, so that the next attempt starts anew.
    """
    named = {short_name(one): Witnessed() for one in witnesses}
    proof = Proof(witnesses=named, stamps=Stamps(roots=roots))
    verifiers = (trusted,) if isinstance(trusted, Verifier) else tuple(trusted)
    notes = chain((n for _, n in source.checkpoints()), (one.note for one in anchors))
    proof.followed = followed(notes, source.entry, verifiers)
    verifiers = (*verifiers, *(one.next for one in proof.followed))
    keys = _Keys(verifiers=verifiers, witnesses=tuple(witnesses), proof=proof)
    verifier = verifiers[0]
    origin, size, root = source.head()
    proof.size = size
    if origin != verifier.name and origin:
        proof.add(None, "verify.origin", there=origin, here=verifier.name)
    expected = _checkpoints(source, keys, size, proof)
    _cosigned(source, keys, size, expected, proof)
    _stamped(source, keys, size, expected, proof)
    _anchor(anchors, keys, size, expected, proof)
    walk = _Walk(source, verifier.name, proof, expected, keeper)
    tree = walk.run(size, progress)
    keys.judge(walk.fold.rotations if walk.derivable else None, proof)
    for handed in proof.followed if walk.derivable else ():
        if handed.rotation not in walk.fold.rotations:
            proof.add(handed.index, "verify.handover-false")
    proof.root = tree.root()
    if root is not None and tree.size == size and root != proof.root:
        proof.add(None, "verify.root", size=size)
    signed = max((s for s in expected if s <= size), default=0)
    proof.unsigned_tail = size - signed
    if signed == 0 and size:
        proof.add(None, "verify.unsigned", size=size)
    for finding in source.surplus(size):
        proof.add(finding.index, finding.what, **finding.values)
    if not origin and not proof.findings:
        proof.unusable = Finding(index=None, what="verify.empty")
    return proof


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """The trusted keys, which of them signed checkpoints of which size, and who cosigned them."""

    verifiers: tuple[Verifier, ...]
    witnesses: tuple[Verifier, ...]
    proof: Proof
    signed: list[tuple[int, tuple[Verifier, ...]]] = field(default_factory=list)

    def open(self, note: bytes) -> Checkpoint:
        """A checkpoint that one of the keys has signed.

        LedgerError else, and for what bears a trusted witness's name but not its signature.
        """
        head, by = open_by_any(note, self.verifiers)
        for signature in cosignatures_on(note, by[0], self.witnesses):
            seen = self.proof.witnesses[f"{signature.name}+{signature.key_id.hex()}"]
            seen.count += 1
            if head.size >= seen.size:
                seen.size, seen.at_s = head.size, signature.cosigned_at()
        self.signed.append((head.size, by))
        return head

    def judge(self, rotations: Sequence[Rotation] | None, proof: Proof) -> None:
        """Every checkpoint is of a key that was in force; None where nobody can tell."""
        if rotations is None:
            return
        for size, by in self.signed:
            if not any(in_force(one.vkey, size, rotations) for one in by):
                proof.add(None, "verify.epoch", size=size, by=by[0].key_id.hex())
        if strangers([by for _, by in self.signed], rotations):
            proof.add(None, "verify.epoch-untold")


def _cosigned(
    source: Source,
    keys: _Keys,
    size: int,
    expected: dict[int, list[bytes]],
    proof: Proof,
) -> None:
    """Each of them is a checkpoint of the log besides, by the witness that it is kept under."""
    for witness, claimed, note in source.cosigned():
        try:
            head = keys.open(note)
        except LedgerError as error:
            proof.add(None, "verify.cosigned", size=claimed or 0, why=str(error))
            continue
        signers = {f"{s.name}+{s.key_id.hex()}" for s in parse_unverified(note).signatures}
        if claimed not in (None, head.size) or not (witness is None or witness in signers):
            proof.add(None, "verify.cosigned-row", size=head.size, witness=str(witness))
        if not signers & proof.witnesses.keys():
            proof.strangers += 1
        if head.size > size:
            proof.add(None, "verify.cut", signed=head.size, size=size)
        else:
            _expect(expected, head, proof)


def _stamped(
    source: Source, keys: _Keys, size: int, expected: dict[int, list[bytes]], proof: Proof
) -> None:
    """Each of them is a checkpoint of the log besides, and its token is over just this note."""
    for claimed, note, reply in source.stamped():
        try:
            head = keys.open(note)
        except LedgerError as error:
            proof.add(None, "verify.stamped", size=claimed or 0, why=str(error))
            continue
        if claimed not in (None, head.size):
            proof.add(None, "verify.stamped-size", size=head.size, there=claimed or 0)
        if head.size > size:
            proof.add(None, "verify.cut", signed=head.size, size=size)
        else:
            _expect(expected, head, proof)
        one = Stamped(authority="", size=head.size, time_us=0, note=note, reply=reply)
        for finding in proof.stamps.take(one):
            proof.add(finding.index, finding.what, **finding.values)
    proof.stamps.ready()


def _checkpoints(source: Source, keys: _Keys, size: int, proof: Proof) -> dict[int, list[bytes]]:
    """Roots by size that the key has signed, from inside."""
    expected: dict[int, list[bytes]] = {}
    for claimed, note in source.checkpoints():
        try:
            head = keys.open(note)
        except LedgerError as error:
            proof.add(None, "verify.checkpoint", size=claimed or 0, why=str(error))
            continue
        if claimed is not None and claimed != head.size:
            proof.add(None, "verify.checkpoint-size", size=head.size, there=claimed)
        proof.checkpoints += 1
        if head.size > size:
            proof.add(None, "verify.cut", signed=head.size, size=size)
        else:
            _expect(expected, head, proof)
    return expected


def _expect(expected: dict[int, list[bytes]], head: Checkpoint, proof: Proof) -> None:
    roots = expected.setdefault(head.size, [])
    if roots and head.root not in roots:
        proof.add(None, "verify.equivocation", size=head.size)
    if head.root not in roots:
        roots.append(head.root)


def _anchor(
    anchors: Sequence[Anchored],
    keys: _Keys,
    size: int,
    expected: dict[int, list[bytes]],
    proof: Proof,
) -> None:
    for anchored in anchors:
        try:
            head = keys.open(anchored.note)
        except LedgerError as error:
            proof.add(None, "verify.anchor", place=anchored.place, why=str(error))
            continue
        proof.anchor = anchored.place
        if head.size > size:
            proof.add(None, "verify.ahead", place=anchored.place, anchored=head.size, size=size)
        else:
            _expect(expected, head, proof)


@dataclass(frozen=True, slots=True)
class Resumed:
    """What an earlier verification derived, and of how many entries."""

    found: Halfway | None

    @property
    def size(self) -> int:
        """Below which nothing is derived again."""
        return 0 if self.found is None else self.found.size


class _Walk:
    """One pass over the entries."""

    def __init__(
        self,
        source: Source,
        origin: str,
        proof: Proof,
        expected: dict[int, list[bytes]],
        keeper: Keeper | None = None,
    ) -> None:
        self.keeper, self.resumed = keeper, Resumed(None)
        self.source, self.origin, self.proof, self.expected = source, origin, proof, expected
        self.tree, self.fold = TileTree(), Fold()
        self.rebuild = source.rebuild()
        self.changes = Changes()
        self.wanted: dict[bytes, int] = {}
        self.snapshot: tuple[int, bytes] | None = None
        self.derivable = True
        self.pruning = (-1, b"")
        self.begin = 0

    def run(self, size: int, progress: Callable[[int, int], None]) -> TileTree:
        snapshot_size, position = self.source.snapshot_size(), self._begin(size)
        self.begin = position
        self._resume(position, size, snapshot_size)
        self._snapshot(snapshot_size, position)
        stops = {size, self.resumed.size, *self.expected, snapshot_size or size}
        most = AT_ONCE if self.keeper is None else TILE_WIDTH
        for page in _pages(self.source.entries(size), position, most, stops):
            self._page(position, page)
            position += len(page)
            self._snapshot(snapshot_size, position)
            self._keep(position)
            progress(position, size)
        if position < size:
            # What follows a gap has no place in any tree: nothing more can be derived.
            self.proof.add(position, "verify.missing", size=size)
            self.derivable = False
        self._finish()
        return self.tree

    def _resume(self, begin: int, size: int, snapshot_size: int | None) -> None:
        """Look for what was derived before; the entries themselves are read and hashed anyway."""
        found = None if self.keeper is None else self.keeper.found()
        if self.keeper is None or found is None or not self.derivable:
            return
        figures = digest_of(self.keeper.figures) if found.figures else b""
        passed = snapshot_size is not None and snapshot_size < found.size
        kept_size = found.snapshot[0] if found.snapshot else None
        fits = (found.origin, found.begin) == (self.origin, begin) and found.size <= size
        if not fits or figures != found.figures or (passed and kept_size != snapshot_size):
            self._stale()
        if self.rebuild is not None and found.figures:
            self.rebuild.load(self.keeper.figures)
        self.resumed = Resumed(found)
        if found.size == begin:
            self._reached()

    def _stale(self) -> NoReturn:
        """Nothing of it can be used, and nothing was looked at instead: start anew."""
        assert self.keeper is not None
        self.keeper.forget()
        raise StaleError("verify.resume-stale", folder=str(self.keeper.folder))

    def _reached(self) -> None:
        """All entries that something was derived from are hashed again: take it, if it is theirs.

        The evidence that they name is looked at again too.
        """
        found = self.resumed.found
        if found is None or (self.tree.root() != found.root and not self.proof.findings):
            self._stale()
        if self.tree.root() != found.root:
            self.derivable = False  # entries were altered since, and that was found
            return
        self.fold = Fold.restored(found.fold)
        self.snapshot = found.snapshot
        for digest, index in sorted(found.named.items(), key=lambda pair: pair[1]):
            self._record(index, digest)

    def _keep(self, position: int) -> None:
        if position == self.resumed.size and self.resumed.found is not None:
            self._reached()
        keeper = self.keeper
        if keeper is None or position < self.resumed.size or not keeper.due():
            return
        if self.proof.findings or not self.derivable or position % TILE_WIDTH:
            return  # a log that is wrong needs no second look to say so
        figures = b"" if self.rebuild is None else self.rebuild.save(keeper.figures)
        keeper.keep(
            Halfway(
                origin=self.origin,
                begin=self.begin,
                size=position,
                root=self.tree.root(),
                fold=self.fold.snapshot(),
                snapshot=self.snapshot,
                named=self.wanted,
                figures=figures,
            )
        )

    def _begin(self, size: int) -> int:
        """Where the walk begins: at the boundary of a pruned log, else at entry 0.

        The claim is a claim: the entry that tells of it is hashed later, where it stands, and the
        hashes above the boundary lead to the signed roots.
        """
        claim = self.source.pruned()
        if claim is None:
            return 0
        boundary, index = claim
        if not (0 < boundary <= index < size) or boundary % TILE_WIDTH:
            self.proof.add(None, "verify.pruned-claim", boundary=boundary, entry=index)
            return 0
        hashes = list(row_above(self.source, boundary))
        if len(hashes) * TILE_WIDTH != boundary:
            self.proof.add(None, "verify.pruned-tiles", boundary=boundary)
            return 0
        self.tree, tiles = TileTree.above(hashes)
        fold = self._fold_at(boundary, index)
        self.proof.pruned = boundary
        self.proof.unreached = sum(at < boundary for at in self.expected)
        if fold is None:
            self.derivable = False
            return boundary
        self.fold = fold
        if self.rebuild is not None:
            self.rebuild.begin(fold, boundary)
            self.rebuild.take(Changes(), tiles)
        for root in self.expected.get(boundary, ()):
            if root != self.tree.root():
                self.proof.add(None, "verify.checkpoint-root", size=boundary)
        return boundary

    def _fold_at(self, boundary: int, index: int) -> Fold | None:
        """What stood at the boundary, by the entry that tells of the pruning."""
        self.pruning = (index, self.source.entry(index) or b"")
        try:
            entry = read_entry(self.pruning[1])
            if not isinstance(entry, LogPruned) or entry.boundary != boundary:
                raise EntryError("it tells of no such pruning")
            state = self.source.record(entry.state)
            if state is None or hashlib.sha256(state).digest() != entry.state:
                self.proof.add(index, "verify.record-missing", sha256=entry.state.hex())
                return None
            return Fold.restored(state)
        except EntryError as error:
            self.proof.add(index, "verify.entry", why=str(error))
            return None

    def _page(self, first: int, page: Sequence[bytes]) -> None:
        """Entries taken together; what is found of them is told in their order."""
        before = len(self.proof.findings)
        place = self.pruning[0] - first
        if 0 <= place < len(page) and page[place] != self.pruning[1]:
            why = "it was read twice and differs"
            self.proof.add(self.pruning[0], "verify.entry", why=why)
        if self.derivable and first >= self.resumed.size:
            self._derive(first, page)
        elif self.derivable:
            for index, raw in enumerate(page, first):
                self._stamped_before(index, raw)
        self._flush(list(map(leaf_hash, page)))
        self.proof.findings[before:] = sorted(self.proof.findings[before:], key=_place)

    def _derive(self, first: int, page: Sequence[bytes]) -> None:
        position = first
        try:
            for index, part in self.fold.taken(first, page, self.changes):
                position = index + extent(part)
                if isinstance(part, LogOpened) and part.origin != self.origin:
                    self.proof.add(index, "verify.origin", there=part.origin, here=self.origin)
                self._stamped(index, part)
                for named_at, digest in records_of(index, part):
                    self._record(named_at, digest)
        except EntryError as error:
            self.proof.add(position, "verify.entry", why=str(error))
            self.derivable = False

    def _stamped(self, index: int, part: Part) -> None:
        stamps = self.proof.stamps
        if not isinstance(part, Block):
            told = [stamps.judge(index, part)]
        elif stamps.proved:
            told = [stamps.judge_stated(at, wall) for at, wall in enumerate(part.walls, index)]
        else:
            return
        for found in told:
            if found is not None:
                self.proof.add(found.index, found.what, **found.values)

    def _stamped_before(self, index: int, raw: bytes) -> None:
        """An entry that is not derived again: its tokens and roots may be other ones this time."""
        if not (self.proof.stamps.proved or raw[2:3] == bytes((CheckpointStamped.CODE,))):
            return
        with suppress(EntryError):  # altered since: the root says so where what was kept is taken
            self._stamped(index, part_of(read_entry(raw)))

    def _record(self, index: int, digest: bytes) -> None:
        """What an entry names must be stored; looked at where it is named for the first time."""
        if digest in self.wanted or self.proof.full:
            return
        content = self.source.record(digest)
        if content is None:
            self.proof.add(index, "verify.record-missing", sha256=digest.hex())
        elif hashlib.sha256(content).digest() != digest:
            self.proof.add(index, "verify.record", sha256=digest.hex())
        else:
            self.wanted[digest] = index

    def _snapshot(self, wanted: int | None, position: int) -> None:
        if wanted == position and self.derivable and position >= self.resumed.size:
            self.snapshot = (position, self.fold.snapshot())

    def _flush(self, leaves: Sequence[bytes]) -> None:
        self.tree, tiles = self.tree.append(leaves)
        for tile in tiles:
            if tile.level == 0:
                self._compare_leaves(tile)
        if self.rebuild is not None:
            self.rebuild.take(self.changes, tiles)
        self.changes = Changes()
        for root in self.expected.get(self.tree.size, ()):
            if root != self.tree.root():
                self.proof.add(None, "verify.checkpoint-root", size=self.tree.size)

    def _compare_leaves(self, tile: Tile) -> None:
        """Name the entry whose bytes are not those that were hashed when it was written."""
        stored = self.source.tile(0, tile.index)
        if stored[: len(tile.hashes)] == tile.hashes:
            return
        for place in range(tile.width):
            part = slice(place * HASH_BYTES, (place + 1) * HASH_BYTES)
            if stored[part] != tile.hashes[part]:
                self.proof.add(tile.index * TILE_WIDTH + place, "verify.leaf")
                return

    def _finish(self) -> None:
        if not self.derivable:
            return
        for digest in self.source.records():
            self.proof.records += 1
            if digest not in self.wanted and not self.proof.full:
                self.proof.add(None, "verify.record-unknown", sha256=digest.hex())
        if self.rebuild is not None:
            self.proof.figures = self.rebuild.figures
            for finding in self.rebuild.differences(lambda: self.snapshot):
                self.proof.add(finding.index, finding.what, **finding.values)
            self.proof.unverifiable = self.rebuild.unverifiable


def _pages(
    entries: Iterable[tuple[int, bytes]], position: int, most: int, stops: Collection[int]
) -> Iterator[list[bytes]]:
    """The entries from a position on, up to the first gap: by pages that end at each stop."""
    page, length = list[bytes](), 0
    for index, raw in entries:
        if index != position:
            break
        page.append(raw)
        position, length = position + 1, length + len(raw)
        if position % most == 0 or length > MOST_BYTES or position in stops:
            yield page
            page, length = [], 0
    if page:
        yield page


def _place(finding: Finding) -> float:
    """Where it stands in the log; what is of no entry comes last."""
    return math.inf if finding.index is None else finding.index


def row_above(source: Source, boundary: int) -> Iterator[bytes]:
    """The hashes of level 1 over the full tiles below a boundary; ends where one is missing.

    They are what the tree at the boundary is made of (`TileTree.above`).
    """
    wanted, index = boundary // TILE_WIDTH, 0
    while wanted > 0:
        tile, width = source.tile(1, index), min(wanted, TILE_WIDTH)
        if len(tile) < width * HASH_BYTES:
            return
        yield from (tile[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES))
        wanted, index = wanted - width, index + 1
