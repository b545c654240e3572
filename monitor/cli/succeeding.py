"""`sasando ledger succeed`, and `sasando verify` of several logs that succeed one another."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
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
from monitor.cli.sources import (
    Outside,
    anchored,
    configured_witnesses,
    marks,
    roots_of,
    showing_progress,
    source_at,
)
from monitor.cli.trust import keys_of, trusted, verifiers_of, witnesses_at
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.ledger.checkpoint import Checkpoint
    from monitor.ledger.entry import LogOpened
    from monitor.ledger.signer import Verifier
    from monitor.proof import Proof
    from monitor.source import Anchored, Source
    from monitor.succession import Handover


def succeed(
    after: Annotated[
        list[Path],
        typer.Option(
            "--after",
            metavar="FILE",
            help="A checkpoint of the old log, such as its high-water mark; may be repeated.",
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="VKEY|FILE",
            help="The verifier key of the old log, instead of the configured keys.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    lang: LangOption = None,
) -> None:
    """Begin a new log that succeeds a lost one and names its last known checkpoint.

    The configuration must already have the new origin, key, state and high-water mark; the old
    key stays in trust/log.vkey. Give every checkpoint that there is: the largest is named.

    Example: sasando ledger succeed --after /var/lib/sasando-old-mark/high-water
    """
    from monitor.daemon.succession import begin_after

    language = preferred_language(lang)
    configuration = load_configuration(config)
    agent = configuration.agent
    verifiers = verifiers_of(key or str(agent.trusted_key))
    head, note = _last_known([anchored(file) for file in after], verifiers)
    if head.origin == agent.origin:
        raise CommandError("cli.succeed-origin", origin=agent.origin)
    begin_after(configuration, note)
    tell("cli.succeeded", language, origin=agent.origin, previous=head.origin, size=head.size)


def _last_known(
    notes: "Sequence[Anchored]", verifiers: "Sequence[Verifier]"
) -> "tuple[Checkpoint, bytes]":
    """The largest of the checkpoints, each signed by a trusted key and all of one log."""
    from monitor.ledger.checkpoint import open_by_any, read_unverified

    opened = []
    for one in notes:
        own = keys_of(verifiers, read_unverified(one.note).origin)
        opened.append((open_by_any(one.note, own)[0], one.note))
    if len({head.origin for head, _ in opened}) != 1:
        raise CommandError("cli.succeed-several")
    head, note = max(opened, key=lambda pair: pair[0].size)
    if any(other.size == head.size and other.root != head.root for other, _ in opened):
        raise CommandError("cli.succeed-forked", 1, size=head.size)
    return head, note


@dataclass(slots=True, kw_only=True)
class ChainProof:
    """What the verification of a chain came to."""

    proofs: "list[Proof]"
    handovers: "list[Handover]"

    @property
    def verdict(self) -> str:
        """The worst of the logs; incomplete where entries were lost between two of them."""
        verdicts = {proof.verdict for proof in self.proofs}
        if "unusable" in verdicts:
            return "unusable"
        if "tampered" in verdicts or any(h.finding for h in self.handovers):
            return "tampered"
        lost = any(h.lost for h in self.handovers)
        return "incomplete" if lost or "incomplete" in verdicts else "intact"

    def sentences(self, lang: Language) -> list[str]:
        """The verdict on the whole, then each log, then each handover with what is not known."""
        said = [say(f"verify.chain-{self.verdict}", lang, count=len(self.proofs))]
        for proof in self.proofs:
            said += proof.sentences(lang)
        for one in self.handovers:
            said += _told(one, lang)
        return said

    def as_json(self, lang: Language) -> dict[str, Any]:
        """The object of `verify --json` for several logs."""
        return {
            "verdict": self.verdict,
            "logs": [proof.as_json(lang) for proof in self.proofs],
            "handovers": [
                {
                    "earlier": h.earlier,
                    "later": h.later,
                    "named": h.named,
                    "there": h.there,
                    "lost": h.lost,
                    "beyond": h.beyond,
                    "what": " ".join(_told(h, lang)),
                }
                for h in self.handovers
            ],
        }


def _told(one: "Handover", lang: Language) -> list[str]:
    if one.finding is not None:
        from monitor.proof import spoken

        return [spoken(one.finding, lang)]
    values = {"earlier": one.earlier, "later": one.later, "named": one.named, "there": one.there}
    said = [say("verify.handover", lang, **values)]
    if one.lost:
        said.append(say("verify.handover-lost", lang, count=one.lost, **values))
    if one.beyond:
        said.append(say("verify.handover-beyond", lang, count=one.beyond, **values))
    return [*said, say("verify.handover-unknown", lang, **values)]


def prove_chain(paths: Sequence[str], outside: Outside, lang: Language) -> ChainProof:
    """Verify every log of a chain and what each says of the one before."""
    from monitor.succession import handover, in_order, opening, told_as_lost

    witnesses: list[Verifier] = []
    for path in paths:
        judged = None if "://" in path else Path(path)
        verifiers = trusted(outside.key, outside.config, judged)
        witnesses = [one for at in outside.witnesses for one in witnesses_at(at, judged)]
    origin, marked = marks(outside.mark, outside.config, outside.key is not None, lang)
    with ExitStack() as stack:
        sources = [stack.enter_context(source_at(path)) for path in paths]
        found = [opening(source) for source in sources]
        order = in_order(found)
        logs = [(sources[at], one) for at in order if (one := found[at]) is not None]
        elsewhere = [anchored(file) for file in outside.checkpoints]
        elsewhere += marked if outside.mark else []
        named: dict[str, list[Anchored]] = {one.origin: [] for _, one in logs}
        handovers = []
        for (source, earlier), (_, later) in pairwise(logs):
            own = [v for v in verifiers if v.name == earlier.origin]
            told, note = handover(earlier, source.head()[1], later, own)
            handovers.append(told)
            named[earlier.origin] += [note] if note is not None else []
            elsewhere = [one for one in elsewhere if not told_as_lost(one.note, told, own)]
        if origin in named:
            named[origin] += marked
        proofs = [
            _prove(
                source,
                keys_of(verifiers, one.origin),
                [*_of(one, elsewhere), *named[one.origin]],
                witnesses,
                outside,
                lang,
            )
            for source, one in logs
        ]
    return ChainProof(proofs=proofs, handovers=handovers)


def _of(log: "LogOpened", notes: "Sequence[Anchored]") -> "list[Anchored]":
    """The checkpoints that claim to be of this log."""
    from monitor.ledger.checkpoint import read_unverified

    return [one for one in notes if read_unverified(one.note).origin == log.origin]


def _prove(
    source: "Source",
    own: "Sequence[Verifier]",
    anchors: "list[Anchored]",
    witnesses: "Sequence[Verifier]",
    outside: Outside,
    lang: Language,
) -> "Proof":
    """One log of the chain, by its own keys; what the configuration trusts is for its own log."""
    from monitor.verify import verify

    keyed = outside.key is not None or outside.mark is not None
    named = witnesses or configured_witnesses(outside.config, own[0], keyed)
    roots = roots_of(outside.tsa, outside.config, own[0], keyed)
    with showing_progress(say("cli.verify-progress", lang)) as progress:
        return verify(source, own, anchors, progress, named, roots=roots)


def print_chain(proof: ChainProof, lang: Language, *, as_json: bool) -> None:
    """The verdict for people or scripts."""
    if as_json:
        print_json(proof.as_json(lang))
        return
    for sentence in proof.sentences(lang):
        typer.echo(printable(sentence))
