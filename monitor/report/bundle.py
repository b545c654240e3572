"""The audit bundle: one zip with the report, the log it was made of, and how to check both (shell).

    README.md README.id.md    how to check, with and without this program
    report/…                  the report's files
    log/…                     the log as C2SP tlog-tiles, with its evidence
    keys/log.vkey             the log's verifier keys, to compare with some from elsewhere
    keys/tsa-NAME.pem         the roots of time-stamping authorities, likewise
    accounting.json rules.json  the terms in force
    checklog.go               checks the log with Go's own packages

Order and dates are fixed. What is read is hostile: names, counts and sizes are bounded, nothing is
written outside a directory made for it, and the key in it is never trusted.
"""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from monitor.accounting import TEXT_NAME
from monitor.exported import MAX_BUNDLE_BYTES, MAX_RECORD_BYTES, ExportedLog
from monitor.ledger.errors import LedgerError
from monitor.report.shown import REPORT_JSON
from monitor.rulebook import RULES_TEXT

BUNDLE = "audit-bundle.zip"
MOST_FILES = 2_000_000
MOST_BYTES = 64 * 1024**3
MAX_REPORT_BYTES = 256 * 1024**2
MOST_RATIO, ALWAYS_BYTES = 100, 1024**3
"""A zip may become this many times its own size, or so many bytes: the log's entries are
compressed already, so that one which claims more is made to fill a disk."""
KEY_NAME = "keys/log.vkey"
BESIDE = (TEXT_NAME, RULES_TEXT, KEY_NAME)
_DATE = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,8}")


class BundleError(LedgerError):
    """The file is no audit bundle, or not one that is safe to unpack."""


def write_bundle(path: Path, files: Mapping[str, bytes], log: Path) -> None:
    """Write the bundle: these files by their names, and the exported log below `log`."""
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            _add(archive, name, content)
        for file in sorted(one for one in log.rglob("*") if one.is_file()):
            _add(archive, f"log/{file.relative_to(log).as_posix()}", file.read_bytes())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    archive.writestr(entry, content)


class Bundle(ExportedLog):
    """The log of a bundle as something to verify, and the report's files beside it.

    BundleError where the zip cannot be read or holds what no bundle does. Close it after use.
    """

    def __init__(self, path: Path) -> None:
        self.files: dict[str, bytes] = {}
        """Of `report/`: the JSON and the CSV."""
        self.beside: dict[str, bytes] = {}
        """The terms and the key that lie beside it."""
        self._folder = Path(tempfile.mkdtemp(prefix="sasando-bundle-"))
        try:
            self._unpack(path)
            super().__init__(self._folder / "log")
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def close(self) -> None:
        """Let go of what was unpacked."""
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _unpack(self, path: Path) -> None:
        (self._folder / "log").mkdir()
        try:
            with zipfile.ZipFile(path) as archive:
                for entry in _checked(path, archive.infolist()):
                    self._take(archive, entry)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise BundleError("report.bundle", path=str(path), why=str(error)[:200]) from error
        if REPORT_JSON not in self.files:
            raise BundleError("report.bundle", path=str(path), why=f"no report/{REPORT_JSON}")

    def _take(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        folder, _, name = entry.filename.partition("/")
        if folder == "report" and name.endswith((".json", ".csv")):
            self.files[name] = _read(archive, entry, MAX_REPORT_BYTES)
        elif entry.filename in BESIDE:
            self.beside[entry.filename] = _read(archive, entry, MAX_REPORT_BYTES)
        elif folder == "log":
            place = self._folder / entry.filename
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(_read(archive, entry, max(MAX_BUNDLE_BYTES, MAX_RECORD_BYTES)))


def _checked(path: Path, entries: Iterable[zipfile.ZipInfo]) -> Iterator[zipfile.ZipInfo]:
    """Every entry, as long as they stay within their bounds."""
    seen: set[str] = set()
    total = 0
    most = min(MOST_BYTES, max(ALWAYS_BYTES, MOST_RATIO * path.stat().st_size))
    for entry in entries:
        total += entry.file_size
        if len(seen) >= MOST_FILES or total > most:
            raise BundleError("report.bundle", path=str(path), why="too large")
        if not _NAME.fullmatch(entry.filename) or entry.filename in seen:
            why = f"the name {entry.filename[:80]!r}"
            raise BundleError("report.bundle", path=str(path), why=why)
        seen.add(entry.filename)
        yield entry


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """A member's bytes, never more than it claims nor than is allowed."""
    if entry.file_size > limit:
        raise zipfile.BadZipFile(f"{entry.filename} is longer than {limit} bytes")
    with archive.open(entry) as file:
        return file.read(entry.file_size)
