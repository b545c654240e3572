"""The kinds of tampering with files: an exported log, an audit bundle, and zips made to harm."""

import json
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.tiles import decode_bundle, encode_bundle
from tests.store.building import KEY, ORIGIN, OTHER_KEY
from tests.tampering.copies import Copy
from tests.tampering.kinds import BETTER, Kind
from tests.tampering.kinds import kind as kind_of

FILE_KINDS: list[Kind] = []
kind = partial(kind_of, to=FILE_KINDS)

# An exported log.


@kind("export", (9, "verify.leaf"))
def exported_entry_edited(copy: Copy) -> None:
    """An entry in a bundle of entries is another one."""
    place = copy.file("tile/entries/000")
    entries = list(decode_bundle(place.read_bytes(), 256))
    entries[9] = BETTER
    place.write_bytes(encode_bundle(entries))


@kind("export", (256, "verify.missing"))
def entries_file_removed(copy: Copy) -> None:
    """The last bundle of entries is not there."""
    copy.file("tile/entries/001.p/44").unlink()


@kind("export", (0, "verify.missing"))
def entries_file_truncated(copy: Copy) -> None:
    """A bundle of entries ends in the middle of one."""
    place = copy.file("tile/entries/000")
    place.write_bytes(place.read_bytes()[:-7])


@kind("export", (5, "verify.leaf"))
def tile_flipped(copy: Copy) -> None:
    """One bit of a stored leaf hash."""
    copy.flip("tile/0/000", 5 * 32 + 3)


@kind("export", (None, "verify.tile"), "tile/1/000.p/1")
def tile_of_tiles_flipped(copy: Copy) -> None:
    """One bit of a hash of hashes."""
    copy.flip("tile/1/000.p/1")


@kind("export", (None, "verify.surplus-file"), "tile/entries/002")
def file_beyond_the_end(copy: Copy) -> None:
    """Entries lie beyond the signed size, for a reader who does not look at it."""
    copy.file("tile/entries/002").write_bytes(encode_bundle([BETTER]))


@kind("export", (2, "verify.record-missing"))
def text_file_removed(copy: Copy) -> None:
    """The text of the configuration is not among the evidence."""
    text = next(one for one in copy.file("evidence").iterdir() if b"origin:" in one.read_bytes())
    text.unlink()


@kind("export", (2, "verify.record"))
def text_file_edited(copy: Copy) -> None:
    """The text of the configuration is another one under its old name."""
    text = next(one for one in copy.file("evidence").iterdir() if b"origin:" in one.read_bytes())
    text.write_bytes(text.read_bytes() + b"# harmless\n")


@kind("export", (2, "verify.record-missing"))
def text_file_linked(copy: Copy) -> None:
    """The text is a link to the right bytes elsewhere, which may become others later."""
    text = next(one for one in copy.file("evidence").iterdir() if b"origin:" in one.read_bytes())
    outside = copy.folder / "outside"
    text.rename(outside)
    text.symlink_to(outside)


@kind("export", (None, "verify.checkpoint"))
def checkpoint_of_another_key(copy: Copy) -> None:
    """The checkpoint is signed by another key of the same name."""
    head = Checkpoint(origin=ORIGIN, size=300, root=b"\3" * 32)
    copy.file("checkpoint").write_bytes(sign_checkpoint(head, OTHER_KEY))


@kind("export", (None, "verify.cosigned"))
def exported_cosignature_spoiled(copy: Copy) -> None:
    """A cosigned checkpoint is cut short."""
    place = copy.file("cosigned/0")
    place.write_bytes(place.read_bytes()[:-9])


@kind("export", (None, "verify.ahead"), "outside has seen 400")
def export_of_a_shorter_log(copy: Copy) -> None:
    """An export is handed out that ends before a checkpoint which somebody holds."""
    copy.notes = [sign_checkpoint(Checkpoint(origin=ORIGIN, size=400, root=b"\4" * 32), KEY)]


# What an audit bundle says.


def _report(change: Callable[[dict[str, Any]], object]) -> Callable[[Copy], None]:
    def do(copy: Copy) -> None:
        members = copy.members()
        plain = json.loads(members["report/report.json"])
        change(plain)
        members["report/report.json"] = json.dumps(plain).encode()
        copy.pack(members)

    return do


_REPORT = (None, "verify.report")


@kind("bundle", _REPORT, "figures[0].worst")
def availability_raised(copy: Copy) -> None:
    """The report says that the link was available for longer."""
    _report(lambda r: r["figures"][0].update(worst=0.9999))(copy)


@kind("bundle", _REPORT, "restitution")
def restitution_lowered(copy: Copy) -> None:
    """The report says that nothing is owed."""
    _report(lambda r: r["figures"][0]["restitution"].update(amount="0.00"))(copy)


@kind("bundle", _REPORT, "outages")
def outage_left_out(copy: Copy) -> None:
    """The report leaves out the outage."""
    _report(lambda r: r["figures"][0]["outages"]["list"].clear())(copy)


@kind("bundle", _REPORT, "aspects[0].outcome")
def aspect_met(copy: Copy) -> None:
    """The report calls an aspect met."""
    _report(lambda r: r["aspects"][0].update(outcome="met"))(copy)


@kind("bundle", _REPORT, "accounting_sha256")
def other_terms_claimed(copy: Copy) -> None:
    """The report names other accounting terms than those in force."""
    _report(lambda r: r.update(accounting_sha256="00" * 32))(copy)


@kind("bundle", (None, "verify.report-early"))
def report_stopped_early(copy: Copy) -> None:
    """The report knows less than its own log, so that the outage comes after its end."""
    _report(lambda r: r.update(known_until="2026-10-02T00:00:00+08:00"))(copy)


@kind("bundle", (None, "verify.report-file"), "figures.csv")
def row_edited(copy: Copy) -> None:
    """The CSV says something else than the JSON beside it."""
    members = copy.members()
    members["report/figures.csv"] = members["report/figures.csv"].replace(b"missed", b"met")
    copy.pack(members)


@kind("bundle", (None, "verify.report-file"), "report.oscal.json")
def finding_satisfied(copy: Copy) -> None:
    """The assessment results for machines say something else than the report."""
    members = copy.members()
    oscal = members["report/report.oscal.json"]
    assert b'"tree-size"' in oscal
    members["report/report.oscal.json"] = oscal.replace(b'"tree-size"', b'"tree-sizes"')
    copy.pack(members)


@kind("bundle", (None, "verify.bundle-terms"), "accounting.json")
def terms_edited(copy: Copy) -> None:
    """The accounting terms that lie beside the report, for people to read, are others."""
    members = copy.members()
    members["accounting.json"] = members["accounting.json"].replace(b"0.995", b"0.900")
    copy.pack(members)


@kind("bundle", (None, "verify.bundle-key"), "keys/log.vkey")
def key_exchanged(copy: Copy) -> None:
    """Whoever takes the key from the bundle would check by a forger's."""
    members = copy.members()
    members["keys/log.vkey"] = f"{OTHER_KEY.verifier.vkey}\n".encode()
    copy.pack(members)


@kind("bundle", (5, "verify.leaf"))
def bundled_entry_edited(copy: Copy) -> None:
    """An entry of the log in the bundle is another one."""
    members = copy.members()
    name = next(one for one in members if one.startswith("log/tile/entries/"))
    entries = list(decode_bundle(members[name], int(name.rpartition("/")[2])))
    entries[5] = BETTER
    members[name] = encode_bundle(entries)
    copy.pack(members)


# Zips that are made to harm whoever opens them.

_REFUSED = (None, "report.bundle")


@kind("bundle", _REFUSED, "report/report.json")
def name_twice(copy: Copy) -> None:
    """Two files of one name: which one is read depends on the program."""
    with (
        zipfile.ZipFile(copy.bundle, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("report/report.json", b"{}")


@kind("bundle", _REFUSED, "/etc/cron.d/evil")
def absolute_path(copy: Copy) -> None:
    """A file wants to be written outside, by an absolute path."""
    copy.pack({**copy.members(), "/etc/cron.d/evil": b"x"})


@kind("bundle", _REFUSED, "../../evil")
def path_upwards(copy: Copy) -> None:
    """A file wants to be written outside, by going up."""
    copy.pack({**copy.members(), "log/../../evil": b"x"})


@kind("bundle", _REFUSED, "zip")
def zip_truncated(copy: Copy) -> None:
    """The zip ends too early."""
    copy.bundle.write_bytes(copy.bundle.read_bytes()[:-100])


@kind("bundle", _REFUSED, "CRC")
def member_spoiled(copy: Copy) -> None:
    """One byte inside a file of the zip."""
    members = copy.members()
    with zipfile.ZipFile(copy.bundle, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        at = archive.getinfo("report/report.json").header_offset
    whole = bytearray(copy.bundle.read_bytes())
    whole[at + 30 + len("report/report.json") + 200] ^= 1
    copy.bundle.write_bytes(whole)


@kind("bundle", _REFUSED, "too large")
def bomb(copy: Copy) -> None:
    """A small zip that becomes very many times its size."""
    _claim(copy, 60 * 1024**3)


@kind("bundle", _REFUSED, "longer than")
def monstrous_member(copy: Copy) -> None:
    """One file of the zip is longer than any file of a bundle."""
    _claim(copy, 512 * 1024**2)


def _claim(copy: Copy, size: int) -> None:
    """Let the directory of the zip claim a size (ZIP64) for a file of the log."""
    members = copy.members()
    with zipfile.ZipFile(copy.bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.getinfo("log/checkpoint").file_size = size
