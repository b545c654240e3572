"""Objectives of every indicator through `sla` and `report`, on a day whose truth is known."""

import json
from datetime import date
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from monitor.accounting import TEXT_NAME, Accounting
from monitor.config.loader import load
from monitor.daemon.setup import in_force
from monitor.ledger.entry import ConfigurationInForce
from monitor.report.bundle import BUNDLE
from policies.period import parse_period
from tests.cli.running_command import Inside
from tests.daemon.place import Place
from tests.store.building import (
    KEY,
    anchored,
    append,
    batch,
    digest,
    ledger_at,
    observation,
    opened,
    series,
)

DAY = "2026-09-01..2026-09-01"
MINUTE_US = 60_000_000
DOWN = {*range(200, 204), *range(300, 310)}
"""Two outages, of 4 and 10 minutes, in which everything was lost."""
LOSSY = range(100, 108)
"""Two of five singletons lost: the rule is met, but more than c1 is lost."""
SLOW = range(600, 672)
"""A twentieth of the day in which answers took 80 ms."""
UNSEEN = range(1_000, 1_005)
"""From the end of what minute 999 covers on, four and a half minutes nobody looked."""


def objective(indicator: str, target: str, **more: Any) -> dict[str, Any]:
    """One objective on link-0."""
    return {
        "id": more.pop("id", indicator),
        "applies_to": 'target.key == "link-0"',
        "indicator": indicator,
        "measured_by": ["answers"],
        "target": target,
        **more,
    }


def delays(minute: int) -> tuple[int | None, ...]:
    """What came back in a minute."""
    if minute in DOWN:
        return (None,) * 5
    delay = 80_000 if minute in SLOW else 10_000
    return (delay, delay, delay, *((None, None) if minute in LOSSY else (delay, delay)))


def a_day(
    place: Place, *objectives: dict[str, Any], version: int = 2, unseen: range = UNSEEN
) -> None:
    """A ledger of one day: link-0 every minute with five singletons."""
    rule = {
        "id": "answers",
        "check": "icmp",
        "require": "evidence.received > 0",
        "availability": True,
    }
    place.write()
    text = {"policy": "base", "version": 1, "rules": [rule], "objectives": list(objectives)}
    (place.configuration / "policies" / "base.yaml").write_text(json.dumps(text), "utf-8")
    pem = KEY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (place.configuration / "secrets" / "log.key").write_bytes(pem)
    configuration = load(place.configuration, today=date(2026, 10, 1))
    start_us, _ = parse_period(DAY, configuration.agent.timezone).window
    entry, records = in_force(configuration, start_us)
    if version == 1:
        entry, records = of_version_1(entry, dict(records))
    rows = [
        observation(0, minute * 60_000, 1 if minute in DOWN else 0, delays(minute))
        for minute in range(1_440)
        if minute not in unseen
    ]
    place.state.mkdir()
    place.mark.parent.mkdir()
    with ledger_at(place.url, place.mark) as ledger:
        begin = (opened(), anchored(start_us), entry.to_bytes(), series(0, MINUTE_US))
        append(ledger, *begin, records=records)
        append(ledger, *(batch(rows[n : n + 500]) for n in range(0, len(rows), 500)))


def of_version_1(
    entry: ConfigurationInForce, records: dict[bytes, bytes]
) -> tuple[ConfigurationInForce, dict[bytes, bytes]]:
    """The terms as an older program wrote them."""
    old = records[entry.texts[TEXT_NAME]].replace(b'"accounting":2', b'"accounting":1')
    assert Accounting.from_bytes(old).version == 1
    texts = {**entry.texts, TEXT_NAME: digest(old)}
    more = ConfigurationInForce(at_us=entry.at_us, texts=texts, program=entry.program)
    return more, {**records, digest(old): old}


def figures_of(inside: Inside, place: Place) -> dict[str, Any]:
    """Every figure of the day by its objective."""
    done = inside("sla", "--period", DAY, "--json", "-c", place.configuration)
    assert done.code == 0, done.err
    return {one["objective"]: one for one in done.data["figures"]}


def test_loss_decides_time_block_by_block(place: Place, inside: Inside) -> None:
    """Blocks that lost more than c1 are unavailable, though some answer came each minute."""
    a_day(
        place,
        objective("availability", "99%", id="plain"),
        objective("availability", "99%", id="by-loss", loss={"ratio": 0.2, "over": "5m"}),
        objective("availability", "99%", id="old-c1", loss={"ratio": 0.75, "over": "5m"}),
        objective("outages", "2", id="few-by-loss", loss={"ratio": 0.2, "over": "5m"}),
        unseen=range(0),
    )
    found = figures_of(inside, place)
    minutes = {key: one["time_us"]["unavailable"] // MINUTE_US for key, one in found.items()}
    # Blocks of minutes 100 and 105 lost 40 % and 24 %; 200 lost 80 %; 300 and 305 all.
    assert minutes == {"plain": 14, "by-loss": 25, "old-c1": 15, "few-by-loss": 25}
    assert found["by-loss"]["worst"] == found["by-loss"]["best"] == pytest.approx(1_415 / 1_440)
    assert found["by-loss"]["outages"]["count"] == 3
    assert (found["plain"]["outcome"], found["by-loss"]["outcome"]) == ("met", "missed")
    assert (found["few-by-loss"]["unit"], found["few-by-loss"]["outcome"]) == ("count", "missed")
    assert found["plain"]["probes"] is None
    assert found["by-loss"]["probes"] == {
        "sent": 7_200,
        "received": 7_200 - 5 * 14 - 2 * 8,
        "within": None,
        "bound_ms": None,
    }


def test_time_that_nobody_probed_is_between_worst_and_best(place: Place, inside: Inside) -> None:
    """A block that was seen in part is judged in that part alone; the rest is unobserved."""
    a_day(place, objective("availability", "97.5%", loss={"ratio": 0.2, "over": "5m"}))
    figure = figures_of(inside, place)["availability"]
    unseen_us = 9 * MINUTE_US // 2
    assert figure["time_us"]["unobserved_by_cause"] == {"unseen": unseen_us + MINUTE_US // 2}
    assert figure["worst"] == pytest.approx(1_410 / 1_440)
    assert figure["best"] == pytest.approx(1_410 / 1_435)


def test_loss_and_delay_are_shares_of_probes(place: Place, inside: Inside) -> None:
    """A lost probe has no delay; what was not sent is at worst lost, and at worst late."""
    a_day(
        place,
        objective("loss", "2%"),
        objective("loss", "1%", id="strict"),
        objective("delay", "50ms", percentile="90%"),
        objective("delay", "50ms", id="undecided", percentile="94.9%"),
        objective("delay", "5ms", id="fast"),
    )
    found = figures_of(inside, place)
    sent, lost = 5 * 1_435, 5 * 14 + 2 * 8
    silent = 4.5 / 1_440
    assert found["loss"]["best"] == pytest.approx(lost / sent)
    assert found["loss"]["worst"] == pytest.approx(lost / sent * (1 - silent) + silent)
    assert found["loss"]["probes"]["sent"] == sent
    late = 5 * len(SLOW)
    delay = found["delay"]
    assert delay["best"] == pytest.approx((sent - lost - late) / (sent - lost))
    assert delay["worst"] == pytest.approx((sent - lost - late) / sent * (1 - silent))
    assert (delay["goal"], delay["unit"], delay["probes"]["bound_ms"]) == (0.9, "ratio", 50.0)
    assert {key: one["outcome"] for key, one in found.items()} == {
        "loss": "met",
        "strict": "missed",
        "delay": "met",
        "undecided": "undecided",
        "fast": "missed",
    }
    told = inside("sla", "--period", DAY, "--lang", "id", "-c", place.configuration)
    assert "90,000 % dalam 50 ms" in told.out


def test_outages_are_objectives_too(place: Place, inside: Inside) -> None:
    """Count, longest, time to repair and between failures; unseen time may hide more."""
    a_day(
        place,
        objective("outages", "3"),
        objective("outages", "2", id="outages-2"),
        objective("outages", "1", id="outages-1"),
        objective("longest-outage", "10m"),
        objective("longest-outage", "9m", id="longest-9"),
        objective("mttr", "7m"),
        objective("mttr", "6m", id="mttr-6"),
        objective("mtbf", "7h"),
        objective("mtbf", "11h", id="mtbf-11"),
        objective("mtbf", "12h", id="mtbf-12"),
    )
    found = figures_of(inside, place)
    assert {key: one["outcome"] for key, one in found.items()} == {
        "outages": "met",
        "outages-2": "undecided",
        "outages-1": "missed",
        "longest-outage": "met",
        "longest-9": "missed",
        "mttr": "met",
        "mttr-6": "missed",
        "mtbf": "met",
        "mtbf-11": "undecided",
        "mtbf-12": "missed",
    }
    assert (found["outages"]["worst"], found["outages"]["best"]) == (3, 2)
    assert found["longest-outage"]["best"] == found["longest-outage"]["worst"] == 600_000
    assert found["mtbf"]["best"] == pytest.approx(1_421.5 * 60_000 / 2)
    assert found["mtbf"]["worst"] == pytest.approx(1_421.5 * 60_000 / 3)
    assert found["mttr"]["best"] == 7 * 60_000


def test_what_cannot_be_measured_is_said_and_not_computed_otherwise(
    place: Place, inside: Inside
) -> None:
    """No singletons, or terms from before they counted: unmeasured, with nothing owed."""
    money = {"restitution": {"formula": "pro-rata"}, "loss": {"ratio": 0.2, "over": "5m"}}
    place.links["link-0"]["fee"] = 10_000_000
    a_day(
        place,
        objective("availability", "99%", id="by-loss", **money),
        objective("loss", "2%"),
        objective("delay", "50ms"),
        version=1,
    )
    for one in figures_of(inside, place).values():
        assert (one["outcome"], one["worst"], one["best"]) == ("unmeasured", None, None)
        assert (one["probes"], one["restitution"], one["error_budget"]) == (None, None, None)


def test_a_report_says_the_same_and_its_bundle_can_be_checked(place: Place, inside: Inside) -> None:
    """report.json has the figures of `sla`, and `verify` computes them again from the entries."""
    a_day(
        place,
        objective("availability", "99%", id="by-loss", loss={"ratio": 0.2, "over": "5m"}),
        objective("loss", "2%"),
        objective("delay", "50ms"),
        objective("mtbf", "11h"),
    )
    folder = place.state.parent / "report"
    options = ("--period", DAY, "--format", "json,bundle,html", "--out", folder)
    done = inside("report", *options, "-c", place.configuration)
    assert done.code == 0, done.err
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert {one["objective"]: one for one in report["figures"]} == figures_of(inside, place)
    key = place.configuration / "trust" / "log.vkey"
    checked = inside("verify", folder / BUNDLE, "--key", key, "--json")
    assert (checked.code, checked.data["verdict"]) == (0, "intact"), checked.out


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (objective("delay", "5%"), "750ms"),
        (objective("outages", "3.5"), "such as 3"),
        (objective("loss", "2%", loss={"ratio": 0.2, "over": "5m"}), "remove it"),
        (objective("availability", "99%", loss={"ratio": 0.2, "over": "10s"}), "at least 60s"),
        (objective("availability", "99%", percentile="95%"), "delay"),
        (objective("delay", "50ms", percentile="950%"), "percentage"),
    ],
)
def test_an_objective_that_says_nothing_is_refused(
    place: Place, inside: Inside, wrong: dict[str, Any], words: str
) -> None:
    """With its place and what to write instead."""
    place.write()
    rule = {"id": "answers", "check": "icmp", "require": "evidence.received > 0"}
    text = {"policy": "base", "version": 1, "rules": [rule], "objectives": [wrong]}
    (place.configuration / "policies" / "base.yaml").write_text(json.dumps(text), "utf-8")
    done = inside("config", "check", "--lang", "en", "-c", place.configuration)
    assert (done.code, words in done.err + done.out) == (2, True), done.err
