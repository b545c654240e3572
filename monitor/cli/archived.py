"""The archives that prunings wrote, as one log to report from.

Nothing of them is trusted: a report is made only of entries that lead to the root which the trusted
key signed at the end of the newest one.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli.common import BAD_INPUT, CommandError
from monitor.exported import ExportedLog
from monitor.ledger.tiles import PRUNED, paths_of
from monitor.rejoined import Rejoined
from monitor.text import Reason

if TYPE_CHECKING:
    from monitor.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Archives:
    """Several archives of one log, joined at its newest end."""

    folders: Sequence[Path]
    """The newest first."""
    newest: ExportedLog
    """Whose checkpoint is the end."""
    source: "Source"

    def join(self, into: Path) -> Path:
        """The directory of the log that they make: the only one's own, else a new one."""
        if len(self.folders) == 1:
            return self.folders[0]
        wanted = {str(path) for path in paths_of(self.newest.head()[1])}
        for folder in self.folders:
            own = folder == self.folders[0]
            for file in sorted(one for one in folder.rglob("*") if one.is_file()):
                name = file.relative_to(folder).as_posix()
                shared = name in wanted or name.startswith("evidence/")
                if (shared or (own and name != PRUNED)) and not (into / name).exists():
                    (into / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, into / name)
        claim = self.source.pruned()
        if claim is not None:
            (into / PRUNED).write_bytes(b"%d %d\n" % claim)
        return into


@contextmanager
def opened(folders: Sequence[Path]) -> "Iterator[Archives]":
    """The archives in these directories; CommandError where one is none, or of another log."""
    with ExitStack() as stack:
        logs = [(stack.enter_context(ExportedLog(folder)), folder) for folder in folders]
        for log, folder in logs:
            _require_whole(log, folder)
        logs.sort(key=lambda pair: pair[0].head()[1], reverse=True)
        newest, *others = (log for log, _ in logs)
        for log, folder in logs:
            if log.head()[0] != newest.head()[0]:
                other = {"there": log.head()[0], "here": newest.head()[0]}
                raise _refused(folder, Reason("verify.origin", other))
        source = Rejoined(newest, others) if others else newest
        yield Archives(folders=[folder for _, folder in logs], newest=newest, source=source)


def _require_whole(log: ExportedLog, folder: Path) -> None:
    """A log's files and nothing else: what lies there goes into a bundle."""
    _, size, _ = log.head()
    if size == 0:
        raise _refused(folder, Reason("verify.empty"))
    for found in log.surplus(size):
        raise _refused(folder, Reason(found.what, found.values))


def _refused(folder: Path, what: Reason) -> CommandError:
    return CommandError("report.archive", BAD_INPUT, folder=folder, what=what)
