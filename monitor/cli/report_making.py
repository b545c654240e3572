"""The making of a report: read the log, render, write a directory that appears whole or not at all.

The report is made at the newest checkpoint that the trusted key signed, from the entries alone,
and only if they lead to the root of that checkpoint: no report is issued of an altered log.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.accounting import TEXT_NAME, AccountingError
from monitor.boundary import boundary_of, reached
from monitor.cli.archived import opened
from monitor.cli.common import BAD_INPUT, CommandError
from monitor.cli.sources import Progress, showing_progress
from monitor.cli.trust import keys_of, verifiers_of
from monitor.clock import SystemClock
from monitor.config.configuration import Agent, Configuration
from monitor.exported import ExportedLog
from monitor.figures import Asked
from monitor.ledger import anchor
from monitor.ledger.checkpoint import Checkpoint, open_by_any
from monitor.ledger.entry import EntryError
from monitor.ledger.files import read_bounded, sync_directory
from monitor.ledger.handover import HANDOVER
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.signer import Verifier, encode_base64
from monitor.ledger.stamp import MAX_ROOT_BYTES
from monitor.ledger.tiles import TILE_WIDTH, TileTree
from monitor.report.build import report_of
from monitor.report.bundle import BUNDLE, write_bundle
from monitor.report.files import rendered
from monitor.report.gather import Gathered, gather
from monitor.report.readme import Signed, readmes
from monitor.rulebook import RULES_TEXT, RulebookError
from monitor.spoken import moment
from monitor.store.export import export
from monitor.store.pinned import PinnedDatabase
from monitor.text import Language, Reason, say
from monitor.walk import row_above
from policies.period import Period

if TYPE_CHECKING:
    from monitor.source import Source

LOG = ".log"
"""Where the log is exported to, inside the directory under construction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for."""

    configuration: Configuration
    period: Period
    formats: frozenset[str]
    languages: Sequence[Language]
    folder: Path
    lang: Language
    sign: Callable[[bytes], bytes] | None = None
    """Signs a PDF."""
    archives: Sequence[Path] = ()
    """Exported logs to report from, instead of the configured one: what was pruned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was written: SHA-256 by file name, and at which tree and until when it holds."""

    files: Mapping[str, bytes]
    size: int
    root: bytes
    until_us: int
    began_us: int | None
    """The oldest and the newest moment that the log tells of."""
    reached_us: int

    @property
    def root_text(self) -> str:
        """As checkpoints have it."""
        return encode_base64(self.root)


def make(wish: Wish) -> Made:
    """Write the files into a new directory; CommandError and the store's errors say why not."""
    folder = wish.folder
    if folder.exists() or folder.is_symlink():
        raise CommandError("report.exists", BAD_INPUT, folder=folder)
    growing = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    try:
        growing.mkdir(parents=True)
        made = _make(wish, growing)
        shutil.rmtree(growing / LOG, ignore_errors=True)
        sync_directory(growing)
        # Crash here: only the temporary directory is there.
        growing.rename(folder)
        sync_directory(folder.absolute().parent)
    except OSError as error:
        cause = error.strerror or str(error)
        raise CommandError("report.unwritable", BAD_INPUT, folder=folder, cause=cause) from error
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return made


def _make(wish: Wish, growing: Path) -> Made:
    agent = wish.configuration.agent
    keys = keys_of(verifiers_of(str(agent.trusted_key)), agent.origin)
    with ExitStack() as stack:
        progress = stack.enter_context(showing_progress(say("report.progress-reading", wish.lang)))
        source, log, (head, note) = stack.enter_context(
            _reported(wish, growing / LOG, keys, progress)
        )
        # After the log was pinned: no entry of it is younger than the moment until which it holds.
        now_us = SystemClock().wall_us()
        asked = Asked(period=wish.period, until_us=min(now_us, wish.period.window[1]))
        found = _gathered(source, head, asked, lambda done: progress(done, head.size))
        if wish.archives:
            _require_reached(found, wish)
        # The same pinned entries again: they have led to the signed root already.
        report = report_of(
            found, asked, head.root, source.record, lambda: source.entries(head.size)
        )
        files = dict(rendered(report, note, wish.formats, wish.languages))
        if wish.sign is not None:
            signed = {n: wish.sign(content) for n, content in files.items() if n.endswith(".pdf")}
            files |= signed
        if "bundle" in wish.formats:
            vouched = _signed(log, keys, found)
            whole = {**readmes(report, vouched), **_beside(found, source, vouched)}
            whole |= _roots(agent)
            whole |= {f"report/{name}": content for name, content in files.items()}
            write_bundle(growing / BUNDLE, whole, log)
    for name, content in files.items():
        (growing / name).write_bytes(content)
    digests = {name: hashlib.sha256(content).digest() for name, content in files.items()}
    if "bundle" in wish.formats:
        digests[BUNDLE] = _digest(growing / BUNDLE)
    return Made(
        files=digests,
        size=head.size,
        root=head.root,
        until_us=asked.until_us,
        began_us=found.began_us,
        reached_us=reached(found.fold),
    )


@contextmanager
def _reported(
    wish: Wish, log: Path, keys: Sequence[Verifier], progress: Progress
) -> "Iterator[tuple[Source, Path, tuple[Checkpoint, bytes]]]":
    """What is reported from, where it lies for a bundle, and its newest checkpoint."""
    agent, bundled = wish.configuration.agent, "bundle" in wish.formats
    if wish.archives:
        with opened(wish.archives) as archives:
            # The newest one's own: the log, and the high-water mark, have gone on.
            head = _head(archives.newest, None, keys)
            yield archives.source, archives.join(log) if bundled else log, head
        return
    mark = anchor.read(agent.high_water_mark)
    if bundled:
        export(agent.store_url(), log, progress, mark)
    with ExportedLog(log) if bundled else closing(PinnedDatabase(agent.store_url())) as source:
        yield source, log, _head(source, mark, keys)


def _require_reached(found: Gathered, wish: Wish) -> None:
    """CommandError where the period goes on after the newest moment that the archives tell of."""
    reached_us = reached(found.fold)
    if reached_us < wish.period.window[1]:
        until = moment(reached_us, wish.period.zone, wish.lang)
        told = {
            "folder": ", ".join(map(str, wish.archives)),
            "period": wish.period.text,
            "until": until,
        }
        raise CommandError("report.archive-ends", BAD_INPUT, **told)


def _head(
    source: "Source", mark: bytes | None, keys: Sequence[Verifier]
) -> tuple[Checkpoint, bytes]:
    """The newest checkpoint within what is read, signed by a trusted key.

    CommandError where none was signed yet.
    """
    _, size, _ = source.head()
    notes = [note for _, note in source.checkpoints()] + ([mark] if mark is not None else [])
    signed = [(open_by_any(note, keys)[0], note) for note in notes]
    within = [(head, note) for head, note in signed if 0 < head.size <= size]
    if not within:
        raise CommandError("report.no-checkpoint", BAD_INPUT)
    return max(within, key=lambda one: one[0].size)


def _signed(log: Path, keys: Sequence[Verifier], found: Gathered) -> Signed:
    note = (log / "checkpoint").read_bytes()
    return Signed(
        note=note,
        verifier=open_by_any(note, keys)[1][0],
        rotations=found.fold.rotations,
        vouched=frozenset(int(one.name) for one in (log / HANDOVER).glob("*")),
    )


def _gathered(
    source: "Source", head: Checkpoint, asked: Asked, progress: Callable[[int], None]
) -> Gathered:
    """The pass over the entries, which must lead to the checkpoint's root."""
    try:
        boundary = boundary_of(source)
        rooted = _Rooted(source, 0 if boundary is None else boundary.index)
        entries = rooted.through(source.entries(head.size))
        found = gather(entries, source.record, asked.window, progress, boundary)
    except (AccountingError, RulebookError) as error:
        if error.code.startswith("report."):
            raise
        raise CommandError("sla.no-terms", BAD_INPUT, why=error.reason) from error
    except EntryError as error:
        raise CommandError("report.entries", BAD_INPUT, why=error.reason) from error
    if found.size != head.size or rooted.root() != head.root:
        why = Reason("entry.root", {"count": found.size, "size": head.size})
        raise CommandError("report.entries", BAD_INPUT, why=why)
    return found


class _Rooted:
    """Hashes what passes through it, after what stands for the entries below a boundary."""

    def __init__(self, source: "Source", boundary: int) -> None:
        self._tree, _ = TileTree.above(list(row_above(source, boundary)))
        self._leaves: list[bytes] = []

    def through(self, entries: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        for index, raw in entries:
            self._leaves.append(leaf_hash(raw))
            if len(self._leaves) == TILE_WIDTH:
                self._grow()
            yield index, raw

    def root(self) -> bytes:
        """Of everything that has passed."""
        self._grow()
        return self._tree.root()

    def _grow(self) -> None:
        self._tree, _ = self._tree.append(self._leaves)
        self._leaves = []


def _beside(found: Gathered, source: "Source", signed: Signed) -> dict[str, bytes]:
    """The terms in force as texts, and the keys to compare with some from elsewhere."""
    texts = found.configurations[-1][1].texts
    beside = {"keys/log.vkey": signed.vkeys}
    for name in (TEXT_NAME, RULES_TEXT):
        content = source.record(texts[name])
        if content is not None:
            beside[name] = content
    return beside


def _roots(agent: Agent) -> dict[str, bytes]:
    """The roots of the authorities that the agent asks, to compare with ones from elsewhere.

    A file that cannot be read is left out: it proves nothing here anyway.
    """
    found = {}
    for one in agent.time_stamps:
        with suppress(OSError):
            found[f"keys/tsa-{one.name}.pem"] = read_bounded(one.root, MAX_ROOT_BYTES)
    return found


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
