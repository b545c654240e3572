"""Time stamps from the agent's log to an auditor's hands: bundle, verify, openssl."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from monitor.report.bundle import BUNDLE
from monitor.text import LANGUAGES
from tests.cli.running_command import Inside
from tests.cli.test_figuring import september
from tests.daemon.place import Place
from tests.lab.authority import Issuer
from tests.lab.parts import require
from tests.store.building import KEY, ledger_at
from tests.store.test_stamps import stamp


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """A time-stamping authority."""
    require("openssl")
    return Issuer(tmp_path_factory.mktemp("tsa") / "a")


@pytest.fixture
def bundle(place: Place, issuer: Issuer, inside: Inside, tmp_path: Path) -> Path:
    """Of a log that the authority has stamped."""
    (place.configuration / "trust" / "tsa.pem").write_bytes(issuer.root.read_bytes())
    place.agent["time_stamps"] = [
        {"name": "tsa", "url": "http://127.0.0.1:9/", "root": "trust/tsa.pem"}
    ]
    place.write()
    september(place)
    with ledger_at(place.url, place.mark) as ledger:
        stamp(ledger, issuer)
    words = ("--period", "2026-09", "--format", "csv,bundle", "--draft")
    done = inside("report", *words, "--out", tmp_path / "out", "-c", place.configuration)
    assert done.code == 0, done.err
    return tmp_path / "out" / BUNDLE


def test_a_bundle_carries_the_tokens_and_whoever_has_the_root_proves_them(
    bundle: Path, place: Place, issuer: Issuer, inside: Inside, tmp_path: Path
) -> None:
    """By --tsa, by the configuration, or not checked, and that is said; a file without a root."""
    trust = ("--key", KEY.verifier.vkey, "--json")
    one = inside("verify", bundle, *trust, "--tsa", issuer.root)
    assert (one.code, one.data["checked"]["time_stamps"]["proved"]) == (0, 1)
    own = inside("verify", place.state, "-c", place.configuration, "--json")
    assert (own.code, own.data["checked"]["time_stamps"]["proved"]) == (0, 1)
    none = inside("verify", bundle, "--key", KEY.verifier.vkey)
    assert (none.code, "--tsa" in none.out) == (0, True)
    (tmp_path / "empty.pem").write_text("")
    bad = inside("verify", bundle, "--key", KEY.verifier.vkey, "--tsa", tmp_path / "empty.pem")
    assert (bad.code, "empty.pem" in bad.err) == (2, True)


def test_openssl_alone_accepts_the_token_as_the_readme_says(bundle: Path, tmp_path: Path) -> None:
    """The line of the README, with the file's number put in, and the root from elsewhere."""
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "b")
    folder = tmp_path / "b"
    (folder / "tsa.pem").write_bytes((folder / "keys" / "tsa-tsa.pem").read_bytes())
    (reply,) = (folder / "log" / "stamped").glob("*.tsr")
    for lang in LANGUAGES:
        name = "README.md" if lang == "en" else f"README.{lang}.md"
        lines = (folder / name).read_text("utf-8").splitlines()
        line = next(one for one in lines if "openssl ts -verify" in one)
        done = subprocess.run(
            ["sh", "-ec", line.strip().replace("/N.", f"/{reply.stem}.")],
            cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, "Verification: OK" in done.stdout) == (0, True), done.stderr


def test_now_without_an_agent_tells_of_the_stamp_and_the_calendar(
    bundle: Path, place: Place, inside: Inside
) -> None:
    """What the database keeps, in both languages."""
    told = inside("now", "-c", place.configuration, "--json").data
    assert told["ledger"]["time_stamps"][0]["size"] > 0
    assert [one["job"] for one in told["calendar"]] == ["time-stamp/tsa"]
    assert told["calendar"][0]["running"] is False
    for lang in LANGUAGES:
        assert inside("now", "-c", place.configuration, "--lang", lang).out.count("tsa") >= 2
