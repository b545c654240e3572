"""`sasando report --archive`: a month that was pruned, from the archive that the pruning wrote."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.config.loader import load
from monitor.ledger.entry import OperatorAct, read_record
from monitor.ledger.signer import Signer
from monitor.report.bundle import BUNDLE
from monitor.store.export import export
from monitor.store.pinned import PinnedDatabase
from monitor.store.pruning import Pruning, prune
from policies.period import parse_period
from tests.cli.running_command import Done, Inside
from tests.cli.test_figuring import TODAY, september
from tests.daemon.place import Place
from tests.store.building import KEY, anchored, append, begin, ledger_at

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US


class Pruned:
    """September, minutes of October up to the boundary, and an archive of both."""

    def __init__(self, place: Place, inside: Inside, folder: Path) -> None:
        self.place, self.inside, self.archive = place, inside, folder / "archive"
        september(place)
        zone = load(place.configuration, today=TODAY).agent.timezone
        _, self.end_us = parse_period("2026-09", zone).window
        self.before = self.figures("sla", "--period", "2026-09", "--json")
        with ledger_at(place.url, place.mark) as ledger:
            while ledger.size < 256:
                wall_us = self.end_us + ledger.size * MINUTE_US
                append(ledger, *(anchored(wall_us + n) for n in range(min(50, 256 - ledger.size))))
            export(place.url, self.archive, note=place.mark.read_bytes())
            end_us = self.end_us
            pruning = Pruning(begin=0, boundary=256, before_us=end_us + 600 * MINUTE_US)
            prune(ledger, pruning, "ayu", "letter 5", end_us + 601 * MINUTE_US)

    def prune_again(self, size: int, folder: Path) -> Path:
        """An hour an entry up to a size; all of it is archived and pruned."""
        with ledger_at(self.place.url, self.place.mark) as ledger:
            begin = size - 256
            hours = range(ledger.size, size)
            append(ledger, *(anchored(self.end_us + hour * HOUR_US) for hour in hours))
            export(self.place.url, folder, note=self.place.mark.read_bytes())
            pruning = Pruning(begin=begin, boundary=size, before_us=self.end_us + size * HOUR_US)
            prune(ledger, pruning, "ayu", "letter 6", self.end_us + size * HOUR_US)
        return folder

    def figures(self, *words: str) -> Any:
        """Of `sla --json`."""
        return self.inside(*words, "-c", self.place.configuration).data["figures"]

    def report(self, out: Path, *words: str | Path, period: str = "2026-09") -> Done:
        """The command."""
        asked = ("report", "--period", period, "--out", out, "--lang", "en", *words)
        return self.inside(*asked, "-c", self.place.configuration)


@pytest.fixture
def pruned(place: Place, inside: Inside, tmp_path: Path) -> Pruned:
    """A log whose September is pruned."""
    return Pruned(place, inside, tmp_path)


def test_a_pruned_month_is_reported_from_its_archive(pruned: Pruned, tmp_path: Path) -> None:
    """As it was before the pruning; the issue stands in the running log, the bundle is intact."""
    refused = pruned.report(tmp_path / "none")
    assert (refused.code, "--archive DIR" in refused.err) == (2, True)
    out = tmp_path / "out"
    done = pruned.report(out, "--archive", pruned.archive, "--format", "json,bundle", "--json")
    assert done.code == 0, done.err
    report = json.loads((out / "report.json").read_bytes())
    assert report["figures"] == pruned.before
    assert done.data["size"] == report["size"] == 256
    with PinnedDatabase(pruned.place.url) as log:
        act = read_record(log.entry(done.data["entry"]) or b"")
    assert isinstance(act, OperatorAct)
    assert (act.act, act.detail["size"]) == ("report-issued", 256)
    trust = ("--key", KEY.verifier.vkey)
    told = pruned.inside("verify", out / BUNDLE, *trust, "--json")
    assert (told.code, told.data["verdict"]) == (0, "intact")
    assert told.data["checked"]["figures"] is True
    whole = ("verify", pruned.place.state, "--archive", pruned.archive, *trust)
    assert pruned.inside(*whole).code == 0


@pytest.mark.parametrize("period", ["2026-10", "2026-09-30..2026-10-02"])
def test_a_period_that_goes_on_after_the_archive_is_refused(
    pruned: Pruned, tmp_path: Path, period: str
) -> None:
    """What the archive does not know is not reported as unobserved."""
    done = pruned.report(tmp_path / "out", "--archive", pruned.archive, period=period)
    assert done.code == 2
    assert "tells of time up to 1 October 2026" in done.err
    assert not (tmp_path / "out").exists()


def test_what_is_no_archive_is_refused(pruned: Pruned, tmp_path: Path) -> None:
    """No directory, an empty one, one with another file in it, one whose entries were altered."""
    (tmp_path / "empty").mkdir()
    for folder, told in ((tmp_path / "none", "none"), (tmp_path / "empty", "no log in it")):
        done = pruned.report(tmp_path / "out", "--archive", folder, "--draft")
        assert (done.code, told in done.err) == (2, True), done.err
    (pruned.archive / "tile" / "notes").symlink_to("/etc/hostname")
    done = pruned.report(tmp_path / "out", "--archive", pruned.archive, "--draft")
    assert (done.code, "does not belong to the log" in done.err) == (2, True), done.err
    (pruned.archive / "tile" / "notes").unlink()
    bundle = next(one for one in (pruned.archive / "tile" / "entries").rglob("*") if one.is_file())
    raw = bytearray(bundle.read_bytes())
    raw[-1] ^= 1
    bundle.write_bytes(raw)
    done = pruned.report(tmp_path / "out", "--archive", pruned.archive, "--draft")
    assert (done.code, "do not lead to the signed root" in done.err) == (2, True), done.err
    assert not (tmp_path / "out").exists()


def test_archives_of_two_logs_are_no_period(pruned: Pruned, tmp_path: Path) -> None:
    """The one that is of another log is named, and both logs."""
    key = Signer(name="other.example/log", key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    url, mark, other = f"sqlite:///{tmp_path}/other.db", tmp_path / "mark", tmp_path / "other"
    with ledger_at(url, mark, key) as ledger:
        begin(ledger)
        export(url, other, note=mark.read_bytes())
    words = ("--archive", pruned.archive, "--archive", other, "--draft")
    done = pruned.report(tmp_path / "out", *words)
    assert done.code == 2
    assert f"{other} is no archive to report from" in done.err
    assert key.name in done.err


def test_a_period_of_several_archives_is_reported_from_all_of_them(
    pruned: Pruned, tmp_path: Path
) -> None:
    """In any order; the bundle holds them as one log, pruned where the oldest of them is."""
    second, third = (pruned.prune_again(size, tmp_path / str(size)) for size in (512, 768))
    first, words = pruned.archive, ("--format", "json,bundle", "--draft")
    for period, archives in (
        ("2026-09-20..2026-10-28", (third, first, second)),
        ("2026-10-05..2026-10-28", (second, third)),
    ):
        out = tmp_path / period
        named = [word for one in archives for word in ("--archive", one)]
        for lacking in range(0, len(named), 2):
            some = named[:lacking] + named[lacking + 2 :]
            assert pruned.report(out, *some, *words, period=period).code == 2
        done = pruned.report(out, *named, *words, period=period)
        assert done.code == 0, done.err
        report = json.loads((out / "report.json").read_bytes())
        assert report["figures"] == pruned.figures("sla", "--period", period, "--json")
        told = pruned.inside("verify", out / BUNDLE, "--key", KEY.verifier.vkey, "--json")
        assert (told.code, told.data["verdict"], told.data["size"]) == (0, "intact", 768)
