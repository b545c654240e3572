"""A month of a city as a real ledger, fast: the writer's own code, an hour in each transaction.

As the daemon writes it: the observations of each second are one entry, incidents and declarations
are entries of their own, one checkpoint an hour is kept. Every target is pinged once a minute; it
fails a few times a month, sometimes nobody looks, and sometimes its name cannot be resolved. The
same scale and seed give the same entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from checks.table import KINDS
from monitor.accounting import TEXT_NAME, Accounting, TargetTerms
from monitor.ledger.batch import FAULTS, Batch, Group, Measure
from monitor.ledger.columns import Ints
from monitor.ledger.entry import (
    ClockAnchored,
    ConfigurationInForce,
    ExclusionDecided,
    ExclusionProposed,
    IncidentStepped,
    LogOpened,
    MaintenanceDeclared,
    Record,
    SeriesDefined,
)
from monitor.model import FaultKind
from monitor.rulebook import RULES_TEXT, Rulebook
from monitor.store.ledger import Commit, Ledger
from policies.period import Period, parse_period
from tests.report.scene import ZONE, objective, rule
from tests.store.building import KEY, ORIGIN, digest

MINUTE_US, HOUR_US = 60_000_000, 3_600_000_000
SECONDS, MINUTES = 3_600, 60
AVAILABLE, DOWN, UNSEEN, FAULTED = range(4)
RULES = ("availability/link-answers", "loss/loss-5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What is generated: days from 1 September 2026 on, in Makassar."""

    targets: int = 1_000
    days: int = 30
    packets: int = 1
    hours: int | None = None
    """Only so many of the first day."""
    troubles: float = 4.75
    """Of a target in 720 hours; each one closes two intervals."""
    seed: int = 1

    @property
    def period(self) -> Period:
        """September 2026, or as many days of it."""
        whole = self.days == 30
        return parse_period("2026-09" if whole else f"2026-09-01..2026-09-{self.days:02}", ZONE)

    @property
    def length(self) -> int:
        """Hours."""
        return 24 * self.days if self.hours is None else self.hours

    @property
    def start_us(self) -> int:
        """Its first moment."""
        return self.period.window[0]

    def name(self, number: int) -> str:
        """A target's key; the series has the same number."""
        return f"link-{number:05}"


@dataclass(frozen=True, slots=True)
class Written:
    """What was generated."""

    url: str
    mark: Path
    size: int
    observations: int
    entry_bytes: int


def write(month: Month, folder: Path) -> Written:
    """The ledger in a folder; a thousand targets take a quarter of a minute for each day."""
    url, mark = f"sqlite:///{folder}/ledger.db", folder / "mark"
    ledger = Ledger.open(url, KEY, mark)
    observations = entry_bytes = 0
    try:
        ledger.append(_begin(month))
        states = _states(month)
        rng = np.random.default_rng(month.seed + 1)
        course = _Course(month, states, _steps(month, states), rng)
        for hour in range(month.length):
            entries, seen = _hour(course, ledger.size, hour)
            at_us = month.start_us + (hour + 1) * HOUR_US
            ledger.append(Commit(entries=entries, at_us=at_us))
            observations, entry_bytes = observations + seen, entry_bytes + sum(map(len, entries))
        size = ledger.size
    finally:
        ledger.close(month.start_us + (month.length + 1) * HOUR_US)
    return Written(url, mark, size, observations, entry_bytes)


def _begin(month: Month) -> Commit:
    terms = {month.name(n): _target(month, n) for n in range(month.targets)}
    owed = objective(targets=tuple(terms))
    accounting = Accounting(timezone=ZONE.key, targets=terms, objectives=(owed,)).to_bytes()
    rules = (
        rule("availability", "link-answers", "icmp", "iso27001:A.8.14"),
        rule("loss", "loss-5", "icmp", "cis-8:15.6"),
    )
    rulebook = Rulebook(rules={one.key: one for one in rules}).to_bytes()
    texts = {TEXT_NAME: digest(accounting), RULES_TEXT: digest(rulebook)}
    at_us = month.start_us
    entries: list[Record] = [
        LogOpened(origin=ORIGIN, vantage="kupang", opened_us=at_us, previous=None),
        ClockAnchored(wall_us=at_us, boottime_ns=0, boot_id="b", why="start", step_us=0),
        ConfigurationInForce(at_us=at_us, texts=texts, program="sasando 0.1.0"),
        *(_series(month, number) for number in range(month.targets)),
        MaintenanceDeclared(
            targets=tuple(month.name(n) for n in range(0, month.targets, 50)),
            since_us=at_us + 5 * HOUR_US,
            until_us=at_us + 7 * HOUR_US,
            author="ayu",
            reason="ganti antena",
            at_us=at_us,
        ),
    ]
    kept = {digest(text): text for text in (accounting, rulebook)}
    return Commit(entries=[one.to_bytes() for one in entries], records=kept, at_us=at_us)


def _target(month: Month, number: int) -> TargetTerms:
    """Sites of two links; the primary one is paid for."""
    return TargetTerms(
        name=f"Jaringan {number}",
        kind="link",
        site=f"site-{number // 2:05}",
        role="backup" if number % 2 else "primary",
        provider=f"provider-{number % 7}",
        fee=None if number % 2 else 10_000_000 + number,
    )


def _series(month: Month, number: int) -> SeriesDefined:
    return SeriesDefined(
        number=number,
        target=month.name(number),
        kind="link",
        definition="d",
        check="icmp",
        family=4,
        vantage="kupang",
        interval_us=MINUTE_US,
        rules=RULES,
        withdrawn=False,
    )


def _states(month: Month) -> NDArray[np.int8]:
    """What every minute of every target is like."""
    rng, minutes = np.random.default_rng(month.seed), MINUTES * month.length
    states = np.full((month.targets, minutes), AVAILABLE, np.int8)
    counts = rng.poisson(month.troubles * month.length / 720, month.targets)
    for number, count in enumerate(counts.tolist()):
        for _ in range(count):
            kind = rng.choice([DOWN, UNSEEN, FAULTED], p=[0.8, 0.1, 0.1])
            start, length = int(rng.integers(minutes)), 1 + int(rng.exponential(30))
            states[number, start : start + length] = kind
    return states


def _steps(month: Month, states: NDArray[np.int8]) -> dict[int, list[tuple[int, int | None]]]:
    """By second: (target, None) where an incident opens, (target, first minute) where it closes.

    An outage is confirmed by its second observation.
    """
    found: dict[int, list[tuple[int, int | None]]] = {}
    for number in range(month.targets):
        down = np.flatnonzero(states[number] == DOWN)
        for run in np.split(down, np.flatnonzero(np.diff(down) > 1) + 1):
            if len(run) < 2:
                continue
            slot = number * 60 // month.targets
            first, last = int(run[0]), int(run[-1])
            found.setdefault((first + 1) * 60 + slot, []).append((number, None))
            if last + 1 < states.shape[1]:
                found.setdefault((last + 1) * 60 + slot, []).append((number, first))
    return found


@dataclass(slots=True)
class _Course:
    """What happens in the month, and what stands of it so far."""

    month: Month
    states: NDArray[np.int8]
    steps: dict[int, list[tuple[int, int | None]]]
    rng: np.random.Generator
    incidents: dict[int, int] = field(default_factory=dict)
    """Entry of the open incident of a target."""


def _hour(course: _Course, first: int, hour: int) -> tuple[list[bytes], int]:
    """The entries of an hour, the first of which has this index, and their observations."""
    month, states, rng = course.month, course.states, course.rng
    entries, seen = list[bytes](), 0
    usual = 5_000 + 37 * np.arange(month.targets) % 40_000
    shape = (month.targets, MINUTES, month.packets)
    delays = usual[:, None, None] + rng.integers(0, 900, shape)
    late = rng.integers(0, 50, (month.targets, MINUTES))
    bounds = [-(-slot * month.targets // 60) for slot in range(61)]
    for second in range(SECONDS):
        minute, slot = divmod(second, 60)
        absolute = hour * SECONDS + second
        for number, since in course.steps.get(absolute, ()):
            entries.append(_step(course, first + len(entries), number, absolute, since))
        low, high = bounds[slot], bounds[slot + 1]
        told = states[low:high, hour * MINUTES + minute]
        there = told != UNSEEN
        if there.any():
            numbers = np.arange(low, high)[there]
            started = absolute * 1_000 + late[numbers, minute]
            group = _group(month, numbers, started, told[there], delays[numbers, minute])
            entries.append(_batch(month, absolute, group))
            seen += len(numbers)
    if hour == 9:
        entries += _excluded(month, first + len(entries))
    return entries, seen


def _group(
    month: Month, numbers: Ints, started_ms: Ints, told: NDArray[np.int8], delays: Ints
) -> Group:
    count, faulted, down = len(numbers), told == FAULTED, told == DOWN
    names = KINDS["icmp"].evidence.measures()
    judgement = np.where(faulted, 8, np.where(down, 4, 0)).astype(np.uint64)
    answered = np.repeat(~down[~faulted], month.packets)
    values = np.where(answered, delays[~faulted].reshape(-1), 0).astype(np.int64)
    measures = {
        "delays_us": Measure(
            lengths=np.where(faulted, 0, month.packets).astype(np.int64),
            values=values,
            present=answered,
        )
    }
    for name in names:
        if name != "delays_us":
            sent = np.where(faulted, 0, month.packets).astype(np.int64)
            measures[name] = Measure(lengths=None, values=sent, present=~faulted)
    return Group(
        check="icmp",
        series=numbers.astype(np.int64),
        started_ms=started_ms.astype(np.int64),
        elapsed_ms=np.where(down, 2_000, delays[:, 0] // 1_000).astype(np.int64),
        judgement=judgement,
        fault=np.where(faulted, FAULTS.index(FaultKind.RESOLVER) + 1, 0).astype(np.int64),
        record=np.zeros(count, np.int64),
        measures={name: measures[name] for name in names},
    )


def _batch(month: Month, second: int, group: Group) -> bytes:
    return Batch(
        anchor=1,
        wall_us=month.start_us + (second + 1) * 1_000_000,
        boottime_ns=(second + 1) * 1_000_000_000,
        records=(),
        groups=(group,),
    ).to_bytes()


def _step(course: _Course, index: int, number: int, second: int, since: int | None) -> bytes:
    month, opening = course.month, since is None
    at_us = month.start_us + second * 1_000_000
    incident = None if opening else course.incidents.pop(number)
    if opening:
        course.incidents[number] = index
    return IncidentStepped(
        incident=incident,
        step=0 if opening else 1,
        act="opened" if opening else "closed",
        target=month.name(number),
        check="icmp",
        family=4,
        policy="availability",
        rule="link-answers",
        severity=2,
        reasons=("received 0 <= 0",),
        since_us=at_us - MINUTE_US if opening else at_us,
        at_us=at_us,
        author="",
    ).to_bytes()


def _excluded(month: Month, first: int) -> Iterator[bytes]:
    at_us = month.start_us + 10 * HOUR_US
    proposed = ExclusionProposed(
        target=month.name(1),
        since_us=at_us - 2 * HOUR_US,
        until_us=at_us - HOUR_US,
        cause="power",
        incident=None,
        author="ayu",
        reason="surat 12/PLN",
        at_us=at_us,
    )
    yield proposed.to_bytes()
    yield ExclusionDecided(
        exclusion=first, approved=True, author="budi", reason="", at_us=at_us
    ).to_bytes()
