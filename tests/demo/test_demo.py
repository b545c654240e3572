"""The whole demo once, as a user starts it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.text import catalogue

ID = catalogue("id", "demo")
COMMAND = [sys.executable, "-m", "monitor.cli.main"]


@dataclass(frozen=True)
class Ended:
    """A demo that has ended."""

    code: int
    lines: list[str]
    errors: str
    folder: Path

    def events(self, kind: str) -> list[str]:
        """The texts of the lines of one kind of event."""
        word = re.escape(ID[f"event-{kind}"])
        found = (re.fullmatch(rf" *\d+\.\d s  {word} +(.*)", line) for line in self.lines)
        return [one[1] for one in found if one]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One run, in Indonesian, behind a proxy that is not there."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    done = subprocess.run(
        [*COMMAND, "demo", "--lang", "id", "--keep", str(folder)],
        capture_output=True,
        text=True,
        timeout=118,
        check=False,
        env={**os.environ, "HTTP_PROXY": "http://127.0.0.1:9", "NOTIFY_SOCKET": "/nowhere"},
    )
    return Ended(done.returncode, done.stdout.splitlines(), done.stderr, folder)


def test_everything_promised_is_seen(ended: Ended) -> None:
    """The exit code is 0, and nothing is missing."""
    assert (ended.code, ended.errors) == (0, ""), "\n".join(ended.lines)
    assert not [line for line in ended.lines if line.startswith(ID["missing"].format(what=""))]


def test_the_server_that_dies_is_told_from_breach_to_recovery(ended: Ended) -> None:
    """Its breach, its alert, its recovery and the message about it each stand on a line."""
    assert any(one.startswith("Antrean Daring: ") for one in ended.events("breach"))
    assert any(one.startswith("Antrean Daring: ") for one in ended.events("recovery"))
    alerts = [one for one in ended.events("alert") if "Antrean Daring" in one]
    assert [one.split(" ")[0] for one in alerts] == ["[KRITIS]", "[PULIH]"]


def test_the_standing_faults_are_found(ended: Ended) -> None:
    """The expired certificate, the slow page and the name server that lies are breaches."""
    breaches = "\n" + "\n".join(ended.events("breach"))
    assert "\nPerizinan Daring: tls-baseline/tls-not-expired (days_left -3" in breaches
    assert re.search(r"\nE-Kinerja: demo/page-in-time \(total_ms \d+.* > 600\)", breaches)
    assert "\nServer nama 2: availability/name-resolves (" in breaches


def test_nobody_behind_a_failed_line_is_accused(ended: Ended) -> None:
    """The office behind the failed office is unreachable for a time, and has no incident."""
    behind, again = ended.events("unreachable")
    assert behind.startswith("Jaringan Lurah Fatululi: ")
    assert again == ID["label-ended"].format(name="Jaringan Lurah Fatululi")
    assert not [one for one in ended.events("breach") if "Fatululi" in one]


def told(ended: Ended) -> list[str]:
    """The lines without what aligns them."""
    return [" ".join(line.split()) for line in ended.lines]


def test_the_kept_ledger_is_intact_for_the_command_too(ended: Ended) -> None:
    """`sasando verify` with the kept configuration agrees with the summary, mark included."""
    config, state = ended.folder / "config", ended.folder / "state"
    done = subprocess.run(
        [*COMMAND, "verify", str(state), "-c", str(config), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    proof = json.loads(done.stdout)
    assert (done.returncode, proof["verdict"]) == (0, "intact")
    assert proof["checked"]["anchor"] is not None
    assert [ID["sum-root"], proof["root"]] in [line.rsplit(maxsplit=1) for line in told(ended)]


def test_the_kept_report_is_one_that_anybody_can_verify(ended: Ended) -> None:
    """Documents are there, and `verify` finds the bundle intact from the key and nothing else."""
    report = ended.folder / "report"
    assert {"report.id.pdf", "report.id.html", "report.json"} <= {p.name for p in report.iterdir()}
    key = ended.folder / "config/trust/log.vkey"
    done = subprocess.run(
        [*COMMAND, "verify", str(report / "audit-bundle.zip"), "--key", str(key), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    proof = json.loads(done.stdout)
    assert (done.returncode, proof["verdict"]) == (0, "intact")
    assert proof["checked"]["figures"] is True
    assert ID["bundle"] in told(ended)


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo that has begun; its line about the agent has been read."""
    with subprocess.Popen(
        [*COMMAND, "demo", "--lang", "en", "--keep", str(tmp_path / "kept")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_a_signal_ends_everything_in_order(playing: subprocess.Popen[str]) -> None:
    """After SIGTERM in the middle the agent is gone, and the exit code tells of the signal."""
    assert playing.stdout is not None
    told = (re.search(r"\(process (\d+)\)", line) for line in playing.stdout)
    agent = next(int(one[1]) for one in told if one)
    playing.send_signal(signal.SIGTERM)
    _, errors = playing.communicate(timeout=60)
    assert playing.returncode == 128 + signal.SIGTERM
    assert errors.strip() == catalogue("en", "demo")["interrupted"]
    with pytest.raises(ProcessLookupError):
        os.kill(agent, 0)


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    """`--keep` with a directory that holds something writes nothing there and exits with 1."""
    (tmp_path / "letter").touch()
    done = subprocess.run(
        [*COMMAND, "demo", "--lang", "en", "--keep", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path} is not empty; name a directory that is new.\n"
    assert [one.name for one in tmp_path.iterdir()] == ["letter"]
