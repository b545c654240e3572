"""Reports of a log that was pruned: right for what lies after the boundary, refused before it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from alerts.payload import alert_id
from monitor.boundary import boundary_of
from monitor.cli.common import CommandError
from monitor.cli.report_making import _gathered
from monitor.exported import ExportedLog
from monitor.figures import Asked
from monitor.ledger.checkpoint import Checkpoint
from monitor.ledger.entry import (
    AlertSettled,
    EntryError,
    ExclusionDecided,
    ExclusionProposed,
    IncidentStepped,
    LabelSet,
    MaintenanceDeclared,
)
from monitor.ledger.wire import decode, encode
from monitor.rejoined import Rejoined
from monitor.report.audit import audit
from monitor.report.build import report_of
from monitor.report.bundle import Bundle, write_bundle
from monitor.report.document import document_of
from monitor.report.gather import PrunedError
from monitor.report.model import Report
from monitor.report.shown import shown, to_bytes
from monitor.source import Source
from monitor.store.export import export
from monitor.store.ledger import Commit
from monitor.store.pruning import Pruning, prune
from monitor.verify import verify
from policies.period import Period, parse_period
from tests.report.scene import (
    END_US,
    HOUR_US,
    ORIGIN,
    START_US,
    STEP_US,
    ZONE,
    Scene,
    objective,
    ping,
    step,
)
from tests.store.building import KEY, ledger_at

NOVEMBER = parse_period("2026-11", ZONE)
OCTOBER_STEPS = (END_US - START_US) // STEP_US
DAYS = 4
"""Of November that were seen."""
LAST_US = END_US + DAYS * 24 * HOUR_US


def _step(incident: int | None, number: int, act: str, at_us: int) -> IncidentStepped:
    return step(incident, number, act, at_us, END_US - 5 * HOUR_US)


def _scene() -> tuple[Scene, int]:
    """Everything that reaches from October into November, and where in the log November begins."""
    by_loss = objective(id="by-loss", loss=("0.2", 3_600_000_000), restitution=None)
    lost = objective(id="loss", indicator="loss", restitution=None)
    scene = Scene(objectives=(objective(), by_loss, lost))
    scene.begin()
    scene.series(0, "balai-fo", "icmp", "availability/link-answers", "loss/loss-5")
    scene.series(1, "taman", "icmp", "availability/hotspot-answers")
    for at in range(0, OCTOBER_STEPS, 8):
        steps = range(at, min(at + 8, OCTOBER_STEPS))
        down = END_US - 5 * HOUR_US
        rows = [ping(0, n, up=START_US + n * STEP_US < down) for n in steps]
        scene.observe([*rows, *(ping(1, n) for n in steps)])
    number = scene.add(_step(None, 0, "opened", END_US - 4 * HOUR_US))
    told = alert_id(ORIGIN, number, 0, "noc")
    settled = AlertSettled(
        alert=told,
        route="noc",
        attempt=1,
        at_us=END_US - 4 * HOUR_US + 60_000_000,
        delivered=True,
        receipt="ok",
    )
    label = LabelSet(
        label="unreachable", target="taman", cause="core", since_us=END_US - 1, until_us=None
    )
    planned = MaintenanceDeclared(
        targets=("taman",),
        since_us=END_US + 24 * HOUR_US,
        until_us=END_US + 26 * HOUR_US,
        author="ayu",
        reason="ganti antena",
        at_us=END_US - 3 * HOUR_US,
    )
    scene.add(settled, _step(number, 1, "acknowledged", END_US - 3 * HOUR_US), label, planned)
    # Proposed and decided before the boundary, about time that ends after what was seen there.
    _exclude(scene, "taman", END_US - HOUR_US, END_US + STEP_US, incident=None)
    while len(scene.entries) % 256:
        scene.observe([ping(0, OCTOBER_STEPS - 1, up=False)])  # seen already: changes nothing
    boundary = len(scene.entries)
    _november(scene, number, label)
    return scene, boundary


def _november(scene: Scene, incident: int, label: LabelSet) -> None:
    steps = range(OCTOBER_STEPS, OCTOBER_STEPS + DAYS * 144)
    for at in range(0, len(steps), 48):
        part = steps[at : at + 48]
        scene.observe([ping(0, n, up=n > steps[60]) for n in part] + [ping(1, n) for n in part])
    ended_us = END_US + 11 * HOUR_US
    scene.add(
        replace(label, until_us=END_US + HOUR_US),
        replace(_step(incident, 2, "closed", ended_us), since_us=ended_us - HOUR_US),
    )
    _exclude(scene, "balai-fo", END_US, END_US + HOUR_US, incident)


def _exclude(scene: Scene, target: str, since_us: int, until_us: int, incident: int | None) -> None:
    """An exclusion that a second account approves."""
    proposed = ExclusionProposed(
        target=target,
        since_us=since_us,
        until_us=until_us,
        cause="power",
        incident=incident,
        author="ayu",
        reason="surat 13/PLN",
        at_us=until_us,
    )
    number = scene.add(proposed)
    scene.add(
        ExclusionDecided(
            exclusion=number, approved=True, author="budi", reason="", at_us=until_us + 1
        )
    )


@dataclass(frozen=True)
class Logs:
    """The same two months, whole and pruned."""

    folder: Path
    boundary: int

    def exported(self, name: str) -> Path:
        """A log as files."""
        return self.folder / name


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    """Pruned just where October ends, and the archive that was made before."""
    folder, (scene, boundary) = tmp_path_factory.mktemp("pruned-report"), _scene()
    url = f"sqlite:///{folder}/ledger.db"
    with ledger_at(url, folder / "mark") as ledger:
        ledger.append(Commit(entries=scene.entries, records=scene.records, at_us=START_US))
        export(url, folder / "whole", note=ledger.note)
        plan = Pruning(begin=0, boundary=boundary, before_us=END_US)
        prune(ledger, plan, "ayu", "retention", LAST_US)
        export(url, folder / "pruned", note=ledger.note)
    return Logs(folder, boundary)


def made(source: Source, period: Period = NOVEMBER) -> Report:
    """The report as the command makes it: from entries that lead to the signed root."""
    proof = verify(source, KEY.verifier)
    assert not proof.findings
    head = Checkpoint(origin=ORIGIN, size=proof.size, root=proof.root)
    asked = Asked(period=period, until_us=LAST_US)
    found = _gathered(source, head, asked, lambda _: None)
    return report_of(found, asked, head.root, source.record, lambda: source.entries(head.size))


def test_the_report_after_the_boundary_says_what_the_whole_log_says(logs: Logs) -> None:
    """Every figure, incident and declaration is the same, and what was pruned is said."""
    with ExportedLog(logs.exported("whole")) as whole, ExportedLog(logs.exported("pruned")) as left:
        wanted, found = shown(made(whole)), shown(made(left))
    assert found.pop("pruned")["entries"] == logs.boundary
    names = ("size", "root", "configurations")
    assert {k: v for k, v in found.items() if k not in names} == {
        k: v for k, v in wanted.items() if k not in names
    }
    assert found["configurations"][0] == wanted["configurations"][0]
    (incident,) = found["incidents"]
    assert incident["told"] is not None
    assert incident["acknowledged"] is not None
    assert {one["kind"] for one in found["declarations"]} == {"maintenance", "exclusion"}


@pytest.mark.parametrize("lang", ["en", "id"])
def test_the_document_states_what_was_pruned(logs: Logs, lang: Any) -> None:
    """In words, and only where something was."""
    with ExportedLog(logs.exported("whole")) as whole, ExportedLog(logs.exported("pruned")) as left:
        texts = [str(document_of(made(source), b"note", lang)) for source in (whole, left)]
    word = {"en": "were pruned (entry", "id": "sudah dipangkas (entri"}[lang]
    assert [word in text for text in texts] == [False, True]


def test_a_period_that_reaches_below_the_boundary_is_refused(logs: Logs) -> None:
    """No figure is made of what is not there; with the archive all of it is."""
    october = parse_period("2026-10", ZONE)
    with ExitStack() as stack:
        left = stack.enter_context(ExportedLog(logs.exported("pruned")))
        whole = stack.enter_context(ExportedLog(logs.exported("whole")))
        with pytest.raises(PrunedError) as caught:
            made(left, october)
        assert caught.value.code == "report.pruned"
        rejoined = shown(made(Rejoined(left, [whole]), october))
        assert rejoined["figures"] == shown(made(whole, october))["figures"]
        assert "pruned" not in rejoined


@contextmanager
def bundled(logs: Logs, to: Path, period: Period = NOVEMBER) -> Iterator[Bundle]:
    """The audit bundle of the pruned log, with a report of a period of the whole one."""
    name = "pruned" if period is NOVEMBER else "whole"
    with ExportedLog(logs.exported(name)) as source:
        content = to_bytes(made(source, period))
    write_bundle(to / "b.zip", {"report/report.json": content}, logs.exported("pruned"))
    with Bundle(to / "b.zip") as bundle:
        yield bundle


def test_a_bundle_over_a_pruned_log_verifies(logs: Logs, tmp_path: Path) -> None:
    """Intact, because nothing that the report says was pruned; and that is said."""
    with bundled(logs, tmp_path) as bundle:
        proof = verify(bundle, KEY.verifier)
        assert proof.verdict == "incomplete"
        audit(bundle, proof)
    assert (proof.verdict, proof.findings, proof.figures) == ("intact", [], True)
    assert any("No figure of this report rests on them" in s for s in proof.sentences("en"))


def test_a_bundle_of_what_was_pruned_is_incomplete(logs: Logs, tmp_path: Path) -> None:
    """The report of October over the pruned log cannot be checked: neither good nor bad."""
    with bundled(logs, tmp_path, parse_period("2026-10", ZONE)) as bundle:
        proof = verify(bundle, KEY.verifier)
        audit(bundle, proof)
    assert (proof.verdict, proof.figures) == ("incomplete", False)


class _Other:
    """A log whose state at the boundary is another record."""

    def __init__(self, log: ExportedLog, state: bytes) -> None:
        self.pruned, self.entry, self.state = log.pruned, log.entry, state

    def record(self, _: bytes) -> bytes:
        return self.state


def test_a_state_of_an_earlier_version_makes_no_report(logs: Logs) -> None:
    """It kept nothing for reports: that is said, and nothing is guessed. Nor is nonsense read."""
    with ExportedLog(logs.exported("pruned")) as left:
        boundary = boundary_of(left)
        assert boundary is not None
        fold = boundary.fold.snapshot()
        for state, why in (
            (fold, "entry.standing-none"),
            (encode({**decode(fold), "standing": {"origin": 1}}), "entry.standing-unreadable"),
            (b"nonsense", "entry.standing-unreadable"),
        ):
            with pytest.raises(EntryError, match=why):
                boundary_of(_Other(left, state))


def test_the_proof_needs_the_pruned_hashes(logs: Logs) -> None:
    """A pruned log whose upper hashes are others makes no report: it leads to no signed root."""
    with ExportedLog(logs.exported("pruned")) as left:
        asked = Asked(period=NOVEMBER, until_us=LAST_US)
        head = Checkpoint(origin=ORIGIN, size=left.head()[1], root=bytes(32))
        with pytest.raises(CommandError, match=r"report\.entries"):
            _gathered(left, head, asked, lambda _: None)
