"""`sasando verify`, `ledger checkpoint` and `ledger export`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import (
    BAD_INPUT,
    CommandError,
    ConfigOption,
    JsonOption,
    LangOption,
    default_directory,
    load_configuration,
    print_json,
    printable,
    tell,
)
from monitor.cli.sentences import sentences
from monitor.cli.trust import trusted, verifiers_of
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Agent
    from monitor.ledger.signer import Verifier
    from monitor.verify import Anchored, Proof, Source

TAMPERED = 1
EXIT_CODES = {"intact": 0, "tampered": TAMPERED, "unusable": BAD_INPUT, "incomplete": 3}
Progress = Callable[[int, int], None]

KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="VKEY|FILE",
        help="The verifier key to trust, or a file of them, instead of the configured one.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("verify")(verify)
    ledger = typer.Typer(help="The signed log.", no_args_is_help=True)
    ledger.command("checkpoint")(checkpoint)
    ledger.command("export")(export)
    app.add_typer(ledger, name="ledger")


def verify(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A database (file or URL), an exported log, a state directory or an audit bundle.",
        ),
    ],
    key: KeyOption = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="A checkpoint from elsewhere that the log must continue; may be repeated.",
            show_default=False,
        ),
    ] = None,
    mark: Annotated[
        Path | None,
        typer.Option(
            "--mark",
            metavar="FILE",
            help="The high-water mark, instead of the configured one.",
            show_default=False,
        ),
    ] = None,
    witnesses: Annotated[
        list[str] | None,
        typer.Option(
            "--witness",
            metavar="VKEY|FILE",
            help="The key of a witness, instead of the configured ones; may be repeated.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Verify a database, an exported log, a state directory or an audit bundle.

    Recomputes everything from the entries and names the first thing that is wrong. Trust comes
    from --key or the configured trust/log.vkey alone. Exits with 0 intact, 1 tampered, 2 unusable
    or no trusted key.

    Example: sasando verify /var/lib/sasando --checkpoint last-month.checkpoint
    """
    language = preferred_language(lang)
    try:
        outside = _Outside(key, checkpoints or [], mark, witnesses or [], config)
        proof = _proof(path, outside, language)
    except Exception as error:
        # Typed errors only: a script that asked for data gets the verdict as data too.
        told = sentences(error, language)
        if told is None or not as_json:
            raise
        print_json(_unusable(told))
        raise typer.Exit(BAD_INPUT) from None
    if as_json:
        print_json(proof.as_json(language))
    else:
        for sentence in proof.sentences(language):
            typer.echo(printable(sentence))
        if proof.anchor is not None:
            typer.echo(printable(say("cli.verify-anchor", language, place=proof.anchor)))
    raise typer.Exit(EXIT_CODES[proof.verdict])


def _unusable(told: Sequence[str]) -> dict[str, Any]:
    findings = [{"index": None, "what": sentence} for sentence in told]
    return {"verdict": "unusable", "size": 0, "root": "", "checked": {}, "findings": findings}


@dataclass(frozen=True, slots=True)
class _Outside:
    """What the caller trusts, as the command line has it."""

    key: str | None
    checkpoints: Sequence[Path]
    mark: Path | None
    witnesses: Sequence[str]
    config: Path | None


def _proof(path: str, outside: _Outside, lang: Language) -> "Proof":
    from monitor.verify import verify as prove

    judged = None if "://" in path else Path(path)
    verifiers = trusted(outside.key, outside.config, judged)
    named = [one for place in outside.witnesses for one in _witnesses(place, judged)]
    with ExitStack() as stack:
        source = stack.enter_context(_source(path))
        origin = source.head()[0]
        verifier = next((one for one in verifiers if one.name == origin), verifiers[0])
        anchors = [_anchored(file) for file in outside.checkpoints]
        keyed = outside.key is not None or outside.mark is not None
        agent = _agent(outside.config, keyed, lang)
        agent = agent if agent is not None and agent.origin == verifier.name else None
        anchors += _marks(outside.mark, agent)
        if agent is not None and not named:
            named = [one.verifier for one in agent.witnesses]
        progress = stack.enter_context(progress_bar(say("cli.verify-progress", lang)))
        proof = prove(source, verifier, anchors, progress, named)
        if is_bundle(Path(path)):
            _audit(source, proof, progress)
        return proof


def _witnesses(place: str, judged: Path | None) -> "tuple[Verifier, ...]":
    """The witnesses' keys of a line or a file; one that is a log's is refused."""
    from monitor.ledger.errors import CheckpointError
    from monitor.ledger.signer import KeyKind

    found = trusted(place, None, judged)
    for one in found:
        if one.kind is not KeyKind.COSIGNATURE:
            raise CheckpointError("ledger.witness-key", name=one.name)
    return found


def is_bundle(place: Path) -> bool:
    """Whether a zip lies there."""
    return place.suffix == ".zip" and place.is_file()


def _audit(source: "Source", proof: "Proof", progress: Progress) -> None:
    from monitor.report.audit import audit
    from monitor.report.bundle import Bundle

    if isinstance(source, Bundle):
        audit(source, proof, progress)


@contextmanager
def _source(path: str) -> "Iterator[Source]":
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


def _anchored(file: Path) -> "Anchored":
    from monitor.ledger.files import read_bounded
    from monitor.ledger.note import MAX_NOTE_BYTES
    from monitor.verify import Anchored

    try:
        return Anchored(place=str(file), note=read_bounded(file, MAX_NOTE_BYTES))
    except OSError as error:
        cause = error.strerror or str(error)
        raise CommandError("cli.unreadable", place=file, cause=cause) from None


def _marks(mark: Path | None, agent: "Agent | None") -> "list[Anchored]":
    """The high-water mark that was named, else the configured one of this very log's agent."""
    from monitor.ledger import anchor
    from monitor.verify import Anchored

    if mark is not None:
        return [_anchored(mark)]
    if agent is None:
        return []
    note = anchor.read(agent.high_water_mark)
    return [] if note is None else [Anchored(place=str(agent.high_water_mark), note=note)]


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
def progress_bar(what: str) -> Iterator[Progress]:
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


def checkpoint(
    key: KeyOption = None,
    config: ConfigOption = None,
    lang: LangOption = None,
) -> None:
    """Print the newest signed checkpoint, to be kept elsewhere.

    Example: sasando ledger checkpoint > kupang.checkpoint
    """
    from monitor.ledger.checkpoint import open_checkpoint

    language = preferred_language(lang)
    agent = load_configuration(config).agent
    verifiers = {one.name: one for one in verifiers_of(key or str(agent.trusted_key))}
    if agent.origin not in verifiers:
        raise CommandError("cli.key-foreign", origin=agent.origin)
    note = _newest_note(agent)
    if note is None:
        raise CommandError("cli.no-checkpoint", place=agent.high_water_mark)
    size = open_checkpoint(note, verifiers[agent.origin]).size
    typer.echo(note.decode(), nl=False)
    tell("cli.checkpoint-size", language, size=size)


def _newest_note(agent: "Agent") -> bytes | None:
    """The high-water mark, which is never behind; without one what the database keeps."""
    from monitor.ledger import anchor

    note = anchor.read(agent.high_water_mark)
    if note is not None:
        return note
    from monitor.store.glance import newest_checkpoint

    return newest_checkpoint(agent.store_url())


def export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A directory that does not exist yet.")
    ],
    config: ConfigOption = None,
    lang: LangOption = None,
) -> None:
    """Write the log as tiles (C2SP tlog-tiles) with its evidence, for others to verify.

    Example: sasando ledger export ./kupang-log
    """
    from monitor.ledger import anchor
    from monitor.store.export import export as export_log

    language = preferred_language(lang)
    agent = load_configuration(config).agent
    note = anchor.read(agent.high_water_mark)
    with progress_bar(say("cli.export-progress", language)) as progress:
        head = export_log(agent.store_url(), folder, progress, note)
    tell("cli.exported", language, folder=folder, size=head.size)
