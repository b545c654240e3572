"""`sasando policy lint`, `test` and `explain`."""

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.daemon.control import ControlError
from tests.cli.conftest import Speak
from tests.cli.running_command import Inside, sasando
from tests.daemon.place import Place

RULE: dict[str, Any] = {
    "id": "few-lost",
    "title": {"en": "Few packets lost", "id": "Sedikit paket hilang"},
    "check": "icmp",
    "require": "evidence.loss <= 0.05",
    "severity": "warning",
    "controls": ["iso27001:A.8.21"],
    "tests": [
        {"evidence": {"loss": 0.0}, "verdict": "compliant"},
        {"evidence": {"loss": 0.4}, "verdict": "violated"},
    ],
}
SEEN = {"sent": 5, "received": 3, "loss": 0.4, "delay_ms": {"min": 1.0, "median": 2.0}}


@pytest.fixture
def ruled(place: Place) -> Place:
    """A configuration with one good rule."""
    place.rules = [dict(RULE)]
    place.write()
    return place


def _change(place: Place, **changes: Any) -> None:
    place.rules = [{**RULE, **changes}]
    place.write()


def test_good_policies_pass_lint_and_their_cases(ruled: Place) -> None:
    """A policy in order exits with 0 from both commands and says how much was looked at."""
    linted = sasando("policy", "lint", "-c", ruled.configuration)
    tested = sasando("policy", "test", "-c", ruled.configuration)
    assert (linted.code, linted.out) == (0, "")
    assert "1 policies, 1 rules: 0 errors, 0 warnings." in linted.err
    assert tested.code == 0
    assert tested.out.splitlines()[1].split() == ["test", "few-lost", "icmp", "2/2", "passed"]
    assert "2 of 2 cases passed." in tested.err


def test_a_failing_case_fails_both(inside: Inside, ruled: Place) -> None:
    """A case that comes out otherwise than it promises is exit 1, named with its values."""
    _change(ruled, require="evidence.loss <= 0.5")
    linted = inside("policy", "lint", "-c", ruled.configuration)
    tested = inside("policy", "test", "-c", ruled.configuration)
    assert (linted.code, tested.code) == (1, 1)
    assert "error: test/few-lost: " in linted.out
    assert "test/few-lost, case 2: expected violated, got compliant" in tested.out


def test_warnings_are_shown_and_pass(inside: Inside, ruled: Place) -> None:
    """What is only doubtful is told in the language asked for, and exits with 0."""
    _change(ruled, applies_to='target.kind == "hotspot"')
    done = inside("policy", "lint", "-c", ruled.configuration, "--lang", "id")
    assert done.code == 0
    assert done.out.startswith("perhatian: test/few-lost: ")


def test_lint_as_data(inside: Inside, ruled: Place) -> None:
    """`--json` lists level, policy, rule, code and sentence."""
    _change(ruled, tests=[])
    done = inside("policy", "lint", "-c", ruled.configuration, "--json")
    assert [(one["level"], one["policy"], one["rule"], one["code"]) for one in done.data] == [
        ("warning", "test", "few-lost", "lint-no-cases")
    ]


def test_no_cases_at_all_is_no_success(inside: Inside, ruled: Place) -> None:
    """Empty is not compliant: without a single case `policy test` exits with 1."""
    _change(ruled, tests=[])
    done = inside("policy", "test", "-c", ruled.configuration)
    assert done.code == 1
    assert "no case" in done.out


def test_results_of_cases_as_data(inside: Inside, ruled: Place) -> None:
    """`--json` gives one object for each case, counted from 1."""
    done = inside("policy", "test", "-c", ruled.configuration, "--json")
    assert [(one["case"], one["expected"], one["passed"]) for one in done.data] == [
        (1, "compliant", True),
        (2, "violated", True),
    ]


@pytest.mark.parametrize(
    "wrap", [lambda e: e, lambda e: {"evidence": e}, lambda e: [{"evidence": e}]]
)
def test_a_verdict_is_explained_from_a_file(
    inside: Inside, ruled: Place, tmp_path: Path, wrap: Any
) -> None:
    """Evidence alone, an observation, or the list that `check --json` prints explain alike."""
    file = tmp_path / "seen.json"
    file.write_text(json.dumps(wrap(SEEN)))
    words = ("policy", "explain", "few-lost", "--target", "link-0", "--evidence", file)
    done = inside(*words, "-c", ruled.configuration)
    assert done.code == 0
    assert "VIOLATED: loss 0.40 > 0.05" in done.out
    told = inside(*words, "-c", ruled.configuration, "--json").data[0]
    assert (told["verdict"], told["applies"], told["facts"]) == ("violated", True, {"loss": "0.4"})
    assert told["steps"][0] == {
        "depth": 0,
        "expression": "loss <= 0.05",
        "value": "false",
        "outcome": "false",
    }


def test_evidence_may_come_from_standard_input(ruled: Place) -> None:
    """`--evidence -` reads what another command printed."""
    words = ("policy", "explain", "test/few-lost", "--target", "link-0", "--evidence", "-")
    done = sasando(*words, "-c", ruled.configuration, stdin='{"loss": 0.01, "sent": null}')
    assert done.code == 0, done.err
    assert "\ncompliant\n" in done.out


def test_a_checks_own_rule_can_be_explained(inside: Inside, ruled: Place, tmp_path: Path) -> None:
    """What a check itself calls available is a rule like any other."""
    file = tmp_path / "seen.json"
    file.write_text('{"received": 0}')
    words = ("policy", "explain", "icmp-available", "--target", "link-0", "--evidence", file)
    assert "VIOLATED: received 0 <= 0" in inside(*words, "-c", ruled.configuration).out


def test_the_agents_newest_observation_is_explained(
    inside: Inside, ruled: Place, speak: Speak
) -> None:
    """Without evidence the agent is asked, and the observation's time is told."""
    one = {
        "target": "link-0",
        "check": "icmp",
        "family": 4,
        "started_at": "2026-11-23T01:02:03.000004Z",
        "evidence": SEEN,
        "fault": None,
    }
    speak({"latest": lambda request: [one] if request["target"] == "link-0" else []})
    words = ("policy", "explain", "few-lost", "-c", ruled.configuration, "--target")
    done = inside(*words, "link-0")
    assert "link-0  icmp IPv4  2026-11-23T01:02:03.000004Z" in done.out
    assert "loss 0.40 > 0.05" in done.out
    nothing = inside(*words, "link-1")
    assert nothing.code == 2
    assert "no observation of link-1 by icmp yet" in nothing.err


def test_an_older_agent_is_no_reason_to_fail_without_a_word(
    inside: Inside, ruled: Place, speak: Speak
) -> None:
    """An agent that cannot tell its newest observation leads to `--evidence`."""
    speak({"latest": ControlError("cli.request")})
    words = ("policy", "explain", "few-lost", "--target", "link-0", "-c", ruled.configuration)
    done = inside(*words)
    assert done.code == 2
    assert "--evidence FILE.json" in done.err


@pytest.mark.parametrize(
    ("words", "evidence", "told"),
    [
        (["few-last", "--target", "link-0"], "{}", "did you mean few-lost?"),
        (["few-lost", "--target", "link-9"], "{}", "There is no target link-9"),
        (["few-lost", "--target", "link-0"], "{", "holds no evidence"),
        (["few-lost", "--target", "link-0"], "[1, 2]", "holds no evidence"),
        (["few-lost", "--target", "link-0"], '{"lost": 1}', "there is no fact"),
        (["few-lost", "--target", "link-0"], '{"loss": "much"}', "is not a value for loss"),
        (["few-lost", "--target", "link-0"], None, "The agent is not running"),
    ],
)
def test_what_cannot_be_explained_is_told(
    inside: Inside, ruled: Place, tmp_path: Path, words: list[str], evidence: str | None, told: str
) -> None:
    """Each wrong question ends with 2 and one sentence that says what to do."""
    more: list[str | Path] = []
    if evidence is not None:
        (tmp_path / "seen.json").write_text(evidence)
        more = ["--evidence", tmp_path / "seen.json"]
    done = inside("policy", "explain", *words, *more, "-c", ruled.configuration)
    assert (done.code, done.out) == (2, "")
    assert told in done.err or "evidence of the check icmp" in done.err
    assert len(done.err.splitlines()) == 1
