"""Verdicts judged again: an honest daemon's are the same, a lying one's are found one by one."""

import asyncio
import contextlib
import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.main import main
from monitor.cli.rejudging import judges_of
from monitor.config.loader import load
from monitor.daemon.plan import Item, Judgement, rule_names, rules_of
from monitor.daemon.rejudge import Judges, Rejudged, rejudge
from monitor.daemon.service import Daemon
from monitor.ledger.batch import Batch, Row, group_rows
from monitor.ledger.entry import ConfigurationInForce, LabelSet, SeriesDefined
from monitor.model import FaultKind, State
from tests.daemon.inside import run_inside, until
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.store.building import START_US, anchored, digest

QUICK = {
    "id": "quick",
    "title": {"en": "quick", "id": "cepat"},
    "check": "tcp",
    "severity": "warning",
    "controls": [],
    "applies_to": "true",
    "require": "evidence.connect_ms < 1000.0 && target.key != 'p3'",
}


def judged(place: Place) -> Any:
    """What the command says."""
    out = io.StringIO()
    words = ["verify", str(place.state), "-c", str(place.configuration), "--rejudge", "--json"]
    with contextlib.redirect_stdout(out):
        code = main(words)
    told = json.loads(out.getvalue())
    assert (code, told["verdict"]) in {(0, "intact"), (1, "differing")}, told
    return told


def test_an_honest_daemon_judged_by_the_texts_in_force(place: Place, ports: Ports) -> None:
    """Ports that are shut, a rule that is violated, and another one after a reload: all agree."""
    place.rules = [QUICK]
    place.write()

    async def act(daemon: Daemon) -> None:
        ports.shut(1)
        await _commits(daemon, 3)
        place.rules = [{**QUICK, "require": "evidence.connect_ms < 2000.0"}]
        place.write()
        reloads = len(place.of(ConfigurationInForce))
        daemon.reloading.begin()
        await until("a reload", lambda: len(place.of(ConfigurationInForce)) > reloads)
        await _commits(daemon, 3)

    assert run_inside(place, act) == 0
    told = judged(place)["checked"]["rejudged"]
    assert (told["differing"], told["left"]) == (0, {})
    assert told["same"] > 20


def test_a_daemon_that_calls_a_shut_port_available_is_found(
    place: Place, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is intact as signed, and each such verdict is named by entry, target and rule."""
    ports.shut(1)
    lying = Judgement(verdicts=(), number=0, state=State.AVAILABLE, violated=False)
    with monkeypatch.context() as patch:
        patch.setattr(Item, "judge", lambda *_: lying)
        assert run_inside(place, lambda daemon: _commits(daemon, 3)) == 0
    told = judged(place)
    assert told["verdict"] == "differing"
    assert told["checked"]["rejudged"]["differing"] >= 1
    first = told["findings"][0]
    assert first["index"] > 2
    assert (
        "on p1 (tcp) was stored as compliant; the policy in force then says violated"
        in (first["what"])
    )
    assert all("p1" in finding["what"] for finding in told["findings"])


async def _commits(daemon: Daemon, count: int) -> None:
    wanted = daemon.committing.commits + count
    await until("commits", lambda: daemon.committing.commits >= wanted)
    await asyncio.sleep(0)


# Without a daemon: what a log may hold.

LOST = {
    "id": "loss",
    "title": {"en": "loss", "id": "hilang"},
    "check": "icmp",
    "severity": "warning",
    "controls": [],
    "applies_to": "true",
    "require": "evidence.loss < 0.5",
}
UP, DOWN, LOSSY = ((900, 900), 0), ((None, None), 1 + 2 * 3), ((900, None), 3)
"""(delays, verdicts as digits: available, loss)."""


class Log:
    """A log of one link under one policy."""

    def __init__(self, root: Path) -> None:
        place = Place(root=root, links={"fo": {"site": "core", "address": "127.0.0.1"}})
        place.rules = [LOST]
        place.make()
        configuration = load(place.configuration, date(2026, 11, 25))
        self.judges = Judges(policies=configuration.policies, targets=configuration.targets)
        rules = rules_of(configuration.policies, configuration.targets["fo"], "icmp")
        self.texts = {n: digest(raw) for n, raw in configuration.texts.items()}
        self.records = {digest(raw): raw for raw in configuration.texts.values()}
        self.series = SeriesDefined(
            number=0,
            target="fo",
            kind="link",
            definition="d",
            check="icmp",
            family=4,
            vantage="test",
            interval_us=60_000_000,
            rules=rule_names(rules),
            withdrawn=False,
        )
        self.entries = [b"", anchored()]
        in_force = ConfigurationInForce(at_us=START_US, texts=self.texts, program="")
        self.entries += [in_force.to_bytes(), self.series.to_bytes()]

    def saw(self, *seen: tuple[tuple[int | None, ...], int], wall_s: int = 0, **more: Any) -> None:
        """A batch of observations."""
        records: list[bytes] = []
        rows = [
            Row(0, n, 1, digits, None, None, (delays, 2)) for n, (delays, digits) in enumerate(seen)
        ]
        rows = [row._replace(**more) for row in rows]
        group = group_rows("icmp", ("delays_us", "sent"), rows, records)
        wall_us = START_US + wall_s * 1_000_000
        made = Batch(
            anchor=1, wall_us=wall_us, boottime_ns=0, records=tuple(records), groups=(group,)
        )
        self.entries.append(made.to_bytes())

    def blind(self, until_us: int | None) -> None:
        """The agent becomes blind, or sees again."""
        label = LabelSet(
            label="blind", target="agent", cause="agent", since_us=1, until_us=until_us
        )
        self.entries.append(label.to_bytes())

    def judged(self, judges: Judges | None) -> Rejudged:
        """What judging again comes to."""
        numbered = list(enumerate(self.entries))[1:]
        return rejudge(numbered, self.records.get, lambda _: judges)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """With nothing observed yet."""
    return Log(tmp_path / "a")


def test_each_verdict_that_differs_is_counted_and_the_first_ones_named(log: Log) -> None:
    """A lossy observation that was called good: the rule is named, not the availability."""
    log.saw(UP, DOWN, LOSSY)
    log.saw(*[(LOSSY[0], 0)] * 30)
    told = log.judged(log.judges)
    assert (told.same, told.differing, len(told.findings)) == (3, 30, 20)
    first = told.findings[0]
    assert first.index == len(log.entries) - 1
    assert first.values["rule"] == "test/loss"
    assert (first.values["there"], first.values["here"]) == ("compliant", "violated")


def test_a_fault_is_indeterminate_and_nothing_else(log: Log) -> None:
    """Nothing was measured: every rule is undecided."""
    fault = {"fault": FaultKind.RESOLVER, "measures": (None, None)}
    log.saw(((), 2 + 2 * 3), **fault)
    log.saw(((), 0), **fault)
    told = log.judged(log.judges)
    assert (told.same, told.differing) == (1, 1)


def test_blindness_excuses_only_while_it_stands(log: Log) -> None:
    """Blind, a violation is undecided; long after and long before, that is another verdict."""
    undecided = (DOWN[0], 2 + 2 * 3)
    log.saw(undecided, wall_s=0)
    log.blind(None)
    log.saw(undecided, DOWN, wall_s=30)  # either, while it settles
    log.saw(undecided, DOWN, wall_s=300)
    log.blind(START_US)
    log.saw(undecided, wall_s=310)
    log.saw(undecided, wall_s=500)
    told = log.judged(log.judges)
    assert [f.index for f in told.findings] == [4, 7, 10]
    assert (told.same, told.blind) == (4, 3)


def test_what_cannot_be_judged_again_is_counted_by_its_reason(log: Log) -> None:
    """No texts, other rules, evidence that is gone or of another form: neither right nor wrong."""
    log.saw(UP, UP)
    assert log.judged(None).left == {"texts": 2}
    other = replace(log.judges, policies=())
    assert log.judged(other).left == {"rules": 2}
    log.saw(UP, record=digest(b"gone"))
    log.saw(UP, measures=(None, None))
    told = log.judged(log.judges)
    assert told.same + sum(told.left.values()) == 4
    assert told.left["evidence"] >= 1
    assert told.differing == 0


def test_texts_make_their_configuration_again_and_hostile_ones_make_none(log: Log) -> None:
    """Out of the log's records alone; a text that is gone, or a name that climbs, makes nothing."""
    entry = ConfigurationInForce(at_us=START_US, texts=log.texts, program="")
    found = judges_of(entry, log.records.get)
    assert found is not None
    assert [p.name for p in found.policies] == [p.name for p in log.judges.policies]
    assert judges_of(entry, lambda _: None) is None
    assert judges_of(replace(entry, at_us=1 << 62), log.records.get) is None
    climbing = {**log.texts, "inventory/../../evil.yaml": digest(b"x")}
    found = judges_of(replace(entry, texts=climbing), {**log.records, digest(b"x"): b"x"}.get)
    assert found is not None
