"""What the verifier says of a copy, by the shape of its log."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from monitor.exported import ExportedLog
from monitor.ledger.errors import LedgerError
from monitor.ledger.finding import Finding
from monitor.proof import Proof
from monitor.rejoined import Rejoined
from monitor.report.audit import audit
from monitor.report.bundle import Bundle
from monitor.source import Anchored
from monitor.store.pinned import PinnedDatabase
from monitor.succession import handover, opening
from monitor.text import say
from monitor.verify import verify
from tests.store.building import KEY, WITNESS
from tests.tampering.bases import LATER_KEY, NEXT_KEY
from tests.tampering.copies import Copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the verifier says of a copy."""

    verdict: str
    findings: list[Finding]
    figures: bool = False

    def said(self) -> str:
        """The first finding in words."""
        first = self.findings[0]
        return say(first.what, "en", **first.values)


def judged(copy: Copy, kind: str) -> Judged:
    """Verify a copy of a base of this kind with the keys and checkpoints from outside."""
    try:
        return _JUDGES[kind](copy)
    except LedgerError as error:
        # What is no bundle at all is refused before anything in it is believed.
        finding = Finding(index=None, what=error.code, values=dict(error.values))
        return Judged(verdict="unusable", findings=[finding])


def _told(proof: Proof) -> Judged:
    findings = [proof.unusable] if proof.unusable else proof.findings
    return Judged(verdict=proof.verdict, findings=findings, figures=proof.figures)


def _anchors(copy: Copy) -> list[Anchored]:
    return [Anchored(place="outside", note=note) for note in copy.notes]


def proof_of(copy: Copy) -> Proof:
    """What `verify` says of a database, with its archive where the copy has one."""
    with PinnedDatabase(f"sqlite:///{copy.database}") as source, ExitStack() as stack:
        archives = [copy.folder / "archive"] if copy.with_archive else []
        logs = [stack.enter_context(ExportedLog(folder)) for folder in archives]
        whole = Rejoined(source, logs) if logs else source
        return verify(whole, KEY.verifier, _anchors(copy), witnesses=[WITNESS])


def _database(copy: Copy) -> Judged:
    return _told(proof_of(copy))


def _rotated(copy: Copy) -> Judged:
    with PinnedDatabase(f"sqlite:///{copy.database}") as source:
        return _told(verify(source, [KEY.verifier, NEXT_KEY.verifier], _anchors(copy)))


def _export(copy: Copy) -> Judged:
    with ExportedLog(copy.folder / "log") as source:
        return _told(verify(source, KEY.verifier, _anchors(copy), witnesses=[WITNESS]))


def _bundle(copy: Copy) -> Judged:
    with Bundle(copy.bundle) as source:
        proof = verify(source, KEY.verifier, _anchors(copy))
        audit(source, proof, trusted=[KEY.verifier])
        return _told(proof)


def _chain(copy: Copy) -> Judged:
    """Two logs and the hand-over between them."""
    with ExitStack() as stack:
        urls = [f"sqlite:///{copy.folder / name}" for name in ("ledger.db", "later.db")]
        earlier, later = (stack.enter_context(PinnedDatabase(url)) for url in urls)
        first, then = opening(earlier), opening(later)
        assert first is not None
        assert then is not None
        told, note = handover(first, earlier.head()[1], then, [KEY.verifier])
        proofs = [
            verify(earlier, KEY.verifier, [note] if note else []),
            verify(later, LATER_KEY.verifier),
        ]
    findings = [told.finding] if told.finding else []
    findings += [finding for proof in proofs for finding in proof.findings]
    lost_any = "incomplete" if told.lost else "intact"
    return Judged(verdict="tampered" if findings else lost_any, findings=findings)


_JUDGES: dict[str, Callable[[Copy], Judged]] = {
    "database": _database,
    "pruned": _database,
    "rotated": _rotated,
    "export": _export,
    "bundle": _bundle,
    "chain": _chain,
}
