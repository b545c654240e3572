"""A pruned log with its archives: one `monitor.verify.Source` over all of them, pure but for reads.

Nothing of an archive is trusted: its entries lead to the same signed roots, or are found out.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from monitor.exported import ExportedLog
from monitor.ledger.finding import Finding
from monitor.source import Rebuild, Source


class Rejoined:
    """What the archives hold stands where the log was pruned."""

    def __init__(self, log: Source, archives: Sequence[ExportedLog]) -> None:
        self._log = log
        self._archives = archives
        self._end = 0 if (claim := log.pruned()) is None else claim[0]
        self._claim, self._parts = _parts(claim, archives)

    def head(self) -> tuple[str, int, bytes | None]:
        """As the log claims."""
        return self._log.head()

    def checkpoints(self) -> Iterator[tuple[int | None, bytes]]:
        """Those of the log, and the archives' own."""
        own = (archive.checkpoints() for archive in self._archives)
        return chain(self._log.checkpoints(), *own)

    def cosigned(self) -> Iterator[tuple[str | None, int | None, bytes]]:
        """Those of the log, and the archives' own."""
        own = (archive.cosigned() for archive in self._archives)
        return chain(self._log.cosigned(), *own)

    def stamped(self) -> Iterator[tuple[int | None, bytes, bytes]]:
        """Those of the log, and the archives' own."""
        own = (archive.stamped() for archive in self._archives)
        return chain(self._log.stamped(), *own)

    def pruned(self) -> tuple[int, int] | None:
        """What not even the archives have."""
        return self._claim

    def entry(self, index: int) -> bytes | None:
        """From the log, else from the first archive that has it."""
        found = self._log.entry(index) if index >= self._end else None
        for archive in self._archives:
            found = archive.entry(index) if found is None else found
        return found

    def entries(self, size: int) -> Iterator[tuple[int, bytes]]:
        """The archives' parts one after the other, then the log's own."""
        for first, end, archive in self._parts:
            for index, raw in archive.entries(archive.head()[1]):
                if index >= end:
                    break
                if index >= first:
                    yield index, raw
        yield from self._log.entries(size)

    def surplus(self, size: int) -> Iterator[Finding]:
        """What has no place in the log, or in an archive of its own size."""
        yield from self._log.surplus(size)
        for archive in self._archives:
            yield from archive.surplus(archive.head()[1])

    def tile(self, level: int, index: int) -> bytes:
        """From the log, else the widest of the archives'."""
        found = self._log.tile(level, index)
        return found or max((one.tile(level, index) for one in self._archives), key=len)

    def record(self, sha256: bytes) -> bytes | None:
        """From the log, else from the first archive that has it."""
        found = self._log.record(sha256)
        for archive in self._archives:
            found = archive.record(sha256) if found is None else found
        return found

    def records(self) -> Iterator[bytes]:
        """Each one once."""
        seen = set[bytes]()
        for digest in chain(self._log.records(), *(one.records() for one in self._archives)):
            if digest not in seen:
                seen.add(digest)
                yield digest

    def snapshot_size(self) -> int | None:
        """The log's."""
        return self._log.snapshot_size()

    def rebuild(self) -> Rebuild | None:
        """The log's."""
        return self._log.rebuild()


Part = tuple[int, int, ExportedLog]


def _parts(
    claim: tuple[int, int] | None, archives: Sequence[ExportedLog]
) -> tuple[tuple[int, int] | None, list[Part]]:
    """(what is still missing, [(first, end, archive)] ascending), from the log's end backwards."""
    parts: list[Part] = []
    while claim is not None:
        end = claim[0]
        reaching = [(one.pruned(), one) for one in archives if one.head()[1] >= end]
        lower = [(found or (0, 0), one) for found, one in reaching]
        best = min((pair for pair in lower if 0 <= pair[0][0] < end), key=_begin, default=None)
        if best is None:
            break
        parts.append((best[0][0], end, best[1]))
        claim = best[0] if best[0][0] else None
    return claim, parts[::-1]


def _begin(pair: tuple[tuple[int, int], ExportedLog]) -> int:
    return pair[0][0]
