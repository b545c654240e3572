"""`sasando ledger prune`."""

import os
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
    from monitor.config.configuration import Agent
    from monitor.ledger.signer import Verifier
    from monitor.store.ledger import Ledger
    from monitor.store.pruning import Pruning

DAY_US = 86_400_000_000


def prune(
    archive: Annotated[
        Path,
        typer.Option("--archive", metavar="DIR", help="A new directory for the archive."),
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the entry.")
    ],
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="TIME",
            help="Prune what is older than this local time, instead of the retention.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    lang: LangOption = None,
) -> None:
    """Archive and remove entries that are older than the retention; stop the agent first.

    Writes the whole log to DIR, verifies it, says in the log what is pruned, and only then
    removes it. What stays is verified as before; later proofs still work.

    Example: sasando ledger prune --archive /archive/kupang-1 --reason "retention of two years"
    """
    from monitor.clock import SystemClock
    from monitor.daemon.control import account_of
    from monitor.daemon.keyring import open_ledger
    from monitor.store.pruning import boundary_before
    from monitor.store.pruning import prune as remove

    language = preferred_language(lang)
    agent = load_configuration(config).agent
    clock = SystemClock()
    now_us = clock.wall_us()
    before_us = _before(agent, before, now_us)
    ledger = open_ledger(agent).ledger
    try:
        pruning = boundary_before(agent.store_url(), before_us)
        if pruning.boundary == pruning.begin:
            tell("cli.prune-nothing", language)
            return
        _archive(agent, ledger, archive, pruning, language)
        done = remove(ledger, pruning, account_of(os.getuid()), reason, now_us)
    finally:
        ledger.close(clock.wall_us())
    values = {"count": done.entries, "boundary": pruning.boundary, "entry": done.entry}
    tell("cli.pruned", language, folder=archive, **values)


def _before(agent: "Agent", before: str | None, now_us: int) -> int:
    """The moment that everything pruned is older than; never within the retention."""
    from monitor.cli.declaring import moment_us

    newest_us = now_us - agent.retention_us
    if before is None:
        return newest_us
    asked_us = moment_us(before, agent.timezone)
    if asked_us > newest_us:
        days = agent.retention_us // DAY_US
        raise CommandError("cli.prune-young", before=before, days=days)
    return asked_us


def _archive(
    agent: "Agent", ledger: "Ledger", folder: Path, pruning: "Pruning", lang: Language
) -> None:
    """Write the log as it is and verify what was written; CommandError where that fails."""
    from monitor.store.export import export

    own = keys_of(verifiers_of(str(agent.trusted_key)), agent.origin)
    note = ledger.note or ledger.sign()
    with showing_progress(say("cli.export-progress", lang)) as progress:
        head = export(agent.store_url(), folder, progress, note)
    if head.size < pruning.boundary:
        raise CommandError("cli.prune-archive", 1, folder=folder, what=str(head.size))
    _require_intact(folder, own, note, lang)


def _require_intact(folder: Path, own: "tuple[Verifier, ...]", note: bytes, lang: Language) -> None:
    from monitor.exported import ExportedLog
    from monitor.source import Anchored
    from monitor.verify import verify

    with (
        ExportedLog(folder) as source,
        showing_progress(say("cli.verify-progress", lang)) as progress,
    ):
        proof = verify(source, own, [Anchored(place=str(folder), note=note)], progress)
    if proof.verdict not in ("intact", "incomplete"):  # incomplete: pruned once before
        what = " ".join(proof.sentences(lang)[:2])
        raise CommandError("cli.prune-archive", 1, folder=folder, what=what)
