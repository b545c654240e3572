"""`sasando report` over a ledger whose truth is known, and `verify` of its bundle."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.ledger.entry import KeyRotated, OperatorAct
from monitor.ledger.keys import read_vkeys, write_vkeys
from monitor.ledger.signer import Signer
from monitor.report.bundle import BUNDLE
from monitor.store.ledger import Commit
from policies.period import parse_period
from tests.cli.running_command import Inside
from tests.cli.test_figuring import september
from tests.daemon.place import Place
from tests.lab.parts import missing, require
from tests.report.test_signing import key_file
from tests.store.building import (
    KEY,
    ORIGIN,
    OTHER_KEY,
    anchored,
    append,
    batch,
    ledger_at,
    observation,
)

WORDS = ("--period", "2026-09")


def reported(inside: Inside, place: Place, out: Path, *words: str) -> Any:
    """What the command says of itself."""
    done = inside("report", *WORDS, "--out", out, "--json", "-c", place.configuration, *words)
    assert done.code == 0, done.err
    return done.data


def test_the_report_is_written_issued_and_verified(
    place: Place, inside: Inside, tmp_path: Path
) -> None:
    """Every format in both languages; the log names each file; the bundle proves itself."""
    september(place)
    told = reported(inside, place, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    documents = {f"report.{lang}.{form}" for lang in ("en", "id") for form in ("html", "pdf")}
    rows = {"figures.csv", "outages.csv", "incidents.csv"}
    assert (
        names
        == set(told["files"])
        == documents | rows | {"report.json", "report.oscal.json", BUNDLE}
    )
    for name, digest in told["files"].items():
        content = (tmp_path / "out" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
    index, act = place.numbered()[-1]
    assert isinstance(act, OperatorAct)
    assert (index, act.act) == (told["entry"], "report-issued")
    assert {n: d.hex() for n, d in act.detail["files"].items()} == told["files"]
    done = inside("verify", tmp_path / "out" / BUNDLE, "--key", KEY.verifier.vkey, "--json")
    assert done.code == 0, done.out
    assert done.data["checked"]["figures"] is True
    assert done.data["size"] == told["size"]
    assert inside("verify", place.state, "-c", place.configuration).code == 0


def test_a_bundle_is_not_accused_because_its_log_went_on(
    place: Place, inside: Inside, tmp_path: Path
) -> None:
    """The agent's own mark stands after the issue; who names that mark wants it compared."""
    september(place)
    told = reported(inside, place, tmp_path / "out", "--format", "bundle")
    words = ("verify", tmp_path / "out" / BUNDLE, "-c", place.configuration)
    done = inside(*words, "--lang", "en")
    assert done.code == 0, done.out
    assert f"stands at {told['size'] + 1} entries, the bundle at {told['size']}" in done.err
    behind = inside(*words, "--mark", place.mark, "--json")
    assert (behind.code, behind.data["verdict"]) == (1, "tampered")


def test_the_report_says_what_sla_says(place: Place, inside: Inside, tmp_path: Path) -> None:
    """Figure by figure, key by key."""
    september(place, unseen=range(12))
    reported(inside, place, tmp_path / "out", "--format", "json", "--draft")
    report = json.loads((tmp_path / "out" / "report.json").read_bytes())
    sla = inside("sla", *WORDS, "--json", "-c", place.configuration).data
    assert report["figures"] == sla["figures"]
    assert report["root"] == sla["root"]


@pytest.mark.parametrize(
    ("period", "told"),
    [
        ("2026-08", "log dimulai pada 1 September 2026 00:00:00"),
        ("2026-10", "tidak memuat apa pun setelah 30 September 2026 23:50:00"),
        ("2026-09-30..2026-10-02", ""),
        ("2026-09-02..2026-09-03", ""),
    ],
)
def test_a_report_from_outside_of_the_log_is_noticed(
    place: Place, inside: Inside, tmp_path: Path, period: str, told: str
) -> None:
    """It is written all the same; stderr says that nothing of the period can be in it.

    The agent was started again on the 29th: the log began before.
    """
    september(place)
    (restarted_us, _) = parse_period("2026-09-29..2026-09-30", ZoneInfo("Asia/Makassar")).window
    with ledger_at(place.url, place.mark) as ledger:
        append(ledger, anchored(restarted_us))
    words = ("--period", period, "--out", tmp_path / "out", "--format", "json", "--draft")
    done = inside("report", *words, "--lang", "id", "-c", place.configuration)
    assert done.code == 0
    assert told in done.err
    assert ("Catatan:" in done.err) == bool(told)
    assert (tmp_path / "out" / "report.json").exists()


def test_a_draft_appends_nothing_and_two_of_them_are_the_same(
    place: Place, inside: Inside, tmp_path: Path
) -> None:
    """Byte for byte, PDF and bundle included."""
    september(place)
    before = len(place.raw_entries())
    first = reported(inside, place, tmp_path / "one", "--draft")
    second = reported(inside, place, tmp_path / "two", "--draft")
    assert first["entry"] is None
    assert first["files"] == second["files"]
    assert len(place.raw_entries()) == before


def test_a_signed_report_is_in_its_bundle(place: Place, inside: Inside, tmp_path: Path) -> None:
    """The same bytes as beside it; signing without a PDF is refused."""
    september(place)
    seal = key_file(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    words = ("--sign", str(seal), "--lang", "id", "--format", "pdf,bundle")
    told = reported(inside, place, tmp_path / "out", *words)
    assert set(told["files"]) == {"report.json", "report.id.pdf", BUNDLE}
    pdf = (tmp_path / "out" / "report.id.pdf").read_bytes()
    assert b"ETSI.CAdES.detached" in pdf
    assert zipfile.ZipFile(tmp_path / "out" / BUNDLE).read("report/report.id.pdf") == pdf
    wrong = ("report", *WORDS, "--out", tmp_path / "two", "--format", "json", "--sign", seal)
    done = inside(*wrong, "-c", place.configuration)
    assert (done.code, "--format" in done.err) == (2, True)


Edit = Callable[[dict[str, bytes]], None]


def edited(bundle: Path, out: Path, edit: Edit) -> Path:
    """The bundle with its members changed."""
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out


def _json(change: Callable[[dict[str, Any]], None]) -> Edit:
    def edit(members: dict[str, bytes]) -> None:
        plain = json.loads(members["report/report.json"])
        change(plain)
        members["report/report.json"] = json.dumps(plain).encode()

    return edit


def _csv(members: dict[str, bytes]) -> None:
    members["report/figures.csv"] = members["report/figures.csv"].replace(b"missed", b"met")


def _leaf(members: dict[str, bytes]) -> None:
    name = next(one for one in members if one.startswith("log/tile/entries/"))
    members[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])


def _evidence(members: dict[str, bytes]) -> None:
    del members[next(one for one in members if one.startswith("log/evidence/"))]


TAMPERED: dict[str, tuple[Edit, str]] = {
    "a figure": (_json(lambda r: r["figures"][0].update(worst=0.999)), "figures[0].worst"),
    "an outcome": (_json(lambda r: r["figures"][0].update(outcome="met")), "figures[0].outcome"),
    "an amount": (
        _json(lambda r: r["figures"][0]["restitution"].update(amount="0.00")),
        "restitution.amount",
    ),
    "an aspect": (_json(lambda r: r["aspects"][0].update(outcome="met")), "aspects[0].outcome"),
    "an outage left out": (_json(lambda r: r["figures"][0]["outages"]["list"].clear()), "outages"),
    "a key added": (_json(lambda r: r.update(certified=True)), "certified"),
    "a key left out": (_json(lambda r: r.pop("coverage")), "coverage"),
    "an early end": (
        _json(lambda r: r.update(known_until="2026-09-02T00:00:00+08:00")),
        "stops before its own log",
    ),
    "another period": (_json(lambda r: r.update(period="2026-08")), "says"),
    "a report of nothing": (_json(lambda r: r.clear()), "cannot be computed again"),
    "a row": (_csv, "figures.csv"),
    "an entry": (_leaf, "Entry"),
    "the evidence": (_evidence, "missing"),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest bundle."""
    folder = tmp_path_factory.mktemp("bundle")
    made = Place(folder)
    made.agent = {"origin": KEY.verifier.name, "vantage": "kupang"}
    made.links = {"link-0": {"site": "core", "address": "127.0.0.1"}}
    made.make()
    (made.configuration / "trust" / "log.vkey").write_text(f"{KEY.verifier.vkey}\n", "utf-8")
    september(made)
    from monitor.cli.main import main

    words = ["report", *WORDS, "--out", str(folder / "out"), "--format", "csv,bundle", "--draft"]
    assert main([*words, "-c", str(made.configuration)]) == 0
    return folder / "out" / BUNDLE


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_is_altered_in_a_bundle_is_found(
    what: str, bundle: Path, inside: Inside, tmp_path: Path
) -> None:
    """Exit code 1, and the place is named."""
    edit, words = TAMPERED[what]
    altered = edited(bundle, tmp_path / "altered.zip", edit)
    done = inside("verify", altered, "--key", KEY.verifier.vkey)
    assert (done.code, words in done.out) == (1, True), done.out + done.err


def test_an_honest_bundle_is_intact_however_it_is_packed(
    bundle: Path, inside: Inside, tmp_path: Path
) -> None:
    """The same members in another zip are the same bundle: the edits above are what was found."""
    same = edited(bundle, tmp_path / "same.zip", lambda _: None)
    assert inside("verify", same, "--key", KEY.verifier.vkey).code == 0


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"report/report.json": b"{}", "../evil": b"x"},
        {"report/report.json": b"{}", "/etc/evil": b"x"},
        {"report/report.json": b"{}", "log/../../evil": b"x"},
        {"report/report.json": b"{}", "log/a\\b": b"x"},
        {"report/other.json": b"{}"},
    ],
)
def test_a_zip_that_is_no_bundle_is_unusable(
    members: dict[str, bytes], inside: Inside, tmp_path: Path
) -> None:
    """Exit code 2 and a sentence; nothing is written outside."""
    place = tmp_path / "inner" / "x.zip"
    place.parent.mkdir()
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    done = inside("verify", place, "--key", KEY.verifier.vkey)
    assert (done.code, "no audit bundle" in done.err) == (2, True), done.out + done.err
    assert [path.name for path in tmp_path.rglob("*evil*")] == []


def test_the_key_inside_a_bundle_is_not_trusted(bundle: Path, inside: Inside) -> None:
    """Without a key from elsewhere there is nothing to trust."""
    assert inside("verify", bundle, "-c", bundle.parent).code == 2


def _as_written(folder: Path, bundle: Path, section: str) -> str:
    """What the lines of a section of the bundle's README print, run as they stand there."""
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    shutil.copy(folder / "keys" / "log.vkey", folder / "log.vkey")
    readme = (folder / "README.md").read_text(encoding="utf-8")
    text = readme.partition(section)[2].partition("\n## ")[0]
    lines = re.findall(r"^    (.+)$", text, re.MULTILINE)
    assert lines
    done = subprocess.run(
        ["sh", "-ec", "\n".join(lines)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_openssl_alone_accepts_the_checkpoint(bundle: Path, tmp_path: Path) -> None:
    """By the lines of the README, and with none of our code."""
    require("openssl")
    assert "Verified Successfully" in _as_written(tmp_path, bundle, "with openssl alone")


def test_go_alone_accepts_the_log(bundle: Path, tmp_path: Path) -> None:
    """Built from the source in the bundle with Debian's packages, it finds every entry good."""
    require("go")
    if not Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog").is_dir():
        missing("golang-golang-x-mod-dev")
    size = json.loads(zipfile.ZipFile(bundle).read("report/report.json"))["size"]
    assert _as_written(tmp_path, bundle, "with Go's packages alone") == f"good: {size}\n"


@pytest.fixture
def handed_over(place: Place, inside: Inside, tmp_path: Path) -> Path:
    """A bundle of a log whose key was rotated twice."""
    september(place)
    third = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
    keys = (KEY, OTHER_KEY, third)
    for old, new in pairwise(keys):
        told = KeyRotated(
            previous=old.verifier.vkey, next=new.verifier.vkey, author="", reason="", at_us=0
        )
        with ledger_at(place.url, place.mark, old) as ledger:
            ledger.append(Commit(entries=[told.to_bytes()], heir=new))
            append(ledger, batch([observation(0, 1_000)]))
    trust = place.configuration / "trust" / "log.vkey"
    write_vkeys(trust, [one.verifier for one in keys])
    reported(inside, place, tmp_path / "handed", "--draft", "--format", "json,bundle")
    return tmp_path / "handed" / BUNDLE


def test_a_bundle_is_verified_from_the_first_key_alone(
    handed_over: Path, inside: Inside, tmp_path: Path
) -> None:
    """All keys with their epochs are in it; the chain is followed from the first, not backwards."""
    with zipfile.ZipFile(handed_over) as archive:
        archive.extract("keys/log.vkey", tmp_path)
    vkeys = tmp_path / "keys" / "log.vkey"
    names = [one.vkey for one in read_vkeys(vkeys)]
    assert names[:2] == [KEY.verifier.vkey, OTHER_KEY.verifier.vkey]
    ranges = [line for line in vkeys.read_text().splitlines() if line.startswith("# ")]
    assert [line.partition("..")[2] for line in ranges][-1] == ""
    for line, following in pairwise(ranges):
        assert line.partition("..")[2] == following.removeprefix("# ").partition("..")[0]
    first = inside("verify", handed_over, "--key", names[0], "--json")
    assert (first.code, first.data["verdict"]) == (0, "intact"), first.out
    assert [one["next"] for one in first.data["checked"]["followed"]] == names[1:]
    every = inside("verify", handed_over, "--key", vkeys, "--json")
    assert every.code == 0
    assert "followed" not in every.data["checked"]
    assert inside("verify", handed_over, "--key", names[2]).code == 1


def test_openssl_and_go_accept_each_key_of_a_bundle(handed_over: Path, tmp_path: Path) -> None:
    """By the lines of the README: the checkpoint by the last key, each hand-over by the old one."""
    require("openssl", "go")
    if not Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog").is_dir():
        missing("golang-golang-x-mod-dev")
    for name, section, times in (
        ("one", "The checkpoint, with openssl alone", 1),
        ("two", "The keys, one after the other", 2),
    ):
        said = _as_written(tmp_path / name, handed_over, section)
        assert said.count("Verified Successfully") == times
    assert _as_written(tmp_path / "go", handed_over, "with Go's packages alone").startswith("good:")


def test_both_readmes_are_filled_in(bundle: Path) -> None:
    """No placeholder is left, and both name the same hashes."""
    with zipfile.ZipFile(bundle) as archive:
        texts = [archive.read(name).decode() for name in ("README.md", "README.id.md")]
    found = [set(re.findall(r"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=", text)) for text in texts]
    assert found[0] == found[1] != set()
    assert not any(re.search(r"@[A-Z]+@", text) for text in texts)


def test_what_cannot_be_reported_is_refused_with_a_reason(
    place: Place, inside: Inside, tmp_path: Path
) -> None:
    """A directory that exists, a format or a period that is none, a month to come: exit code 2."""
    september(place)
    out = tmp_path / "out"
    for words, reason in (
        (("--period", "2999-01"), "has not begun"),
        (("--period", "October"), "2026-Q4"),
        ((*WORDS, "--format", "docx"), "pdf,html,json,oscal,csv,bundle"),
    ):
        done = inside("report", *words, "--out", out, "-c", place.configuration)
        assert (done.code, reason in done.err) == (2, True), done.err
        assert not out.exists()
    done = inside("report", *WORDS, "--out", tmp_path, "-c", place.configuration)
    assert (done.code, "exists already" in done.err) == (2, True)


def test_no_report_is_issued_of_an_altered_log(
    place: Place, inside: Inside, tmp_path: Path
) -> None:
    """Entries that do not lead to the signed root are not reported as if they did."""
    import sqlite3

    september(place)
    entries = place.raw_entries()
    other = batch([observation(0, 1_000)])
    place_of_batch = next(i for i, raw in enumerate(entries) if raw[2] == 1)
    with sqlite3.connect(place.state / "ledger.db") as connection:
        change = 'UPDATE entry SET bytes = ? WHERE "index" = ?'
        connection.execute(change, (other, place_of_batch))
    done = inside("report", *WORDS, "--out", tmp_path / "out", "-c", place.configuration)
    assert (done.code, "signed root" in done.err) == (2, True), done.err
    assert not (tmp_path / "out").exists()


def test_a_report_can_be_made_while_entries_go_on(
    place: Place, inside: Inside, tmp_path: Path
) -> None:
    """What is appended later changes neither the report of the past nor its verdict."""
    september(place)
    reported(inside, place, tmp_path / "one", "--format", "json,bundle")
    with ledger_at(place.url, place.mark) as ledger:
        append(ledger, batch([observation(0, 31 * 86_400_000)]))
    reported(inside, place, tmp_path / "two", "--format", "json,bundle")
    one, two = (json.loads((tmp_path / n / "report.json").read_bytes()) for n in ("one", "two"))
    assert one["figures"] == two["figures"]
    assert one["size"] < two["size"]
    for name in ("one", "two"):
        done = inside("verify", tmp_path / name / BUNDLE, "--key", KEY.verifier.vkey)
        assert done.code == 0, done.out
