"""`sasando now` and `sasando incidents`, with and without an agent."""

import sqlite3
from typing import Any

import pytest

from monitor.daemon.control import ControlError
from tests.cli.conftest import Speak
from tests.cli.running_command import Inside, sasando
from tests.daemon.place import Place
from tests.store import building

INCIDENT = {
    "id": 7,
    "target": "link-0",
    "check": "icmp",
    "family": 4,
    "policy": "base",
    "rule": "answers",
    "severity": "critical",
    "reasons": ["received 0 <= 0"],
    "since": "2026-11-23T01:02:03.000000Z",
    "opened": "2026-11-23T01:03:03.000000Z",
    "ended_since": None,
    "ended": None,
    "act": "opened",
    "acknowledged": "2026-11-23T01:05:00.000000Z",
    "acknowledged_by": "ayu",
    "acknowledgement": "on my way",
    "held": {
        "cause": "silence",
        "by": 5,
        "since": "2026-11-23T01:03:03.000000Z",
        "released": None,
    },
    "consequences": {"count": 12, "kinds": {"service": 12}, "names": ["website"]},
}
SILENCE = {
    "id": 5,
    "targets": ["core"],
    "tags": [],
    "rules": ["answers"],
    "since": "2026-11-23T01:00:00.000000Z",
    "until": "2026-11-23T02:00:00.000000Z",
    "author": "ayu",
    "reason": "fibre",
    "ended": None,
    "ended_by": None,
    "held": 1,
}
ROUTE = {
    "name": "noc",
    "failing": True,
    "waiting": 3,
    "waiting_since": "2026-11-23T01:03:03.000000Z",
    "last_delivery": None,
    "last_failure": {"at": "2026-11-23T01:04:00.000000Z", "receipt": "http-503"},
}

REDUNDANT = {
    "site": "core",
    "name": "core",
    "configured": 2,
    "alive": 1,
    "legs": [
        {
            "link": "link-0",
            "role": "primary",
            "state": "unavailable",
            "since": "2026-11-23T01:02:03.000000Z",
        },
        {"link": "link-1", "role": "", "state": "available", "since": None},
    ],
    "single_leg_since": "2026-11-23T01:02:03.000000Z",
    "shared_hops": ["198.51.100.9"],
    "month": {
        "period": "2026-11",
        "debt_ms": 5_025_900.0,
        "single_leg_ms": 5_025_900.0,
        "whole_ms": 1_000_000.0,
        "outage_ms": 0.0,
        "undecided_ms": 7.5,
    },
}


def _answer(**changes: Any) -> dict[str, Any]:
    """What a running agent says."""
    return {
        "origin": building.ORIGIN,
        "vantage": "kupang",
        "at": "2026-11-23T01:05:00.000000Z",
        "uptime_s": 93_784,
        "series": [
            {
                "target": "link-0",
                "name": "link-0",
                "kind": "link",
                "site": "core",
                "check": "icmp",
                "family": 4,
                "state": "unavailable",
                "since": "2026-11-23T01:02:03.000000Z",
                "last": "2026-11-23T01:04:59.000000Z",
                "reasons": ["received 0 <= 0"],
                "fault": None,
            },
            {
                "target": "link-1",
                "name": "link-1",
                "kind": "link",
                "site": "core",
                "check": "icmp",
                "family": 4,
                "state": "unobserved",
                "since": None,
                "last": None,
                "reasons": [],
                "fault": "permission",
            },
        ],
        "redundancy": [REDUNDANT],
        "incidents": [INCIDENT],
        "silences": [],
        "labels": [],
        "ledger": {
            "size": 120,
            "checkpoint_size": 120,
            "bytes": 3_500_000,
            "growth_bytes_per_day": 12_582_912,
            "disk_free_bytes": 5_368_709_120,
            "days_left": 426,
            "retention_days": 730,
            "unsigned": None,
            "witnesses": [],
            "time_stamps": [],
        },
        "engine": {
            "late_p50_ms": 1.0,
            "late_p99_ms": 12.4,
            "late_max_ms": 40.0,
            "in_flight": 3,
            "skipped": 0,
        },
        "lost": {},
        "notes": [],
        "trouble": None,
        "calendar": [],
        "alerts_waiting": 0,
        "routes": [],
        "configuration": {"refused": False, "reloads": 1},
        **changes,
    }


def test_what_the_agent_says_is_shown(place: Place, speak: Speak) -> None:
    """Targets with state, times and reasons; incidents; health; ledger with growth and disk."""
    speak({"now": _answer()})
    done = sasando("now", "-c", place.configuration)
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0] == f"{building.ORIGIN} kupang 2026-11-23 09:05:00 WITA"
    down = "core link-0 icmp IPv4 UNAVAILABLE 2026-11-23 09:02:03 2026-11-23 09:04:59"
    assert f"{down} received 0 <= 0" in lines
    assert any(
        line.startswith("core link-1 icmp IPv4 unobserved – – Not measured") for line in lines
    )
    assert any(line.startswith("7 CRITICAL link-0 icmp IPv4 base/answers") for line in lines)
    assert any("unreachable because of it: 12; received 0 <= 0" in line for line in lines)
    assert any(
        line.startswith("Agent: up 1 d 2 h 3 min; probes start at most 12 ms") for line in lines
    )
    assert any(line.startswith("Ledger: 120 entries, 3.3 MiB; ") for line in lines)
    assert "It grows by 12.0 MiB a day; 5.0 GiB of disk are free, enough for 426 days." in lines


def test_the_agents_answer_as_data(inside: Inside, place: Place, speak: Speak) -> None:
    """`--json` is the agent's answer, that it runs, and when its checkpoint was set down."""
    speak({"now": _answer()})
    told = inside("now", "-c", place.configuration, "--json").data
    told["ledger"].pop("checkpoint_at")
    assert told == {"running": True, **_answer()}


WITNESS = {
    "name": "prov",
    "size": 118,
    "at": "2026-11-23T01:02:03Z",
    "cosigned": 3,
    "failures": 2,
    "failing": True,
    "conflict": False,
    "trouble": {"code": "witness.too-slow", "values": {"seconds": 10}},
    "failed": "2026-11-23T01:03:03Z",
}
CONFLICT = {"code": "witness.ahead", "values": {"witnessed": 200, "size": 118}}


@pytest.mark.parametrize(
    ("witness", "english", "indonesian"),
    [
        (WITNESS, "Witness prov: has cosigned 118 entries, the last time at 2026-11-23 09:02:03",
         "Saksi prov: sudah menandatangani bersama 118 entri"),
        (WITNESS, "(newest attempt 2026-11-23 09:03:03): The witness did not answer within 10 s.",
         "(percobaan terakhir 2026-11-23 09:03:03): Saksi tidak menjawab dalam 10 detik."),
        ({**WITNESS, "size": None, "at": None, "trouble": None}, "has cosigned nothing yet",
         "belum menandatangani bersama apa pun"),
        ({**WITNESS, "trouble": CONFLICT, "conflict": True}, "WITNESS prov CONTRADICTS THIS LOG",
         "SAKSI prov BERTENTANGAN DENGAN LOG INI"),
    ],
)  # fmt: skip
def test_each_witness_has_its_line(
    inside: Inside,
    place: Place,
    speak: Speak,
    witness: dict[str, Any],
    english: str,
    indonesian: str,
) -> None:
    """Up to where it cosigned and when, and aloud what is wrong with it, in both languages."""
    answer = _answer()
    answer["ledger"]["witnesses"] = [witness]
    speak({"now": answer})
    assert english in inside("now", "-c", place.configuration).out
    assert indonesian in inside("now", "-c", place.configuration, "--lang", "id").out


def test_without_an_agent_the_kept_cosignatures_are_shown(inside: Inside, recorded: Place) -> None:
    """Of the configured witnesses alone; a damaged one is no crash."""
    with building.ledger_at(recorded.url, recorded.mark) as ledger:
        size = ledger.size
        ledger.offer(building.cosigned(ledger, 1_790_000_000))
    key = building.WITNESS.vkey
    recorded.agent["witnesses"] = [{"name": "prov", "url": "https://w.example", "key": key}]
    recorded.write()
    one = inside("now", "-c", recorded.configuration, "--json").data["ledger"]["witnesses"][0]
    assert one.keys() == WITNESS.keys()
    assert (one["size"], one["at"]) == (size, "2026-09-21T14:13:20Z")
    connection = sqlite3.connect(recorded.state / "ledger.db")
    with connection:
        connection.execute("UPDATE cosignature SET note = x'00'")
    connection.close()
    one = inside("now", "-c", recorded.configuration, "--json").data["ledger"]["witnesses"][0]
    assert (one["size"], one["at"]) == (size, None)


@pytest.mark.parametrize(
    ("changes", "english", "indonesian"),
    [
        ({"trouble": "store.full"}, "CANNOT WRITE its ledger (store.full)", "TIDAK DAPAT MENULIS"),
        ({"lost": {"unwritten-observations": 4}}, "Lost and counted: unwritten-obs", "Hilang dan"),
        ({}, "ayu since 2026-11-23", "ayu sejak 2026-11-23"),
        ({}, "message held back by silence 5", "pesan ditahan oleh masa senyap 5"),
        (
            {"silences": [SILENCE]},
            "Silence 5 (core & answers) until 2026-11-23 10:00:00: 1 messages held back",
            "Masa senyap 5 (core & answers) sampai 2026-11-23 10:00:00: 1 pesan ditahan",
        ),
        ({"alerts_waiting": 2}, "Alerts waiting: 2", "Peringatan yang menunggu: 2"),
        (
            {"routes": [ROUTE]},
            "Route noc: the last attempt failed (",
            "Rute noc: percobaan terakhir gagal (",
        ),
        ({"notes": ["checks.no-roots"]}, "no root certificates", "sertifikat"),
        ({"configuration": {"refused": True, "reloads": 0}}, "was REFUSED", "DITOLAK"),
        (
            {
                "labels": [
                    {
                        "label": "blind",
                        "target": "agent",
                        "cause": "agent",
                        "since": INCIDENT["since"],
                    }
                ]
            },
            "CANNOT SEE since 2026-11-23 09:02:03",
            "TIDAK DAPAT MELIHAT",
        ),
    ],
)
def test_what_is_not_well_is_said_aloud(
    inside: Inside,
    place: Place,
    speak: Speak,
    changes: dict[str, Any],
    english: str,
    indonesian: str,
) -> None:
    """Each trouble of the agent itself has a line of its own, in both languages."""
    speak({"now": _answer(**changes)})
    assert english in inside("now", "-c", place.configuration).out
    assert indonesian in inside("now", "-c", place.configuration, "--lang", "id").out


def test_without_an_agent_the_database_is_read(recorded: Place) -> None:
    """It says that the agent is not running, and that nothing is observed now."""
    done = sasando("now", "-c", recorded.configuration)
    assert done.code == 0, done.err
    assert done.err == "The agent is not running; this is read from its database.\n"
    assert "NOT RUNNING: nothing is being observed" in done.out
    assert "Newest checkpoint: " in done.out
    rows = [line.split() for line in done.out.splitlines() if " icmp " in line and line[0] == "c"]
    assert {row[1] for row in rows} == {"link-0", "link-1", "link-2"}
    assert {row[4] for row in rows} == {"unobserved"}


def test_redundancy_is_shown_by_site(inside: Inside, place: Place, speak: Speak) -> None:
    """Each leg with its state; single leg, debt and shared hops stand beside the first one."""
    speak({"now": _answer()})
    out = inside("now", "-c", place.configuration).out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "Redundancy; debt of 2026-11 so far: time up with a leg down." in lines
    first = "core link-0 (primary) UNAVAILABLE 2026-11-23 09:02:03"
    assert f"{first} 2026-11-23 09:02:03 1:23:45 198.51.100.9" in lines
    assert "link-1 available –" in lines
    told = inside("now", "-c", place.configuration, "--lang", "id").out
    assert "Redundansi; utang 2026-11 sejauh ini" in told


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"shared_hops": None}, "1:23:45 –"),
        ({"shared_hops": []}, "1:23:45 none seen"),
        ({"month": None, "single_leg_since": None}, "– – 198.51.100.9"),
    ],
)
def test_what_is_not_known_of_redundancy_is_no_figure(
    inside: Inside, place: Place, speak: Speak, changes: dict[str, Any], shown: str
) -> None:
    """A month that could not be read and hops that nobody knows are dashes; none seen is said."""
    speak({"now": _answer(redundancy=[{**REDUNDANT, **changes}])})
    out = inside("now", "-c", place.configuration).out
    assert any(" ".join(line.split()).endswith(shown) for line in out.splitlines())


def test_the_database_as_data(inside: Inside, recorded: Place) -> None:
    """Without an agent the keys are the same; what nobody can know is null."""
    told = inside("now", "-c", recorded.configuration, "--json").data
    assert told.keys() == {"running", *_answer()}
    assert told["ledger"].keys() == {"checkpoint_at", *_answer()["ledger"]}
    assert told["series"][0].keys() == _answer()["series"][0].keys()
    assert told["redundancy"][0].keys() == REDUNDANT.keys()
    assert told["redundancy"][0]["month"].keys() == _answer()["redundancy"][0]["month"].keys()
    assert [leg["link"] for leg in told["redundancy"][0]["legs"]] == ["link-0", "link-1", "link-2"]
    assert (told["running"], told["engine"], told["uptime_s"]) == (False, None, None)
    assert told["ledger"]["checkpoint_at"] is not None
    assert told["ledger"]["checkpoint_size"] == told["ledger"]["size"]
    assert [one["act"] for one in told["incidents"]] == ["opened"]


def test_reading_changes_nothing(inside: Inside, recorded: Place) -> None:
    """`now` and `incidents` leave every byte of the database as it was."""
    before = (recorded.state / "ledger.db").read_bytes()
    assert inside("now", "-c", recorded.configuration).code == 0
    assert inside("incidents", "-c", recorded.configuration).code == 0
    assert (recorded.state / "ledger.db").read_bytes() == before


def test_incidents_of_the_database(recorded: Place) -> None:
    """The newest comes first; those that ended are listed too, unless only open ones are asked."""
    done = sasando("incidents", "-c", recorded.configuration, "--json")
    assert done.code == 0, done.err
    assert [one["act"] for one in done.data] == ["opened", "closed"]
    opened = sasando("incidents", "--open", "-c", recorded.configuration, "--json")
    assert [one["id"] for one in opened.data] == [done.data[0]["id"]]


def test_the_number_of_incidents_is_bounded(inside: Inside, recorded: Place) -> None:
    """`--limit` bounds the list."""
    done = inside("incidents", "--limit", "1", "-c", recorded.configuration)
    assert "Incidents: 1" in done.out
    assert "loss 1.00 > 0.05" in done.out


def test_incidents_are_asked_of_the_agent(inside: Inside, place: Place, speak: Speak) -> None:
    """A running agent is told what is wanted."""
    asked: list[Any] = []
    speak({"incidents": lambda request: asked.append(request) or [INCIDENT]})
    done = inside("incidents", "--open", "--limit", "3", "-c", place.configuration, "--json")
    assert done.data == [INCIDENT]
    assert (asked[0]["open"], asked[0]["limit"]) == (True, 3)


def test_a_refusal_of_the_agent_is_a_sentence(inside: Inside, place: Place, speak: Speak) -> None:
    """What the agent refuses is told in words, and is exit 2."""
    speak({"now": ControlError("cli.busy")})
    done = inside("now", "-c", place.configuration)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("The agent answers as many")


def test_neither_agent_nor_database(inside: Inside, place: Place) -> None:
    """Before the first start there is nothing to read, and the sentence says what to do."""
    done = inside("now", "-c", place.configuration)
    assert done.code == 2
    assert "start sasando run once" in done.err


def test_colour_needs_a_terminal(
    inside: Inside, place: Place, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Piped output has no escape; on a terminal NO_COLOR is honoured."""
    speak({"now": _answer()})
    assert "\x1b" not in inside("now", "-c", place.configuration).out
    for module in ("common", "standing_lines"):
        monkeypatch.setattr(f"monitor.cli.{module}.on_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    done = inside("now", "-c", place.configuration)
    assert "UNAVAILABLE" in done.out
    assert "\x1b[3" not in done.out


def test_hostile_text_cannot_steer_the_terminal(inside: Inside, place: Place, speak: Speak) -> None:
    """Control characters in an answer are shown as a mark, never sent on."""
    series = [{**_answer()["series"][0], "reasons": ["\x1b]0;owned\x07"]}]
    speak({"now": _answer(series=series)})
    done = inside("now", "-c", place.configuration)
    assert "\x1b" not in done.out
    assert "\ufffd]0;owned\ufffd" in done.out
