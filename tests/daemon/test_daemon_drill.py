"""Drills through the command line, by one agent on loopback: refused, carried out, cut short."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.daemon.control import Call, ControlError
from monitor.drill import Fate
from tests.cli.running_command import ROOT, Inside
from tests.daemon.drilled import Asking, acts, need_icmp, place_at, singletons_of, window
from tests.daemon.place import Place
from tests.daemon.process import Agent, eventually

HOUR = timedelta(hours=1)
ENDED = {"network": "127.66.0.0/16", "authorised_by": "test", "letter": "1", "until": "2020-01-01"}
SCOPE = [
    ENDED,
    {**ENDED, "network": "127.66.13.0/24", "until": "2099-12-31"},
]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """An agent at work on links with all sorts of declarations; intact at the end."""
    need_icmp()
    drills = {
        "open": [window(-2 * HOUR, -HOUR), window()],
        "bare": [],
        "early": [window(HOUR, 2 * HOUR)],
        "over": [window(-2 * HOUR, -HOUR)],
        "foreign": [window(probe="192.0.2.1")],
        "ended": [window(probe="127.66.14.1")],
        "interrupted": [window()],
        "killed": [window()],
    }
    with tempfile.TemporaryDirectory(prefix="sd-") as name:
        made = place_at(Path(name), drills, scope=SCOPE)
        with Agent(made) as agent:
            agent.ready()
            yield made
            assert agent.stop() == 0
            assert "Traceback" not in agent.told()
        made.require_intact()


@pytest.fixture
def drill(place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """`sasando drill` inside the test's process, in English."""
    monkeypatch.setenv("SASANDO_LANG", "en")
    inside = Inside(capsys)
    return lambda *words: inside("drill", *words, "-c", place.configuration)


def test_a_drill_is_carried_out_and_signed(place: Place, drill: Any) -> None:
    """Exit 0, JSON on stdout, the prompt on stderr; two entries, the second one with a record."""
    words = ("open", "--for", "1500ms", "--after", "0s", "--reason", "first", "--json")
    done = drill(*words)
    assert done.code == 0, done.err
    assert "NOW trigger" in done.err
    found = done.data
    assert (found["outcome"], found["ended"], found["gaps"]) == ("stayed-up", "complete", [])
    assert found["answered"] == found["sent"] > 0
    assert set(found["links_before"]) == set(place.links)
    first, last = acts(place, "open", "drill-begun", "drill")[-2:]
    numbered = dict(place.numbered())
    assert (first.act, last.act) == ("drill-begun", "drill")
    assert numbered[found["begun_entry"]] == first
    assert numbered[found["entry"]] == last
    assert last.detail["begun"] == found["begun_entry"]
    assert (last.reason, last.detail["letter"]) == ("first", "555/9")
    # Each singleton leaves in its own tenth of a second, counted from the first: no drift.
    singletons = singletons_of(place, last)
    assert [one.number for one in singletons] == list(range(len(singletons)))
    measured = [one for one in singletons if one.fate is not Fate.UNMEASURED]
    assert len(measured) == found["sent"]
    assert all(0 <= one.sent_us - one.number * 100_000 < 200_000 for one in measured)


@pytest.mark.parametrize(
    ("link", "sentence", "logged"),
    [
        ("bare", "No drill of bare is declared", "drill.undeclared"),
        ("early", "nothing was probed before that", "drill.early"),
        ("over", "The declared window of over ended at", "drill.over"),
        ("foreign", "Nothing was probed: 192.0.2.1 is in no range", "drill.scope"),
        ("ended", "Nothing was probed: 127.66.14.1 may no longer be probed", "drill.scope"),
        ("nowhere", "There is no link nowhere", None),
        ("core", "There is no link core", None),
    ],
)
def test_what_may_not_be_drilled_is_refused(
    place: Place, drill: Any, link: str, sentence: str, logged: str | None
) -> None:
    """Exit 3, one sentence, no drill begun; the refusal of a link is logged and an entry."""
    done = drill(link)
    assert (done.code, done.out) == (3, "")
    assert sentence in done.err
    assert len(done.err.strip().splitlines()) == 1
    if logged is None:
        return
    eventually("the entry of the refusal", lambda: acts(place, link))
    assert {(act.act, act.detail["why"]) for act in acts(place, link)} == {
        ("drill-refused", logged)
    }
    assert f"drill-refused link='{link}'" in (place.root / "log").read_text()


def test_a_refusal_in_indonesian(drill: Any) -> None:
    """The sentence is the reader's, not the agent's."""
    done = drill("bare", "--lang", "id")
    assert done.code == 3
    assert done.err.startswith("Uji alih bare belum dinyatakan")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["open", "--for", "soon"], "--for soon is not a length of time"),
        (["open", "--for", "31m"], "--for 31m is not possible"),
        (["open", "--for", "5s"], "--after must be shorter than --for"),
        (["open", "--hook", "'"], "The command of --hook cannot be read"),
        (["open", "--hook", "no-such-command-here"], "is not there or cannot be run"),
        (["open", "--most", "5"], "--most 5 is not a length of time"),
        ([], "LINK"),
    ],
)
def test_bad_options_are_refused_before_the_agent_is_asked(
    drill: Any, words: list[str], sentence: str
) -> None:
    """Exit 3, and the sentence is about the option."""
    done = drill(*words)
    assert done.code == 3
    assert sentence in done.err


def test_without_an_agent_the_command_says_to_start_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3 and a remedy; nobody else measures."""
    alone = place_at(root, {"open": [window()]})
    done = Inside(capsys)("drill", "open", "-c", alone.configuration, "--lang", "en")
    assert (done.code, done.out) == (3, "")
    assert "Start it with: sasando run" in done.err


def test_a_hook_that_fails_proves_no_failover(drill: Any) -> None:
    """The service stayed up, but perhaps nothing was triggered: exit 3, and stderr says so."""
    done = drill("open", "--for", "1s", "--after", "0s", "--hook", "sh -c 'exit 7'", "--json")
    assert done.code == 3, done.out
    assert done.data["outcome"] == "stayed-up"
    assert done.data["hook"]["exit_code"] == 7
    assert "The hook ended with 7" in done.err


def test_ctrl_c_ends_the_drill_and_tells_what_was_measured(place: Place) -> None:
    """The client that is interrupted prints the result so far, and it is recorded."""
    argv = [sys.executable, "-m", "monitor.cli.main", "drill", "interrupted", "--for", "60s"]
    with subprocess.Popen(
        [*argv, "--after", "0s", "--json", "-c", str(place.configuration), "--lang", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as client:
        assert client.stderr is not None
        assert "NOW trigger" in client.stderr.readline()  # the first singletons were answered
        client.send_signal(signal.SIGINT)
        out, _ = client.communicate(timeout=60)
    assert client.returncode == 0
    assert json.loads(out)["ended"] == "client"
    act = acts(place, "interrupted", "drill")[0]
    assert (act.detail["ended"], act.detail["outcome"]) == ("client", "stayed-up")


def test_a_second_drill_is_refused_and_a_client_that_vanishes_ends_the_first(
    place: Place, drill: Any
) -> None:
    """One drill at a time; a broken connection, as of a killed client, leaves what it measured."""
    with Asking(place, "killed", 60) as asking:
        eventually("answers", lambda: asking.measured(3))
        done = drill("open")
        assert done.code == 3
        assert "A drill of killed is under way" in done.err
        asking.call.__exit__()
        eventually("the entry", lambda: acts(place, "killed", "drill"))
    detail = acts(place, "killed", "drill")[0].detail
    assert detail["ended"] == "client"
    assert detail["answered"] >= 3


@pytest.mark.parametrize(
    "request_",
    [
        {"link": 7},
        {"link": "open"},
        {"link": "open", "for_us": 1},
        {"link": "open", "for_us": True},
        {"link": "open", "for_us": 10**12},
        {"link": "open", "for_us": 2_000_000, "most_us": -1},
        {"link": "open", "for_us": 2_000_000, "hook": "rm"},
        {"link": "open", "for_us": 2_000_000, "reason": "\ud800"},
    ],
)
def test_a_request_of_wrong_types_is_refused(place: Place, request_: dict[str, Any]) -> None:
    """Nothing of it reaches a probe or an entry."""
    before = len(acts(place, "open"))
    with Call(place.control, "drill", 60, **request_) as call, pytest.raises(ControlError) as told:
        call.result()
    assert told.value.code == "cli.request"
    assert len(acts(place, "open")) == before
