"""`sasando sla`, `maintenance` and `exclude` over a ledger whose truth is known."""

import json
from datetime import date
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from monitor.config.loader import load
from monitor.daemon.setup import in_force
from monitor.ledger.batch import Row
from monitor.ledger.entry import ExclusionDecided
from policies.period import parse_period
from tests.cli.running_command import Inside
from tests.daemon.place import Place
from tests.store.building import (
    KEY,
    anchored,
    append,
    batch,
    ledger_at,
    observation,
    opened,
    series,
)

STEP_US = 600_000_000
HOUR = 6
TODAY = date(2026, 10, 1)
DOWN = range(100 * HOUR, 108 * HOUR)
"""Eight hours of the 720 of a September."""


def policy(**more: Any) -> str:
    """Rules and an objective as JSON, which is YAML."""
    rule = {
        "id": "answers",
        "check": "icmp",
        "require": "evidence.received > 0",
        "availability": True,
    }
    objective = {
        "id": "contract",
        "title": {"en": "Contract", "id": "Kontrak"},
        "applies_to": 'target.key == "link-0"',
        "indicator": "availability",
        "measured_by": ["answers"],
        "target": "99.5%",
        "restitution": {"formula": "downtime-over-target"},
        **more,
    }
    return json.dumps({"policy": "base", "version": 1, "rules": [rule], "objectives": [objective]})


def september(place: Place, *, unseen: range = range(0), **more: Any) -> None:
    """A ledger of September 2026: link-0 every ten minutes, unavailable during DOWN."""
    place.links["link-0"]["fee"] = 10_000_000
    place.write()
    (place.configuration / "policies" / "base.yaml").write_text(policy(**more), "utf-8")
    pem = KEY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (place.configuration / "secrets" / "log.key").write_bytes(pem)
    configuration = load(place.configuration, today=TODAY)
    start_us, end_us = parse_period("2026-09", configuration.agent.timezone).window
    entry, records = in_force(configuration, start_us)
    rows: list[Row] = [
        observation(0, step * STEP_US // 1_000, 1 if step in DOWN else 0, (1_000,))
        for step in range((end_us - start_us) // STEP_US)
        if step not in unseen
    ]
    place.state.mkdir()
    place.mark.parent.mkdir()
    with ledger_at(place.url, place.mark) as ledger:
        append(
            ledger,
            opened(),
            anchored(start_us),
            entry.to_bytes(),
            series(0, STEP_US),
            records=records,
        )
        for at in range(0, len(rows), 20_000):
            append(
                ledger, *(batch(rows[n : n + 500]) for n in range(at, at + 20_000, 500) if rows[n:])
            )


def asked(inside: Inside, place: Place, *words: str) -> Any:
    """The one figure of September."""
    done = inside("sla", "--period", "2026-09", "--json", "-c", place.configuration, *words)
    assert done.code == 0, done.err
    (figure,) = done.data["figures"]
    return figure


def test_the_worked_example_comes_out_of_the_command_to_the_cent(
    place: Place, inside: Inside
) -> None:
    """720 h, 8 h unavailable, Rp10,000,000, 99.5 %: 98.889 % and Rp111,669.46."""
    september(place)
    figure = asked(inside, place)
    assert figure["time_us"]["unavailable"] == 8 * 3_600_000_000
    assert figure["time_us"]["base"] == 720 * 3_600_000_000
    assert figure["worst"] == figure["best"] == pytest.approx(0.988888889)
    assert figure["outcome"] == "missed"
    assert figure["restitution"]["amount"] == "111669.46"
    assert figure["outages"]["count"] == 1
    told = inside("sla", "--period", "2026-09", "--lang", "id", "-c", place.configuration)
    for words in (
        "98,889 %",
        "99,500 %",
        "Rp111.669,46",
        "8 jam",
        "tidak memenuhi",
        "30 September 2026",
    ):
        assert words in told.out
    told = inside("sla", "--period", "2026-09", "--lang", "en", "-c", place.configuration)
    for words in ("98.889 %", "Rp111,669.46", "missed", "8 h"):
        assert words in told.out


def test_what_nobody_saw_is_shown_and_raises_nothing(place: Place, inside: Inside) -> None:
    """Two unseen hours are between worst and best; the worst restitution counts them."""
    september(place, unseen=range(2 * HOUR))
    figure = asked(inside, place)
    assert figure["time_us"]["unobserved"] == 2 * 3_600_000_000
    assert figure["worst"] == pytest.approx(710 / 720)
    assert figure["best"] == pytest.approx(710 / 718)
    assert float(figure["restitution"]["worst_amount"]) > float(figure["restitution"]["amount"])


def test_an_exclusion_counts_when_a_second_account_has_approved_it(
    place: Place, inside: Inside
) -> None:
    """Proposed by the command it changes nothing; approved, its time leaves the base."""
    september(place)
    zone = load(place.configuration, today=TODAY).agent.timezone
    start_us, _ = parse_period("2026-09", zone).window
    words = ("--target", "link-0", "--from", "2026-09-05T04:00", "--until", "2026-09-05T12:00")
    done = inside(
        "exclude",
        "time",
        *words,
        "--cause",
        "power",
        "--reason",
        "letter",
        "--json",
        "-c",
        place.configuration,
    )
    assert done.code == 0, done.err
    entry = done.data["entry"]
    assert asked(inside, place)["outcome"] == "missed"
    own = inside("exclude", "approve", str(entry), "-c", place.configuration)
    assert own.code == 2
    assert "another account" in own.err
    with ledger_at(place.url, place.mark) as ledger:
        decided = ExclusionDecided(
            exclusion=entry, approved=True, author="someone-else", reason="", at_us=start_us
        )
        append(ledger, decided.to_bytes())
    figure = asked(inside, place)
    assert figure["time_us"]["excluded_by_cause"] == {"power": 8 * 3_600_000_000}
    assert figure["time_us"]["base"] == 712 * 3_600_000_000
    assert (figure["outcome"], figure["worst"]) == ("met", 1.0)
    listed = inside("exclude", "list", "-c", place.configuration)
    assert "approved" in listed.out
    assert inside("verify", place.state, "-c", place.configuration).code == 0


def test_maintenance_must_be_told_before_it_begins(place: Place, inside: Inside) -> None:
    """A notice of the past is refused with a way out; one of the future is listed and can end."""
    september(place)
    at = ("--from", "2026-09-05T04:00", "--until", "2026-09-05T12:00", "--reason", "fibre")
    past = inside("maintenance", "add", "link-0", *at, "-c", place.configuration)
    assert past.code == 2
    assert "cannot begin in the past" in past.err
    ahead = ("--from", "2099-01-01T00:00", "--until", "2099-01-02T00:00")
    nameless = inside("maintenance", "add", "link-0", *ahead, "-c", place.configuration)
    assert (nameless.code, "--reason" in nameless.err) == (2, True)
    unknown = inside(
        "maintenance", "add", "link-9", *ahead, "--reason", "x", "-c", place.configuration
    )
    assert (unknown.code, "link-" in unknown.err) == (2, True)
    done = inside(
        "maintenance", "add", "link-0", *ahead, "--reason", "x", "--json", "-c", place.configuration
    )
    assert "link-0" in inside("maintenance", "list", "-c", place.configuration).out
    number = str(done.data["entry"])
    assert inside("maintenance", "cancel", number, "-c", place.configuration).code == 0
    rows = inside("maintenance", "list", "--json", "-c", place.configuration).data
    assert [row["counts"] for row in rows] == [False]
    again = inside("maintenance", "cancel", number, "-c", place.configuration)
    assert again.code == 2


def test_a_period_that_is_none_or_to_come_is_refused(place: Place, inside: Inside) -> None:
    """With the forms there are, and exit code 2."""
    september(place)
    for wrong, words in (("October", "2026-Q4"), ("2999-01", "has not begun")):
        done = inside("sla", "--period", wrong, "-c", place.configuration)
        assert (done.code, words in done.err) == (2, True)


def test_terms_stand_in_the_ledger_not_in_the_files(place: Place, inside: Inside) -> None:
    """A target changed in the policy file afterwards changes no figure."""
    september(place)
    (place.configuration / "policies" / "base.yaml").write_text(policy(target="50%"), "utf-8")
    assert asked(inside, place)["outcome"] == "missed"


def test_service_hours_cut_what_is_owed(place: Place, inside: Inside) -> None:
    """Of an outage from 04:00 to 12:00 the owed half day counts alone."""
    september(place, service_hours=["mon-sun 08:00-16:00"])
    figure = asked(inside, place)
    assert figure["time_us"]["unavailable"] == 4 * 3_600_000_000
    assert figure["time_us"]["base"] == 30 * 8 * 3_600_000_000


@pytest.mark.parametrize(
    ("period", "lang", "told"),
    [
        ("2026-08", "en", "the log begins at 1 September 2026 00:00:00, after period 2026-08"),
        ("2026-08", "id", "log dimulai pada 1 September 2026 00:00:00, setelah periode 2026-08"),
        ("2026-10", "en", "nothing after 30 September 2026 23:50:00, before period 2026-10"),
        ("2026-10", "id", "tidak memuat apa pun setelah 30 September 2026 23:50:00"),
    ],
)
def test_a_period_outside_of_the_log_is_noticed(
    place: Place, inside: Inside, period: str, lang: str, told: str
) -> None:
    """Its figures stand as before, and stderr says why they are empty."""
    september(place)
    done = inside("sla", "--period", period, "--json", "--lang", lang, "-c", place.configuration)
    assert done.code == 0
    assert told in done.err
    held_us = 300_000_000  # for so long the last observation of September holds in October
    assert done.data["figures"][0]["time_us"]["available"] <= held_us
    within = inside("sla", "--period", "2026-09-30..2026-10-02", "-c", place.configuration)
    assert (within.code, within.err) == (0, "")
