"""A report's OSCAL: what stands in it, and what compliance-trestle says of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from monitor.report.oscal import control_id, to_oscal
from tests.report.scene import Scene, month

LONG = os.environ.get("SASANDO_OSCAL_ORACLE") == "1"
BUILD = Path(__file__).parents[2] / "build" / "oscal"
_READ = """
import sys
from pathlib import Path
from trestle.oscal.assessment_results import AssessmentResults
read = AssessmentResults.oscal_read(Path(sys.argv[1]))
print(len(read.results[0].observations), len(read.results[0].findings))
"""


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """The assessment results of the scene's month."""
    found: dict[str, Any] = json.loads(to_oscal(month().report()))
    return found["assessment-results"]  # type: ignore[no-any-return]


def test_only_what_was_decided_is_a_finding(plain: dict[str, Any]) -> None:
    """Nineteen observations; a finding for each aspect that was met or not met, and no other."""
    (result,) = plain["results"]
    outcomes = {
        one["title"]: next(p["value"] for p in one["props"] if p["name"] == "outcome")
        for one in result["observations"]
    }
    assert len(outcomes) == 19
    states = {one["title"]: one["target"]["status"]["state"] for one in result["findings"]}
    # A control of the book in force: not met, and never satisfied.
    assert states.pop("iso27001:A.8.14 (iso27001-2022 1)") == "not-satisfied"
    reviewed = result["reviewed-controls"]["control-selections"][0]["include-controls"]
    assert {"control-id": "iso-27001-2022-a.8.14"} in reviewed
    words = {"met": "satisfied", "not-met": "not-satisfied"}
    assert states == {title: words[o] for title, o in outcomes.items() if o in words}
    for one in result["observations"]:
        unmeasured = outcomes[one["title"]] == "not-measurable"
        assert one["methods"] == ["UNKNOWN" if unmeasured else "TEST"]


def test_identifiers_follow_from_the_report(plain: dict[str, Any]) -> None:
    """The same report has the same ones, each once; another tree has others."""
    assert json.loads(to_oscal(month().report()))["assessment-results"] == plain
    (result,) = plain["results"]
    ids = [one["uuid"] for one in (*result["observations"], *result["findings"], result, plain)]
    assert len(ids) == len(set(ids))
    other = Scene()
    other.begin()
    assert json.loads(to_oscal(other.report()))["assessment-results"]["uuid"] != plain["uuid"]


def test_controls_are_tokens() -> None:
    """NIST's as OSCAL's catalogue has them, others behind the name of their book."""
    assert control_id("nist-800-53:CP-8(2)") == "cp-8.2"
    assert control_id("iso27001:A.8.14") == "iso-27001-2022-a.8.14"
    assert control_id("cis-8:12.2") == "cis-8-12.2"
    assert control_id("uu-27-2022:46") == "uu-27-2022-46"


@pytest.mark.skipif(not LONG, reason="installs trestle: only with SASANDO_OSCAL_ORACLE=1")
def test_trestle_reads_it(tmp_path: Path) -> None:
    """A reader that is not ours finds no fault, and as many observations as there are aspects."""
    python = BUILD / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", BUILD], check=True, timeout=300)
        wanted = Path(__file__).with_name("oscal.txt")
        install = [python, "-m", "pip", "install", "--quiet", "--requirement", wanted]
        subprocess.run(install, check=True, timeout=900)
    file = tmp_path / "report.oscal.json"
    file.write_bytes(to_oscal(month().report()))
    done = _trestle(python, file)
    assert (done.returncode, done.stdout) == (0, "19 4\n"), done.stderr
    file.write_bytes(file.read_bytes().replace(b'"satisfied"', b'"perhaps"'))
    assert _trestle(python, file).returncode != 0


def _trestle(python: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-c", _READ, file], capture_output=True, text=True, timeout=100, check=False
    )
