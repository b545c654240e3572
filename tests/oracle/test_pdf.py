"""A report's PDF judged by checkers of PDF/A and PDF/UA that are not ours.

Two are Python packages, installed when asked for (SASANDO_PDF_ORACLE=1). veraPDF, the reference for
PDF/A-2a and PDF/UA-1, is a Java program of its own site: SASANDO_VERAPDF=1 asks the command
`verapdf`, which whoever runs the test has installed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.report.document import document_of
from monitor.report.pdf import to_pdf
from monitor.text import LANGUAGES, Language
from tests.lab.parts import require
from tests.report.scene import month
from tests.report.test_documents import NOTE

BUILD = Path(__file__).parents[2] / "build" / "pdf-oracle"
asked = pytest.mark.skipif(
    os.environ.get("SASANDO_PDF_ORACLE") != "1",
    reason="installs checkers of PDF: only with SASANDO_PDF_ORACLE=1",
)
reference = pytest.mark.skipif(
    os.environ.get("SASANDO_VERAPDF") != "1",
    reason="needs veraPDF (verapdf.org): only with SASANDO_VERAPDF=1",
)
_SPOIL = """
import sys, pikepdf
with pikepdf.open(sys.argv[1]) as pdf:
    del pdf.Root.Lang
    del pdf.Root.StructTreeRoot
    pdf.save(sys.argv[2])
"""


@pytest.fixture(scope="module", params=LANGUAGES)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene's month as a PDF."""
    lang: Language = request.param
    path = tmp_path_factory.mktemp("pdf") / f"report.{lang}.pdf"
    path.write_bytes(to_pdf(document_of(month().report(), NOTE, lang)))
    return path


@pytest.fixture(scope="module")
def tools() -> Path:
    """Where the checkers' commands are."""
    folder = BUILD / "bin"
    if not (folder / "outloud").exists():
        subprocess.run([sys.executable, "-m", "venv", BUILD], check=True, timeout=300)
        wanted = Path(__file__).with_name("pdf.txt")
        install = [folder / "python", "-m", "pip", "install", "--quiet", "--requirement", wanted]
        subprocess.run(install, check=True, timeout=900)
    return folder


def judged(*words: str | Path) -> tuple[int, str]:
    """Exit code and what a checker says."""
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout + done.stderr


@asked
def test_checkers_of_pdf_ua_find_nothing(tools: Path, report: Path, tmp_path: Path) -> None:
    """Two of them; and both find the faults of a copy without language and structure."""
    spoilt = tmp_path / "spoilt.pdf"
    assert judged(tools / "python", "-c", _SPOIL, report, spoilt)[0] == 0
    for command in (
        (tools / "outloud", "--layer", "conformance", "--no-info"),
        (tools / "pdfua", "check"),
    ):
        code, said = judged(*command, report)
        assert code == 0, said
        code, said = judged(*command, spoilt)
        assert code != 0, said


@reference
@pytest.mark.parametrize("flavour", ["2a", "ua1"])
def test_verapdf_finds_the_report_compliant(report: Path, flavour: str) -> None:
    """By the rules of PDF/A-2a and of PDF/UA-1."""
    require("verapdf")
    code, said = judged("verapdf", "--flavour", flavour, "--format", "text", report)
    assert (code, said.split()[:1]) == (0, ["PASS"]), said
