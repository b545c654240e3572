"""What `verify` reads: the source at a path, checkpoints from elsewhere, progress on a terminal."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli.common import CommandError, default_directory, load_configuration, tell
from monitor.text import Language

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from monitor.config.configuration import Agent
    from monitor.ledger.signer import Verifier
    from monitor.source import Anchored, Source

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Outside:
    """What the caller trusts, as the command line has it."""

    key: str | None
    checkpoints: Sequence[Path]
    mark: Path | None
    witnesses: Sequence[str]
    tsa: Sequence[Path]
    config: Path | None
    rejudge: bool = False
    """Whether to judge the observations again."""
    resume: Path | None = None
    """Where to keep how far it came."""


def is_bundle(place: Path) -> bool:
    """Whether a zip lies there."""
    return place.suffix == ".zip" and place.is_file()


@contextmanager
def source_at(path: str) -> "Iterator[Source]":
    """What lies at a path; CommandError where nothing that can be verified does."""
    place = Path(path)
    if "://" not in path and is_bundle(place):
        from monitor.report.bundle import Bundle

        with Bundle(place) as bundle:
            yield bundle
        return
    if "://" not in path and place.is_dir() and not (place / "ledger.db").is_file():
        if not (place / "checkpoint").is_file() and not (place / "tile").is_dir():
            raise CommandError("cli.verify-folder", path=path)
        from monitor.exported import ExportedLog

        with ExportedLog(place) as exported:
            yield exported
        return
    from monitor.store.pinned import PinnedDatabase

    with PinnedDatabase(_url(path)) as pinned:
        yield pinned


def _url(path: str) -> str:
    if "://" in path:
        return path
    place = Path(path)
    if not place.exists():
        raise CommandError("cli.verify-nothing", path=path)
    return f"sqlite:///{(place / 'ledger.db' if place.is_dir() else place).absolute()}"


def anchored(file: Path) -> "Anchored":
    """A checkpoint in a file; CommandError where it cannot be read."""
    from monitor.ledger.files import read_bounded
    from monitor.ledger.note import MAX_NOTE_BYTES
    from monitor.source import Anchored

    try:
        return Anchored(place=str(file), note=read_bounded(file, MAX_NOTE_BYTES))
    except OSError as error:
        cause = error.strerror or str(error)
        raise CommandError("cli.unreadable", place=file, cause=cause) from None


def marks(
    mark: Path | None, config: Path | None, keyed: bool, lang: Language
) -> "tuple[str | None, list[Anchored]]":
    """The high-water mark that was named (None), else the configured one and its log's origin.

    Read it before what is verified: a log that goes on meanwhile is then ahead of it, not behind.
    """
    from monitor.ledger import anchor
    from monitor.source import Anchored

    if mark is not None:
        return None, [anchored(mark)]
    agent = _agent(config, keyed, lang)
    note = None if agent is None else anchor.read(agent.high_water_mark)
    if agent is None or note is None:
        return None, []
    return agent.origin, [Anchored(place=str(agent.high_water_mark), note=note)]


def not_later(
    found: "list[Anchored]", source: "Source", keys: "Sequence[Verifier]", lang: Language
) -> "list[Anchored]":
    """The configured mark, unless it is later than a bundle: the log went on when it was made."""
    from monitor.ledger.checkpoint import open_by_any
    from monitor.ledger.errors import LedgerError
    from monitor.report.bundle import Bundle

    if not isinstance(source, Bundle):
        return found
    fit, size = [], source.head()[1]
    for one in found:
        try:
            head, _ = open_by_any(one.note, keys)
        except LedgerError:
            fit.append(one)  # `verify` says what is wrong with it
            continue
        if head.size <= size:
            fit.append(one)
        else:
            tell("cli.verify-went-on", lang, place=one.place, marked=head.size, size=size)
    return fit


def configured_witnesses(
    config: Path | None, verifier: "Verifier", keyed: bool
) -> "list[Verifier]":
    """The witnesses of the configured agent, where it is this very log's; told of nothing twice."""
    agent = _own_agent(config, verifier, keyed)
    return [] if agent is None else [one.verifier for one in agent.witnesses]


def roots_of(
    files: "Sequence[Path]", config: Path | None, verifier: "Verifier", keyed: bool
) -> "list[Certificate]":
    """The roots of time-stamping authorities: of these files, else the configured agent's.

    StampError where a file has none.
    """
    from monitor.ledger.stamp import roots_in

    if files:
        return [root for file in files for root in roots_in(file)]
    agent = _own_agent(config, verifier, keyed)
    return [] if agent is None else [root for one in agent.time_stamps for root in one.roots()]


def _own_agent(config: Path | None, verifier: "Verifier", keyed: bool) -> "Agent | None":
    """The configured agent where it is this very log's; told of nothing twice."""
    from monitor.config.problem import ConfigurationError

    if config is None and not (default_directory() / "agent.yaml").is_file():
        return None
    try:
        agent = load_configuration(config).agent
    except ConfigurationError:
        if config is not None or not keyed:
            raise
        return None
    return agent if agent.origin == verifier.name else None


def _agent(config: Path | None, keyed: bool, lang: Language) -> "Agent | None":
    """The configured agent, if there is one; who named a key needs none, and is told of it."""
    if config is None and not (default_directory() / "agent.yaml").is_file():
        return None
    from monitor.config.problem import ConfigurationError

    try:
        return load_configuration(config).agent
    except ConfigurationError:
        if config is not None or not keyed:
            raise
        tell("cli.verify-no-mark", lang, place=default_directory())
        return None


@contextmanager
def showing_progress(what: str) -> Iterator[Progress]:
    """A bar on a terminal's stderr; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)
