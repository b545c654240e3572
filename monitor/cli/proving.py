"""`sasando verify`, `ledger checkpoint` and `ledger export`; registers what `ledger` has more."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import (
    BAD_INPUT,
    CommandError,
    ConfigOption,
    JsonOption,
    LangOption,
    load_configuration,
    print_json,
    printable,
    tell,
)
from monitor.cli.pruning import prune
from monitor.cli.rejudging import judge_again
from monitor.cli.resuming import keeper_in
from monitor.cli.sentences import sentences
from monitor.cli.single import is_proof_file, print_proof, prove, verify_proof
from monitor.cli.sources import (
    Outside,
    Progress,
    anchored,
    configured_witnesses,
    marks,
    not_later,
    roots_of,
    showing_progress,
    source_at,
)
from monitor.cli.succeeding import print_chain, prove_chain, succeed
from monitor.cli.trust import keys_of, trusted, verifiers_of, witnesses_at
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Agent
    from monitor.ledger.signer import Verifier
    from monitor.proof import Proof
    from monitor.source import Source

TAMPERED = 1
EXIT_CODES = {
    "intact": 0,
    "tampered": TAMPERED,
    "differing": TAMPERED,
    "unusable": BAD_INPUT,
    "incomplete": 3,
}

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
    ledger.command("prove")(prove)
    ledger.command("succeed")(succeed)
    ledger.command("prune")(prune)
    app.add_typer(ledger, name="ledger")


def verify(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="A database (file or URL), an exported log, a state directory, an audit bundle"
            " or a proof; several logs that succeed one another.",
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
    tsa: Annotated[
        list[Path] | None,
        typer.Option(
            "--tsa",
            metavar="FILE",
            help="Root certificates (PEM) of a time-stamping authority, instead of the configured"
            " ones; may be repeated.",
            show_default=False,
        ),
    ] = None,
    archives: Annotated[
        list[Path] | None,
        typer.Option(
            "--archive",
            metavar="DIR",
            help="The archive of what was pruned; may be repeated.",
            show_default=False,
        ),
    ] = None,
    entry: Annotated[
        Path | None,
        typer.Option(
            "--entry",
            metavar="FILE",
            help="The entry that a proof is about, where it does not lie beside it.",
            show_default=False,
        ),
    ] = None,
    rejudge: Annotated[
        bool,
        typer.Option(
            "--rejudge",
            help="Run the policies in force again over every observation; takes its time.",
        ),
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="DIR",
            help="A directory of your own to keep how far it came, and to go on from.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Verify a database, an exported log, a state directory, an audit bundle or a proof.

    Recomputes everything from the entries and names the first thing that is wrong. Trust comes
    from --key or the configured trust/log.vkey alone. Exits with 0 intact, 1 tampered (or differing
    verdicts with --rejudge), 2 unusable or no trusted key, 3 incomplete.

    Example: sasando verify /var/lib/sasando --checkpoint last-month.checkpoint
    """
    language = preferred_language(lang)
    try:
        outside = Outside(
            key=key,
            checkpoints=checkpoints or [],
            mark=mark,
            witnesses=witnesses or [],
            tsa=tsa or [],
            config=config,
            rejudge=rejudge,
            resume=resume,
        )
        extra = (entry, archives or [])
        verdict = _verified(paths, extra, outside, language, as_json=as_json)
    except Exception as error:
        # Typed errors only: a script that asked for data gets the verdict as data too.
        told = sentences(error, language)
        if told is None or not as_json:
            raise
        print_json(_unusable(told))
        raise typer.Exit(BAD_INPUT) from None
    raise typer.Exit(EXIT_CODES[verdict])


def _verified(
    paths: Sequence[str],
    extra: tuple[Path | None, Sequence[Path]],
    outside: Outside,
    lang: Language,
    *,
    as_json: bool,
) -> str:
    """Verify and print; the verdict. `extra` are --entry and --archive."""
    entry, archives = extra
    key, config = outside.key, outside.config
    if (outside.rejudge or outside.resume) and (len(paths) > 1 or is_proof_file(paths[0])):
        raise CommandError("verify.one-log", BAD_INPUT)
    if len(paths) == 1 and is_proof_file(paths[0]):
        told = verify_proof(paths[0], entry, key, config, lang)
        print_proof(told, lang, as_json=as_json)
        return str(told["verdict"])
    if len(paths) > 1:
        chain = prove_chain(paths, outside, lang)
        print_chain(chain, lang, as_json=as_json)
        return chain.verdict
    proof = _proof(paths[0], archives, outside, lang)
    if as_json:
        print_json(proof.as_json(lang))
        return proof.verdict
    for sentence in proof.sentences(lang):
        typer.echo(printable(sentence))
    if proof.anchor is not None:
        typer.echo(printable(say("cli.verify-anchor", lang, place=proof.anchor)))
    return proof.verdict


def _unusable(told: Sequence[str]) -> dict[str, Any]:
    findings = [{"index": None, "what": sentence} for sentence in told]
    return {"verdict": "unusable", "size": 0, "root": "", "checked": {}, "findings": findings}


def _proof(path: str, archives: Sequence[Path], outside: Outside, lang: Language) -> "Proof":
    from monitor.exported import ExportedLog
    from monitor.rejoined import Rejoined
    from monitor.succession import opening
    from monitor.verify import verify as prove

    judged = None if "://" in path else Path(path)
    verifiers = trusted(outside.key, outside.config, judged)
    named = [one for place in outside.witnesses for one in witnesses_at(place, judged)]
    keyed = outside.key is not None
    marked, own_marks = marks(outside.mark, outside.config, keyed, lang)
    with ExitStack() as stack:
        source = stack.enter_context(source_at(path))
        if archives:
            logs = [stack.enter_context(ExportedLog(folder)) for folder in archives]
            source = Rejoined(source, logs)
        origin = source.head()[0]
        own = [one for one in verifiers if one.name == origin] or verifiers[:1]
        anchors = [anchored(file) for file in outside.checkpoints]
        if marked not in (None, own[0].name):
            own_marks = []
        anchors += own_marks if outside.mark else not_later(own_marks, source, own, lang)
        if not named:
            named = configured_witnesses(outside.config, own[0], keyed or outside.mark is not None)
        progress = stack.enter_context(showing_progress(say("cli.verify-progress", lang)))
        roots = roots_of(outside.tsa, outside.config, own[0], keyed or outside.mark is not None)
        keeper = None if outside.resume is None else keeper_in(outside.resume, judged)
        proof = prove(source, own, anchors, progress, named, keeper, roots)
        _audit(source, proof, progress, own)
        if outside.rejudge:
            judge_again(source, proof, progress)
        if keeper is not None:
            keeper.forget()
        first = opening(source)
    if first is not None and first.previous is not None:
        # A claim: only `verify` of both logs holds it against the earlier one.
        earlier = printable(first.previous.partition("\n")[0])
        tell("cli.verify-succeeds", lang, earlier=earlier, origin=first.origin)
    return proof


def _audit(
    source: "Source", proof: "Proof", progress: Progress, trusted: "Sequence[Verifier]"
) -> None:
    """Of a bundle: everything that its report says, computed again."""
    from monitor.report.audit import audit
    from monitor.report.bundle import Bundle

    if isinstance(source, Bundle):
        audit(source, proof, progress, trusted)


def checkpoint(
    key: KeyOption = None,
    config: ConfigOption = None,
    lang: LangOption = None,
) -> None:
    """Print the newest signed checkpoint, to be kept elsewhere.

    Example: sasando ledger checkpoint > kupang.checkpoint
    """
    from monitor.ledger.checkpoint import open_by_any

    language = preferred_language(lang)
    agent = load_configuration(config).agent
    verifiers = keys_of(verifiers_of(key or str(agent.trusted_key)), agent.origin)
    note = _newest_note(agent)
    if note is None:
        raise CommandError("cli.no-checkpoint", place=agent.high_water_mark)
    head, _ = open_by_any(note, verifiers)
    typer.echo(note.decode(), nl=False)
    tell("cli.checkpoint-size", language, size=head.size)


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
    with showing_progress(say("cli.export-progress", language)) as progress:
        head = export_log(agent.store_url(), folder, progress, note)
    tell("cli.exported", language, folder=folder, size=head.size)
