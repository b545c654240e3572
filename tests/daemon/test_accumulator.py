"""Evidence that cannot be told or stored costs its own observation and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from checks import throughput
from checks.base import Assignment, Outcome
from checks.throughput import ThroughputEvidence, ThroughputSettings
from monitor.clock import Anchor
from monitor.daemon.accumulator import Accumulator
from monitor.daemon.plan import Item, item_of
from monitor.incident import Book
from monitor.ledger.batch import FAULTS, Batch
from monitor.model import Family, FaultKind, Kind, State, Target
from monitor.sight import Sights

ANCHOR = Anchor(wall_us=1_790_000_000_000_000, boottime_ns=0, boot_id="0" * 32)
GOOD = ThroughputEvidence(
    bytes=1_000,
    elapsed_us=1_000,
    outcome="ok",
    reason=None,
    status=200,
    capped=False,
    server_address="192.0.2.1",
)


def item() -> Item:
    """A series of one check without rules of its own."""
    settings = ThroughputSettings(url="http://192.0.2.1/")
    assignment = Assignment(
        target="t", check=throughput.KIND.name, family=Family.IPV4, settings=settings
    )
    return item_of(1, assignment, Target(key="t", kind=Kind.SERVICE, name="t"), (None,))


def taken(*found: ThroughputEvidence) -> tuple[Accumulator, list[Batch]]:
    """What becomes of observations a second apart."""
    seen, series = Accumulator(book=Book(), sights=Sights(parents={})), item()
    for second, evidence in enumerate(found, 1):
        outcome = Outcome(started_ns=second * 1_000_000_000, elapsed_us=5, evidence=evidence)
        seen.take(series, outcome, ANCHOR)
    return seen, [Batch.from_bytes(raw) for raw in seen.batches(0, ANCHOR, ANCHOR)]


@pytest.mark.parametrize("number", [2**63, -(2**63), 2**200], ids=["2^63", "-2^63", "2^200"])
def test_a_number_that_no_column_holds_loses_its_row(number: int) -> None:
    """The rows beside it are written, and the lost one is counted: its time is unobserved."""
    seen, batches = taken(GOOD, replace(GOOD, elapsed_us=number), GOOD)
    assert sum(batch.rows() for batch in batches) == 2
    assert seen.lost == {"unwritten-observations": 1}


@pytest.mark.parametrize("wrong", [{"reason": "\ud800"}, {"status": 2**200}, {"reason": 1.5}])
def test_a_posture_that_cannot_be_encoded_is_a_fault(wrong: dict[str, Any]) -> None:
    """It is told as a defect of the probe, without evidence, and is not held against the target."""
    seen, (batch,) = taken(GOOD, replace(GOOD, **wrong), GOOD)
    (group,) = batch.groups
    kept = [FAULTS[code - 1] if code else None for code in group.fault.tolist()]
    assert kept == [None, FaultKind.INTERNAL, None]
    assert seen.lost == {}


def test_facts_that_cannot_be_made_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check whose facts fail measured nothing; the daemon goes on."""

    def fail(*_: object) -> Any:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(ThroughputEvidence, "facts_of", fail)
    seen, _ = taken(GOOD)
    last = seen.latest[1]
    assert last.outcome.evidence is None
    assert last.outcome.fault is not None
    assert last.outcome.fault.kind is FaultKind.INTERNAL
    assert last.judgement.state is State.UNOBSERVED
