"""`sasando ledger prove`, and `sasando verify` of the proof that it writes: a single entry."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import (
    CommandError,
    ConfigOption,
    LangOption,
    load_configuration,
    print_json,
    printable,
    tell,
)
from monitor.cli.trust import keys_of, trusted, verifiers_of
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Agent
    from monitor.ledger.checkpoint import Checkpoint
    from monitor.ledger.log_proof import LogProof

SUFFIX = ".tlog-proof"
_ENTRY = ".entry"
_MODE = 0o644


def prove(
    index: Annotated[
        int, typer.Argument(metavar="ID", min=0, help="The entry: its number, or an incident's.")
    ],
    under: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="A checkpoint that the reader has already, instead of the newest one.",
            show_default=False,
        ),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive",
            metavar="DIR",
            help="An exported log or archive to prove from, instead of the database.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="File of the proof (entry-ID.tlog-proof); the entry goes beside it.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    lang: LangOption = None,
) -> None:
    """Write the proof that an entry stands in the log (C2SP tlog-proof), and the entry.

    Whoever has the verifier key checks both files alone: sasando verify FILE --key VKEY.

    Example: sasando ledger prove 1204 --out outage.tlog-proof
    """
    language = preferred_language(lang)
    agent = load_configuration(config).agent
    if archive is not None and under is None:
        under = archive / "checkpoint"
    head, note = _head(agent, under)
    place = out or Path(f"entry-{index}{SUFFIX}")
    beside = _beside(place)
    for one in (place, beside):
        if one.exists() or one.is_symlink():
            raise CommandError("cli.prove-exists", place=one)
    if archive is None:
        from monitor.store.prove import prove as from_database

        proof, entry = from_database(agent.store_url(), index, head, note)
    else:
        proof, entry = _from_archive(archive, index, head, note)
    _write(beside, entry)
    # Crash here: the entry without its proof, which says nothing.
    _write(place, proof.to_bytes())
    tell("cli.proved", language, place=place, entry=beside, size=head.size)


def _from_archive(
    folder: Path, index: int, head: "Checkpoint", note: bytes
) -> "tuple[LogProof, bytes]":
    from monitor.exported import ExportedLog
    from monitor.ledger import log_proof
    from monitor.ledger.tiles import hash_reader

    with ExportedLog(folder) as log:
        entry = log.entry(index)
        if entry is None:
            raise CommandError("cli.prove-missing", place=folder, index=index)
        return log_proof.prove(index, entry, head, note, hash_reader(log.tile)), entry


def _head(agent: "Agent", under: Path | None) -> "tuple[Checkpoint, bytes]":
    """The checkpoint to prove under, verified with the configured key."""
    from monitor.ledger import anchor
    from monitor.ledger.checkpoint import open_by_any
    from monitor.store.glance import newest_checkpoint

    verifiers = keys_of(verifiers_of(str(agent.trusted_key)), agent.origin)
    if under is not None:
        note: bytes | None = _read(under)
    else:
        note = anchor.read(agent.high_water_mark) or newest_checkpoint(agent.store_url())
    if note is None:
        raise CommandError("cli.no-checkpoint", place=agent.high_water_mark)
    return open_by_any(note, verifiers)[0], note


def _beside(place: Path) -> Path:
    beside = place.with_suffix(_ENTRY)
    if beside == place:
        raise CommandError("cli.prove-name", place=place)
    return beside


def _write(place: Path, content: bytes) -> None:
    from monitor.ledger.files import create_durably

    try:
        create_durably(place, content, _MODE)
    except OSError as error:
        cause = error.strerror or str(error)
        raise CommandError("cli.unwritable", place=place, cause=cause) from None


def _read(place: Path) -> bytes:
    from monitor.ledger.files import read_bounded
    from monitor.ledger.log_proof import MAX_PROOF_BYTES

    try:
        return read_bounded(place, MAX_PROOF_BYTES)
    except OSError as error:
        cause = error.strerror or str(error)
        raise CommandError("cli.unreadable", place=place, cause=cause) from None


def is_proof_file(path: str) -> bool:
    """Whether a path names a file that begins as a proof does."""
    from monitor.ledger.log_proof import FIRST_LINE, is_proof

    place = Path(path)
    if not place.is_file():
        return False
    with place.open("rb") as file:
        return is_proof(file.read(len(FIRST_LINE)))


def verify_proof(
    path: str, entry: Path | None, key: str | None, config: Path | None, lang: Language
) -> dict[str, Any]:
    """The verdict over a proof and the entry beside it, as `verify --json` prints it.

    Needs the two files and a trusted key, nothing else. CommandError or a LedgerError where
    there is nothing to judge.
    """
    from monitor.ledger.checkpoint import read_unverified
    from monitor.ledger.errors import LedgerError
    from monitor.ledger.log_proof import parse
    from monitor.ledger.signer import encode_base64

    verifiers = trusted(key, config, None)
    proof = parse(_read(Path(path)))
    claimed = read_unverified(proof.checkpoint)
    raw = _read(entry or _beside(Path(path)))
    own = [one for one in verifiers if one.name == claimed.origin] or verifiers[:1]
    findings = []
    try:
        proof.check(raw, *own)
    except LedgerError as error:
        findings = [{"index": proof.index, "what": say(error.code, lang, **error.values)}]
    return {
        "verdict": "tampered" if findings else "intact",
        "size": claimed.size,
        "root": encode_base64(claimed.root),
        "checked": {"anchor": None, "checkpoints": 0 if findings else 1, "entry": proof.index},
        "entry": None if findings else _entry(proof, raw),
        "findings": findings,
    }


def _entry(proof: "LogProof", raw: bytes) -> dict[str, Any]:
    """What the entry is; its fields where it is no batch. Only for what was proved."""
    from monitor.derive import read_entry
    from monitor.ledger.batch import Batch
    from monitor.ledger.entry import EntryError

    told: dict[str, Any] = {"index": proof.index, "bytes": len(raw), "kind": None, "fields": None}
    try:
        entry = read_entry(raw)
    except EntryError:
        return told  # a later version's entry is proved all the same
    told["kind"] = type(entry).__name__
    if not isinstance(entry, Batch):
        told["fields"] = {f.name: _plain(getattr(entry, f.name)) for f in fields(entry)}
    return told


def _plain(value: object) -> Any:
    """A field for JSON: bytes in hex."""
    match value:
        case bytes():
            return value.hex()
        case Mapping():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value


def print_proof(told: dict[str, Any], lang: Language, *, as_json: bool) -> None:
    """The verdict for people or scripts."""
    if as_json:
        print_json(told)
        return
    index, entry = told["checked"]["entry"], told["entry"]
    typer.echo(say(f"cli.proof-{told['verdict']}", lang, index=index, size=told["size"]))
    for finding in told["findings"]:
        typer.echo(printable(finding["what"]))
    if entry is None:
        return
    typer.echo(say("cli.proof-entry", lang, kind=entry["kind"] or "?", bytes=entry["bytes"]))
    for name, value in (entry["fields"] or {}).items():
        typer.echo(printable(f"  {name}: {value}"))
