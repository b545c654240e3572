"""`sasando backup`."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import (
    CommandError,
    ConfigOption,
    LangOption,
    load_configuration,
    tell,
)
from monitor.cli.sources import showing_progress
from monitor.cli.trust import keys_of, verifiers_of
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.configuration import Agent
    from monitor.ledger.signer import Verifier
    from monitor.proof import Proof

    Keys = tuple[Verifier, ...]

_MODE = 0o644
_FOLDER_MODE = 0o750
_TEXT_MODE = 0o640
_KEYS_MODE, _KEY_MODE = 0o700, 0o600
_MOST_BYTES = 65_536


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command("backup")(backup)


def backup(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A directory that does not exist yet.")
    ],
    with_key: Annotated[
        bool,
        typer.Option(
            "--with-key", help="Copy the private key's file too, as it lies; never its passphrase."
        ),
    ] = False,
    config: ConfigOption = None,
    lang: LangOption = None,
) -> None:
    """Copy the ledger while the agent runs, and verify the copy before it counts.

    Database, newest checkpoint, verifier keys and the configuration's files; the private key only
    if it is asked for. DIR appears only when the copy was found intact.

    Example: sasando backup /backup/kupang-1 -c ./sasando
    """
    language = preferred_language(lang)
    configuration = load_configuration(config)
    agent = configuration.agent
    verifiers = verifiers_of(str(agent.trusted_key))
    own = keys_of(verifiers, agent.origin)
    keys = _key_files(agent) if with_key else {}
    if folder.exists() or folder.is_symlink():
        raise CommandError("cli.backup-exists", place=folder)
    growing = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    try:
        growing.mkdir(parents=True, mode=_FOLDER_MODE)
        size = _fill(growing, agent, (verifiers, own), language)
        _copy_texts(growing / "configuration", configuration.texts)
        _copy_keys(growing / "keys", keys)
        _put_in_place(growing, folder)
    except OSError as error:
        cause = error.strerror or str(error)
        raise CommandError("cli.unwritable", place=folder, cause=cause) from None
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    tell("cli.backed-up", language, folder=folder, size=size)


def _fill(
    folder: Path,
    agent: "Agent",
    trusted: "tuple[Keys, Keys]",
    lang: Language,
) -> int:
    """The files of a backup, verified; the number of entries that the checkpoint vouches for."""
    from monitor.ledger import anchor
    from monitor.ledger.checkpoint import open_by_any
    from monitor.ledger.files import create_durably
    from monitor.ledger.keys import write_vkeys
    from monitor.store.backup import back_up
    from monitor.store.glance import newest_checkpoint

    every, own = trusted
    # The mark before the database, so that what is copied has reached it.
    note = anchor.read(agent.high_water_mark)
    back_up(agent.store_url(), folder / "ledger.db")
    copy = f"sqlite:///{(folder / 'ledger.db').absolute()}"
    note = note or newest_checkpoint(copy)
    if note is None:
        raise CommandError("cli.no-checkpoint", place=agent.high_water_mark)
    create_durably(folder / "checkpoint", note, _MODE)
    write_vkeys(folder / "log.vkey", every)
    proof = _verified(copy, own, note, folder, lang)
    if proof.verdict not in ("intact", "incomplete"):  # a pruned log is incomplete for good
        found = proof.sentences(lang)
        raise CommandError("cli.backup-tampered", 1, what=" ".join(found[:2]))
    for left in ("ledger.db-shm", "ledger.db-wal"):
        (folder / left).unlink(missing_ok=True)
    return open_by_any(note, own)[0].size


def _verified(copy: str, own: "Keys", note: bytes, folder: Path, lang: Language) -> "Proof":
    from monitor.source import Anchored
    from monitor.store.pinned import PinnedDatabase
    from monitor.verify import verify

    anchors = [Anchored(place=str(folder / "checkpoint"), note=note)]
    with (
        PinnedDatabase(copy, private=True) as source,
        showing_progress(say("cli.verify-progress", lang)) as progress,
    ):
        return verify(source, own, anchors, progress)


def _key_files(agent: "Agent") -> dict[str, Path]:
    """The private keys' files by name; CommandError where a key lies in no file."""
    from monitor.config.configuration import FileKey

    found = {}
    for plan in (agent.key, agent.next_key):
        if plan is None:
            continue
        where = plan.private.reference if isinstance(plan, FileKey) else plan.token
        if not isinstance(plan, FileKey) or not where.startswith("file:"):
            raise CommandError("cli.backup-key", where=where)
        path = plan.private.base / where.removeprefix("file:")
        found[path.name] = path
    return found


def _copy_texts(folder: Path, texts: "Mapping[str, bytes]") -> None:
    """The configuration as it was read; a URL in it may hold a secret that somebody wrote there."""
    from monitor.ledger.files import create_durably

    for name, text in texts.items():
        if name.startswith("packs/"):  # bundled with the program
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        create_durably(path, text, _TEXT_MODE)


def _copy_keys(folder: Path, keys: "Mapping[str, Path]") -> None:
    from monitor.ledger.files import create_durably, read_bounded

    for name, path in keys.items():
        folder.mkdir(exist_ok=True, mode=_KEYS_MODE)
        create_durably(folder / name, read_bounded(path, _MOST_BYTES), _KEY_MODE)


def _put_in_place(growing: Path, folder: Path) -> None:
    from monitor.ledger.files import sync_directory

    sync_directory(growing)
    # Crash here: only the temporary directory is there, and nobody takes it for a backup.
    growing.rename(folder)
    sync_directory(folder.parent)
